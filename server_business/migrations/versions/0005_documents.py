"""Documents."""

import sqlalchemy as sa
from alembic import op

import mesh.columns
from server_business.documents.tables import FULL_TEXT

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "document",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("folder", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("latest", sa.Integer(), nullable=False),
        sa.Column("released", sa.Integer(), nullable=True),
        sa.Column("creator", sa.String(length=255), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("delete_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("out_owner", sa.String(length=255), nullable=True),
        sa.Column("out_machine", sa.String(length=100), nullable=True),
        sa.Column("out_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("out_until", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("out_base", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
    )
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_delete_time"), ["delete_time"], unique=False)
        batch_op.create_index(batch_op.f("ix_document_folder_id"), ["folder", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_document_out_owner"), ["out_owner"], unique=False)

    op.create_table(
        "document_content",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("store", sa.String(length=40), nullable=False),
        sa.Column("locator", sa.Text(), nullable=False),
        sa.Column("touch_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("verify_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("damage", sa.Text(), nullable=False),
        sa.Column("next_attempt_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_until", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_document_content")),
    )
    with op.batch_alter_table("document_content", schema=None) as batch_op:
        batch_op.create_index(
            "ix_document_content_damaged",
            ["sha256"],
            unique=False,
            postgresql_where=sa.text("damage != ''"),
            sqlite_where=sa.text("damage != ''"),
        )
        batch_op.create_index(batch_op.f("ix_document_content_next_attempt_time"), ["next_attempt_time"], unique=False)
        batch_op.create_index(batch_op.f("ix_document_content_state_touch_time"), ["state", "touch_time"], unique=False)

    op.create_table(
        "document_erasure",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("document", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.JSON(), nullable=False),
        sa.Column("shared_count", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("erase_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("done_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("next_attempt_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_until", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_erasure")),
    )
    with op.batch_alter_table("document_erasure", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_erasure_next_attempt_time"), ["next_attempt_time"], unique=False)

    op.create_table(
        "document_folder",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("business_case", sa.String(length=80), nullable=False),
        sa.Column("parent", sa.String(length=100), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_folder")),
        sa.UniqueConstraint(
            "business_case", "parent", "title", name=op.f("uq_document_folder_business_case_parent_title")
        ),
    )
    op.create_table(
        "document_upload",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.String(length=64), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("expire_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_upload")),
    )
    with op.batch_alter_table("document_upload", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_upload_expire_time"), ["expire_time"], unique=False)

    op.create_table(
        "request_log",
        sa.Column("caller", sa.String(length=255), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=True),
        sa.Column("created_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("caller", "request_id", name=op.f("pk_request_log")),
    )
    with op.batch_alter_table("request_log", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_request_log_created_time"), ["created_time"], unique=False)

    op.create_table(
        "document_assignment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("business_case", sa.String(length=80), nullable=False),
        sa.Column("document", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("folder", sa.String(length=100), nullable=False),
        sa.Column("creator", sa.String(length=255), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["document"], ["document.id"], name=op.f("fk_document_assignment_document_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_assignment")),
        sa.UniqueConstraint(
            "business_case", "document", "number", name=op.f("uq_document_assignment_business_case_document_number")
        ),
    )
    with op.batch_alter_table("document_assignment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_assignment_document"), ["document"], unique=False)

    op.create_table(
        "document_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("document", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["document"], ["document.id"], name=op.f("fk_document_event_document_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_event")),
    )
    with op.batch_alter_table("document_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_event_document_id"), ["document", "id"], unique=False)

    op.create_table(
        "document_hold",
        sa.Column(
            "document", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("creator", sa.String(length=255), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["document"], ["document.id"], name=op.f("fk_document_hold_document_document")),
        sa.PrimaryKeyConstraint("document", "id", name=op.f("pk_document_hold")),
    )
    op.create_table(
        "document_version",
        sa.Column(
            "document", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.String(length=127), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["document"], ["document.id"], name=op.f("fk_document_version_document_document")),
        sa.ForeignKeyConstraint(
            ["sha256"], ["document_content.sha256"], name=op.f("fk_document_version_sha256_document_content")
        ),
        sa.PrimaryKeyConstraint("document", "number", name=op.f("pk_document_version")),
    )
    with op.batch_alter_table("document_version", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_version_sha256"), ["sha256"], unique=False)

    op.create_table(
        "document_words",
        sa.Column(
            "document", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("next_attempt_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_until", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.String(length=255), nullable=True),
        sa.ForeignKeyConstraint(["document"], ["document.id"], name=op.f("fk_document_words_document_document")),
        sa.PrimaryKeyConstraint("document", name=op.f("pk_document_words")),
    )
    with op.batch_alter_table("document_words", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_words_next_attempt_time"), ["next_attempt_time"], unique=False)

    with op.batch_alter_table("mail", schema=None) as batch_op:
        batch_op.add_column(sa.Column("attached", sa.Integer(), server_default="0", nullable=False))
        batch_op.create_index(
            "ix_mail_to_take_over",
            ["id"],
            unique=False,
            postgresql_where=sa.text("attached = 1"),
            sqlite_where=sa.text("attached = 1"),
        )
    for statement in FULL_TEXT[op.get_bind().dialect.name]:
        op.execute(statement)
    # Attachments of what was imported before land here too.
    op.execute(
        "UPDATE mail SET attached = 1 WHERE state IN (2, 3) "
        "AND EXISTS (SELECT 1 FROM mail_attachment WHERE mail_attachment.mail = mail.id)"
    )
