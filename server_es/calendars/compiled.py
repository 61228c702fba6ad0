"""Calendars ready to reckon with: one that has not changed is compiled once per process."""

from typing import Final

from esoffice.es.v1 import calendars_pb2 as pb

from server_es.calendars import mapping
from server_es.calendars.hours import Calendar

_AT_MOST: Final = 1000


class Compiled:
    """Calendars by name and etag."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Calendar] = {}

    def of(self, message: pb.Calendar) -> Calendar:
        """Return the calendar of a stored message."""
        key = (message.name, message.etag)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _AT_MOST:
                self._kept.clear()
            found = self._kept[key] = mapping.calendar_of(message)
        return found
