"""Dates and days as the contract says them: ISO dates, days in halves."""

from datetime import date
from typing import Final

from mesh.errors import InvalidArgument, Violation
from server_es.absences.spans import FIRST_YEAR, LAST_YEAR

_HALF: Final = 0.5


def date_of(text: str, field: str) -> date:
    """Return the date in a text.

    Raises:
        InvalidArgument: it is none that can be reckoned with.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidArgument([Violation(field, f"'{text}' is no date such as 2026-03-31")]) from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InvalidArgument([Violation(field, f"{day} is not between {FIRST_YEAR} and {LAST_YEAR}")])
    return day


def half_days_of(days: float, field: str) -> int:
    """Return days in halves.

    Raises:
        InvalidArgument: they are no multiple of a half.
    """
    if days % _HALF:
        raise InvalidArgument([Violation(field, f"{days:g} is no multiple of 0.5")])
    return round(days / _HALF)


def days_of(half_days: int) -> float:
    """Return halves as days."""
    return half_days * _HALF
