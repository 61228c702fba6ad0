"""Sign-ins of persons."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0009"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "sign_in",
        sa.Column("account", sa.String(length=60), nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sign_in_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("refused", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_sign_in")),
    )
