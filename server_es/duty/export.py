"""Hours of standby as a file for the payroll."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final

from esoffice.es.v1 import duty_pb2 as pb
from google.protobuf.duration_pb2 import Duration

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, Violation
from server_es.directory import facts as directory
from server_es.duty import mapping, standby, store
from server_es.duty import shifts as duty_shifts
from server_es.duty.compiled import Compiled
from server_es.duty.facts import ROSTERS
from server_es.duty.standby import DayKind, Hours
from server_es.duty.wall import DAY, day_number, seconds, wall_clock

_HOUR: Final = 60 * 60
_ONE_DAY: Final = timedelta(days=1)
_COLUMNS: Final = {
    "weekday_duration": (Hours(DayKind.WEEKDAY, night=False), "Werktag"),
    "weekday_night_duration": (Hours(DayKind.WEEKDAY, night=True), "Werktag Nacht"),
    "saturday_duration": (Hours(DayKind.SATURDAY, night=False), "Samstag"),
    "saturday_night_duration": (Hours(DayKind.SATURDAY, night=True), "Samstag Nacht"),
    "sunday_duration": (Hours(DayKind.SUNDAY, night=False), "Sonntag"),
    "sunday_night_duration": (Hours(DayKind.SUNDAY, night=True), "Sonntag Nacht"),
    "holiday_duration": (Hours(DayKind.HOLIDAY, night=False), "Feiertag"),
    "holiday_night_duration": (Hours(DayKind.HOLIDAY, night=True), "Feiertag Nacht"),
}
_HEAD: Final = ("Personalnummer", "Name", "Bereitschaftsplan", "Bundesland")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def export(unit: UnitOfWork, request: pb.ExportStandbyHoursRequest) -> pb.ExportStandbyHoursResponse:
    first, last = _days(request)
    rosters = [ROSTERS.get(unit, request.roster)] if request.roster else ROSTERS.several(unit, store.marks(unit))
    names = {number: one.name for number, one in directory.staff(unit).employees.items()}
    rows = [
        pb.StandbyHours(
            employee=f"employees/{employee}",
            display_name=names.get(employee, ""),
            roster=roster.name,
            subdivision=subdivision,
            **{field: Duration(seconds=hours[kind]) for field, (kind, _) in _COLUMNS.items()},
        )
        for roster in rosters
        for (employee, subdivision), hours in _hours(roster, first, last).items()
    ]
    rows.sort(key=lambda one: (one.employee, one.roster, one.subdivision))
    return pb.ExportStandbyHoursResponse(hours=rows, csv=_csv(rows))


def _days(request: pb.ExportStandbyHoursRequest) -> tuple[date, date]:
    found = []
    for field in ("start_date", "end_date"):
        try:
            day = date.fromisoformat(getattr(request, field))
        except ValueError:
            raise InvalidArgument([Violation(field, f"'{getattr(request, field)}' is no date")]) from None
        if not mapping.FIRST.year <= day.year < mapping.BEYOND.year:
            text = f"must lie between {mapping.FIRST.year} and {mapping.BEYOND.year - 1}"
            raise InvalidArgument([Violation(field, text)])
        found.append(day)
    first, last = found
    if not first <= last <= first + mapping.LONGEST:
        text = f"must not be before start_date, nor more than {mapping.LONGEST.days} days after it"
        raise InvalidArgument([Violation("end_date", text)])
    return first, last


def _hours(roster: Compiled, first: date, last: date) -> dict[tuple[str, str], Counter[Hours]]:
    """Return the seconds of everybody, by the federal state that was the roster's at the time."""
    found: dict[tuple[str, str], Counter[Hours]] = {}
    # Versions may lie in different zones: each counts from midnight to midnight of its own.
    around = seconds(mapping.FIRST.replace(year=first.year, month=first.month, day=first.day)) - 2 * DAY
    beyond = around + ((last - first) // _ONE_DAY + 5) * DAY
    for start, end, said in roster.said.between(around, beyond):
        if said is None:
            continue
        clock = wall_clock(said.time_zone or mapping.ZONE)
        since = max(start, clock.first(day_number(first) * DAY))
        until = min(end, clock.first((day_number(last) + 1) * DAY))
        if since >= until:
            continue
        night, holiday = mapping.night_of(said), mapping.is_holiday(said)
        for one in duty_shifts.shifts(roster.roster, since, until):
            key = one.on_duty.employee, said.holidays.subdivision
            hours = standby.counted(clock, one.start, one.end, night=night, is_holiday=holiday)
            found.setdefault(key, Counter()).update(hours)
    return found


def _csv(rows: Iterable[pb.StandbyHours]) -> bytes:
    written = io.StringIO()
    table = csv.writer(written, delimiter=";", lineterminator="\r\n")
    table.writerow([*_HEAD, *(head for _, head in _COLUMNS.values()), "Summe"])
    for one in rows:
        table.writerow([*map(_plain, _facts(one)), *_figures(one)])
    return written.getvalue().encode("utf-8-sig")


def _facts(one: pb.StandbyHours) -> Iterator[str]:
    yield mapping.employee_id(one.employee)
    yield one.display_name
    yield one.roster.removeprefix("rosters/")
    yield one.subdivision


def _figures(one: pb.StandbyHours) -> list[str]:
    spent = [getattr(one, field).seconds for field in _COLUMNS]
    return [f"{each / _HOUR:.2f}".replace(".", ",") for each in (*spent, sum(spent))]


def _plain(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
