"""The resource names of calendars."""

from typing import Final

from mesh.names import NamePattern

CALENDAR: Final = NamePattern("calendars/{calendar}")
