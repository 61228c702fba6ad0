"""Exchange."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "exchange_link",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("uid", sa.String(length=255), nullable=False),
        sa.Column("origin", sa.SmallInteger(), nullable=False),
        sa.Column("erp_id", sa.String(length=64), nullable=False),
        sa.Column("exchange_id", sa.String(length=512), nullable=False),
        sa.Column("erp", sa.JSON(), nullable=False),
        sa.Column("exchange", sa.JSON(), nullable=False),
        sa.Column("detached", sa.Boolean(), nullable=False),
        sa.Column("intention", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("problem", sa.String(length=500), nullable=False),
        sa.Column("linked", sa.Boolean(), nullable=False),
        sa.Column("due", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange_link")),
    )
    with op.batch_alter_table("exchange_link", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_exchange_link_employee_due_kind"), ["employee", "due", "kind"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_exchange_link_employee_kind_erp_id"), ["employee", "kind", "erp_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_exchange_link_employee_kind_exchange_id"), ["employee", "kind", "exchange_id"], unique=False
        )
        batch_op.create_index("ix_exchange_link_uid", ["employee", "kind", "uid"], unique=True)

    op.create_table(
        "exchange_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("event", sa.SmallInteger(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("uid", sa.String(length=255), nullable=False),
        sa.Column("field", sa.String(length=100), nullable=False),
        sa.Column("overruled", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exchange_log")),
    )
    with op.batch_alter_table("exchange_log", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exchange_log_employee_id"), ["employee", "id"], unique=False)

    op.create_table(
        "exchange_mailbox",
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.Column("healthy", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("success_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("employee", name=op.f("pk_exchange_mailbox")),
    )
