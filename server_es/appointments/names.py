"""The resource names of appointments."""

from typing import Final

from mesh.names import NamePattern

APPOINTMENT: Final = NamePattern("appointments/{appointment}", numeric=True)
