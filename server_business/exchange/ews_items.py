"""Exchange's calendar items and tasks as items of the sync, and back."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from exchangelib import CalendarItem, EWSDate, EWSDateTime, EWSTimeZone, ExtendedProperty, Task
from exchangelib.recurrence import (
    AbsoluteMonthlyPattern,
    AbsoluteYearlyPattern,
    DailyPattern,
    EndDatePattern,
    NoEndPattern,
    NumberedPattern,
    RelativeMonthlyPattern,
    RelativeYearlyPattern,
    WeeklyPattern,
)
from exchangelib.recurrence import (
    Recurrence as EwsRecurrence,
)

from mesh.recurrence import DAYS, Recurrence
from server_business.exchange.items import (
    DELETED,
    EXCEPTION,
    TEXTS,
    YES,
    Fields,
    When,
    differing,
    moment_text,
    plain_text,
    spoken,
)
from server_business.exchange.zones import canonical

KEY: Final = "esoffice_uid"
_UTC: Final = EWSTimeZone("UTC")
AVAILABILITIES: Final = {
    "Free": "free",
    "Tentative": "tentative",
    "Busy": "busy",
    "OOF": "away",
    "WorkingElsewhere": "elsewhere",
}
STATUSES: Final = {
    "NotStarted": "open",
    "InProgress": "in-progress",
    "Completed": "completed",
    "WaitingOnOthers": "waiting",
    "Deferred": "deferred",
}
_WORDS: Final = {
    "availability": (AVAILABILITIES, "busy"),
    "status": (STATUSES, "open"),
    "importance": ({"Low": "low", "Normal": "normal", "High": "high"}, "normal"),
}
_SETS: Final = {"Day": DAYS, "Weekday": DAYS[:5], "WeekendDay": DAYS[5:]}
_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKS: Final = {"First": 1, "Second": 2, "Third": 3, "Fourth": 4, "Last": -1}
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
# The written name of each field of an item; `when` is written as four, see `appointment_values`.
_WRITTEN: Final = {
    "title": "subject",
    "description": "body",
    "location": "location",
    "availability": "legacy_free_busy_status",
    "private": "sensitivity",
    "recurrence": "recurrence",
    "start": "start_date",
    "due": "due_date",
    "status": "status",
    "percent": "percent_complete",
    "importance": "importance",
}


class SyncUid(ExtendedProperty):  # type: ignore[misc]
    """Our own name of an item, by which it is found again after a crash."""

    property_set_id = "7c1f4f0e-3a55-4f0b-9d52-2f7c8a6c5e11"
    property_name = "esofficeUid"
    property_type = "String"


def register() -> None:
    """Let exchangelib know our property; once in a process."""
    for model in (CalendarItem, Task):
        if KEY not in model.FIELDS:
            model.register(KEY, SyncUid)


# -- from Exchange ----------------------------------------------------------------------------------------------------


def appointment_fields(item: CalendarItem, occurrences: Mapping[str, CalendarItem]) -> dict[str, str]:
    """Return what an appointment says.

    Args:
        item: as it was fetched.
        occurrences: those that differ, by their id.
    """
    series = item.recurrence is not None
    zone = canonical(str(item._start_timezone.key)) if series and item._start_timezone else "UTC"  # noqa: SLF001
    when = _when(item, zone if series else None)
    fields = {
        "title": plain_text(item.subject or ""),
        "description": plain_text(item.text_body or ""),
        "location": plain_text(item.location or ""),
        "when": when.text(),
        "availability": AVAILABILITIES.get(item.legacy_free_busy_status or "", "busy"),
        "private": YES if item.sensitivity in ("Private", "Confidential", "Personal") else "",
        "recurrence": _rule(item.recurrence) if series else "",
    }
    for gone in item.deleted_occurrences or ():
        fields[EXCEPTION + _original(gone.start, when)] = DELETED
    for changed in item.modified_occurrences or ():
        fields[EXCEPTION + _original(changed.original_start, when)] = _differing(
            fields, occurrences.get(changed.id), changed, all_day=when.all_day
        )
    return spoken(fields)


def instant(said: EWSDateTime) -> datetime:
    """Return a plain instant: exchangelib's can be read in zones of its own only."""
    there = said.astimezone(_UTC)
    return datetime(there.year, there.month, there.day, there.hour, there.minute, there.second, tzinfo=UTC)


def _when(item: Any, zone: str | None) -> When:
    if isinstance(item.start, datetime):
        return When(instant(item.start), instant(item.end), zone)
    return When(_date(item.start), _date(item.end) + timedelta(days=1))  # exchangelib's last day is inclusive


def _original(start: EWSDateTime, when: When) -> str:
    return start.date().isoformat() if when.all_day else moment_text(instant(start), when.zone)


def _differing(series: Fields, there: Any, changed: Any, *, all_day: bool) -> str:
    said: dict[str, str] = {}
    if all_day:
        said["when"] = f"{changed.start.date()}/{changed.end.date()}"
    else:
        start, end = instant(changed.start), instant(changed.end)
        if start != instant(changed.original_start) or end - start != _length(series["when"]):
            said["when"] = When(start, end).text()
    if there is not None:
        for name, value in (("title", there.subject), ("location", there.location)):
            text = plain_text(value or "")
            if text and text != series.get(name, ""):
                said[name] = text
    return differing(said)


def _length(when: str) -> timedelta:
    span = When.of(when)
    assert isinstance(span.start, datetime)
    assert isinstance(span.end, datetime)
    return span.end - span.start


def task_fields(item: Task) -> dict[str, str]:
    """Return what a task says."""
    fields = {
        "title": plain_text(item.subject or ""),
        "description": plain_text(item.text_body or ""),
        "start": item.start_date.isoformat() if item.start_date else "",
        "due": item.due_date.isoformat() if item.due_date else "",
        "status": STATUSES.get(item.status or "", "open"),
        "percent": str(int(item.percent_complete or 0) or ""),
        "importance": (item.importance or "Normal").lower(),
        "private": YES if item.sensitivity in ("Private", "Confidential", "Personal") else "",
    }
    return spoken(fields)


def _rule(said: EwsRecurrence) -> str:
    pattern, boundary = said.pattern, said.boundary
    values: dict[str, Any] = {"interval": getattr(pattern, "interval", None) or 1}
    if isinstance(pattern, DailyPattern):
        values["frequency"] = "DAILY"
    elif isinstance(pattern, WeeklyPattern):
        values |= {"frequency": "WEEKLY", "days": _days(pattern.weekdays)}
    else:
        yearly = isinstance(pattern, AbsoluteYearlyPattern | RelativeYearlyPattern)
        values["frequency"] = "YEARLY" if yearly else "MONTHLY"
        if yearly:
            values["month"] = _index(_MONTHS, pattern.month)
        if isinstance(pattern, AbsoluteYearlyPattern | AbsoluteMonthlyPattern):
            values["day_of_month"] = pattern.day_of_month
        else:
            number = pattern.week_number
            week = number if isinstance(number, int) else list(_WEEKS).index(number) + 1
            values |= {"position": -1 if week == len(_WEEKS) else week, "days": _days([pattern.weekday])}
    if isinstance(boundary, EndDatePattern):
        values["until"] = _date(boundary.end)
    elif isinstance(boundary, NumberedPattern):
        values["count"] = boundary.number
    return Recurrence(**values).text()


def _date(said: Any) -> date:
    return said.date() if isinstance(said, datetime) else date(said.year, said.month, said.day)


def _index(names: tuple[str, ...], said: Any) -> int:
    return said if isinstance(said, int) else names.index(said) + 1


def _days(said: Any) -> tuple[str, ...]:
    every = (*_NAMES, *_SETS)
    found: set[str] = set()
    for one in said:
        name = every[one - 1] if isinstance(one, int) else one
        found |= set(_SETS[name]) if name in _SETS else {DAYS[_NAMES.index(name)]}
    return tuple(day for day in DAYS if day in found)


# -- to Exchange ------------------------------------------------------------------------------------------------------


def values_of(fields: Fields, names: Any) -> dict[str, Any]:
    """Return what is to be set, by exchangelib's names.

    Args:
        fields: all the item is to say.
        names: those that change.

    Raises:
        ValueError: Exchange cannot say that.
    """
    values: dict[str, Any] = {}
    changed = set(names)
    if "when" in changed and fields.get("recurrence"):
        changed.add("recurrence")  # begins with the day of the first occurrence
    for name in changed:
        if name == "when":
            values |= _time_values(When.of(fields["when"]))
        elif name == "recurrence" and fields.get("recurrence"):
            values["recurrence"] = _pattern(Recurrence.of(fields["recurrence"]), When.of(fields["when"]))
        elif name in _WRITTEN:
            values[_WRITTEN[name]] = _value(name, fields.get(name, ""))
    return values


def _value(name: str, text: str) -> Any:
    if name == "private":
        return "Private" if text == YES else "Normal"
    if name in _WORDS:
        words, default = _WORDS[name]
        return next(word for word, one in words.items() if one == (text or default))
    if name == "percent":
        return Decimal(text or 0)
    if name in ("start", "due"):
        return EWSDate.from_string(text) if text else None
    return text[:255] if name in TEXTS - {"description"} else text or None


def _time_values(when: When) -> dict[str, Any]:
    if isinstance(when.start, datetime) and isinstance(when.end, datetime):
        zone = EWSTimeZone(when.zone) if when.zone else _UTC
        return {
            "start": EWSDateTime.from_datetime(when.start).astimezone(zone),
            "end": EWSDateTime.from_datetime(when.end).astimezone(zone),
            "is_all_day": False,
        }
    return {
        "start": EWSDate.from_date(when.start),
        "end": EWSDate.from_date(when.end - timedelta(days=1)),
        "is_all_day": True,
    }


def occurrence_values(said: Mapping[str, str]) -> dict[str, Any]:
    """Return what is to be set in an occurrence that differs."""
    values: dict[str, Any] = {}
    if "when" in said:
        values |= {name: one for name, one in _time_values(When.of(said["when"])).items() if name != "is_all_day"}
    if "title" in said:
        values["subject"] = said["title"][:255]
    if "location" in said:
        values["location"] = said["location"][:255]
    return values


def _pattern(rule: Recurrence, when: When) -> EwsRecurrence:
    start = EWSDate.from_date(_date(when.start))
    if rule.until:
        boundary: Any = EndDatePattern(start=start, end=EWSDate.from_date(rule.until))
    elif rule.count:
        boundary = NumberedPattern(start=start, number=rule.count)
    else:
        boundary = NoEndPattern(start=start)
    return EwsRecurrence(pattern=_repeats(rule), boundary=boundary)


def _repeats(rule: Recurrence) -> Any:
    if rule.frequency == "DAILY":
        return DailyPattern(interval=rule.interval)
    if rule.frequency == "WEEKLY":
        days = [_NAMES[DAYS.index(day)] for day in rule.days]
        return WeeklyPattern(interval=rule.interval, weekdays=days, first_day_of_week="Monday")
    where = {"month": _MONTHS[rule.month - 1]} if rule.month else {"interval": rule.interval}
    if rule.day_of_month:
        absolute = AbsoluteYearlyPattern if rule.month else AbsoluteMonthlyPattern
        return absolute(day_of_month=rule.day_of_month, **where)
    week = next(word for word, number in _WEEKS.items() if number == rule.position)
    relative = RelativeYearlyPattern if rule.month else RelativeMonthlyPattern
    return relative(weekday=_day_name(rule.days), week_number=week, **where)


def _day_name(days: tuple[str, ...]) -> str:
    if len(days) == 1:
        return _NAMES[DAYS.index(days[0])]
    for name, those in _SETS.items():
        if days == those:
            return name
    raise ValueError(f"Exchange cannot count {', '.join(days)} in a month")


def is_conference(item: CalendarItem) -> bool:
    return bool(item.is_meeting)


def is_invitation(item: CalendarItem) -> bool:
    """Return whether it is somebody else's conference: his calendar is where it can be changed."""
    return bool(item.is_meeting) and item.my_response_type != "Organizer"
