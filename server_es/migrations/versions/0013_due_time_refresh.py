"""Levels whose calls' cached due times are to be computed anew."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "due_time_refresh",
        sa.Column("service_level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("after_call", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("service_level", name=op.f("pk_due_time_refresh")),
    )
