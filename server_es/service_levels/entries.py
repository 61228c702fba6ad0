"""What holds for the entries of this room's catalogues, and what follows from a change of them."""

from collections.abc import Mapping
from typing import Any

from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition, InvalidArgument
from server_es import catalogue_rows as rows
from server_es import entries, references
from server_es.calendars import mark
from server_es.calendars.compiled import Compiled
from server_es.catalogues import Catalogue, Key
from server_es.directory.facts import level_user
from server_es.service_levels import site
from server_es.service_levels.catalogues import SERVICE_LEVEL, STATE
from server_es.service_levels.due_times import LevelDueTimes
from server_es.service_levels.rules import States


class Entries(entries.Entries):
    """The entries of the four catalogues.

    Args:
        compiled: calendars ready to reckon with.
        due_times: knows the calls that are measured by the entries.
    """

    def __init__(self, compiled: Compiled, due_times: LevelDueTimes) -> None:
        self._compiled = compiled
        self._due_times = due_times

    def begin(self, unit: UnitOfWork) -> None:
        mark.change(unit)

    def check(
        self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, message: Any, row: Mapping[str, Any]
    ) -> None:
        super().check(unit, catalogue, key, message, row)
        if catalogue is SERVICE_LEVEL:
            site.level_as_given(unit, message, self._compiled)
        elif catalogue is STATE:
            others = [one for one in rows.page(unit, STATE, None, _ALL) if one["number"] != key]
            _check_states([*others, {**row, "number": key}])

    def check_deletion(self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, name: str) -> None:
        if catalogue is SERVICE_LEVEL and (by := level_user(unit, int(key))):
            raise references.StillInUse(f"{name} cannot be deleted: {by} refers to it.", by=by)
        if catalogue is STATE:
            self._check_states_without(unit, key)

    def follow(self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, old: Mapping[str, Any] | None) -> None:
        del old
        if catalogue is SERVICE_LEVEL:
            self._due_times.level_changed(unit, int(key))
        elif catalogue is STATE:
            self._due_times.states_changed(unit, int(key))

    def _check_states_without(self, unit: UnitOfWork, key: Key) -> None:
        try:
            _check_states([one for one in rows.page(unit, STATE, None, _ALL) if one["number"] != key])
        except InvalidArgument as error:
            text = f"{STATE.name.build(key)} cannot be deleted: {error.violations[0].description} without it."
            raise FailedPrecondition(text) from None


_ALL = 1_000_000


def _check_states(states: list[Mapping[str, Any]]) -> None:
    try:
        States(tuple(site.state_of(row) for row in states))
    except InvalidArgument as error:
        wrong = [type(one)("servicecall_state.meaning", one.description) for one in error.violations]
        raise InvalidArgument(wrong) from None
