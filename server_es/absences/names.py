"""The resource names of absences and of what they are decided by."""

from typing import Final

from mesh.names import NamePattern

ABSENCE: Final = NamePattern("absences/{absence}", numeric=True)
