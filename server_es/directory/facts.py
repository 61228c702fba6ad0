"""What other rooms of the service ask the directory, inside their own unit of work."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from sqlalchemy import select

from mesh.bulk import ByKeys
from mesh.database import UnitOfWork
from server_es.directory import store, tables
from server_es.directory.families import FAMILIES, Key, named
from server_es.directory.rules import Subject, SubjectFacts, completed
from server_es.directory.staff import Employee, Staff

_TEAMS: Final = select(tables.team.c.id, tables.team.c.members)
_EMPLOYEES: Final = select(
    *(
        tables.employee.c[name]
        for name in (
            "personnel_number", "given_name", "family_name", "mail_address", "mobile", "substitute", "absent",
            "absence_start_time", "absence_end_time", "service_user",
        )
    )
)  # fmt: skip

_SOME: Final = ByKeys(lambda among: _EMPLOYEES.where(among(tables.employee.c.personnel_number, "numbers")))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What a new call needs to know of what it is about.

    Attributes:
        subject: the completed subject; `address` is always set.
        significance: id of the customer's significance; None if it has none.
        component_level: number of the component's own service level; None if it has none.
        system_level: the system's.
        contract_level: the contract's.
    """

    subject: Subject
    significance: str | None
    component_level: int | None
    system_level: int | None
    contract_level: int | None


def call_facts(unit: UnitOfWork, subject: Subject) -> CallFacts:
    """Complete what a call is about and return what the choice of its service level needs.

    Raises:
        InvalidArgument: something does not exist or does not belong together; every violation at once.
    """
    address, system = tables.address.c, tables.system.c
    component, contract = tables.component.c, tables.contract.c
    run = unit.connection.execute
    contracted = None
    if subject.contract:
        query = select(contract.address, contract.system, contract.service_level)
        contracted = run(query.where(contract.number == subject.contract)).one_or_none()
    number = subject.system or (contracted.system if contracted else None) or ""
    placed = part = None
    if number:
        placed = run(select(system.address, system.service_level).where(system.number == number)).one_or_none()
    if number and subject.component:
        same = (component.system == number) & (component.id == subject.component)
        part = run(select(component.service_level).where(same)).one_or_none()
    customer = subject.address or (contracted.address if contracted else "") or (placed.address if placed else "")
    known = run(select(address.significance).where(address.number == customer)).one_or_none()
    facts = SubjectFacts(
        address_exists=known is not None,
        system_address=placed.address if placed else None,
        component_exists=part is not None,
        contract_address=contracted.address if contracted else None,
        contract_system=(contracted.system or "") if contracted else "",
    )
    return CallFacts(
        subject=completed(subject, facts),
        significance=known.significance if known else None,
        component_level=part.service_level if part else None,
        system_level=placed.service_level if placed else None,
        contract_level=contracted.service_level if contracted else None,
    )


def staff(unit: UnitOfWork) -> Staff:
    """Return all employees and teams as of the unit's `now`, for as long as it lasts."""
    people = {row.personnel_number: _employee(row) for row in unit.connection.execute(_EMPLOYEES).all()}
    return Staff(now=unit.now, employees=people, teams=_Teams(unit))


class _Teams(Mapping[str, tuple[str, ...]]):
    """All teams, read when one is asked for."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    @cached_property
    def _members(self) -> dict[str, tuple[str, ...]]:
        return {row.id: tuple(row.members) for row in self._unit.connection.execute(_TEAMS)}

    def __getitem__(self, team: str) -> tuple[str, ...]:
        return self._members[team]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def employees(unit: UnitOfWork, numbers: Iterable[str]) -> dict[str, Employee]:
    """Return those of these employees that there are, by personnel number."""
    numbers = set(numbers)
    if not numbers:
        return {}
    return {row.personnel_number: _employee(row) for row in _SOME.run(unit.connection, numbers=numbers)}


def _employee(row: Any) -> Employee:
    return Employee(
        number=row.personnel_number,
        name=f"{row.given_name} {row.family_name}".strip(),
        mail_address=row.mail_address,
        mobile=row.mobile,
        substitute=row.substitute or "",
        absent=row.absent,
        absence_start=row.absence_start_time,
        absence_end=row.absence_end_time,
        service_user=row.service_user,
    )


def missing(unit: UnitOfWork, names: Collection[str], *, keep: bool = True) -> set[str]:
    """Return which of these resource names name no record; with `keep` the others stay until the unit ends.

    A unit that only reads cannot keep them.
    """
    keys: dict[str, dict[Key, str]] = {}
    gone = set()
    for name in names:
        found = named(name)
        if found is None:
            gone.add(name)
        else:
            keys.setdefault(found[0].kind, {})[found[1]] = name
    for kind, asked in sorted(keys.items()):
        there = store.present(unit, FAMILIES[kind], asked.keys(), keep=keep)
        gone.update(name for key, name in asked.items() if key not in there)
    return gone


def level_user(unit: UnitOfWork, service_level: int) -> str | None:
    """Return the name of a component, system or contract with this service level; None when it is used by none."""
    for table in (tables.component, tables.system, tables.contract):
        query = select(table).where(table.c.service_level == service_level).limit(1)
        found = unit.connection.execute(query).mappings().one_or_none()
        if found is not None:
            name: str = table.info["name"]
            return name.format_map(dict(found))
    return None
