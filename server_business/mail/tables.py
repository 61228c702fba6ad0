"""The tables of the mail reception.

A mail is one row in three tables: what lists and decisions read, what it says, and its bytes as they came. The row is
the job: as long as `state` is RECEIVED it has to be decided, as long as `filed` is false it has to be filed away.
"""

from enum import IntEnum
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from mesh.columns import UtcDateTime
from server_business.schema import METADATA


class State(IntEnum):
    """Where a mail stands; the numbers of the contract's `MailState`."""

    RECEIVED = 1
    SERVICECALL = 2
    CONTACT = 3
    OPEN = 4
    DISMISSED = 5
    DUPLICATE = 6


class Attached(IntEnum):
    """Whether the attachments of a mail become documents."""

    NONE = 0
    DUE = 1
    MADE = 2
    FAILED = 3


class Announcement(IntEnum):
    """Whether the team of the open mails is told of a mail."""

    NONE = 0
    DUE = 1
    MADE = 2


_Id = BigInteger().with_variant(Integer(), "sqlite")

MAIL: Final = Table(
    "mail",
    METADATA,
    Column("id", _Id, primary_key=True, autoincrement=True),
    # Its identity. The Message-ID is no part of it: senders repeat and omit them.
    Column("account", String(80), nullable=False),
    Column("folder", Text, nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uid", String(255), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    # False: `mail_raw` holds only the beginning, the rest was over the account's limit.
    Column("complete", Boolean, nullable=False),
    Column("store_time", UtcDateTime(), nullable=False),
    Column("receive_time", UtcDateTime(), nullable=False),
    Column("sent_time", UtcDateTime()),
    # What its head says; empty when it cannot be read.
    Column("sender", String(320), nullable=False),
    Column("sender_name", Text, nullable=False),
    # Case and the spelling of the domain do not matter when a mail is searched by its sender.
    Column("sender_key", String(320), nullable=False),
    Column("sender_problem", String(20), nullable=False),
    Column("sender_detail", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("message_id", String(255), nullable=False),
    # Message-IDs this mail answers, nearest first.
    Column("thread", JSON, nullable=False),
    # [kind, header, value] each.
    Column("signals", JSON, nullable=False),
    Column("problems", JSON, nullable=False),
    # What was found out before it is decided; `screening.Verdicts` without what is usual.
    Column("verdicts", JSON, nullable=False, server_default="{}"),
    Column("preview", Text, nullable=False),
    # Characters of text and HTML, so that a batch can be cut before they are read.
    Column("length", Integer, nullable=False),
    # Its way.
    Column("state", Integer, nullable=False),
    Column("open_reason", String(40), nullable=False),
    Column("open_detail", Text, nullable=False),
    Column("next_attempt_time", UtcDateTime()),
    Column("attempts", Integer, nullable=False),
    # UUID under which server_es is asked; a person's decision gets a new one.
    Column("request_id", String(36), nullable=False),
    # What server_es is asked for, without what the row itself says, so that a repeat asks for exactly the same.
    Column("plan", LargeBinary),
    Column("plan_time", UtcDateTime()),
    # Its results.
    Column("servicecall", String(80), nullable=False),
    Column("contact", String(80), nullable=False),
    Column("address", String(80), nullable=False),
    Column("candidates", JSON, nullable=False),
    Column("duplicate_of", BigInteger),
    # Resource name of the mail of ours it reports about.
    Column("outgoing_mail", String(40), nullable=False, server_default=""),
    Column("decided_by", String(255), nullable=False),
    # The caller's id of the verb a person decided by.
    Column("verb_request_id", String(36), nullable=False),
    Column("filed", Boolean, nullable=False),
    Column("announcement", Integer, nullable=False),
    # Of class `Attached`; written with the outcome, in its transaction.
    Column("attached", Integer, nullable=False, server_default="0"),
    # Mails told of in one message share one id, under which the message is sent.
    Column("announcement_id", String(36)),
    UniqueConstraint("account", "folder", "uidvalidity", "uid"),
    Index(None, "account", "sha256"),
    Index(None, "account", "state", "filed"),
    # The second column for how many mails a sender sent within an hour.
    Index(None, "sender_key", "receive_time"),
    Index(None, "servicecall"),
    Index(None, "message_id"),
    # Only the rows with work left, so that the questions of the workers cost the same however many mails there are.
    Index(
        "ix_mail_to_decide",
        "account",
        "id",
        postgresql_where=text("state = 1"),
        sqlite_where=text("state = 1"),
    ),
    Index(
        "ix_mail_to_file",
        "account",
        "id",
        postgresql_where=text("NOT filed"),
        sqlite_where=text("NOT filed"),
    ),
    Index(
        "ix_mail_to_take_over",
        "id",
        postgresql_where=text("attached = 1"),
        sqlite_where=text("attached = 1"),
    ),
    Index(
        "ix_mail_to_announce",
        "account",
        "id",
        postgresql_where=text("announcement = 1"),
        sqlite_where=text("announcement = 1"),
    ),
)

MAIL_TEXT: Final = Table(
    "mail_text",
    METADATA,
    Column("mail", _Id, ForeignKey("mail.id"), primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=False),
)

MAIL_RAW: Final = Table(
    "mail_raw",
    METADATA,
    Column("mail", _Id, ForeignKey("mail.id"), primary_key=True, autoincrement=False),
    Column("raw", LargeBinary, nullable=False),
)

# The bytes are cut out of the raw mail when somebody asks for them: nothing is stored twice.
MAIL_ATTACHMENT: Final = Table(
    "mail_attachment",
    METADATA,
    Column("mail", _Id, ForeignKey("mail.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("file_name", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("content_id", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
)

MAIL_ACCOUNT: Final = Table(
    "mail_account",
    METADATA,
    Column("account", String(80), primary_key=True),
    Column("healthy", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("seen_count", BigInteger, nullable=False),
    Column("last_success_time", UtcDateTime()),
    # When the newest mail was stored; before the first one, when the folder was first read to its end.
    Column("last_mail_time", UtcDateTime()),
    # The silence that was noticed last: since when, under which request id the team is told, and whether it was.
    Column("silence_of", UtcDateTime()),
    Column("silence_request_id", String(36)),
    Column("silence_told", Boolean, nullable=False, server_default=false()),
)
