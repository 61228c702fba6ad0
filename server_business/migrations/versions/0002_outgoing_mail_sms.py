"""Outgoing mail, sms."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "outgoing_mail",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("caller", sa.String(length=255), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("to", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("cc", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("subject", sa.String(length=250), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("reply_to", sa.String(length=254), nullable=False),
        sa.Column("in_reply_to", sa.String(length=500), nullable=False),
        sa.Column("origin", sa.SmallInteger(), nullable=False),
        sa.Column("message_id", sa.String(length=255), nullable=False),
        sa.Column("refused", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("about", sa.String(length=255), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("give_up_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expire_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("sent_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_until", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_mail")),
        info={"name": "outgoingMails/{id}"},
    )
    with op.batch_alter_table("outgoing_mail", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outgoing_mail_about_id"), ["about", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_outgoing_mail_caller_request_id"), ["caller", "request_id"], unique=True)
        batch_op.create_index(batch_op.f("ix_outgoing_mail_next_attempt_time"), ["next_attempt_time"], unique=False)
        batch_op.create_index(batch_op.f("ix_outgoing_mail_state_id"), ["state", "id"], unique=False)

    op.create_table(
        "sms",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("caller", sa.String(length=255), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("to", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("alphabet", sa.SmallInteger(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("about", sa.String(length=255), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("give_up_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expire_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("sent_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_until", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms")),
        info={"name": "sms/{id}"},
    )
    with op.batch_alter_table("sms", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sms_about_id"), ["about", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sms_caller_request_id"), ["caller", "request_id"], unique=True)
        batch_op.create_index(batch_op.f("ix_sms_next_attempt_time"), ["next_attempt_time"], unique=False)
        batch_op.create_index(batch_op.f("ix_sms_state_id"), ["state", "id"], unique=False)
