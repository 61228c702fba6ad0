"""The resource names of appointments and tasks."""

from typing import Final

from mesh.names import NamePattern

APPOINTMENT: Final = NamePattern("appointments/{appointment}", numeric=True)
TASK: Final = NamePattern("tasks/{task}", numeric=True)
