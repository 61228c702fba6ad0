"""The tables of the calendars, and the mark that says whether what due times are computed from has changed."""

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table

from mesh.columns import UtcDateTime
from server_es.schema import METADATA

calendar: Final = Table(
    "calendar",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("title", String(80), nullable=False),
    # The contract's message without name and etag: it is read as a whole, and never searched in.
    Column("definition", LargeBinary, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("update_time", UtcDateTime(), nullable=False),
    info={"name": "calendars/{id}"},
)

# One row. `mark` is another number after each change of calendars, service levels, states, assignments or defaults;
# a random one, so that a change that was rolled back never left its number to the next.
site_mark: Final = Table(
    "site_mark",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("mark", BigInteger, nullable=False),
)
