"""What a site may choose about absences."""

from dataclasses import dataclass

from esoffice.config.v1 import es_settings_pb2


@dataclass(slots=True)
class AbsenceSettings:
    """The settings, as they are now: a live change is written into it.

    Attributes:
        approve_own: whether a member of a group decides on requests of his own.
        calendar: `calendars/{id}` by which days are counted for who has no working times of his own; empty for none.
    """

    approve_own: bool = False
    calendar: str = ""

    def take(self, said: es_settings_pb2.AbsenceSettings) -> None:
        """Follow a change of the settings."""
        self.approve_own, self.calendar = said.approve_own, said.calendar
