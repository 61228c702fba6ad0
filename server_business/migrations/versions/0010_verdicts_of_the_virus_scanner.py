"""Verdicts of the virus scanner."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "document_scan",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("scan_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("told_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_until", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.String(length=255), nullable=True),
        sa.ForeignKeyConstraint(
            ["sha256"], ["document_content.sha256"], name=op.f("fk_document_scan_sha256_document_content")
        ),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_document_scan")),
    )
    with op.batch_alter_table("document_scan", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_scan_next_attempt_time"), ["next_attempt_time"], unique=False)
        batch_op.create_index(batch_op.f("ix_document_scan_verdict"), ["verdict"], unique=False)
