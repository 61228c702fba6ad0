"""Rosters."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "duty_roster",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("delete_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("told_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("next_notice_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_roster")),
        info={"name": "rosters/{id}"},
    )
    with op.batch_alter_table("duty_roster", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_duty_roster_next_notice_time"), ["next_notice_time"], unique=False)

    op.create_table(
        "duty_feed",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("roster", sa.String(length=40), nullable=True),
        sa.Column("employee", sa.String(length=40), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("creator", sa.String(length=120), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoke_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["employee"], ["employee.personnel_number"], name=op.f("fk_duty_feed_employee_employee"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["roster"], ["duty_roster.id"], name=op.f("fk_duty_feed_roster_duty_roster")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_feed")),
        info={"name": "dutyFeeds/{id}"},
    )
    with op.batch_alter_table("duty_feed", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_duty_feed_employee"), ["employee"], unique=False)
        batch_op.create_index(batch_op.f("ix_duty_feed_roster"), ["roster"], unique=False)

    op.create_table(
        "duty_member",
        sa.Column("roster", sa.String(length=40), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["employee"], ["employee.personnel_number"], name=op.f("fk_duty_member_employee_employee")
        ),
        sa.ForeignKeyConstraint(["roster"], ["duty_roster.id"], name=op.f("fk_duty_member_roster_duty_roster")),
        sa.PrimaryKeyConstraint("roster", "employee", name=op.f("pk_duty_member")),
        info={"name": "rosters/{roster}"},
    )
    with op.batch_alter_table("duty_member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_duty_member_employee"), ["employee"], unique=False)

    op.create_table(
        "duty_override",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("roster", sa.String(length=40), nullable=False),
        sa.Column("change", sa.SmallInteger(), nullable=False),
        sa.Column("origin", sa.SmallInteger(), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=True),
        sa.Column("replaced", sa.String(length=40), nullable=True),
        sa.Column("start_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("end_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("creator", sa.String(length=120), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("cancel_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["employee"], ["employee.personnel_number"], name=op.f("fk_duty_override_employee_employee")
        ),
        sa.ForeignKeyConstraint(
            ["replaced"], ["employee.personnel_number"], name=op.f("fk_duty_override_replaced_employee")
        ),
        sa.ForeignKeyConstraint(["roster"], ["duty_roster.id"], name=op.f("fk_duty_override_roster_duty_roster")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_override")),
        info={"name": "dutyOverrides/{id}"},
    )
    with op.batch_alter_table("duty_override", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_duty_override_employee"), ["employee"], unique=False)
        batch_op.create_index(batch_op.f("ix_duty_override_replaced"), ["replaced"], unique=False)
        batch_op.create_index(batch_op.f("ix_duty_override_roster_id"), ["roster", "id"], unique=False)

    op.create_table(
        "duty_plan",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("roster", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("start_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("end_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("shifts", sa.LargeBinary(), nullable=False),
        sa.Column("creator", sa.String(length=120), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("cancel_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["roster"], ["duty_roster.id"], name=op.f("fk_duty_plan_roster_duty_roster")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_plan")),
        info={"name": "dutyPlans/{id}"},
    )
    with op.batch_alter_table("duty_plan", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_duty_plan_roster_id"), ["roster", "id"], unique=False)

    op.create_table(
        "duty_roster_version",
        sa.Column("roster", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("effective_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("definition", sa.LargeBinary(), nullable=False),
        sa.Column("editor", sa.String(length=120), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["roster"], ["duty_roster.id"], name=op.f("fk_duty_roster_version_roster_duty_roster")),
        sa.PrimaryKeyConstraint("roster", "number", name=op.f("pk_duty_roster_version")),
        info={"name": "rosters/{roster}"},
    )
    op.create_table(
        "duty_swap",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("roster", sa.String(length=40), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("start_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("end_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("asked", sa.String(length=40), nullable=True),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("taken_by", sa.String(length=40), nullable=True),
        sa.Column("override", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("creator", sa.String(length=120), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("close_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["asked"], ["employee.personnel_number"], name=op.f("fk_duty_swap_asked_employee")),
        sa.ForeignKeyConstraint(
            ["employee"], ["employee.personnel_number"], name=op.f("fk_duty_swap_employee_employee")
        ),
        sa.ForeignKeyConstraint(["override"], ["duty_override.id"], name=op.f("fk_duty_swap_override_duty_override")),
        sa.ForeignKeyConstraint(["roster"], ["duty_roster.id"], name=op.f("fk_duty_swap_roster_duty_roster")),
        sa.ForeignKeyConstraint(
            ["taken_by"], ["employee.personnel_number"], name=op.f("fk_duty_swap_taken_by_employee")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_swap")),
        info={"name": "dutySwaps/{id}"},
    )
    with op.batch_alter_table("duty_swap", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_duty_swap_asked"), ["asked"], unique=False)
        batch_op.create_index(batch_op.f("ix_duty_swap_employee"), ["employee"], unique=False)
        batch_op.create_index(batch_op.f("ix_duty_swap_override"), ["override"], unique=False)
        batch_op.create_index(batch_op.f("ix_duty_swap_roster"), ["roster"], unique=False)
        batch_op.create_index(batch_op.f("ix_duty_swap_taken_by"), ["taken_by"], unique=False)
