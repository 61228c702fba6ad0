"""Follow ups."""

import sqlalchemy as sa
from alembic import op

import mesh.columns

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "follow_up",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("employee", sa.String(length=40), nullable=True),
        sa.Column("team", sa.String(length=40), nullable=True),
        sa.Column("due_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("about", sa.String(length=255), nullable=False),
        sa.Column("create_time", mesh.columns.UtcDateTime(timezone=True), nullable=False),
        sa.Column("creator", sa.String(length=255), nullable=False),
        sa.Column("done_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.Column("done_by", sa.String(length=255), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("tell_time", mesh.columns.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["employee"], ["employee.personnel_number"], name=op.f("fk_follow_up_employee_employee")
        ),
        sa.ForeignKeyConstraint(["team"], ["team.id"], name=op.f("fk_follow_up_team_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up")),
        info={"name": "followUps/{id}"},
    )
    with op.batch_alter_table("follow_up", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_follow_up_about"), ["about"], unique=False)
        batch_op.create_index(batch_op.f("ix_follow_up_due_time_id"), ["due_time", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_follow_up_employee"), ["employee"], unique=False)
        batch_op.create_index(batch_op.f("ix_follow_up_team"), ["team"], unique=False)
        batch_op.create_index(batch_op.f("ix_follow_up_tell_time"), ["tell_time"], unique=False)
