"""Stores of documents."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # A locator says which of several stores has the bytes.
    op.execute("UPDATE document_content SET locator = store || ':' || locator WHERE store <> ''")
    with op.batch_alter_table("document_content", schema=None) as batch_op:
        batch_op.drop_column("store")
