"""Reads and changes entries of any catalogue, in one unit of work."""

from collections.abc import Mapping
from typing import Any

from mesh import etags, masks
from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition, InvalidArgument
from mesh.pages import page_of
from server_es import references
from server_es.calendars import mark
from server_es.calendars.compiled import Compiled
from server_es.directory.facts import level_user
from server_es.service_levels import site, store
from server_es.service_levels.catalogues import SERVICE_LEVEL, STATE, Catalogue, Entry, Key
from server_es.service_levels.due_times import LevelDueTimes
from server_es.service_levels.rules import States


class Entries:
    """The entries of all catalogues.

    Args:
        compiled: calendars ready to reckon with.
        due_times: knows the calls that are measured by the entries.
    """

    def __init__(self, compiled: Compiled, due_times: LevelDueTimes) -> None:
        self._compiled = compiled
        self._due_times = due_times

    def get(self, unit: UnitOfWork, catalogue: Catalogue[Entry], name: str) -> Entry:
        """Return an entry, or raise NotFound."""
        return catalogue.message_of(store.get(unit, catalogue, catalogue.key_of(name)))

    def page(self, unit: UnitOfWork, catalogue: Catalogue[Any], request: Any) -> dict[str, Any]:
        """Return the fields of a list's answer."""
        page = page_of(request)
        rows = store.page(unit, catalogue, page.after[0] if page.after else None, page.size + 1)
        found = [catalogue.message_of(row) for row in rows[: page.size]]
        return {catalogue.plural: found, "next_page_token": page.token(rows, (catalogue.key,))}

    def create(self, unit: UnitOfWork, catalogue: Catalogue[Entry], request: Any) -> Entry:
        """Make an entry, or only check it."""
        given = getattr(request, catalogue.kind)
        key = catalogue.key_of(given.name, field=f"{catalogue.kind}.name")
        if not request.validate_only:
            mark.change(unit)
        row = catalogue.row_of(given)
        store.check_free(unit, catalogue, key)
        self._check(unit, catalogue, key, given, row)
        if request.validate_only:
            return self._only_checked(catalogue, key, row, unit)
        store.create(unit, catalogue, key, row)
        self._follow(unit, catalogue, key)
        return self.get(unit, catalogue, given.name)

    def update(self, unit: UnitOfWork, catalogue: Catalogue[Entry], request: Any) -> Entry:
        """Change an entry, or only check the change."""
        given = getattr(request, catalogue.kind)
        key = catalogue.key_of(given.name, field=f"{catalogue.kind}.name")
        masks.etag_given(given.etag, field=catalogue.kind)
        if not request.validate_only:
            mark.change(unit)
        old = store.get(unit, catalogue, key, lock=not request.validate_only)
        stored = catalogue.message_of(old)
        etags.check(given.etag, stored.etag, given.name)  # type: ignore[attr-defined]
        fields = tuple(catalogue.fields)
        message = masks.merged(stored, given, request.update_mask, fields=fields, field=catalogue.kind)
        row = catalogue.row_of(message)
        self._check(unit, catalogue, key, message, row)
        if request.validate_only:
            return self._only_checked(catalogue, key, row, unit)
        store.replace(unit, catalogue, old, row)
        self._follow(unit, catalogue, key)
        return self.get(unit, catalogue, given.name)

    def delete(self, unit: UnitOfWork, catalogue: Catalogue[Any], request: Any) -> None:
        """Delete an entry that nothing refers to."""
        key = catalogue.key_of(request.name)
        mark.change(unit)
        row = store.get(unit, catalogue, key, lock=True)
        etags.check(request.etag, catalogue.message_of(row).etag, request.name)
        references.check_unused(unit, catalogue.table, {catalogue.key: key}, request.name)
        if catalogue is SERVICE_LEVEL and (by := level_user(unit, int(key))):
            raise references.StillInUse(f"{request.name} cannot be deleted: {by} refers to it.", by=by)
        if catalogue is STATE:
            self._check_states_without(unit, key)
        store.remove(unit, catalogue, key)
        if catalogue is STATE:
            self._due_times.states_changed(unit, int(key))

    def _check(
        self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, message: Any, row: Mapping[str, Any]
    ) -> None:
        store.check_references(unit, catalogue, row)
        if catalogue is SERVICE_LEVEL:
            site.level_as_given(unit, message, self._compiled)
        elif catalogue is STATE:
            others = [one for one in store.page(unit, STATE, None, _ALL) if one["number"] != key]
            _check_states([*others, {**row, "number": key}])

    def _check_states_without(self, unit: UnitOfWork, key: Key) -> None:
        try:
            _check_states([one for one in store.page(unit, STATE, None, _ALL) if one["number"] != key])
        except InvalidArgument as error:
            text = f"{STATE.name.build(key)} cannot be deleted: {error.violations[0].description} without it."
            raise FailedPrecondition(text) from None

    def _follow(self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key) -> None:
        if catalogue is SERVICE_LEVEL:
            self._due_times.level_changed(unit, int(key))
        elif catalogue is STATE:
            self._due_times.states_changed(unit, int(key))

    def _only_checked(self, catalogue: Catalogue[Entry], key: Key, row: Mapping[str, Any], unit: UnitOfWork) -> Entry:
        message = catalogue.message_of({**row, catalogue.key: key, "revision": 0, "update_time": unit.now})
        message.ClearField("etag")
        return message


_ALL = 1_000_000


def _check_states(rows: list[Mapping[str, Any]]) -> None:
    try:
        States(tuple(site.state_of(row) for row in rows))
    except InvalidArgument as error:
        wrong = [type(one)("servicecall_state.meaning", one.description) for one in error.violations]
        raise InvalidArgument(wrong) from None
