"""From the contract's rosters to the rules' ones, and from answers back."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

from esoffice.es.v1 import duty_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.errors import InvalidArgument, Violation
from server_es.calendars.holidays import Region, holidays_of
from server_es.calendars.times import zone_violations
from server_es.duty import rotations
from server_es.duty.checks import Window
from server_es.duty.fitness import Called, Qualification
from server_es.duty.rosters import Change, Layer, Override, PlannedShift, Version
from server_es.duty.shifts import Shift
from server_es.duty.standby import IsHoliday, Night
from server_es.duty.wall import seconds

ZONE: Final = "Europe/Berlin"
FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
BEYOND: Final = datetime(2191, 1, 1, tzinfo=UTC)
LONGEST: Final = timedelta(days=400)

_EMPLOYEE: Final = "employees/"
_REST: Final = 11 * 60 * 60
_LEAD: Final = 24 * 60 * 60


# -- rosters ----------------------------------------------------------------------------------------------------------


def check_roster(message: pb.Roster, *, field: str = "roster") -> None:
    """Check what the field rules cannot.

    Raises:
        InvalidArgument: with everything that is wrong.
    """
    wrong = list(_roster_violations(message))
    if wrong:
        raise InvalidArgument(Violation(f"{field}.{one.field}", one.description) for one in wrong)


def version_of(message: pb.Roster, effective: int) -> Version:
    """Return the rules' version of a checked roster."""
    return Version(
        effective=effective,
        zone=message.time_zone or ZONE,
        layers=tuple(_layer(one) for one in message.layers),
    )


def qualifications_of(message: pb.Roster) -> dict[str, Qualification]:
    """Return who is fit for what, by personnel number."""
    return {
        employee_id(one.employee): Qualification(postal_codes=tuple(one.postal_codes), models=tuple(one.models))
        for one in message.qualifications
    }


def employees_of(message: pb.Roster) -> list[str]:
    """Return the names of all employees of a roster, each once."""
    grouped = (one for layer in message.layers for group in layer.groups for one in group.employees)
    return list(dict.fromkeys([*grouped, *(one.employee for one in message.qualifications)]))


def night_of(message: pb.Roster) -> Night:
    """Return which hours are paid as night."""
    said = message.night
    return Night(start=said.start_minute, end=said.end_minute) if message.HasField("night") else Night()


def windows_of(message: pb.Roster) -> list[Window]:
    """Return when somebody must be on duty."""
    found = []
    for one in message.coverage:
        start, end = one.window.start_minute, one.window.end_minute
        end += rotations.MINUTES_A_DAY if end <= start else 0
        found.append(Window(weekday=one.weekday - 1, start=start, end=end))
    return found


def rest_of(message: pb.Roster) -> int:
    """Return the least rest before a shift, in seconds; 0: it is not looked at."""
    return message.rest_duration.seconds if message.HasField("rest_duration") else _REST


def lead_of(message: pb.Roster) -> int:
    """Return how many seconds before his shift somebody is told of it."""
    return message.notice_lead_duration.seconds if message.HasField("notice_lead_duration") else _LEAD


def is_holiday(message: pb.Roster) -> IsHoliday:
    """Return what says of a day whether it is a public holiday where the roster is."""
    region = region_of(message)
    return (lambda _: False) if region is None else (lambda day: day in holidays_of(region, day.year))


def region_of(message: pb.Roster) -> Region | None:
    """Return whose holidays count.

    Raises:
        InvalidArgument: there is no such region.
    """
    if not message.HasField("holidays"):
        return None
    said = message.holidays
    if said.country not in ("", "DE"):
        raise InvalidArgument([Violation("country", f"'{said.country}' has no holidays here; DE has")])
    return Region(state=said.subdivision, parish=said.locality or None)


def _roster_violations(message: pb.Roster) -> Iterator[Violation]:
    for one in zone_violations(message.time_zone or ZONE):
        yield Violation("time_zone", one.description)
    try:
        region_of(message)
    except InvalidArgument as error:
        for one in error.violations:
            yield Violation("holidays", one.description)
    for at, layer in enumerate(message.layers):
        day = _date(layer.start_date)
        if day is None or not FIRST.year <= day.year < BEYOND.year:
            text = f"'{layer.start_date}' is no date between {FIRST.year} and {BEYOND.year - 1}"
            yield Violation(f"layers[{at}].start_date", text)
    seen = set[str]()
    for at, qualification in enumerate(message.qualifications):
        if qualification.employee in seen:
            yield Violation(f"qualifications[{at}].employee", f"{qualification.employee} stands here already")
        seen.add(qualification.employee)


def _layer(message: pb.DutyLayer) -> Layer:
    handoff, end = message.handoff_minute, message.end_minute or message.handoff_minute
    return Layer(
        title=message.title,
        rank=message.rank or 1,
        rotation=rotations.Rotation(
            kind=rotations.Kind(message.rotation),
            length=message.shift_length or 1,
            first=date.fromisoformat(message.start_date),
            handoff=handoff,
            minutes=end - handoff if end > handoff else end - handoff + rotations.MINUTES_A_DAY,
            weekdays=frozenset(one - 1 for one in message.weekdays) or rotations.EVERY_DAY,
            groups=tuple(tuple(map(employee_id, one.employees)) for one in message.groups),
        ),
    )


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


# -- times ------------------------------------------------------------------------------------------------------------


def instant(message: Timestamp, *, field: str) -> datetime:
    """Return an instant in whole seconds.

    Raises:
        InvalidArgument: it does not lie between 2000 and 2190.
    """
    if not seconds(FIRST) <= message.seconds < seconds(BEYOND):
        raise InvalidArgument([Violation(field, f"must lie between {FIRST.year} and {BEYOND.year - 1}")])
    return datetime.fromtimestamp(message.seconds, UTC)


def not_past(message: Timestamp | None, now: datetime, *, field: str) -> datetime:
    """Return from when on a change holds: now, or the instant that is given.

    Raises:
        InvalidArgument: it lies in the past.
    """
    current = now.replace(microsecond=0)
    if message is None:
        return current
    given = instant(message, field=field)
    if given < current:
        raise InvalidArgument([Violation(field, "lies in the past, which stays as it was; leave it empty for now")])
    return given


def span(start: datetime, end: datetime, *, field: str) -> None:
    """Check a time.

    Raises:
        InvalidArgument: it is empty, or longer than 400 days.
    """
    if end <= start:
        raise InvalidArgument([Violation(field, "must be after the start")])
    if end - start > LONGEST:
        raise InvalidArgument([Violation(field, f"is more than {LONGEST.days} days after the start")])


# -- overrides and plans ----------------------------------------------------------------------------------------------


def check_override(message: pb.DutyOverride) -> None:
    """Check who is named.

    Raises:
        InvalidArgument: with everything that is wrong.
    """
    wrong = []
    needs_employee = message.change != pb.DUTY_CHANGE_REMOVE
    needs_replaced = message.change != pb.DUTY_CHANGE_ADD
    for name, given, needed in (
        ("employee", message.employee, needs_employee),
        ("replaced", message.replaced, needs_replaced),
    ):
        word = pb.DutyChange.Name(message.change).removeprefix("DUTY_CHANGE_")
        if needed and not given:
            wrong.append(Violation(f"override.{name}", f"is required for {word}"))
        elif given and not needed:
            wrong.append(Violation(f"override.{name}", f"has no meaning for {word}; leave it empty"))
    if message.employee and message.employee == message.replaced:
        wrong.append(Violation("override.replaced", "nobody takes his own place; name another employee"))
    if wrong:
        raise InvalidArgument(wrong)


def check_plan(message: pb.DutyPlan, start: datetime, end: datetime) -> None:
    """Check the shifts of a plan.

    Raises:
        InvalidArgument: with everything that is wrong.
    """
    wrong = []
    for at, one in enumerate(message.shifts):
        if one.end_time.seconds <= one.start_time.seconds:
            wrong.append(Violation(f"plan.shifts[{at}].end_time", "must be after its start_time"))
        elif one.start_time.seconds < seconds(start) or one.end_time.seconds > seconds(end):
            wrong.append(Violation(f"plan.shifts[{at}]", "must lie within the time of the plan"))
    if wrong:
        raise InvalidArgument(wrong)


def planned_shifts(message: pb.DutyPlan) -> tuple[PlannedShift, ...]:
    """Return the shifts of a checked plan."""
    return tuple(
        PlannedShift(
            start=one.start_time.seconds,
            end=one.end_time.seconds,
            employees=tuple(map(employee_id, one.employees)),
        )
        for one in message.shifts
    )


def override_of(message: pb.DutyOverride, start: datetime, end: datetime) -> Override:
    """Return the rules' override of a checked one."""
    return Override(
        start=seconds(start),
        end=seconds(end),
        change=Change(message.change),
        employee=employee_id(message.employee),
        replaced=employee_id(message.replaced),
    )


# -- answers ----------------------------------------------------------------------------------------------------------


def on_duty(called: Iterable[Called]) -> list[pb.OnDuty]:
    return [
        pb.OnDuty(
            employee=_EMPLOYEE + one.on_duty.employee,
            origin=pb.DutyOrigin.ValueType(one.on_duty.origin),
            title=one.on_duty.title,
            qualified=one.qualified,
            level=one.level,
        )
        for one in called
    ]


def shift(one: Shift, roster: str) -> pb.Shift:
    return pb.Shift(
        roster=roster,
        employee=_EMPLOYEE + one.on_duty.employee,
        start_time=Timestamp(seconds=one.start),
        end_time=Timestamp(seconds=one.end),
        begins_before=one.begins_before,
        ends_after=one.ends_after,
        origin=pb.DutyOrigin.ValueType(one.on_duty.origin),
        title=one.on_duty.title,
    )


def employee_id(name: str) -> str:
    return name.removeprefix(_EMPLOYEE)
