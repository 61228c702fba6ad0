"""What a site may choose about absences."""

from dataclasses import dataclass


@dataclass(slots=True)
class AbsenceSettings:
    """The settings, as they are now: a live change is written into it.

    Attributes:
        approve_own: whether a member of a group decides on requests of his own.
        calendar: `calendars/{id}` by which days are counted for who has no working times of his own; empty for none.
    """

    approve_own: bool = False
    calendar: str = ""
