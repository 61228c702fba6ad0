"""Clients."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "client",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("machine", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("connect_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("heard_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("update_answer", sa.SmallInteger(), nullable=False),
        sa.Column("end_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.SmallInteger(), nullable=False),
        sa.Column("end_text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client")),
        sa.UniqueConstraint("revision", name=op.f("uq_client_revision")),
    )
    with op.batch_alter_table("client", schema=None) as batch_op:
        batch_op.create_index(
            "ix_client_connected",
            ["heard_time"],
            unique=False,
            sqlite_where=sa.text("end_time IS NULL"),
            postgresql_where=sa.text("end_time IS NULL"),
        )
        batch_op.create_index("ix_client_listed", ["connect_time", "id"], unique=False)

    op.create_table(
        "client_counter",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("forgotten", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_counter")),
    )
    op.create_table(
        "client_update",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("starter", sa.String(length=80), nullable=False),
        sa.Column("start_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("announced_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("finish_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_update")),
    )
