"""The columns of a queue of things to send."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, SmallInteger, String, Table, Text

from mesh.claims import job_columns
from mesh.columns import UtcDateTime


def sending_table(name: str, resource: str, metadata: MetaData, *content: Column[Any]) -> Table:
    """Return a table of things to send.

    Args:
        name: of the table.
        resource: collection of its resource names, such as `outgoingMails`.
        metadata: the service's schema.
        content: columns of what is sent.
    """
    return Table(
        name,
        metadata,
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        # Who asked under which id: a repeat finds its row, however late.
        Column("caller", String(255), nullable=False),
        Column("request_id", String(64)),
        Column("fingerprint", LargeBinary, nullable=False),
        *content,
        Column("about", String(255), nullable=False),
        Column("state", SmallInteger, nullable=False),
        Column("reason", Text, nullable=False),
        Column("reference", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("create_time", UtcDateTime(), nullable=False),
        Column("give_up_time", UtcDateTime(), nullable=False),
        Column("expire_time", UtcDateTime()),
        Column("sent_time", UtcDateTime()),
        *job_columns(),
        Index(None, "caller", "request_id", unique=True),
        Index(None, "next_attempt_time"),
        Index(None, "state", "id"),
        Index(None, "about", "id"),
        info={"name": resource + "/{id}"},
    )
