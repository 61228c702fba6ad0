"""Microsoft Graph's events and To Do tasks as items of the sync, and back."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

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
from server_business.exchange.zones import canonical, iana, windows

Json = Mapping[str, Any]

KEY: Final = "String {7c1f4f0e-3a55-4f0b-9d52-2f7c8a6c5e11} Name esofficeUid"
"""Our own name of an event, the one that it has over EWS too: who changes from one to the other knows it again."""
APPLICATION: Final = "es:office"
"""Of a task, whose extended properties Graph does not show: a linked resource of this application carries our name."""
TASK_FIELDS: Final = frozenset({"title", "description", "start", "due", "status", "importance"})
"""A task of To Do knows neither a percentage nor that it is private."""
_AVAILABILITIES: Final = {
    "free": "free",
    "tentative": "tentative",
    "busy": "busy",
    "oof": "away",
    "workingElsewhere": "elsewhere",
}
_STATUSES: Final = {
    "notStarted": "open",
    "inProgress": "in-progress",
    "completed": "completed",
    "waitingOnOthers": "waiting",
    "deferred": "deferred",
}
_IMPORTANCES: Final = {"low": "low", "normal": "normal", "high": "high"}
_DAY_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKS: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_FREQUENCIES: Final = {
    "daily": "DAILY",
    "weekly": "WEEKLY",
    "absoluteMonthly": "MONTHLY",
    "relativeMonthly": "MONTHLY",
    "absoluteYearly": "YEARLY",
    "relativeYearly": "YEARLY",
}

# -- from Graph -------------------------------------------------------------------------------------------------------


def appointment_fields(event: Json, site: str) -> dict[str, str]:
    """Return what an event says; `site`: the zone of one whose own nobody knows."""
    rule = event.get("recurrence")
    when = _when(event, _zone(event, site) if rule else None)
    fields = {
        "title": plain_text(event.get("subject") or ""),
        "description": _body(event),
        "location": plain_text((event.get("location") or {}).get("displayName") or ""),
        "when": when.text(),
        "availability": _AVAILABILITIES.get(event.get("showAs", ""), "busy"),
        "private": YES if event.get("sensitivity") in ("private", "confidential", "personal") else "",
        "recurrence": _rule(rule) if rule else "",
    }
    for gone in event.get("cancelledOccurrences") or ():
        fields[EXCEPTION + _original_of(gone, when)] = DELETED
    for changed in event.get("exceptionOccurrences") or ():
        fields[EXCEPTION + original(changed, when)] = _differing(fields, changed, when)
    return spoken(fields)


def task_fields(task: Json, site: str) -> dict[str, str]:
    """Return what a task says."""
    return spoken({
        "title": plain_text(task.get("title") or ""),
        "description": _body(task),
        "start": _day_of(task.get("startDateTime"), site),
        "due": _day_of(task.get("dueDateTime"), site),
        "status": _STATUSES.get(task.get("status", ""), "open"),
        "importance": _IMPORTANCES.get(task.get("importance", ""), "normal"),
    })  # fmt: skip


def uid_of(said: Json) -> str:
    """Return our name of an event or a task, or else its own."""
    own = [one["value"] for one in said.get("singleValueExtendedProperties") or () if one["id"].lower() == KEY.lower()]
    own += [
        one["externalId"]
        for one in said.get("linkedResources") or ()
        if one.get("applicationName") == APPLICATION and one.get("externalId")
    ]
    return str((own or [said.get("iCalUId") or said["id"]])[0])[-255:]


def is_conference(event: Json) -> bool:
    """Return whether others are invited, or the owner of the mailbox is."""
    return bool(event.get("attendees")) or event.get("isOrganizer") is False


def original(event: Json, when: When) -> str:
    """Return when an occurrence of a series begins by its pattern, as the series has it."""
    if event.get("originalStart"):
        start = instant(event["originalStart"])
        return start.date().isoformat() if when.all_day else moment_text(start, when.zone)
    return _original_of(event["occurrenceId"], when)


def instant(text: str) -> datetime:
    """Read a time stamp; Graph writes more digits of a second than anybody needs."""
    return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)


def span_of(event: Json) -> tuple[datetime, datetime]:
    """Return when an event begins and ends."""
    return _instant(event["start"]), _instant(event["end"])


def _original_of(occurrence: str, when: When) -> str:
    """Read the name of an occurrence: that of its series and its day, between dots."""
    day = date.fromisoformat(occurrence.rpartition(".")[2])
    if not isinstance(when.start, datetime):
        return day.isoformat()
    clock = when.start.astimezone(ZoneInfo(when.zone or "UTC")).time()
    return moment_text(datetime.combine(day, clock, ZoneInfo(when.zone or "UTC")), when.zone)


def _differing(series: Fields, changed: Json, when: When) -> str:
    said: dict[str, str] = {}
    there = _when(changed, None)
    if when.all_day:
        said["when"] = there.text()
    else:
        begins = moment_text(there.start, when.zone)
        if begins != original(changed, when) or _length(there) != _length(when):
            said["when"] = there.text()
    place = (changed.get("location") or {}).get("displayName")
    for name, value in (("title", changed.get("subject")), ("location", place)):
        text = plain_text(value or "")
        if text and text != series.get(name, ""):
            said[name] = text
    return differing(said)


def _length(when: When) -> timedelta:
    assert isinstance(when.start, datetime)
    assert isinstance(when.end, datetime)
    return when.end.astimezone(UTC) - when.start.astimezone(UTC)


def _when(event: Json, zone: str | None) -> When:
    start, end = event["start"], event["end"]
    if event.get("isAllDay"):
        return When(date.fromisoformat(start["dateTime"][:10]), date.fromisoformat(end["dateTime"][:10]))
    return When(_instant(start), _instant(end), zone)


def _zone(event: Json, site: str) -> str:
    """Return the zone a series repeats in; some have one of their own making, which nobody else knows."""
    said = (event["recurrence"].get("range") or {}).get("recurrenceTimeZone") or event.get("originalStartTimeZone")
    return canonical(said) if said and iana(said) else site


def _instant(said: Json) -> datetime:
    zone = ZoneInfo(iana(said.get("timeZone") or "UTC") or "UTC")
    return datetime.fromisoformat(said["dateTime"][:19]).replace(tzinfo=zone).astimezone(UTC)


def _day_of(said: Json | None, site: str) -> str:
    """Return a day that is said as an instant: midnight, there or here."""
    if not said:
        return ""
    there = datetime.fromisoformat(said["dateTime"][:19])
    if there.time() == time():
        return there.date().isoformat()
    return _instant(said).astimezone(ZoneInfo(site)).date().isoformat()


def _body(said: Json) -> str:
    return plain_text((said.get("body") or {}).get("content") or "")


def _rule(said: Json) -> str:
    pattern, boundary = said["pattern"], said.get("range") or {}
    type_ = pattern["type"]
    values: dict[str, Any] = {"frequency": _FREQUENCIES[type_], "interval": pattern.get("interval") or 1}
    if type_ == "weekly":
        values["days"] = _days(pattern["daysOfWeek"])
    if type_.startswith("absolute"):
        values["day_of_month"] = pattern["dayOfMonth"]
    if type_.startswith("relative"):
        values |= {"days": _days(pattern["daysOfWeek"]), "position": _WEEKS[pattern.get("index") or "first"]}
    if type_.endswith("Yearly"):
        values["month"] = pattern["month"]
    if boundary.get("type") == "endDate":
        values["until"] = date.fromisoformat(boundary["endDate"][:10])
    elif boundary.get("type") == "numbered":
        values["count"] = boundary["numberOfOccurrences"]
    return Recurrence(**values).text()


def _days(said: Collection[str]) -> tuple[str, ...]:
    return tuple(day for day, name in zip(DAYS, _DAY_NAMES, strict=True) if name in said)


# -- to Graph ---------------------------------------------------------------------------------------------------------


def event_values(fields: Fields, names: Iterable[str], site: str) -> dict[str, Any]:
    """Return what is to be set in an event.

    Args:
        fields: all it is to say.
        names: those that change.
        site: the zone whole days are written in.
    """
    changed = set(names)
    if "when" in changed or "recurrence" in changed:
        changed |= {"when", "recurrence"} if fields.get("recurrence") else set()
    values: dict[str, Any] = {}
    for name in changed:
        if name == "when":
            values |= _time_values(When.of(fields["when"]), site)
        elif name == "recurrence":
            values["recurrence"] = _recurrence(fields, site)
        elif not name.startswith(EXCEPTION):
            values |= _value(name, fields.get(name, ""))
    return values


def task_values(fields: Fields, names: Iterable[str], site: str) -> dict[str, Any]:
    """Return what is to be set in a task."""
    values: dict[str, Any] = {}
    for name in names:
        text = fields.get(name, "")
        if name == "title":
            values["title"] = text[:255]
        elif name in ("start", "due"):
            said = {"dateTime": f"{text}T00:00:00", "timeZone": windows(site)}
            values[f"{name}DateTime"] = said if text else None
        else:
            values |= _value(name, text)
    return values


def occurrence_values(said: Mapping[str, str], site: str) -> dict[str, Any]:
    """Return what is to be set in an occurrence that differs."""
    values: dict[str, Any] = {}
    if "when" in said:
        times = _time_values(When.of(said["when"]), site)
        values |= {"start": times["start"], "end": times["end"]}
    for name in TEXTS - {"description"}:
        values |= _value(name, said[name]) if name in said else {}
    return values


def _value(name: str, text: str) -> dict[str, Any]:
    if name == "title":
        return {"subject": text[:255]}
    if name == "description":
        return {"body": {"contentType": "text", "content": text}}
    if name == "location":
        return {"location": {"displayName": text[:255]}}
    if name == "private":
        return {"sensitivity": "private" if text == YES else "normal"}
    key, words, default = {
        "availability": ("showAs", _AVAILABILITIES, "busy"),
        "status": ("status", _STATUSES, "open"),
        "importance": ("importance", _IMPORTANCES, "normal"),
    }[name]
    return {key: next(word for word, one in words.items() if one == (text or default))}


def _time_values(when: When, site: str) -> dict[str, Any]:
    name = windows(when.zone or site) if when.zone or when.all_day else "UTC"
    return {
        "start": {"dateTime": _clock(when.start, when.zone), "timeZone": name},
        "end": {"dateTime": _clock(when.end, when.zone), "timeZone": name},
        "isAllDay": when.all_day,
    }


def _clock(moment: datetime | date, zone: str | None) -> str:
    if not isinstance(moment, datetime):
        return f"{moment}T00:00:00"
    return moment.astimezone(ZoneInfo(zone or "UTC")).strftime("%Y-%m-%dT%H:%M:%S")


def _recurrence(fields: Fields, site: str) -> dict[str, Any] | None:
    if not fields.get("recurrence"):
        return None
    rule, when = Recurrence.of(fields["recurrence"]), When.of(fields["when"])
    boundary: dict[str, Any] = {
        "type": "endDate" if rule.until else "numbered" if rule.count else "noEnd",
        "startDate": _clock(when.start, when.zone)[:10],
        "recurrenceTimeZone": windows(when.zone or site),
    }
    boundary |= {"endDate": rule.until.isoformat()} if rule.until else {}
    boundary |= {"numberOfOccurrences": rule.count} if rule.count else {}
    return {"pattern": _pattern(rule), "range": boundary}


def _pattern(rule: Recurrence) -> dict[str, Any]:
    names = [_DAY_NAMES[DAYS.index(day)] for day in rule.days]
    if rule.frequency in ("DAILY", "WEEKLY"):
        said: dict[str, Any] = {"type": rule.frequency.lower(), "interval": rule.interval}
        return {**said, "daysOfWeek": names, "firstDayOfWeek": "monday"} if names else said
    how = "absolute" if rule.day_of_month else "relative"
    said = {"type": f"{how}{rule.frequency.capitalize()}", "interval": rule.interval}
    said |= {"month": rule.month} if rule.month else {}
    if rule.day_of_month:
        return {**said, "dayOfMonth": rule.day_of_month}
    index = next(word for word, number in _WEEKS.items() if number == rule.position)
    return {**said, "daysOfWeek": names, "index": index}
