"""The table of the follow-ups."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from mesh.columns import UtcDateTime
from server_es.schema import METADATA

follow_up: Final = Table(
    "follow_up",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("employee", String(40), ForeignKey("employee.personnel_number"), index=True),
    Column("team", String(40), ForeignKey("team.id"), index=True),
    Column("due_time", UtcDateTime(), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("about", String(255), nullable=False, index=True),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("creator", String(255), nullable=False),
    Column("done_time", UtcDateTime()),
    Column("done_by", String(255)),
    Column("revision", Integer, nullable=False),
    # When somebody is told; empty once that is done, or the follow-up is.
    Column("tell_time", UtcDateTime(), index=True),
    Index(None, "due_time", "id"),
    info={"name": "followUps/{id}"},
)
