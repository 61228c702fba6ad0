"""What new calls are about, for many of them at once: a query per kind of record, not one per call."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Table, select, tuple_

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument
from server_es.directory import tables
from server_es.directory.facts import CallFacts
from server_es.directory.rules import Subject, SubjectFacts, completed

_AT_ONCE = 1000


def call_facts_of(unit: UnitOfWork, subjects: Sequence[Subject]) -> list[CallFacts | InvalidArgument]:
    """Complete what calls are about, in order; what is wrong with one stands in its place."""
    contracts = _rows(unit, tables.contract, "number", {one.contract for one in subjects})
    systems_of = [
        one.system or (contracts[one.contract].system if one.contract in contracts else "") for one in subjects
    ]
    systems = _rows(unit, tables.system, "number", set(systems_of))
    parts = {(system, one.component) for system, one in zip(systems_of, subjects, strict=True) if one.component}
    components = _components(unit, {part for part in parts if part[0]})
    customers = []
    for one, system in zip(subjects, systems_of, strict=True):
        contract, placed = contracts.get(one.contract), systems.get(system or "")
        customers.append(one.address or (contract.address if contract else "") or (placed.address if placed else ""))
    addresses = _rows(unit, tables.address, "number", set(customers))
    found: list[CallFacts | InvalidArgument] = []
    for one, system, customer in zip(subjects, systems_of, customers, strict=True):
        contract, placed = contracts.get(one.contract), systems.get(system or "")
        part, known = components.get((system or "", one.component)), addresses.get(customer)
        facts = SubjectFacts(
            address_exists=known is not None,
            system_address=placed.address if placed else None,
            component_exists=part is not None,
            contract_address=contract.address if contract else None,
            contract_system=(contract.system or "") if contract else "",
        )
        try:
            whole = completed(one, facts)
        except InvalidArgument as error:
            found.append(error)
            continue
        found.append(
            CallFacts(
                subject=whole,
                significance=known.significance if known else None,
                component_level=part.service_level if part else None,
                system_level=placed.service_level if placed else None,
                contract_level=contract.service_level if contract else None,
            )
        )
    return found


def existing_employees(unit: UnitOfWork, numbers: Iterable[str]) -> set[str]:
    """Return which of these personnel numbers there are."""
    return set(_rows(unit, tables.employee, "personnel_number", set(numbers), columns=("personnel_number",)))


def members_of(unit: UnitOfWork, teams: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the members of those of these teams that there are."""
    rows = _rows(unit, tables.team, "id", set(teams), columns=("id", "members"))
    return {id_: tuple(row.members) for id_, row in rows.items()}


_COLUMNS = {
    "contract": ("number", "address", "system", "service_level"),
    "system": ("number", "address", "service_level"),
    "address": ("number", "significance"),
}


def _rows(
    unit: UnitOfWork, table: Table, key: str, numbers: set[Any], *, columns: Sequence[str] = ()
) -> dict[str, Any]:
    wanted = sorted(number for number in numbers if number)
    rows: dict[str, Any] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(*(table.c[name] for name in columns or _COLUMNS[table.name]))
        part = unit.connection.execute(query.where(table.c[key].in_(wanted[start : start + _AT_ONCE])))
        rows.update((row[0], row) for row in part)
    return rows


def _components(unit: UnitOfWork, parts: set[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    component = tables.component.c
    if not parts:
        return {}
    query = select(component.system, component.id, component.service_level)
    rows = unit.connection.execute(query.where(tuple_(component.system, component.id).in_(sorted(parts))))
    return {(row.system, row.id): row for row in rows}
