"""The log of forwardings. Only appended to."""

from typing import Final

from sqlalchemy import Column, ForeignKey, Integer, PrimaryKeyConstraint, String, Table, Text

from mesh.columns import UtcDateTime
from server_es.schema import METADATA

forwarding: Final = Table(
    "forwarding",
    METADATA,
    Column("servicecall", ForeignKey("servicecall.number"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("actor", String(120), nullable=False),
    # No foreign keys: the log outlives teams and employees.
    Column("team", String(40), nullable=False),
    Column("employee", String(40), nullable=False),
    Column("text", Text, nullable=False),
    # The entry in the call's event log.
    Column("sequence", Integer, nullable=False),
    PrimaryKeyConstraint("servicecall", "number"),
    info={"name": "servicecalls/{servicecall}/forwardings/{number}"},
    sqlite_with_rowid=False,
)
