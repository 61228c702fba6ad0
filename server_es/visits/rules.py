"""When a visit may be planned, and what is written about it (Einsatzplanung). Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from mesh import errors

LONGEST: Final = timedelta(days=31)
PLANNED, MOVED, CANCELLED = "geplant", "verschoben", "abgesagt"
_TITLE_AT_MOST: Final = 255


class VisitCancelled(errors.FailedPrecondition):
    """What was cancelled is neither moved nor cancelled again."""

    reason = "VISIT_CANCELLED"


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when, the end exclusive."""

    start: datetime
    end: datetime

    def text(self, zone: str) -> str:
        """Return it as people write it."""
        start, end = (one.astimezone(ZoneInfo(zone)) for one in (self.start, self.end))
        until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%d.%m.%Y %H:%M}"
        return f"{start:%d.%m.%Y %H:%M}-{until}"


def check(span: Span, employees: Collection[str], existing: Collection[str], now: datetime) -> None:
    """Let a visit be planned.

    Args:
        span: when.
        employees: who goes, by personnel number.
        existing: which of them there are.
        now: what is over by now cannot be planned.

    Raises:
        InvalidArgument: every violation at once.
    """
    wrong = [
        errors.Violation("employees", f"employees/{one} does not exist")
        for one in sorted(employees)
        if one not in existing
    ]
    if span.end <= span.start:
        wrong.append(errors.Violation("end_time", "must be after the begin"))
    elif span.end - span.start > LONGEST:
        wrong.append(errors.Violation("end_time", f"is more than {LONGEST.days} days after the begin"))
    elif span.end <= now:
        wrong.append(errors.Violation("end_time", "is over already"))
    if wrong:
        raise errors.InvalidArgument(wrong)


def check_stands(name: str, *, cancelled: bool) -> None:
    """Raises VisitCancelled: it does not take place any more."""
    if cancelled:
        raise VisitCancelled(f"{name} was cancelled; plan another one")


def news(what: str, before: Collection[str], going: Collection[str]) -> dict[str, str]:
    """Return what each of those who go, or were to go, is told.

    Args:
        what: happened to the visit.
        before: who was to go until now.
        going: who goes from now on; of a cancelled visit who was to go.
    """
    if what != MOVED:
        return dict.fromkeys({*before, *going}, what)
    came, left = set(going) - set(before), set(before) - set(going)
    return {**dict.fromkeys(going, MOVED), **dict.fromkeys(came, PLANNED), **dict.fromkeys(left, CANCELLED)}


def title(servicecall: int, said: str) -> str:
    """Return the title of the appointments."""
    return f"Servicecall {servicecall}: {said}"[:_TITLE_AT_MOST]
