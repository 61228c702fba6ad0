"""Absences and appointments."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "absence_kind",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("takes_leave", sa.Boolean(), nullable=False),
        sa.Column("may_overdraw", sa.Boolean(), nullable=False),
        sa.Column("activity_type", sa.String(length=40), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absence_kind")),
        info={"name": "absenceKinds/{id}"},
    )
    op.create_table(
        "approval_group",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("employees", sa.JSON(), nullable=False),
        sa.Column("teams", sa.JSON(), nullable=False),
        sa.Column("informed", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_group")),
        info={"name": "approvalGroups/{id}"},
    )
    op.create_table(
        "stress_period",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=False),
        sa.Column("end_date", sa.Date(), nullable=False),
        sa.Column("teams", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stress_period")),
        info={"name": "stressPeriods/{id}"},
    )
    op.create_table(
        "absence",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("start_slot", sa.Integer(), nullable=False),
        sa.Column("end_slot", sa.Integer(), nullable=False),
        sa.Column("start_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("end_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("half_days", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("stress_confirmed", sa.Boolean(), nullable=False),
        sa.Column("creator", sa.String(length=120), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.String(length=120), nullable=False),
        sa.Column("ended_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=False),
        sa.Column("content_revision", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["employee"], ["employee.personnel_number"], name=op.f("fk_absence_employee_employee")),
        sa.ForeignKeyConstraint(["kind"], ["absence_kind.id"], name=op.f("fk_absence_kind_absence_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absence")),
        info={"name": "absences/{id}"},
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("absence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_absence_employee_end_slot"), ["employee", "end_slot"], unique=False)
        batch_op.create_index(batch_op.f("ix_absence_kind"), ["kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_absence_state_end_time"), ["state", "end_time"], unique=False)

    op.create_table(
        "appointment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("activity_type", sa.String(length=40), nullable=False),
        sa.Column("start_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("end_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("origin", sa.String(length=120), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["employee"], ["employee.personnel_number"], name=op.f("fk_appointment_employee_employee")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment")),
        sa.UniqueConstraint("origin", name=op.f("uq_appointment_origin")),
        info={"name": "appointments/{id}"},
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("appointment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_appointment_employee_end_time"), ["employee", "end_time"], unique=False)

    op.create_table(
        "approval_group_reference",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("approval_group", sa.String(length=40), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=True),
        sa.Column("team", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(
            ["approval_group"],
            ["approval_group.id"],
            name=op.f("fk_approval_group_reference_approval_group_approval_group"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["employee"], ["employee.personnel_number"], name=op.f("fk_approval_group_reference_employee_employee")
        ),
        sa.ForeignKeyConstraint(["team"], ["team.id"], name=op.f("fk_approval_group_reference_team_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_group_reference")),
        info={"name": "approvalGroups/{approval_group}"},
    )
    with op.batch_alter_table("approval_group_reference", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_approval_group_reference_approval_group"), ["approval_group"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_approval_group_reference_employee"), ["employee"], unique=False)
        batch_op.create_index(batch_op.f("ix_approval_group_reference_team"), ["team"], unique=False)

    op.create_table(
        "leave_entitlement",
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("half_days", sa.Integer(), nullable=False),
        sa.Column("carried_half_days", sa.Integer(), nullable=False),
        sa.Column("carried_until", sa.Date(), nullable=True),
        sa.Column("note", sa.String(length=400), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["employee"], ["employee.personnel_number"], name=op.f("fk_leave_entitlement_employee_employee")
        ),
        sa.PrimaryKeyConstraint("employee", "year", name=op.f("pk_leave_entitlement")),
        info={"name": "employees/{employee}/leaveEntitlements/{year}"},
    )
    op.create_table(
        "stress_period_reference",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stress_period", sa.String(length=40), nullable=False),
        sa.Column("team", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["stress_period"],
            ["stress_period.id"],
            name=op.f("fk_stress_period_reference_stress_period_stress_period"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["team"], ["team.id"], name=op.f("fk_stress_period_reference_team_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stress_period_reference")),
        info={"name": "stressPeriods/{stress_period}"},
    )
    with op.batch_alter_table("stress_period_reference", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stress_period_reference_stress_period"), ["stress_period"], unique=False)
        batch_op.create_index(batch_op.f("ix_stress_period_reference_team"), ["team"], unique=False)

    op.create_table(
        "working_time",
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("calendar", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["calendar"], ["calendar.id"], name=op.f("fk_working_time_calendar_calendar")),
        sa.ForeignKeyConstraint(
            ["employee"], ["employee.personnel_number"], name=op.f("fk_working_time_employee_employee")
        ),
        sa.PrimaryKeyConstraint("employee", name=op.f("pk_working_time")),
        info={"name": "the working time of employees/{employee}"},
    )
    with op.batch_alter_table("working_time", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_working_time_calendar"), ["calendar"], unique=False)

    op.create_table(
        "absence_decision",
        sa.Column("absence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("approval_group", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=120), nullable=False),
        sa.Column("stands_in_for", sa.String(length=40), nullable=False),
        sa.Column("decide_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["absence"], ["absence.id"], name=op.f("fk_absence_decision_absence_absence"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("absence", "approval_group", name=op.f("pk_absence_decision")),
        info={"name": "absences/{absence}"},
    )
    with op.batch_alter_table("absence_decision", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_absence_decision_approval_group_verdict"), ["approval_group", "verdict"], unique=False
        )

    op.create_table(
        "absence_informed",
        sa.Column("absence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["absence"], ["absence.id"], name=op.f("fk_absence_informed_absence_absence"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["employee"], ["employee.personnel_number"], name=op.f("fk_absence_informed_employee_employee")
        ),
        sa.PrimaryKeyConstraint("absence", "employee", name=op.f("pk_absence_informed")),
        info={"name": "absences/{absence}"},
    )
    with op.batch_alter_table("absence_informed", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_absence_informed_employee"), ["employee"], unique=False)
