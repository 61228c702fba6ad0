"""The tables of the directory. A column is called like the contract's field; what refers to a record holds its number.

`info["name"]` is the resource name of a row, for the sentence that says why something cannot be deleted. Another room
that refers to the directory declares a foreign key and this info; that is all it takes to be asked before a deletion.
"""

from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from mesh.columns import UtcDateTime
from server_es.schema import METADATA

_ID: Final = 40


def _key(name: str) -> Column[str]:
    return Column(name, String(_ID), primary_key=True)


def _to(name: str, target: str, *, nullable: bool = True, **options: Any) -> Column[str]:
    return Column(name, String(_ID), ForeignKey(target, **options), nullable=nullable, index=True)


def _text(name: str, length: int | None = None) -> Column[str]:
    return Column(name, String(length) if length else Text(), nullable=False)


def _json(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, JSON(none_as_null=True), nullable=nullable)


def _level() -> Column[int]:
    # No foreign key: the catalogue of service levels is another room's, and is asked through `ServiceLevels`.
    return Column("service_level", Integer, index=True)


def _kept() -> tuple[Column[Any], ...]:
    """What the store keeps of every record for itself: text to search in, and what its etag is made of."""
    return (
        _text("search"),
        Column("revision", Integer, nullable=False),
        Column("update_time", UtcDateTime(), nullable=False),
    )


significance = Table(
    "significance",
    METADATA,
    _key("id"),
    _text("matchcode", 80),
    Column("rank", Integer, nullable=False),
    *_kept(),
    info={"name": "significances/{id}"},
)

address = Table(
    "address",
    METADATA,
    _key("number"),
    _text("matchcode", 80),
    Column("kind", String(40), nullable=False, index=True),
    _json("names"),
    _json("mail_addresses"),
    _json("phones"),
    _json("postal_address", nullable=True),
    _to("significance", "significance.id"),
    _text("notes"),
    *_kept(),
    info={"name": "addresses/{number}"},
)

contact_person = Table(
    "contact_person",
    METADATA,
    Column("address", String(_ID), ForeignKey("address.number"), nullable=False),
    Column("id", String(_ID), nullable=False),
    _text("matchcode", 80),
    _text("given_name", 80),
    _text("family_name", 80),
    _text("role", 80),
    _text("mail_address", 254),
    _json("other_mail_addresses"),
    _json("phones"),
    _text("notes"),
    *_kept(),
    PrimaryKeyConstraint("address", "id"),
    info={"name": "addresses/{address}/contactPersons/{id}"},
)

# Who has a mail address, in its normalised spelling. Derived: rewritten with the record it belongs to.
mail_identity = Table(
    "mail_identity",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("mail_address", String(320), nullable=False),
    Column("domain", String(255), nullable=False, server_default="", index=True),
    _to("address", "address.number", nullable=False, ondelete="CASCADE"),
    Column("contact_person", String(_ID)),
    ForeignKeyConstraint(
        ["address", "contact_person"], ["contact_person.address", "contact_person.id"], ondelete="CASCADE"
    ),
    Index(None, "mail_address"),
)

# Who has a phone number, in its international spelling. Derived like `mail_identity`.
phone_identity = Table(
    "phone_identity",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("phone", String(16), nullable=False, index=True),
    _to("address", "address.number", nullable=False, ondelete="CASCADE"),
    Column("contact_person", String(_ID)),
    ForeignKeyConstraint(
        ["address", "contact_person"], ["contact_person.address", "contact_person.id"], ondelete="CASCADE"
    ),
)

system = Table(
    "system",
    METADATA,
    _key("number"),
    _text("matchcode", 80),
    _to("address", "address.number", nullable=False),
    _level(),
    _json("postal_address", nullable=True),
    _text("model", 120),
    Column("serial_number", String(80), nullable=False, index=True),
    _text("notes"),
    *_kept(),
    info={"name": "systems/{number}"},
)

component = Table(
    "component",
    METADATA,
    Column("system", String(_ID), ForeignKey("system.number"), nullable=False),
    Column("id", String(_ID), nullable=False),
    _text("matchcode", 80),
    _level(),
    _text("model", 120),
    _text("serial_number", 80),
    _text("notes"),
    *_kept(),
    PrimaryKeyConstraint("system", "id"),
    info={"name": "systems/{system}/components/{id}"},
)

contract = Table(
    "contract",
    METADATA,
    _key("number"),
    _text("matchcode", 80),
    _to("address", "address.number", nullable=False),
    _to("system", "system.number"),
    _level(),
    _text("notes"),
    *_kept(),
    info={"name": "contracts/{number}"},
)

employee = Table(
    "employee",
    METADATA,
    _key("personnel_number"),
    _text("matchcode", 80),
    _text("given_name", 80),
    _text("family_name", 80),
    _text("mail_address", 254),
    Column("mail_key", String(320), nullable=False, index=True),
    _text("mobile", 16),
    # Deferred: two employees who stand in for each other come in one batch.
    _to("substitute", "employee.personnel_number", deferrable=True, initially="DEFERRED"),
    Column("absent", Boolean, nullable=False),
    Column("absence_start_time", UtcDateTime()),
    Column("absence_end_time", UtcDateTime()),
    Column("service_user", Boolean, nullable=False),
    *_kept(),
    info={"name": "employees/{personnel_number}"},
)

team = Table(
    "team",
    METADATA,
    _key("id"),
    _text("matchcode", 80),
    _json("members"),
    *_kept(),
    info={"name": "teams/{id}"},
)

# Who is in which team. Derived from `team.members`.
team_member = Table(
    "team_member",
    METADATA,
    Column("team", String(_ID), ForeignKey("team.id", ondelete="CASCADE"), nullable=False),
    Column("employee", String(_ID), ForeignKey("employee.personnel_number"), nullable=False, index=True),
    PrimaryKeyConstraint("team", "employee"),
    info={"name": "teams/{team}"},
)
