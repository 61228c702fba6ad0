"""Users and failed sign-ins."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "failed_sign_in",
        sa.Column("counted_by", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("last_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("counted_by", "subject", name=op.f("pk_failed_sign_in")),
    )
    with op.batch_alter_table("failed_sign_in", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_failed_sign_in_last_time"), ["last_time"], unique=False)

    op.create_table(
        "user_account",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("service_user", sa.Boolean(), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("last_sign_in_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_user_account")),
    )
