"""What calendars need to know of the calls that are timed by them; the room of servicecalls answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from esoffice.es.v1 import calendars_pb2 as pb

from mesh.database import UnitOfWork
from mesh.pages import page_of
from server_es.calendars.hours import Calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a change would move.

    Attributes:
        shifts: due times that would move, the largest shift first.
        examined: open calls that were looked at.
    """

    shifts: Sequence[pb.DueTimeShift] = ()
    examined: int = 0


class CalendarDueTimes(Protocol):
    """The due times of open calls, as far as calendars are concerned."""

    def preview_calendar(self, unit: UnitOfWork, id_: str, calendar: Calendar) -> Preview:
        """Return what would move if the calendar of this id were another one."""

    def calendar_changed(self, unit: UnitOfWork, id_: str) -> None:
        """Bring what was computed from a calendar up to date."""


def shift_page(request: Any, preview: Preview) -> tuple[Sequence[pb.DueTimeShift], str]:
    """Return the page of shifts a preview request asks for, and the token of the next one."""
    page = page_of(request)
    first = int(page.after[0]) if page.after else 0
    beyond = first + page.size
    token = page.token_after((beyond,)) if beyond < len(preview.shifts) else ""
    return preview.shifts[first:beyond], token
