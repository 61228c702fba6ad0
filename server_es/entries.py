"""Reads and changes entries of any catalogue, in one unit of work. A room adds what must hold, and what follows."""

from collections.abc import Mapping
from typing import Any

from mesh import etags, masks
from mesh.database import UnitOfWork
from mesh.pages import page_of
from server_es import catalogue_rows as rows
from server_es import references
from server_es.catalogues import Catalogue, Entry, Key


class Entries:
    """The entries of catalogues. A room overrides the four questions at the end."""

    def get(self, unit: UnitOfWork, catalogue: Catalogue[Entry], name: str) -> Entry:
        """Return an entry, or raise NotFound."""
        return catalogue.message_of(rows.get(unit, catalogue, catalogue.key_of(name)))

    def page(self, unit: UnitOfWork, catalogue: Catalogue[Any], request: Any) -> dict[str, Any]:
        """Return the fields of a list's answer."""
        page = page_of(request)
        found = rows.page(unit, catalogue, page.after[0] if page.after else None, page.size + 1)
        entries = [catalogue.message_of(row) for row in found[: page.size]]
        return {catalogue.plural: entries, "next_page_token": page.token(found, (catalogue.key,))}

    def create(self, unit: UnitOfWork, catalogue: Catalogue[Entry], request: Any) -> Entry:
        """Make an entry, or only check it."""
        given = getattr(request, catalogue.kind)
        key = catalogue.key_of(given.name, field=f"{catalogue.kind}.name")
        if not request.validate_only:
            self.begin(unit)
        row = catalogue.row_of(given)
        rows.check_free(unit, catalogue, key)
        self.check(unit, catalogue, key, given, row)
        if request.validate_only:
            return self._only_checked(catalogue, key, row, unit)
        rows.create(unit, catalogue, key, row)
        self.follow(unit, catalogue, key, None)
        return self.get(unit, catalogue, given.name)

    def update(self, unit: UnitOfWork, catalogue: Catalogue[Entry], request: Any) -> Entry:
        """Change an entry, or only check the change."""
        given = getattr(request, catalogue.kind)
        key = catalogue.key_of(given.name, field=f"{catalogue.kind}.name")
        masks.etag_given(given.etag, field=catalogue.kind)
        if not request.validate_only:
            self.begin(unit)
        old = rows.get(unit, catalogue, key, lock=not request.validate_only)
        stored = catalogue.message_of(old)
        etags.check(given.etag, stored.etag, given.name)  # type: ignore[attr-defined]
        fields = tuple(catalogue.fields)
        message = masks.merged(stored, given, request.update_mask, fields=fields, field=catalogue.kind)
        row = catalogue.row_of(message)
        self.check(unit, catalogue, key, message, row)
        if request.validate_only:
            return self._only_checked(catalogue, key, row, unit)
        rows.replace(unit, catalogue, old, row)
        self.follow(unit, catalogue, key, old)
        return self.get(unit, catalogue, given.name)

    def delete(self, unit: UnitOfWork, catalogue: Catalogue[Any], request: Any) -> None:
        """Delete an entry that nothing refers to."""
        key = catalogue.key_of(request.name)
        self.begin(unit)
        row = rows.get(unit, catalogue, key, lock=True)
        etags.check(request.etag, catalogue.message_of(row).etag, request.name)
        references.check_unused(unit, catalogue.table, {catalogue.key: key}, request.name)
        self.check_deletion(unit, catalogue, key, request.name)
        rows.remove(unit, catalogue, key)
        self.follow(unit, catalogue, key, row)

    def begin(self, unit: UnitOfWork) -> None:
        """Take what must be held before anything is read that will be changed."""

    def check(
        self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, message: Any, row: Mapping[str, Any]
    ) -> None:
        """Let an entry pass, or raise InvalidArgument with every violation."""
        del key, message
        rows.check_references(unit, catalogue, row)

    def check_deletion(self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, name: str) -> None:
        """Let a deletion pass, or raise FailedPrecondition."""

    def follow(self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, old: Mapping[str, Any] | None) -> None:
        """Do what follows from a change; `old` is the row before, None of a new one."""

    def _only_checked(self, catalogue: Catalogue[Entry], key: Key, row: Mapping[str, Any], unit: UnitOfWork) -> Entry:
        message = catalogue.message_of({**row, catalogue.key: key, "revision": 0, "update_time": unit.now})
        message.ClearField("etag")
        return message
