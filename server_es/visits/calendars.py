"""The appointments of visits in the calendars of those who go; each follows its visit in the same transaction."""

from typing import Any, Final

from mesh.database import UnitOfWork
from server_es.appointments import store
from server_es.visits.names import origin_of

_BUSY: Final = 3  # the contract's AVAILABILITY_BUSY


def follow(unit: UnitOfWork, visit: Any, title: str, zone: str, before: tuple[str, ...] = ()) -> None:
    """Make the appointments what a visit says.

    Args:
        unit: the transaction.
        visit: its row, as it is from now on.
        title: of the appointments.
        zone: of the site.
        before: who was to go until now.
    """
    going = () if visit.cancelled else tuple(visit.employees)
    for employee in sorted({*before, *going}):
        origin = origin_of(visit.servicecall, visit.number, employee)
        if employee in going:
            store.put(unit, employee, origin, _row(visit, title, zone))
        else:
            store.remove(unit, origin)


def _row(visit: Any, title: str, zone: str) -> dict[str, Any]:
    return {
        "title": title,
        "description": visit.text,
        "location": visit.location,
        "activity_type": "",
        "start_time": visit.start_time,
        "end_time": visit.end_time,
        "all_day": False,
        "time_zone": zone,
        "availability": _BUSY,
        "private": False,
        "conference": False,
        "recurrence": "",
        "exceptions": [],
    }
