"""Which provider a message leaves by, and when none may (Routing, Ruhezeiten). Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from server_business.sms.rules import Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A provider as routing sees it.

    Attributes:
        name: of the provider.
        prefixes: beginnings of the numbers it serves; none: all.
        rank: the smaller, the sooner.
    """

    name: str
    prefixes: tuple[str, ...] = ()
    rank: int = 0


def ways_for(number: str, ways: Sequence[Way]) -> tuple[str, ...]:
    """Return which providers serve a number, the best first: by the longest prefix, then by rank, then by name."""
    found = []
    for way in ways:
        fitting = [len(prefix) for prefix in way.prefixes or ("",) if number.startswith(prefix)]
        if fitting:
            found.append((-max(fitting), way.rank, way.name))
    return tuple(name for *_, name in sorted(found))


def chosen(number: str, ways: Sequence[Way], away: Collection[str]) -> str:
    """Return the provider for a number: the best that is there, the best if all are away, empty if none serves it."""
    serving = ways_for(number, ways)
    return next((name for name in serving if name not in away), serving[0] if serving else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Quiet hours of every day.

    Attributes:
        start: local time at which they begin.
        end: at which they end; earlier than `start`: on the next day.
        zone: where.
    """

    start: time
    end: time
    zone: ZoneInfo


def quiet_until(quiet: Quiet | None, priority: Priority, now: datetime) -> datetime | None:
    """Return until when a message waits because of quiet hours; None when it need not."""
    if quiet is None or priority is Priority.URGENT or quiet.start == quiet.end:
        return None
    local = now.astimezone(quiet.zone)
    at = local.time().replace(tzinfo=None)
    over_night = quiet.end < quiet.start
    inside = (at >= quiet.start or at < quiet.end) if over_night else quiet.start <= at < quiet.end
    if not inside:
        return None
    day = local.date() + timedelta(days=1 if over_night and at >= quiet.start else 0)
    return datetime.combine(day, quiet.end, tzinfo=quiet.zone).astimezone(UTC)
