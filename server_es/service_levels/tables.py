"""The tables of service levels, priorities, problem categories, states, and of the rules that choose a level."""

from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)

from mesh.columns import UtcDateTime
from server_es.schema import METADATA


def _number() -> Column[int]:
    return Column("number", Integer, primary_key=True, autoincrement=False)


def _kept() -> tuple[Column[Any], ...]:
    return (
        Column("title", String(80), nullable=False),
        Column("revision", Integer, nullable=False),
        Column("update_time", UtcDateTime(), nullable=False),
    )


def _promise(name: str) -> Column[int]:
    return Column(name, BigInteger)  # microseconds


priority: Final = Table("priority", METADATA, _number(), *_kept(), info={"name": "priorities/{number}"})

problem_category: Final = Table(
    "problem_category",
    METADATA,
    Column("id", String(40), primary_key=True),
    *_kept(),
    info={"name": "problemCategories/{id}"},
)

servicecall_state: Final = Table(
    "servicecall_state",
    METADATA,
    _number(),
    Column("meaning", SmallInteger, nullable=False),
    Column("stops_clock", Boolean, nullable=False),
    *_kept(),
    info={"name": "servicecallStates/{number}"},
)

service_level: Final = Table(
    "service_level",
    METADATA,
    _number(),
    Column("language", String(2), nullable=False),
    Column("translations", JSON, nullable=False),
    Column("priority", ForeignKey("priority.number"), nullable=False, index=True),
    Column("calendar", ForeignKey("calendar.id"), index=True),
    _promise("reaction_working_duration"),
    _promise("arrival_working_duration"),
    _promise("solution_working_duration"),
    *_kept(),
    info={"name": "serviceLevels/{number}"},
)

level_assignment: Final = Table(
    "level_assignment",
    METADATA,
    Column("problem_category", ForeignKey("problem_category.id"), nullable=False),
    Column("significance", ForeignKey("significance.id"), nullable=False, index=True),
    Column("service_level", ForeignKey("service_level.number"), nullable=False, index=True),
    PrimaryKeyConstraint("problem_category", "significance"),
    info={"name": "the level assignment of problemCategories/{problem_category} × significances/{significance}"},
)

# One row at most.
servicecall_defaults: Final = Table(
    "servicecall_defaults",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("service_level", ForeignKey("service_level.number")),
    Column("problem_category", ForeignKey("problem_category.id")),
    Column("revision", Integer, nullable=False),
    Column("update_time", UtcDateTime(), nullable=False),
    info={"name": "the defaults"},
)
