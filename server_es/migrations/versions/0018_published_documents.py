"""Published documents."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0018"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "web_publication",
        sa.Column("document", sa.String(length=40), nullable=False),
        sa.Column("system", sa.String(length=60), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("way", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("document", "system", name=op.f("pk_web_publication")),
        sa.UniqueConstraint("place", name=op.f("uq_web_publication_place")),
    )
