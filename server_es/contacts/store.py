"""The table of contacts and its queries. Rows are written once and never changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    insert,
    literal,
    select,
    tuple_,
)

from mesh.columns import UtcDateTime
from mesh.database import UnitOfWork
from server_es.schema import METADATA

Row = dict[str, Any]

_ID: Final = 40

contact = Table(
    "contact",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("address", String(_ID), ForeignKey("address.number"), nullable=False),
    Column("contact_person", String(_ID)),
    Column("servicecall", BigInteger),
    Column("activity_type", String(_ID), nullable=False),
    Column("direction", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("happened_time", UtcDateTime(), nullable=False),
    Column("employee", String(_ID), ForeignKey("employee.personnel_number"), index=True),
    Column("attachments", JSON(none_as_null=True), nullable=False),
    Column("addendum", Boolean, nullable=False),
    Column("mail_message_id", Text, nullable=False),
    Column("follow_up_employee", String(_ID), ForeignKey("employee.personnel_number"), index=True),
    Column("follow_up_team", String(_ID), ForeignKey("team.id"), index=True),
    Column("follow_up_due_time", UtcDateTime()),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("creator", String(255), nullable=False),
    ForeignKeyConstraint(["address", "contact_person"], ["contact_person.address", "contact_person.id"]),
    Index(None, "address", "happened_time", "id"),
    Index(None, "servicecall", "happened_time", "id"),
    info={"name": "contacts/{id}"},
)

_LISTED: Final = [column for column in contact.columns if column.name != "html"]


def add(unit: UnitOfWork, rows: Sequence[Row]) -> list[int]:
    """Write contacts and return their ids, in order."""
    if not rows:
        return []
    statement = insert(contact).returning(contact.c.id, sort_by_parameter_order=True)
    return list(unit.connection.execute(statement, list(rows)).scalars())


def get(unit: UnitOfWork, number: int) -> Row | None:
    """Return a contact, or None when there is none of this number."""
    found = unit.connection.execute(select(contact).where(contact.c.id == number)).mappings().one_or_none()
    return None if found is None else dict(found)


def page(unit: UnitOfWork, conditions: Mapping[str, Any], after: tuple[datetime, int] | None, limit: int) -> list[Row]:
    """Return up to `limit` contacts without their HTML, what happened last first.

    Args:
        unit: the unit of work.
        conditions: wanted values by column.
        after: happened_time and id of the last contact before the page.
        limit: most contacts.
    """
    columns = contact.c
    query = select(*_LISTED).order_by(columns.happened_time.desc(), columns.id.desc()).limit(limit)
    for name, value in conditions.items():
        query = query.where(columns[name] == value)
    if after is not None:
        # Typed by hand: a tuple does not hand its columns' types on, and SQLite compares instants as integers.
        last = tuple_(literal(after[0], UtcDateTime()), literal(after[1], BigInteger()))
        query = query.where(tuple_(columns.happened_time, columns.id) < last)
    return [dict(row) for row in unit.connection.execute(query).mappings()]
