"""The queries of the directory, the same for all eight kinds of records."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Insert, Table, delete, insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from mesh.database import UnitOfWork
from mesh.etags import etag
from server_es.directory import tables
from server_es.directory.families import FAMILIES, Derived, Family, Key, Row
from server_es.directory.senders import Owner
from server_es.schema import METADATA

_KEPT: Final = frozenset({"search", "revision", "update_time", "mail_key"})
_INSERTS: Final[Mapping[str, Callable[[Table], Any]]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def etag_of(row: Mapping[str, Any]) -> str:
    """Return the etag of a stored record."""
    return etag(row["revision"], row["update_time"].timestamp())


def get(unit: UnitOfWork, family: Family, key: Key) -> Row | None:
    """Return a record, or None when there is none of this key."""
    found = unit.connection.execute(select(family.table).where(_is(family, key))).mappings().one_or_none()
    return None if found is None else _with_teams(unit, family, [dict(found)])[0]


def page(unit: UnitOfWork, family: Family, conditions: Mapping[str, Any], after: Key, limit: int) -> list[Row]:
    """Return up to `limit` records in the order of their keys.

    Args:
        unit: the unit of work.
        family: kind of records.
        conditions: by the list request's field; what is empty is no condition.
        after: key of the last record before the page.
        limit: most records.
    """
    columns = [family.table.c[column] for column in family.key]
    query = select(family.table).order_by(*columns).limit(limit)
    for name, value in conditions.items():
        if name == "query":
            query = query.where(family.table.c.search.contains(value.casefold(), autoescape=True))
        else:
            query = query.where(family.filters[name](value))
    if after:
        query = query.where(tuple_(*columns) > tuple_(*after) if len(columns) > 1 else columns[0] > after[0])
    return _with_teams(unit, family, [dict(row) for row in unit.connection.execute(query).mappings()])


def existing(unit: UnitOfWork, family: Family, keys: Collection[Key]) -> dict[Key, Row]:
    """Return the records of these keys, and keep others from changing them until the unit ends."""
    if not keys:
        return {}
    columns = [family.table.c[column] for column in family.key]
    query = select(family.table).where(_among(columns, keys)).order_by(*columns).with_for_update()
    rows = [dict(row) for row in unit.connection.execute(query).mappings()]
    return {family.key_of(row): row for row in rows}


def present(unit: UnitOfWork, family: Family, keys: Collection[Key], *, keep: bool = True) -> set[Key]:
    """Return which of these keys there are; with `keep` nobody else deletes those records until the unit ends."""
    if not keys:
        return set()
    columns = [family.table.c[column] for column in family.key]
    query = select(*columns).where(_among(columns, keys)).order_by(*columns)
    found = unit.connection.execute(query.with_for_update(read=True, key_share=True) if keep else query)
    return {tuple(row) for row in found}


def addresses_of_systems(unit: UnitOfWork, numbers: Collection[str]) -> dict[str, str]:
    """Return the address of each of these systems."""
    if not numbers:
        return {}
    system = tables.system.c
    query = select(system.number, system.address).where(system.number.in_(sorted(numbers)))
    return {row.number: row.address for row in unit.connection.execute(query)}


def changed(family: Family, old: Row | None, new: Row) -> bool:
    """Tell whether a record differs from the stored one in anything a caller has said."""
    return old is None or any(old[column.name] != new[column.name] for column in _said(family.table))


def write(unit: UnitOfWork, family: Family, rows: Sequence[Row], old: Mapping[Key, Row]) -> list[Row]:
    """Make or replace records, and what is derived from them; return them as stored."""
    stored = []
    for row in rows:
        before = old.get(family.key_of(row))
        kept = {
            "search": _search_text(family, row),
            "revision": before["revision"] + 1 if before else 1,
            "update_time": unit.now,
        }
        stored.append({**row, **kept, **{name: make(row) for name, make in family.computed.items()}})
    if stored:
        unit.connection.execute(_upsert(family.kind, unit.connection.dialect.name), stored)
        for derived in family.derived:
            _rewrite(unit, family, derived, stored)
    return stored


def remove(unit: UnitOfWork, family: Family, key: Key) -> None:
    """Delete a record; what is derived from it goes with it."""
    unit.connection.execute(delete(family.table).where(_is(family, key)))


def referrer(unit: UnitOfWork, family: Family, key: Key) -> str | None:
    """Return the name of something that refers to a record, in any room of the service; None when nothing does."""
    values = dict(zip(family.key, key, strict=True))
    for table in METADATA.sorted_tables:
        for constraint in table.foreign_key_constraints:
            if constraint.referred_table is not family.table or constraint.ondelete == "CASCADE":
                continue
            same = [element.parent == values[element.column.name] for element in constraint.elements]
            own = [column != value for column, value in _own_key(family, table, values)]
            found = unit.connection.execute(select(table).where(*same, *own).limit(1)).mappings().one_or_none()
            if found is not None:
                name: str = table.info.get("name", table.name)
                return name.format_map(dict(found))
    return None


def owners(unit: UnitOfWork, mail_addresses: Collection[str], kinds: Collection[str]) -> dict[str, list[Owner]]:
    """Return who has these normalised mail addresses, among addresses of these kinds; no kinds: of all."""
    mail, address = tables.mail_identity.c, tables.address.c
    query = select(mail.mail_address, mail.address, mail.contact_person).where(
        mail.mail_address.in_(sorted(mail_addresses))
    )
    if kinds:
        query = query.join(tables.address, address.number == mail.address).where(address.kind.in_(sorted(set(kinds))))
    found: dict[str, list[Owner]] = {}
    for spelling, number, person in unit.connection.execute(query):
        found.setdefault(spelling, []).append(Owner(number, person or ""))
    return found


def of_domains(unit: UnitOfWork, domains: Collection[str]) -> list[tuple[str, str, str]]:
    """Return (domain, address, contact person) of who has a mail address of these domains, each once; "" for none."""
    mail = tables.mail_identity.c
    query = select(mail.domain, mail.address, mail.contact_person).where(mail.domain.in_(sorted(domains))).distinct()
    return [(domain, number, person or "") for domain, number, person in unit.connection.execute(query)]


def of_phones(unit: UnitOfWork, phones: Collection[str]) -> list[tuple[str, str, str]]:
    """Return (phone, address, contact person) of who has these international numbers; "" for no contact person."""
    phone = tables.phone_identity.c
    query = select(phone.phone, phone.address, phone.contact_person).where(phone.phone.in_(sorted(phones)))
    return [(number, address, person or "") for number, address, person in unit.connection.execute(query)]


def of_systems(unit: UnitOfWork, words: Collection[str]) -> list[tuple[str, str, str]]:
    """Return (word, address, system) of the systems whose number or serial number is one of these words."""
    system = tables.system.c
    found: list[tuple[str, str, str]] = []
    for column in (system.number, system.serial_number):
        query = select(column, system.address, system.number).where(column.in_(sorted(words)))
        found += [(word, address, number) for word, address, number in unit.connection.execute(query)]
    return found


def matchcodes(unit: UnitOfWork, addresses: Collection[str]) -> dict[str, str]:
    """Return the short titles of addresses, by number."""
    address = tables.address.c
    query = select(address.number, address.matchcode).where(address.number.in_(sorted(addresses)))
    return {row.number: row.matchcode for row in unit.connection.execute(query)}


def _is(family: Family, key: Key) -> ColumnElement[bool]:
    first, *rest = (family.table.c[name] == value for name, value in zip(family.key, key, strict=True))
    for one in rest:
        first &= one
    return first


def _among(columns: Sequence[ColumnElement[Any]], keys: Iterable[Key]) -> ColumnElement[bool]:
    ordered = sorted(keys)
    return tuple_(*columns).in_(ordered) if len(columns) > 1 else columns[0].in_([key[0] for key in ordered])


def _own_key(family: Family, table: Table, values: Mapping[str, str]) -> Iterable[tuple[Any, str]]:
    """A record that refers to itself does not hold itself."""
    if table is family.table:
        yield table.c[family.key[0]], values[family.key[0]]


@cache
def _said(table: Table) -> tuple[Any, ...]:
    return tuple(column for column in table.columns if column.name not in _KEPT)


@cache
def _upsert(kind: str, dialect: str) -> Insert:
    family = FAMILIES[kind]
    statement = _INSERTS[dialect](family.table)
    new = {
        column.name: statement.excluded[column.name] for column in family.table.columns if column.name not in family.key
    }
    upsert: Insert = statement.on_conflict_do_update(index_elements=list(family.key), set_=new)
    return upsert


def _rewrite(unit: UnitOfWork, family: Family, derived: Derived, rows: Sequence[Row]) -> None:
    columns = [derived.table.c[column] for column in derived.owner]
    gone = delete(derived.table).where(_among(columns, {family.key_of(row) for row in rows}))
    unit.connection.execute(gone if derived.alone is None else gone.where(derived.alone))
    new = [one for row in rows for one in derived.rows(row)]
    if new:
        unit.connection.execute(insert(derived.table), new)


def _search_text(family: Family, row: Row) -> str:
    words = [family.key_of(row)[-1]]
    for name in family.searched:
        words += row[name] if isinstance(row[name], list) else [row[name]]
    return "\n".join(words).casefold()


def _with_teams(unit: UnitOfWork, family: Family, rows: list[Row]) -> list[Row]:
    """Add the teams to employees; they follow from the teams' members."""
    if family.kind != "employee" or not rows:
        return rows
    member = tables.team_member.c
    numbers = [row["personnel_number"] for row in rows]
    query = select(member.employee, member.team).where(member.employee.in_(numbers)).order_by(member.team)
    teams: dict[str, list[str]] = {}
    for number, team in unit.connection.execute(query):
        teams.setdefault(number, []).append(team)
    return [{**row, "teams": teams.get(row["personnel_number"], [])} for row in rows]
