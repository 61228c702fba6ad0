"""The eight kinds of records as one table: what their keys, references, filters and derived rows are."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, select

from mesh.names import NamePattern
from server_es.directory import names, tables
from server_es.directory.phones import international
from server_es.directory.senders import normalised

Row = dict[str, Any]
Key = tuple[str, ...]
Condition = Callable[[Any], ColumnElement[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A column that holds the number, or the numbers, of another record.

    Attributes:
        field: the contract's field, for the sentence that says what is missing.
        column: the column; the same as `field` unless the reference is part of the resource name.
        to: kind of the other record.
    """

    field: str
    column: str
    to: str

    def numbers(self, row: Row) -> tuple[str, ...]:
        """Return what a row refers to."""
        value = row[self.column]
        if isinstance(value, list):
            return tuple(value)
        return (value,) if value else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """Rows of a second table that follow from a record and are rewritten with it.

    Attributes:
        table: where they are.
        owner: its columns that hold the record's key.
        rows: makes them from a record.
        alone: condition that tells them from other records' rows with the same key columns.
    """

    table: Table
    owner: tuple[str, ...]
    rows: Callable[[Row], Iterable[Row]]
    alone: ColumnElement[bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One kind of record.

    Attributes:
        kind: the arm of the contract's `Record`, such as `contact_person`.
        name: its resource names; their ids are the key.
        table: where the records are.
        key: names of the key's columns, in the order of the name's ids.
        references: see `Reference`.
        searched: fields `query` looks into, beside the last id of the name.
        filters: conditions of the list, by the field of its request.
        derived: see `Derived`.
        computed: further columns, made from the record.
    """

    kind: str
    name: NamePattern
    table: Table
    key: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    searched: tuple[str, ...] = ("matchcode",)
    filters: Mapping[str, Condition] = field(default_factory=dict)
    derived: tuple[Derived, ...] = ()
    computed: Mapping[str, Callable[[Row], Any]] = field(default_factory=dict)

    def key_of(self, row: Mapping[str, Any]) -> Key:
        """Return a row's key."""
        return tuple(row[column] for column in self.key)


def _mails_of_address(row: Row) -> Iterable[Row]:
    for mail in sorted({key for one in row["mail_addresses"] if (key := normalised(one))}):
        yield _mail(mail, row["number"], None)


def _mails_of_person(row: Row) -> Iterable[Row]:
    if key := normalised(row["mail_address"]):
        yield _mail(key, row["address"], row["id"])


def _mail(mail: str, address: str, person: str | None) -> Row:
    domain = mail.rpartition("@")[2]
    return {"mail_address": mail, "domain": domain, "address": address, "contact_person": person}


def _phones_of_address(row: Row) -> Iterable[Row]:
    return _phones(row["phones"], row["number"], None)


def _phones_of_person(row: Row) -> Iterable[Row]:
    return _phones(row["phones"], row["address"], row["id"])


def _phones(phones: Iterable[str], address: str, person: str | None) -> Iterable[Row]:
    for phone in sorted({key for one in phones if (key := international(one))}):
        yield {"phone": phone, "address": address, "contact_person": person}


def _has_mail(value: str) -> ColumnElement[bool]:
    found = select(tables.mail_identity.c.address).where(
        tables.mail_identity.c.mail_address == normalised(value), tables.mail_identity.c.contact_person.is_(None)
    )
    return tables.address.c.number.in_(found)


def _person_has_mail(value: str) -> ColumnElement[bool]:
    person, mail = tables.contact_person.c, tables.mail_identity.c
    return (
        select(mail.id)
        .where(mail.mail_address == normalised(value), mail.address == person.address, mail.contact_person == person.id)
        .exists()
    )


def _in_team(value: str) -> ColumnElement[bool]:
    member = tables.team_member.c
    return tables.employee.c.personnel_number.in_(select(member.employee).where(member.team == value))


def _has_member(value: str) -> ColumnElement[bool]:
    member = tables.team_member.c
    return tables.team.c.id.in_(select(member.team).where(member.employee == value))


_MAILS: Final = tables.mail_identity
_PHONES: Final = tables.phone_identity

FAMILIES: Final[Mapping[str, Family]] = {
    family.kind: family
    # In the order of their references: what comes later refers to what comes before.
    for family in (
        Family(kind="significance", name=names.SIGNIFICANCE, table=tables.significance, key=("id",)),
        Family(
            kind="employee",
            name=names.EMPLOYEE,
            table=tables.employee,
            key=("personnel_number",),
            references=(Reference(field="substitute", column="substitute", to="employee"),),
            searched=("matchcode", "given_name", "family_name"),
            filters={
                "team": _in_team,
                "mail_address": lambda value: tables.employee.c.mail_key == (normalised(value) or "-"),
            },
            computed={"mail_key": lambda row: normalised(row["mail_address"])},
        ),
        Family(
            kind="team",
            name=names.TEAM,
            table=tables.team,
            key=("id",),
            references=(Reference(field="members", column="members", to="employee"),),
            filters={"member": _has_member},
            derived=(
                Derived(
                    table=tables.team_member,
                    owner=("team",),
                    rows=lambda row: ({"team": row["id"], "employee": one} for one in row["members"]),
                ),
            ),
        ),
        Family(
            kind="address",
            name=names.ADDRESS,
            table=tables.address,
            key=("number",),
            references=(Reference(field="significance", column="significance", to="significance"),),
            searched=("matchcode", "names"),
            filters={
                "kinds": tables.address.c.kind.in_,
                "mail_address": _has_mail,
                "significance": lambda value: tables.address.c.significance == value,
            },
            derived=(
                Derived(
                    table=_MAILS, owner=("address",), rows=_mails_of_address, alone=_MAILS.c.contact_person.is_(None)
                ),
                Derived(
                    table=_PHONES, owner=("address",), rows=_phones_of_address, alone=_PHONES.c.contact_person.is_(None)
                ),
            ),
        ),
        Family(
            kind="contact_person",
            name=names.CONTACT_PERSON,
            table=tables.contact_person,
            key=("address", "id"),
            references=(Reference(field="name", column="address", to="address"),),
            searched=("matchcode", "given_name", "family_name"),
            filters={
                "parent": lambda value: tables.contact_person.c.address == value,
                "mail_address": _person_has_mail,
            },
            derived=(
                Derived(table=_MAILS, owner=("address", "contact_person"), rows=_mails_of_person),
                Derived(table=_PHONES, owner=("address", "contact_person"), rows=_phones_of_person),
            ),
        ),
        Family(
            kind="system",
            name=names.SYSTEM,
            table=tables.system,
            key=("number",),
            references=(Reference(field="address", column="address", to="address"),),
            searched=("matchcode", "model", "serial_number"),
            filters={"address": lambda value: tables.system.c.address == value},
        ),
        Family(
            kind="component",
            name=names.COMPONENT,
            table=tables.component,
            key=("system", "id"),
            references=(Reference(field="name", column="system", to="system"),),
            searched=("matchcode", "model", "serial_number"),
            filters={"parent": lambda value: tables.component.c.system == value},
        ),
        Family(
            kind="contract",
            name=names.CONTRACT,
            table=tables.contract,
            key=("number",),
            references=(
                Reference(field="address", column="address", to="address"),
                Reference(field="system", column="system", to="system"),
            ),
            filters={
                "address": lambda value: tables.contract.c.address == value,
                "system": lambda value: tables.contract.c.system == value,
            },
        ),
    )
}


def named(name: str) -> tuple[Family, Key] | None:
    """Return the family and key of a resource name, or None when it is no name of the directory."""
    for family in FAMILIES.values():
        key = family.name.ids(name)
        if key is not None:
            return family, key
    return None
