"""Recurrences that both sides know (Serientermine): the patterns of Exchange, written as RRULE of RFC 5545."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Self

DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_LAST: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A pattern.

    Attributes:
        frequency: one of `FREQUENCIES`.
        interval: every how many of them, from 1.
        days: of the week, in the order of `DAYS`; with `position` those that are counted.
        position: which of the `days` in the month: 1 to 4, -1 for the last; 0: not counted.
        day_of_month: 1 to 31; 0: not said.
        month: 1 to 12; 0: not said.
        until: last day; None: not said.
        count: how many occurrences; 0: not said.
    """

    frequency: str
    interval: int = 1
    days: tuple[str, ...] = ()
    position: int = 0
    day_of_month: int = 0
    month: int = 0
    until: date | None = None
    count: int = 0

    def text(self) -> str:
        """Return the one spelling."""
        parts = {
            "FREQ": self.frequency,
            "INTERVAL": str(self.interval),
            "BYMONTH": str(self.month or ""),
            "BYMONTHDAY": str(self.day_of_month or ""),
            "BYDAY": ",".join(self.days),
            "BYSETPOS": str(self.position or ""),
            "COUNT": str(self.count or ""),
            "UNTIL": self.until.strftime("%Y%m%d") if self.until else "",
        }
        return ";".join(f"{name}={value}" for name, value in parts.items() if value)

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a rule.

        Raises:
            ValueError: it is none that Exchange knows; says why.
        """
        parts = dict(part.partition("=")[::2] for part in text.upper().split(";"))
        unknown = set(parts) - {
            "FREQ", "INTERVAL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS", "COUNT", "UNTIL", "WKST",
        }  # fmt: skip
        if unknown:
            raise ValueError(f"{min(unknown)} is not known in a recurrence")
        made = cls(
            frequency=parts.get("FREQ", ""),
            interval=_number(parts, "INTERVAL", 1, 999, default=1),
            days=tuple(sorted(filter(None, parts.get("BYDAY", "").split(",")), key=_place)),
            position=_number(parts, "BYSETPOS", _LAST, 4),
            day_of_month=_number(parts, "BYMONTHDAY", 1, 31),
            month=_number(parts, "BYMONTH", 1, 12),
            until=_day(parts["UNTIL"]) if "UNTIL" in parts else None,
            count=_number(parts, "COUNT", 1, 999),
        )
        made.check()
        return made

    def check(self) -> None:
        """Raises ValueError: Exchange has no such pattern."""
        if self.frequency not in FREQUENCIES:
            raise ValueError(f"FREQ must be one of {', '.join(FREQUENCIES)}")
        if self.until and self.count:
            raise ValueError("COUNT and UNTIL do not go together")
        counted = bool(self.days and self.position)
        fits = {
            "DAILY": not (self.days or self.position or self.day_of_month or self.month),
            "WEEKLY": bool(self.days) and not (self.position or self.day_of_month or self.month),
            "MONTHLY": counted != bool(self.day_of_month) and not self.month,
            "YEARLY": counted != bool(self.day_of_month) and bool(self.month) and self.interval == 1,
        }
        if not fits[self.frequency]:
            raise ValueError(
                "a recurrence is DAILY; WEEKLY with BYDAY; MONTHLY with BYMONTHDAY, or BYDAY and BYSETPOS; YEARLY "
                "likewise with BYMONTH and without INTERVAL"
            )


def last_day(text: str) -> date | None:
    """Return the last day of a rule if it says one."""
    _, found, until = text.partition("UNTIL=")
    return _day(until) if found else None


def _place(day: str) -> int:
    if day not in DAYS:
        raise ValueError(f"BYDAY takes {', '.join(DAYS)}, not {day}")
    return DAYS.index(day)


def _number(parts: dict[str, str], name: str, least: int, most: int, default: int = 0) -> int:
    if name not in parts:
        return default
    said = parts[name]
    if not said.lstrip("-").isdecimal() or not least <= int(said) <= most or int(said) == 0:
        raise ValueError(f"{name} is a number from {least} to {most}, not {said}")
    return int(said)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:8])
    except ValueError:
        raise ValueError(f"UNTIL is a day such as 20271231, not {text}") from None
