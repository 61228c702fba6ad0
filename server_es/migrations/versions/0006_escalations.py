"""Escalations."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "escalation_retiming",
        sa.Column("service_level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("after_call", sa.BigInteger(), nullable=False),
        sa.Column("from_log", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("service_level", name=op.f("pk_escalation_retiming")),
    )
    op.create_table(
        "escalation_event",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("subject_text_module", sa.String(length=40), nullable=True),
        sa.Column("message_text_module", sa.String(length=40), nullable=False),
        sa.Column("channels", sa.JSON(), nullable=False),
        sa.Column("notify_responsible_employee", sa.Boolean(), nullable=False),
        sa.Column("notify_by_forwarding", sa.Boolean(), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_text_module"],
            ["text_module.id"],
            name=op.f("fk_escalation_event_message_text_module_text_module"),
        ),
        sa.ForeignKeyConstraint(
            ["subject_text_module"],
            ["text_module.id"],
            name=op.f("fk_escalation_event_subject_text_module_text_module"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_event")),
        info={"name": "escalationEvents/{id}"},
    )
    with op.batch_alter_table("escalation_event", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_escalation_event_message_text_module"), ["message_text_module"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_escalation_event_subject_text_module"), ["subject_text_module"], unique=False
        )

    op.create_table(
        "escalation_point",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("milestone", sa.SmallInteger(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("delay_working_duration", sa.BigInteger(), nullable=True),
        sa.Column("delay_duration", sa.BigInteger(), nullable=True),
        sa.Column("state_ceiling", sa.Integer(), nullable=False),
        sa.Column("new_state", sa.Integer(), nullable=True),
        sa.Column("assignments", sa.JSON(), nullable=False),
        sa.Column("repeat_working_duration", sa.BigInteger(), nullable=True),
        sa.Column("repeat_duration", sa.BigInteger(), nullable=True),
        sa.Column("repeat_limit", sa.Integer(), nullable=False),
        sa.Column("after_acknowledgement", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["event"], ["escalation_event.id"], name=op.f("fk_escalation_point_event_escalation_event")
        ),
        sa.ForeignKeyConstraint(
            ["new_state"], ["servicecall_state.number"], name=op.f("fk_escalation_point_new_state_servicecall_state")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_escalation_point")),
        info={"name": "escalationPoints/{number}"},
    )
    with op.batch_alter_table("escalation_point", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_escalation_point_event"), ["event"], unique=False)
        batch_op.create_index(batch_op.f("ix_escalation_point_new_state"), ["new_state"], unique=False)

    op.create_table(
        "escalation_assignment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("point", sa.Integer(), nullable=False),
        sa.Column("service_level", sa.Integer(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["point"],
            ["escalation_point.number"],
            name=op.f("fk_escalation_assignment_point_escalation_point"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["priority"], ["priority.number"], name=op.f("fk_escalation_assignment_priority_priority")
        ),
        sa.ForeignKeyConstraint(
            ["service_level"],
            ["service_level.number"],
            name=op.f("fk_escalation_assignment_service_level_service_level"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_assignment")),
        info={"name": "escalationPoints/{point}"},
    )
    with op.batch_alter_table("escalation_assignment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_escalation_assignment_point"), ["point"], unique=False)
        batch_op.create_index(batch_op.f("ix_escalation_assignment_priority"), ["priority"], unique=False)
        batch_op.create_index(batch_op.f("ix_escalation_assignment_service_level"), ["service_level"], unique=False)

    op.create_table(
        "maintenance_window",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("address", sa.String(length=40), nullable=True),
        sa.Column("system", sa.String(length=40), nullable=True),
        sa.Column("start_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("end_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["address"], ["address.number"], name=op.f("fk_maintenance_window_address_address")),
        sa.ForeignKeyConstraint(["system"], ["system.number"], name=op.f("fk_maintenance_window_system_system")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance_window")),
        info={"name": "maintenanceWindows/{id}"},
    )
    with op.batch_alter_table("maintenance_window", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_maintenance_window_address"), ["address"], unique=False)
        batch_op.create_index(batch_op.f("ix_maintenance_window_end_time"), ["end_time"], unique=False)
        batch_op.create_index(batch_op.f("ix_maintenance_window_system"), ["system"], unique=False)

    op.create_table(
        "escalation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("servicecall", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("point", sa.Integer(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("point_title", sa.String(length=80), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("due_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("fire_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("hastened", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("new_state", sa.Integer(), nullable=True),
        sa.Column("acknowledge_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("acknowledger", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(
            ["servicecall"], ["servicecall.number"], name=op.f("fk_escalation_servicecall_servicecall")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation")),
        sa.UniqueConstraint(
            "servicecall", "point", "cycle", "round", name=op.f("uq_escalation_servicecall_point_cycle_round")
        ),
        info={"name": "escalations/{id}"},
    )
    op.create_table(
        "escalation_timer",
        sa.Column(
            "servicecall", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("due_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("service_level", sa.Integer(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("receive_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("accept_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("met", sa.SmallInteger(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("fired", sa.Text(), nullable=False),
        sa.Column("acknowledged", sa.Boolean(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["servicecall"], ["servicecall.number"], name=op.f("fk_escalation_timer_servicecall_servicecall")
        ),
        sa.PrimaryKeyConstraint("servicecall", name=op.f("pk_escalation_timer")),
        info={"name": "servicecalls/{servicecall}"},
    )
    with op.batch_alter_table("escalation_timer", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_escalation_timer_due_time_servicecall"),
            ["due_time", "servicecall"],
            unique=False,
            sqlite_where=sa.text("due_time IS NOT NULL"),
            postgresql_where=sa.text("due_time IS NOT NULL"),
        )
        batch_op.create_index(
            batch_op.f("ix_escalation_timer_service_level_servicecall"), ["service_level", "servicecall"], unique=False
        )
