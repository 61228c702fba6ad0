"""What the catalogues need to know of the calls that are measured by them; the room of servicecalls answers."""

from typing import Protocol

from mesh.database import UnitOfWork
from server_es.calendars.due_times import Preview
from server_es.service_levels.rules import Level


class LevelDueTimes(Protocol):
    """The due times of open calls, as far as levels and states are concerned."""

    def preview_level(self, unit: UnitOfWork, level: Level) -> Preview:
        """Return what would move if the level of this number were another one."""

    def level_changed(self, unit: UnitOfWork, number: int) -> None:
        """Bring what was computed from a level up to date."""

    def states_changed(self, unit: UnitOfWork, number: int) -> None:
        """Bring what was computed from the states up to date; the state of this number has changed."""
