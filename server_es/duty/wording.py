"""Findings in words, German and English. Pure."""

from typing import Final

from server_es.duty.checks import Finding, Kind
from server_es.duty.wall import WallClock, moment

_HOUR: Final = 60 * 60
_DAYS: Final = {
    "de": ("Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_TEXTS: Final = {
    "de": {
        Kind.GAP: "{roster}: Niemand hat Bereitschaft von {start} bis {end}.",
        Kind.OPEN_TURN: "{roster}: Die Schicht in {other} von {start} bis {end} ist nicht vergeben.",
        Kind.ABSENCE: "{roster}: {employee} hat Bereitschaft und ist abwesend von {start} bis {end} ({other}).",
        Kind.REST: "{roster}: {employee} hat zwischen {start} ({other}) und {end} nur {hours} h Ruhe statt {usual} h.",
        Kind.LOAD: "{roster}: {employee} trägt {hours} h Bereitschaft, üblich sind {usual} h.",
        Kind.SPECIAL_LOAD: "{roster}: {employee} trägt {hours} h an Wochenenden und Feiertagen, üblich sind {usual} h.",
    },
    "en": {
        Kind.GAP: "{roster}: nobody is on duty from {start} to {end}.",
        Kind.OPEN_TURN: "{roster}: the turn in {other} from {start} to {end} is not taken.",
        Kind.ABSENCE: "{roster}: {employee} is on duty and away from {start} to {end} ({other}).",
        Kind.REST: "{roster}: {employee} rests {hours} h instead of {usual} h between {start} ({other}) and {end}.",
        Kind.LOAD: "{roster}: {employee} bears {hours} h of duty, the average is {usual} h.",
        Kind.SPECIAL_LOAD: "{roster}: {employee} bears {hours} h on weekends and holidays, the average is {usual} h.",
    },
}  # fmt: skip


def text(finding: Finding, language: str, *, clock: WallClock, title: str, name: str) -> str:
    """Say what is wrong.

    Args:
        finding: it.
        language: `de` or `en`.
        clock: in which times are told.
        title: of the roster.
        name: of the employee.
    """
    return _TEXTS[language][finding.kind].format(
        roster=title,
        employee=name,
        start=when(finding.start, language, clock),
        end=when(finding.end, language, clock),
        other=finding.other or "-",
        hours=_hours(finding.seconds, language),
        usual=_hours(finding.usual, language),
    )


def when(instant: int, language: str, clock: WallClock) -> str:
    """Return an instant by the wall clock, such as `Mo 02.03. 08:00` or `Mon 2026-03-02 08:00`."""
    shown = moment(clock.wall(instant))
    day = _DAYS[language][shown.weekday()]
    return f"{day} {shown:%d.%m.%Y %H:%M}" if language == "de" else f"{day} {shown:%Y-%m-%d %H:%M}"


def _hours(seconds: int, language: str) -> str:
    said = f"{seconds / _HOUR:.1f}".removesuffix(".0")
    return said.replace(".", ",") if language == "de" else said
