"""Notices, notification preferences, forwardings."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("cause", sa.String(length=120), nullable=False),
        sa.Column("about", sa.String(length=255), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("channel", sa.SmallInteger(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("sent_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("end_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("expire_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("inbox_sequence", sa.BigInteger(), nullable=True),
        sa.Column("follows", sa.BigInteger(), nullable=True),
        sa.Column("carried_by", sa.BigInteger(), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=True),
        sa.Column("parcel_subject", sa.String(length=200), nullable=True),
        sa.Column("parcel_text", sa.Text(), nullable=True),
        sa.Column("remote_name", sa.String(length=80), nullable=False),
        sa.Column("next_attempt_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_until", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("cause", "recipient", "channel", name=op.f("uq_notice_cause_recipient_channel")),
        info={"name": "notices/{id}"},
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notice_about"), ["about"], unique=False)
        batch_op.create_index(batch_op.f("ix_notice_carried_by"), ["carried_by"], unique=False)
        batch_op.create_index(batch_op.f("ix_notice_digest"), ["digest"], unique=False)
        batch_op.create_index(batch_op.f("ix_notice_employee"), ["employee"], unique=False)
        batch_op.create_index(batch_op.f("ix_notice_follows"), ["follows"], unique=False)
        batch_op.create_index(batch_op.f("ix_notice_next_attempt_time"), ["next_attempt_time"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_notice_recipient_channel_sent_time"), ["recipient", "channel", "sent_time"], unique=False
        )

    op.create_table(
        "notification_preferences",
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("channels", sa.JSON(), nullable=False),
        sa.Column("fallback_channels", sa.JSON(), nullable=False),
        sa.Column("fallback_seconds", sa.Integer(), nullable=True),
        sa.Column("quiet_hours", sa.JSON(), nullable=False),
        sa.Column("additional_mail_address", sa.String(length=254), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["employee"],
            ["employee.personnel_number"],
            name=op.f("fk_notification_preferences_employee_employee"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("employee", name=op.f("pk_notification_preferences")),
        info={"name": "employees/{employee}/notificationPreferences"},
    )
    op.create_table(
        "forwarding",
        sa.Column("servicecall", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("team", sa.String(length=40), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["servicecall"], ["servicecall.number"], name=op.f("fk_forwarding_servicecall_servicecall")
        ),
        sa.PrimaryKeyConstraint("servicecall", "number", name=op.f("pk_forwarding")),
        info={"name": "servicecalls/{servicecall}/forwardings/{number}"},
        sqlite_with_rowid=False,
    )
