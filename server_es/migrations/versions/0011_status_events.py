"""Status events."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "status_mail_count",
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_status_mail_count")),
    )
    op.create_table(
        "status_event",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("previous_state_from", sa.Integer(), nullable=False),
        sa.Column("previous_state_to", sa.Integer(), nullable=False),
        sa.Column("new_state", sa.Integer(), nullable=False),
        sa.Column("text_module", sa.String(length=40), nullable=False),
        sa.Column("notify_customer", sa.Boolean(), nullable=False),
        sa.Column("notify_responsible_employee", sa.Boolean(), nullable=False),
        sa.Column("notify_responsible_team", sa.Boolean(), nullable=False),
        sa.Column("channels", sa.JSON(), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["new_state"], ["servicecall_state.number"], name=op.f("fk_status_event_new_state_servicecall_state")
        ),
        sa.ForeignKeyConstraint(
            ["text_module"], ["text_module.id"], name=op.f("fk_status_event_text_module_text_module")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_event")),
        info={"name": "statusEvents/{id}"},
    )
    with op.batch_alter_table("status_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_status_event_new_state"), ["new_state"], unique=False)
        batch_op.create_index(batch_op.f("ix_status_event_text_module"), ["text_module"], unique=False)

    with op.batch_alter_table("servicecall", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("reporter_mail_address", sa.String(length=254), server_default="", nullable=False)
        )
        batch_op.add_column(sa.Column("suppress_answers", sa.Boolean(), server_default=sa.false(), nullable=False))
