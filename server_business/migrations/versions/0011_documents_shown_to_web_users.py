"""Documents shown to web users."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "document_publication",
        sa.Column("document", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("system", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("folder", sa.String(length=40), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("next_attempt_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_until", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("document", "system", name=op.f("pk_document_publication")),
    )
    with op.batch_alter_table("document_publication", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_document_publication_next_attempt_time"), ["next_attempt_time"], unique=False
        )
    # Released before there was this table, in a folder of systems.
    op.execute("""
        INSERT INTO document_publication (document, system, number, folder, revision, problem, next_attempt_time)
        SELECT a.document, a.business_case, a.number, substr(a.folder, 25), 1, '', d.update_time
        FROM document_assignment a JOIN document d ON d.id = a.document AND d.released = a.number
        WHERE d.delete_time IS NULL AND a.business_case LIKE 'systems/%' AND a.folder LIKE 'documentFolders/systems-%'
    """)
