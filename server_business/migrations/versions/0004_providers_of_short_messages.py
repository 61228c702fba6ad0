"""Providers of short messages."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "sms_inbound",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=128), nullable=False),
        sa.Column("sender", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("receive_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("next_attempt_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_until", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_inbound")),
        info={"name": "inboundSms/{id}"},
    )
    with op.batch_alter_table("sms_inbound", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sms_inbound_next_attempt_time"), ["next_attempt_time"], unique=False)
        batch_op.create_index(batch_op.f("ix_sms_inbound_provider_reference"), ["provider", "reference"], unique=False)

    op.create_table(
        "sms_opt_out",
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("message", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_sms_opt_out")),
    )
    op.create_table(
        "sms_provider",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("healthy", sa.Boolean(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("change_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sms_provider")),
    )
    op.create_table(
        "sms_receipt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("error", sa.String(length=10), nullable=False),
        sa.Column("receive_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_receipt")),
    )
    with op.batch_alter_table("sms_receipt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sms_receipt_provider_key"), ["provider", "key"], unique=False)
        batch_op.create_index(batch_op.f("ix_sms_receipt_receive_time"), ["receive_time"], unique=False)

    op.create_table(
        "sms_segment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("sender", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.Integer(), nullable=False),
        sa.Column("total", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("receive_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_segment")),
        sa.UniqueConstraint(
            "provider",
            "sender",
            "recipient",
            "reference",
            "total",
            "number",
            name=op.f("uq_sms_segment_provider_sender_recipient_reference_total_number"),
        ),
    )
    op.create_table(
        "sms_part",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("sms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("error", sa.String(length=10), nullable=False),
        sa.Column("sent_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("state_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ask_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["sms"], ["sms.id"], name=op.f("fk_sms_part_sms_sms"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_part")),
        sa.UniqueConstraint("sms", "number", name=op.f("uq_sms_part_sms_number")),
        info={"name": "sms/{sms}"},
    )
    with op.batch_alter_table("sms_part", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sms_part_ask_time"), ["ask_time"], unique=False)
        batch_op.create_index(batch_op.f("ix_sms_part_provider_key"), ["provider", "key"], unique=False)

    with op.batch_alter_table("sms", schema=None) as batch_op:
        batch_op.add_column(sa.Column("priority", sa.SmallInteger(), server_default="2", nullable=False))
        batch_op.add_column(sa.Column("flash", sa.Boolean(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("provider", sa.String(length=40), server_default="", nullable=False))
        batch_op.add_column(sa.Column("delivery", sa.SmallInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("delivery_time", mesh.columns.UtcDateTime(timezone=True), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_sms_provider_state_priority_next_attempt_time"),
            ["provider", "state", "priority", "next_attempt_time"],
            unique=False,
            sqlite_where=sa.text("next_attempt_time IS NOT NULL"),
            postgresql_where=sa.text("next_attempt_time IS NOT NULL"),
        )
