"""Calendars in sync."""

from typing import Any

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "calendar_change",
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("item", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["employee"],
            ["employee.personnel_number"],
            name=op.f("fk_calendar_change_employee_employee"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("kind", "item", name=op.f("pk_calendar_change")),
    )
    with op.batch_alter_table("calendar_change", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_calendar_change_employee_kind_revision"), ["employee", "kind", "revision"], unique=False
        )

    op.create_table(
        "calendar_revision",
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["employee"],
            ["employee.personnel_number"],
            name=op.f("fk_calendar_revision_employee_employee"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("employee", name=op.f("pk_calendar_revision")),
    )
    op.create_table(
        "task",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("start_date", sa.Date(), nullable=True),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("percent_complete", sa.SmallInteger(), nullable=False),
        sa.Column("importance", sa.SmallInteger(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("uid", sa.String(length=255), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["employee"], ["employee.personnel_number"], name=op.f("fk_task_employee_employee")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        info={"name": "tasks/{id}"},
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index("ix_task_uid", ["employee", "uid"], unique=True)

    columns: list[sa.Column[Any]] = [
        sa.Column("description", sa.Text()),
        sa.Column("location", sa.String(length=255)),
        sa.Column("all_day", sa.Boolean()),
        sa.Column("time_zone", sa.String(length=64)),
        sa.Column("availability", sa.SmallInteger()),
        sa.Column("private", sa.Boolean()),
        sa.Column("conference", sa.Boolean()),
        sa.Column("recurrence", sa.String(length=200)),
        sa.Column("exceptions", sa.JSON()),
        sa.Column("uid", sa.String(length=255)),
        sa.Column("update_time", mesh.columns.UtcDateTime(timezone=True)),
        sa.Column("revision", sa.Integer()),
    ]
    for column in columns:
        op.add_column("appointment", column)
    # What is there was written by approved absences.
    op.execute(
        "UPDATE appointment SET description = '', location = '', all_day = false, time_zone = 'Europe/Berlin', "
        "availability = 4, private = false, conference = false, recurrence = '', exceptions = '[]', "
        "uid = 'appointment-' || id, update_time = create_time, revision = 1"
    )
    with op.batch_alter_table("appointment", schema=None, table_kwargs={"sqlite_autoincrement": True}) as batch_op:
        for column in columns:
            batch_op.alter_column(column.name, existing_type=column.type, nullable=False)
        batch_op.alter_column(
            "title", existing_type=sa.VARCHAR(length=80), type_=sa.String(length=255), existing_nullable=False
        )
        batch_op.alter_column("origin", existing_type=sa.VARCHAR(length=120), nullable=True)
        batch_op.create_index("ix_appointment_uid", ["employee", "uid"], unique=True)
    op.execute(
        "INSERT INTO calendar_change (employee, kind, item, revision) "
        "SELECT employee, 1, id, row_number() OVER (PARTITION BY employee ORDER BY id) FROM appointment"
    )
    op.execute(
        "INSERT INTO calendar_revision (employee, revision) SELECT employee, count(*) FROM appointment "
        "GROUP BY employee"
    )
