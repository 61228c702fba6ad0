"""The visits. The appointments they have written are the calendar's."""

from typing import Final

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, PrimaryKeyConstraint, String, Table, Text

from mesh.columns import UtcDateTime
from server_es.schema import METADATA

visit: Final = Table(
    "visit",
    METADATA,
    Column("servicecall", ForeignKey("servicecall.number"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("start_time", UtcDateTime(), nullable=False),
    Column("end_time", UtcDateTime(), nullable=False),
    # Personnel numbers, no foreign keys: what was planned outlives who has left.
    Column("employees", JSON, nullable=False),
    Column("text", Text, nullable=False),
    Column("location", String(255), nullable=False),
    Column("cancelled", Boolean, nullable=False),
    Column("actor", String(120), nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("update_time", UtcDateTime(), nullable=False),
    Column("revision", Integer, nullable=False),
    PrimaryKeyConstraint("servicecall", "number"),
    info={"name": "servicecalls/{servicecall}/visits/{number}"},
    sqlite_with_rowid=False,
)
