"""First tables."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "audit_outbox",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "mail",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("store_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("receive_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("sent_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("sender", sa.String(length=320), nullable=False),
        sa.Column("sender_name", sa.Text(), nullable=False),
        sa.Column("sender_key", sa.String(length=320), nullable=False),
        sa.Column("sender_problem", sa.String(length=20), nullable=False),
        sa.Column("sender_detail", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("message_id", sa.String(length=255), nullable=False),
        sa.Column("thread", sa.JSON(), nullable=False),
        sa.Column("signals", sa.JSON(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("preview", sa.Text(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("open_reason", sa.String(length=40), nullable=False),
        sa.Column("open_detail", sa.Text(), nullable=False),
        sa.Column("next_attempt_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("plan", sa.LargeBinary(), nullable=True),
        sa.Column("plan_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("servicecall", sa.String(length=80), nullable=False),
        sa.Column("contact", sa.String(length=80), nullable=False),
        sa.Column("address", sa.String(length=80), nullable=False),
        sa.Column("candidates", sa.JSON(), nullable=False),
        sa.Column("duplicate_of", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(length=255), nullable=False),
        sa.Column("verb_request_id", sa.String(length=36), nullable=False),
        sa.Column("filed", sa.Boolean(), nullable=False),
        sa.Column("announcement", sa.Integer(), nullable=False),
        sa.Column("announcement_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
        sa.UniqueConstraint(
            "account", "folder", "uidvalidity", "uid", name=op.f("uq_mail_account_folder_uidvalidity_uid")
        ),
    )
    with op.batch_alter_table("mail", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mail_account_sha256"), ["account", "sha256"], unique=False)
        batch_op.create_index(batch_op.f("ix_mail_account_state_filed"), ["account", "state", "filed"], unique=False)
        batch_op.create_index(batch_op.f("ix_mail_message_id"), ["message_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_mail_sender_key"), ["sender_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_mail_servicecall"), ["servicecall"], unique=False)
        batch_op.create_index(
            "ix_mail_to_announce",
            ["account", "id"],
            unique=False,
            postgresql_where=sa.text("announcement = 1"),
            sqlite_where=sa.text("announcement = 1"),
        )
        batch_op.create_index(
            "ix_mail_to_decide",
            ["account", "id"],
            unique=False,
            postgresql_where=sa.text("state = 1"),
            sqlite_where=sa.text("state = 1"),
        )
        batch_op.create_index(
            "ix_mail_to_file",
            ["account", "id"],
            unique=False,
            postgresql_where=sa.text("NOT filed"),
            sqlite_where=sa.text("NOT filed"),
        )

    op.create_table(
        "mail_account",
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("healthy", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("seen_count", sa.BigInteger(), nullable=False),
        sa.Column("last_success_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_mail_account")),
    )
    op.create_table(
        "mail_attachment",
        sa.Column("mail", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("content_id", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["mail"], ["mail.id"], name=op.f("fk_mail_attachment_mail_mail")),
        sa.PrimaryKeyConstraint("mail", "number", name=op.f("pk_mail_attachment")),
    )
    op.create_table(
        "mail_raw",
        sa.Column("mail", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["mail"], ["mail.id"], name=op.f("fk_mail_raw_mail_mail")),
        sa.PrimaryKeyConstraint("mail", name=op.f("pk_mail_raw")),
    )
    op.create_table(
        "mail_text",
        sa.Column("mail", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["mail"], ["mail.id"], name=op.f("fk_mail_text_mail_mail")),
        sa.PrimaryKeyConstraint("mail", name=op.f("pk_mail_text")),
    )
