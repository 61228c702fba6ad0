"""The occurrences of a series of Microsoft Graph, by dateutil."""

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil import rrule
from tzlocal.windows_tz import win_tz

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKS: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_FREQUENCIES: Final = {
    "daily": rrule.DAILY,
    "weekly": rrule.WEEKLY,
    "absoluteMonthly": rrule.MONTHLY,
    "relativeMonthly": rrule.MONTHLY,
    "absoluteYearly": rrule.YEARLY,
    "relativeYearly": rrule.YEARLY,
}


def zone(name: str) -> ZoneInfo:
    return ZoneInfo(win_tz.get(name, "Europe/Berlin" if name.startswith("tzone:") else name))


def instant(said: dict[str, str]) -> datetime:
    there = datetime.fromisoformat(said["dateTime"][:19])
    return there.replace(tzinfo=zone(said.get("timeZone", "UTC"))).astimezone(UTC)


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.0000000")


def expand(event: dict[str, Any], start: datetime, end: datetime) -> list[datetime]:
    """Return the starts of the occurrences in a span."""
    pattern, boundary = event["recurrence"]["pattern"], event["recurrence"]["range"]
    there = ZoneInfo("UTC") if event["isAllDay"] else zone(boundary["recurrenceTimeZone"])
    first = instant(event["start"]).astimezone(there)
    type_ = pattern["type"]
    said: dict[str, Any] = {"interval": pattern["interval"]}
    if type_ in ("weekly", "relativeMonthly", "relativeYearly"):
        said["byweekday"] = [DAYS.index(day) for day in pattern["daysOfWeek"]]
    if type_.startswith("relative"):
        said["bysetpos"] = _WEEKS[pattern["index"]]
    if type_.startswith("absolute"):
        said["bymonthday"] = pattern["dayOfMonth"]
    if type_.endswith("Yearly"):
        said["bymonth"] = pattern["month"]
    if boundary["type"] == "endDate":
        said["until"] = datetime.fromisoformat(boundary["endDate"] + "T23:59:59")
    if boundary["type"] == "numbered":
        said["count"] = boundary["numberOfOccurrences"]
    rule = rrule.rrule(_FREQUENCIES[type_], dtstart=first.replace(tzinfo=None), **said)
    low, high = (one.astimezone(there).replace(tzinfo=None) for one in (start, end))
    return [one.replace(tzinfo=there).astimezone(UTC) for one in rule.between(low, high, inc=True)]
