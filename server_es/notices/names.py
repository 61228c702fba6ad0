"""The resource names of notices."""

from typing import Final

from mesh.names import NamePattern

NOTICE: Final = NamePattern("notices/{notice}", numeric=True)
PREFERENCES: Final = NamePattern("employees/{employee}/notificationPreferences")
EMPLOYEE: Final = NamePattern("employees/{employee}")
