"""Makes or replaces records in one transaction, so that one that is refused spoils no other.

Everything of a kind is checked before it is written, by set: a query per kind of record, not one per record. A record
counts as there for the others as soon as it has passed itself, wherever in the batch it stands.
"""

from collections.abc import Callable, Collection, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from esoffice.es.v1 import directory_pb2 as pb

from mesh import etags, status, validation
from mesh.database import UnitOfWork
from mesh.errors import DomainError, InvalidArgument, Violation
from server_es.directory import names, records, store
from server_es.directory.families import FAMILIES, Family, Key, Row
from server_es.directory.rules import contract_violations, employee_violations

ServiceLevels = Callable[[UnitOfWork, Collection[int]], AbstractSet[int]]
"""Which of these numbers of service levels there are; the room of service levels knows."""


@dataclass(slots=True)
class _Item:
    """One record on its way through the checks."""

    family: Family
    row: Row
    key: Key
    etag: str
    wrong: list[Violation] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def lacks(self, field_name: str, name: str) -> None:
        self.wrong.append(Violation(f"{self.family.kind}.{field_name}", f"{name} does not exist"))
        self.missing.append(name)

    def check(self) -> None:
        """Raises:
        InvalidArgument: with everything that was found wrong.
        """
        if not self.wrong:
            return
        metadata = {"missing": " ".join(self.missing)} if self.missing else {}
        if len(self.missing) == len(self.wrong):
            metadata["only"] = "missing"
        raise InvalidArgument(self.wrong, **metadata)


def upsert(
    unit: UnitOfWork, request: pb.BatchUpsertRecordsRequest, service_levels: ServiceLevels
) -> pb.BatchUpsertRecordsResponse:
    """Make or replace the request's records; answer each, in order."""
    batch = _Batch(unit, service_levels)
    for position, record in enumerate(request.records):
        batch.take(position, record)
    for family in FAMILIES.values():
        batch.settle(family, write=not request.validate_only)
    return pb.BatchUpsertRecordsResponse(results=[batch.results[position] for position in range(len(request.records))])


class _Batch:
    def __init__(self, unit: UnitOfWork, service_levels: ServiceLevels) -> None:
        self._unit = unit
        self._service_levels = service_levels
        self._items: dict[str, dict[int, _Item]] = {kind: {} for kind in FAMILIES}
        self._first: dict[str, int] = {}
        self._accepted: dict[str, set[str]] = {kind: set() for kind in FAMILIES}
        self._addresses_of_systems: dict[str, str] = {}
        self.results: dict[int, pb.RecordResult] = {}

    def take(self, position: int, record: pb.Record) -> None:
        """Read one record and refuse it if it is wrong whatever else there is."""
        try:
            item = _read(record)
            name = records.name_of(item.family, item.key)
            first = self._first.setdefault(name, position)
            if first != position:
                text = f"{name} stands in this batch already, as records[{first}]"
                raise InvalidArgument([Violation(f"{item.family.kind}.name", text)])
        except DomainError as error:
            self._refuse(position, error)
        else:
            self._items[item.family.kind][position] = item

    def settle(self, family: Family, *, write: bool) -> None:
        """Check the records of one kind against what there is, and write those that pass."""
        items = self._items[family.kind]
        if not items:
            return
        old = store.existing(self._unit, family, {item.key for item in items.values()})
        self._drop(items, lambda item: _check_etag(item, old.get(item.key)))
        self._check_levels(items.values())
        if family.kind == "contract":
            self._check_contracts(items.values())
        self._check_references(family, items.values())
        self._drop(items, _Item.check)
        self._accepted[family.kind].update(item.key[0] for item in items.values())
        if family.kind == "system":
            self._addresses_of_systems = {item.key[0]: item.row["address"] for item in items.values()}
        self._answer(family, items, old, write=write)

    def _answer(self, family: Family, passed: dict[int, _Item], old: dict[Key, Row], *, write: bool) -> None:
        new = {at: item for at, item in passed.items() if store.changed(family, old.get(item.key), item.row)}
        rows = store.write(self._unit, family, [item.row for item in new.values()], old) if write else []
        written = dict(zip(new, rows, strict=False))
        for position, item in passed.items():
            before = old.get(item.key)
            if position not in new:
                outcome = pb.UPSERT_OUTCOME_UNCHANGED
            else:
                outcome = pb.UPSERT_OUTCOME_UPDATED if before else pb.UPSERT_OUTCOME_CREATED
            row = written.get(position) or {**item.row, **_state(before, self._unit)}
            record = records.record_of(family, row)
            if position not in written and position in new:
                getattr(record, family.kind).ClearField("etag")  # only checked: nobody will ever read this state
            self.results[position] = pb.RecordResult(record=record, upsert_outcome=outcome)

    def _check_references(self, family: Family, items: Iterable[_Item]) -> None:
        own = list[tuple[_Item, str, str]]()
        for reference in family.references:
            other = FAMILIES[reference.to]
            accepted = self._accepted[other.kind]
            asked = {(number,) for item in items for number in reference.numbers(item.row) if number not in accepted}
            there = accepted | {key[0] for key in store.present(self._unit, other, asked)}
            for item in items:
                for number in reference.numbers(item.row):
                    if number in there or (other is family and number == item.key[0]):
                        continue
                    if other is family:
                        own.append((item, reference.field, number))
                    else:
                        item.lacks(reference.field, other.name.build(number))
        _resolve_own(family, items, own)

    def _check_levels(self, items: Iterable[_Item]) -> None:
        asked = {level for item in items if (level := item.row.get("service_level"))}
        there = self._service_levels(self._unit, asked) if asked else frozenset()
        for item in items:
            level = item.row.get("service_level")
            if level and level not in there:
                item.lacks("service_level", names.SERVICE_LEVEL.build(level))

    def _check_contracts(self, items: Iterable[_Item]) -> None:
        asked = {item.row["system"] for item in items if item.row["system"]} - self._addresses_of_systems.keys()
        known = {**store.addresses_of_systems(self._unit, asked), **self._addresses_of_systems}
        for item in items:
            system = item.row["system"] or ""
            item.wrong += contract_violations(item.row["address"], system, known.get(system))

    def _drop(self, items: dict[int, _Item], check: Callable[[_Item], None]) -> None:
        """Refuse those that do not pass, and go on without them."""
        for position, item in list(items.items()):
            try:
                check(item)
            except DomainError as error:
                self._refuse(position, error)
                del items[position]

    def _refuse(self, position: int, error: DomainError) -> None:
        self.results[position] = pb.RecordResult(status=status.status_of(error))


def _read(record: pb.Record) -> _Item:
    wrong = validation.violations(record)
    if wrong:
        raise InvalidArgument(wrong)
    kind = record.WhichOneof("record")
    family = FAMILIES[kind or ""]
    message: Any = getattr(record, family.kind)
    row = records.row_of(family, message)
    item = _Item(family, row, family.key_of(row), message.etag)
    if family.kind == "employee":
        item.wrong += employee_violations(
            item.key[0], row["substitute"] or "", row["absence_start_time"], row["absence_end_time"]
        )
    return item


def _check_etag(item: _Item, before: Row | None) -> None:
    etags.check(item.etag, store.etag_of(before) if before else "none", records.name_of(item.family, item.key))


def _resolve_own(family: Family, items: Iterable[_Item], own: list[tuple[_Item, str, str]]) -> None:
    """References within one kind: what passes counts, and whoever refers to a refused record is refused with it."""
    while True:
        standing = {item.key[0] for item in items if not item.wrong}
        refused = [one for one in own if one[2] not in standing]
        if not refused:
            return
        for item, field_name, number in refused:
            item.lacks(field_name, family.name.build(number))
        own = [one for one in own if one not in refused]


def _state(before: Row | None, unit: UnitOfWork) -> Row:
    if before is None:
        return {"revision": 0, "update_time": unit.now}
    return {"revision": before["revision"], "update_time": before["update_time"]}
