"""When a mailbox that nothing arrives in is worth a look (Ausbleiben von E-Mails). Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_WORKDAYS = 5
_LONGEST = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Hours:
    """From `first` o'clock to `last` o'clock, Monday to Friday, in the site's time."""

    first: int
    last: int
    zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """An account is silent `after` so long without a mail; only `hours` count, None: all."""

    after: timedelta
    hours: Hours | None = None

    def broken(self, since: datetime, now: datetime) -> timedelta | None:
        """Return for how long nothing came, as it counts; None while that is not worth a word."""
        counted = now - since if self.hours is None else _within(self.hours, max(since, now - _LONGEST), now)
        return counted if counted >= self.after else None


def hours_of(text: str, zone: str) -> Hours | None:
    """Read `7-18`; empty: every hour counts."""
    if not text:
        return None
    first, _, last = text.partition("-")
    return Hours(int(first), int(last), ZoneInfo(zone))


def _within(hours: Hours, since: datetime, now: datetime) -> timedelta:
    counted = timedelta(0)
    day = since.astimezone(hours.zone).date()
    while day <= now.astimezone(hours.zone).date():
        if day.weekday() < _WORKDAYS:
            midnight = datetime.combine(day, time(), hours.zone)
            # Wall-clock arithmetic: seven o'clock stays seven o'clock on the days the clocks change.
            begin, end = ((midnight + timedelta(hours=one)).astimezone(UTC) for one in (hours.first, hours.last))
            counted += max(min(end, now) - max(begin, since), timedelta(0))
        day += timedelta(days=1)
    return counted
