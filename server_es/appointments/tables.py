"""The table of appointments."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from mesh.columns import UtcDateTime
from server_es.directory.tables import employee
from server_es.schema import METADATA

appointment: Final = Table(
    "appointment",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("employee", ForeignKey(employee.c.personnel_number), nullable=False),
    Column("title", String(80), nullable=False),
    Column("activity_type", String(40), nullable=False),
    Column("start_time", UtcDateTime(), nullable=False),
    Column("end_time", UtcDateTime(), nullable=False),
    # Name of what wrote it; it writes one only, however often it is asked.
    Column("origin", String(120), nullable=False, unique=True),
    Column("create_time", UtcDateTime(), nullable=False),
    Index(None, "employee", "end_time"),
    info={"name": "appointments/{id}"},
    sqlite_autoincrement=True,  # a number that was deleted is not given again
)
