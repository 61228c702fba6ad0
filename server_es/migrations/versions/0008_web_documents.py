"""Web documents."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "web_access_code",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("system", sa.String(length=40), nullable=False),
        sa.Column("mail_address", sa.String(length=320), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("attempts_left", sa.Integer(), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expire_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("address", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_access_code")),
    )
    with op.batch_alter_table("web_access_code", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_web_access_code_expire_time"), ["expire_time"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_web_access_code_place_create_time"), ["place", "create_time"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_web_access_code_recipient"), ["recipient"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_web_access_code_system_mail_address_create_time"),
            ["system", "mail_address", "create_time"],
            unique=False,
        )

    op.create_table(
        "web_ticket",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=320), nullable=False),
        sa.Column("staff", sa.Boolean(), nullable=False),
        sa.Column("systems", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expire_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoke_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("place", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_ticket")),
    )
    with op.batch_alter_table("web_ticket", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_web_ticket_expire_time"), ["expire_time"], unique=False)
        batch_op.create_index(batch_op.f("ix_web_ticket_person"), ["person"], unique=False)
