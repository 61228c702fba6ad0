"""The table of the text modules."""

from typing import Final

from sqlalchemy import Column, Integer, SmallInteger, String, Table, Text

from mesh.columns import UtcDateTime
from server_es.schema import METADATA

text_module: Final = Table(
    "text_module",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("title", String(80), nullable=False),
    Column("language", SmallInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("update_time", UtcDateTime(), nullable=False),
    info={"name": "textModules/{id}"},
)
