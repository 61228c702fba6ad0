"""Messages put aside, with actions."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "message_snooze",
        sa.Column("recipient", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("content_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("due_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["content_id"], ["message_content.id"], name=op.f("fk_message_snooze_content_id_message_content")
        ),
        sa.PrimaryKeyConstraint("recipient", "sequence", name=op.f("pk_message_snooze")),
    )
    with op.batch_alter_table("message_snooze", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_snooze_content_id"), ["content_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_message_snooze_due_time"), ["due_time"], unique=False)

    with op.batch_alter_table("message_content", schema=None) as batch_op:
        batch_op.add_column(sa.Column("actions", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("in_reply_to", sa.String(length=100), nullable=True))
