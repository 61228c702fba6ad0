"""The tables of the inboxes: a counter per inbox, what is said once, and who was told."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
)

from mesh.columns import UtcDateTime


class MessageTables:
    """The tables, added to the service's schema.

    A sequence of the database would leave gaps after a rollback, and its numbers become visible in another order than
    they were given. The counter row is locked until the commit: without gaps, and visible in order.
    """

    def __init__(self, metadata: MetaData) -> None:
        self.inbox: Final = Table(
            "message_inbox",
            metadata,
            Column("recipient", String(64), primary_key=True),
            Column("identity", BigInteger, nullable=False),
            Column("sequence", BigInteger, nullable=False),
            Column("reads", BigInteger, nullable=False),
            Column("oldest", BigInteger, nullable=False),
            Column("changed_time", UtcDateTime(), nullable=False),
            Index(None, "changed_time"),
        )
        self.content: Final = Table(
            "message_content",
            metadata,
            Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
            Column("subject", String(200), nullable=False),
            Column("text", Text, nullable=False),
            Column("kind", SmallInteger, nullable=False),
            Column("priority", SmallInteger, nullable=False),
            Column("about", String(255), nullable=False),
            Column("sender", String(80), nullable=False),
            Column("created_time", UtcDateTime(), nullable=False),
            Column("expire_time", UtcDateTime()),
            Column("actions", JSON(none_as_null=True)),
            Column("in_reply_to", String(100)),
            Index(None, "created_time"),
        )
        self.message: Final = Table(
            "message",
            metadata,
            Column("recipient", String(64), nullable=False),
            Column("sequence", BigInteger, nullable=False),
            Column("content_id", ForeignKey(self.content.c.id), nullable=False, index=True),
            Column("read_time", UtcDateTime()),
            # Which marking of this inbox made it read: the number a client's cursor counts.
            Column("read_number", BigInteger),
            PrimaryKeyConstraint("recipient", "sequence"),
            sqlite_with_rowid=False,
        )
        # What was put aside: at its instant it comes again as a new message, which says the same.
        self.snooze: Final = Table(
            "message_snooze",
            metadata,
            Column("recipient", String(64), nullable=False),
            Column("sequence", BigInteger, nullable=False),
            Column("content_id", ForeignKey(self.content.c.id), nullable=False, index=True),
            Column("due_time", UtcDateTime(), nullable=False, index=True),
            PrimaryKeyConstraint("recipient", "sequence"),
        )
        message = self.message.c
        unread, read = message.read_time.is_(None), message.read_number.is_not(None)
        Index("ix_message_unread", message.recipient, message.sequence, sqlite_where=unread, postgresql_where=unread)
        Index("ix_message_read", message.recipient, message.read_number, sqlite_where=read, postgresql_where=read)
