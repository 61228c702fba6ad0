"""Phone numbers and domains."""

import json
from collections.abc import Iterator
from typing import Any

import phonenumbers
import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "phone_identity",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("phone", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=40), nullable=False),
        sa.Column("contact_person", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(
            ["address", "contact_person"],
            ["contact_person.address", "contact_person.id"],
            name=op.f("fk_phone_identity_address_contact_person_contact_person"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["address"], ["address.number"], name=op.f("fk_phone_identity_address_address"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_identity")),
    )
    with op.batch_alter_table("phone_identity", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_phone_identity_address"), ["address"], unique=False)
        batch_op.create_index(batch_op.f("ix_phone_identity_phone"), ["phone"], unique=False)

    with op.batch_alter_table("mail_identity", schema=None) as batch_op:
        batch_op.add_column(sa.Column("domain", sa.String(length=255), server_default="", nullable=False))
        batch_op.create_index(batch_op.f("ix_mail_identity_domain"), ["domain"], unique=False)
    with op.batch_alter_table("system", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_system_serial_number"), ["serial_number"], unique=False)
    _derive()


def _derive() -> None:
    """Fill in what follows from the records that are there."""
    connection = op.get_bind()
    tail = {"sqlite": "substr(mail_address, instr(mail_address, '@') + 1)"}
    domain = tail.get(connection.dialect.name, "substring(mail_address from '[^@]*$')")
    connection.execute(sa.text(f"UPDATE mail_identity SET domain = {domain}"))  # noqa: S608 - one of two constants
    address = connection.execute(sa.text("SELECT number, NULL AS person, phones FROM address"))
    person = connection.execute(sa.text("SELECT address, id, phones FROM contact_person"))
    rows = [row for found in (address, person) for one in found for row in _phones(*one)]
    if rows:
        columns: list[Any] = [sa.column(name) for name in ("phone", "address", "contact_person")]
        connection.execute(sa.insert(sa.table("phone_identity", *columns)), rows)


def _phones(address: str, person: str | None, phones: Any) -> Iterator[dict[str, Any]]:
    numbers: set[str] = set()
    for one in json.loads(phones) if isinstance(phones, str) else phones:
        try:
            number = phonenumbers.parse(one, "DE")
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number):
            numbers.add(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[:16])
    for phone in sorted(numbers):
        yield {"phone": phone, "address": address, "contact_person": person}
