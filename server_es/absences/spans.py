"""How long somebody is away, in halves of days: a day has a morning and an afternoon, parted at noon."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from mesh.errors import InvalidArgument, Violation
from server_es.calendars.times import first_instant

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2190
MOST_DAYS: Final = 1100
"""Three years, as long as a parental leave is; what is longer is a typing error."""

_NOON: Final = 12 * 60
_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `start` (inclusive) to `end` (exclusive), in slots: twice the day's ordinal, 1 more from noon.

    Two requests of one employee overlap when their slots do; one that ends at noon and one that begins there do not.
    """

    start: int
    end: int

    @classmethod
    def of(cls, first: date, last: date, *, starts_at_noon: bool = False, ends_at_noon: bool = False) -> Self:
        """Return the span from the first to the last day, both included.

        Raises:
            InvalidArgument: it is empty, longer than three years, or outside the years that can be reckoned with.
        """
        wrong = [
            Violation(field, f"{day} is not between {FIRST_YEAR} and {LAST_YEAR}")
            for field, day in (("start_date", first), ("end_date", last))
            if not FIRST_YEAR <= day.year <= LAST_YEAR
        ]
        span = cls(2 * first.toordinal() + starts_at_noon, 2 * (last.toordinal() + 1) - ends_at_noon)
        if last < first:
            wrong.append(Violation("end_date", f"{last} is before {first}, the first day"))
        elif span.end <= span.start:
            wrong.append(Violation("ends_at_noon", "a single day that begins and ends at noon has no half left"))
        elif (last - first).days >= MOST_DAYS:
            wrong.append(Violation("end_date", f"is more than {MOST_DAYS} days after the first day"))
        if wrong:
            raise InvalidArgument(wrong)
        return span

    @property
    def first(self) -> date:
        return date.fromordinal(self.start // 2)

    @property
    def last(self) -> date:
        return date.fromordinal((self.end - 1) // 2)

    @property
    def starts_at_noon(self) -> bool:
        return self.start % 2 == 1

    @property
    def ends_at_noon(self) -> bool:
        return self.end % 2 == 1

    @property
    def year(self) -> int:
        """The year whose leave it takes: that of the last day."""
        return self.last.year

    def overlaps(self, other: "Span") -> bool:
        return self.start < other.end and other.start < self.end

    def cut(self, first: date, last: date) -> "Span | None":
        """Return the part within these days, both included; None when there is none."""
        start = max(self.start, 2 * first.toordinal())
        end = min(self.end, 2 * (last.toordinal() + 1))
        return Span(start, end) if start < end else None

    def days(self) -> Iterator[date]:
        """Every day of which at least a half belongs to it."""
        day = self.first
        while day <= self.last:
            yield day
            day += _ONE_DAY

    def covers(self, day: date) -> tuple[bool, bool]:
        """Say whether the morning and the afternoon of a day belong to it."""
        slot = 2 * day.toordinal()
        return self.start <= slot < self.end, self.start <= slot + 1 < self.end

    def instants(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return when it begins (inclusive) and ends (exclusive) on the wall clock of a place."""
        after = date.fromordinal(self.end // 2)
        return (
            first_instant(zone, self.first, _NOON * self.starts_at_noon),
            first_instant(zone, after, _NOON * self.ends_at_noon),
        )

    def __str__(self) -> str:
        """As people write it in German: `24.12.2026 ab Mittag bis 31.12.2026`."""
        said = f"{self.first:%d.%m.%Y}"
        if self.first == self.last:
            return said + (" nachmittags" if self.starts_at_noon else " vormittags" if self.ends_at_noon else "")
        said += " ab Mittag" if self.starts_at_noon else ""
        return f"{said} bis {self.last:%d.%m.%Y}" + (" mittags" if self.ends_at_noon else "")
