"""The tables of absences, of what they are decided by, and of how much leave there is.

Days are counted in half days. A span of time is kept twice: in slots of half a day, which the rules reckon with, and as
instants, by which others ask who is away.
"""

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
)

from mesh.columns import UtcDateTime
from server_es.calendars.tables import calendar
from server_es.directory.tables import employee, team
from server_es.schema import METADATA

_EMPLOYEE: Final = employee.c.personnel_number
_TEAM: Final = team.c.id


def _kept() -> tuple[Column[Any], ...]:
    return (Column("revision", Integer, nullable=False), Column("update_time", UtcDateTime(), nullable=False))


def _names(column: str) -> Column[Any]:
    return Column(column, JSON, nullable=False)


absence_kind: Final = Table(
    "absence_kind",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("title", String(80), nullable=False),
    Column("takes_leave", Boolean, nullable=False),
    Column("may_overdraw", Boolean, nullable=False),
    Column("activity_type", String(40), nullable=False),
    *_kept(),
    info={"name": "absenceKinds/{id}"},
)

approval_group: Final = Table(
    "approval_group",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("title", String(80), nullable=False),
    _names("members"),
    _names("employees"),
    _names("teams"),
    _names("informed"),
    *_kept(),
    info={"name": "approvalGroups/{id}"},
)

# Whom a group names: so that they are not deleted. Derived, rewritten with the group.
approval_group_reference: Final = Table(
    "approval_group_reference",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("approval_group", ForeignKey("approval_group.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("employee", ForeignKey(_EMPLOYEE), index=True),
    Column("team", ForeignKey(_TEAM), index=True),
    info={"name": "approvalGroups/{approval_group}"},
)

stress_period: Final = Table(
    "stress_period",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("title", String(80), nullable=False),
    Column("start_date", Date, nullable=False),
    Column("end_date", Date, nullable=False),
    _names("teams"),
    *_kept(),
    info={"name": "stressPeriods/{id}"},
)

# Which teams a stress period names. Derived, rewritten with the period.
stress_period_reference: Final = Table(
    "stress_period_reference",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("stress_period", ForeignKey("stress_period.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("team", ForeignKey(_TEAM), nullable=False, index=True),
    info={"name": "stressPeriods/{stress_period}"},
)

leave_entitlement: Final = Table(
    "leave_entitlement",
    METADATA,
    Column("employee", ForeignKey(_EMPLOYEE), nullable=False),
    Column("year", Integer, nullable=False),
    Column("half_days", Integer, nullable=False),
    Column("carried_half_days", Integer, nullable=False),
    Column("carried_until", Date),
    Column("note", String(400), nullable=False),
    *_kept(),
    PrimaryKeyConstraint("employee", "year"),
    info={"name": "employees/{employee}/leaveEntitlements/{year}"},
)

working_time: Final = Table(
    "working_time",
    METADATA,
    Column("employee", ForeignKey(_EMPLOYEE), primary_key=True),
    Column("calendar", ForeignKey(calendar.c.id), nullable=False, index=True),
    info={"name": "the working time of employees/{employee}"},
)

absence: Final = Table(
    "absence",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("employee", ForeignKey(_EMPLOYEE), nullable=False),
    Column("kind", ForeignKey("absence_kind.id"), nullable=False, index=True),
    Column("start_slot", Integer, nullable=False),
    Column("end_slot", Integer, nullable=False),
    Column("start_time", UtcDateTime(), nullable=False),
    Column("end_time", UtcDateTime(), nullable=False),
    Column("half_days", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("stress_confirmed", Boolean, nullable=False),
    Column("creator", String(120), nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
    # Who brought it into a state in which nothing is open any more, and why.
    Column("ended_by", String(120), nullable=False),
    Column("ended_time", UtcDateTime()),
    Column("ended_reason", Text, nullable=False),
    # What is asked for: another number after each change of it, the same after a decision.
    Column("content_revision", Integer, nullable=False),
    *_kept(),
    Index(None, "employee", "end_slot"),
    Index(None, "state", "end_time"),
    info={"name": "absences/{id}"},
    sqlite_autoincrement=True,  # a number that was deleted is not given again
)

# One row for each group that has to agree. The group's title is kept as it was.
absence_decision: Final = Table(
    "absence_decision",
    METADATA,
    Column("absence", ForeignKey("absence.id", ondelete="CASCADE"), nullable=False),
    Column("approval_group", String(40), nullable=False),
    Column("title", String(80), nullable=False),
    Column("verdict", SmallInteger, nullable=False),
    Column("decided_by", String(120), nullable=False),
    Column("stands_in_for", String(40), nullable=False),
    Column("decide_time", UtcDateTime()),
    Column("comment", Text, nullable=False),
    PrimaryKeyConstraint("absence", "approval_group"),
    Index(None, "approval_group", "verdict"),
    info={"name": "absences/{absence}"},
)

# Who is told how it ended (zur Kenntnis).
absence_informed: Final = Table(
    "absence_informed",
    METADATA,
    Column("absence", ForeignKey("absence.id", ondelete="CASCADE"), nullable=False),
    Column("employee", ForeignKey(_EMPLOYEE), nullable=False, index=True),
    PrimaryKeyConstraint("absence", "employee"),
    info={"name": "absences/{absence}"},
)
