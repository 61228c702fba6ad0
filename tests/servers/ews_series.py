"""The occurrences of a series as Exchange would expand it, by dateutil."""

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil import rrule
from lxml import etree
from tzlocal.windows_tz import win_tz

T: Final = "{http://schemas.microsoft.com/exchange/services/2006/types}"
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SETS: Final = {"Day": range(7), "Weekday": range(5), "WeekendDay": range(5, 7)}
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_WEEKS: Final = {"First": 1, "Second": 2, "Third": 3, "Fourth": 4, "Last": -1}
_FREQUENCIES: Final = {
    "DailyRecurrence": rrule.DAILY,
    "WeeklyRecurrence": rrule.WEEKLY,
    "AbsoluteMonthlyRecurrence": rrule.MONTHLY,
    "RelativeMonthlyRecurrence": rrule.MONTHLY,
    "AbsoluteYearlyRecurrence": rrule.YEARLY,
    "RelativeYearlyRecurrence": rrule.YEARLY,
}


def expand(item: Any, start: datetime, end: datetime) -> list[str]:
    """Return the starts of the occurrences in a span, in UTC."""
    pattern, boundary = item.find(T + "Recurrence")
    zone_id = item.find(T + "StartTimeZone")
    zone = ZoneInfo(win_tz.get(zone_id.get("Id"), "UTC")) if zone_id is not None else ZoneInfo("UTC")
    first = datetime.fromisoformat(item.findtext(T + "Start")).astimezone(zone)
    said: dict[str, Any] = {"interval": int(pattern.findtext(T + "Interval") or 1)}
    days = (pattern.findtext(T + "DaysOfWeek") or "").split()
    if days:
        said["byweekday"] = [number for day in days for number in _SETS.get(day, [_index(day)])]
    if month := pattern.findtext(T + "Month"):
        said["bymonth"] = _MONTHS.index(month) + 1
    if day := pattern.findtext(T + "DayOfMonth"):
        said["bymonthday"] = int(day)
    if week := pattern.findtext(T + "DayOfWeekIndex"):
        said["bysetpos"] = _WEEKS[week]
    if until := boundary.findtext(T + "EndDate"):
        said["until"] = datetime.fromisoformat(until[:10] + "T23:59:59")
    if count := boundary.findtext(T + "NumberOfOccurrences"):
        said["count"] = int(count)
    rule = rrule.rrule(_FREQUENCIES[etree.QName(pattern).localname], dtstart=first.replace(tzinfo=None), **said)
    low, high = (one.astimezone(zone).replace(tzinfo=None) for one in (start, end))
    found = (one.replace(tzinfo=zone).astimezone(UTC) for one in rule.between(low, high, inc=True))
    return [one.strftime("%Y-%m-%dT%H:%M:%SZ") for one in found]


def _index(day: str) -> int:
    return _DAYS.index(day)
