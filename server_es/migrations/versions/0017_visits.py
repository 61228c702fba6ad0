"""Visits."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0017"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "visit",
        sa.Column("servicecall", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("start_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("end_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("employees", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("location", sa.String(length=255), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["servicecall"], ["servicecall.number"], name=op.f("fk_visit_servicecall_servicecall")),
        sa.PrimaryKeyConstraint("servicecall", "number", name=op.f("pk_visit")),
        info={"name": "servicecalls/{servicecall}/visits/{number}"},
        sqlite_with_rowid=False,
    )
