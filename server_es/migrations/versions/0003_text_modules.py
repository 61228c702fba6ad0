"""Text modules."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "text_module",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("language", sa.SmallInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_module")),
        info={"name": "textModules/{id}"},
    )
