"""Indexes of the few notices that follow, are carried, or are due."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    for column in ("follows", "carried_by", "next_attempt_time"):
        some = sa.text(f"{column} IS NOT NULL")
        op.drop_index(f"ix_notice_{column}", table_name="notice")
        op.create_index(f"ix_notice_{column}", "notice", [column], sqlite_where=some, postgresql_where=some)
