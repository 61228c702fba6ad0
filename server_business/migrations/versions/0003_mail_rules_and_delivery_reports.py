"""Mail rules and delivery reports."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "marked_address",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=254), nullable=False),
        sa.Column("mail_address", sa.String(length=254), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("mark_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("outgoing_mail", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marked_address")),
        sa.UniqueConstraint("key", name=op.f("uq_marked_address_key")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("mail", schema=None) as batch_op:
        batch_op.add_column(sa.Column("verdicts", sa.JSON(), server_default="{}", nullable=False))
        batch_op.add_column(sa.Column("outgoing_mail", sa.String(length=40), server_default="", nullable=False))
        batch_op.drop_index(batch_op.f("ix_mail_sender_key"))
        batch_op.create_index(
            batch_op.f("ix_mail_sender_key_receive_time"), ["sender_key", "receive_time"], unique=False
        )

    with op.batch_alter_table("mail_account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("last_mail_time", mesh.columns.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("silence_of", mesh.columns.UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("silence_request_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("silence_told", sa.Boolean(), server_default=sa.false(), nullable=False))

    with op.batch_alter_table("outgoing_mail", schema=None) as batch_op:
        batch_op.add_column(sa.Column("delivery", sa.SmallInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("bounces", sa.JSON(none_as_null=True), nullable=True))
        batch_op.create_index(batch_op.f("ix_outgoing_mail_message_id"), ["message_id"], unique=False)
