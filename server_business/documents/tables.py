"""The tables of the documents.

The bytes lie in a store outside the database; `document_content` says which and where. Its row comes first: bytes
without a row are never looked for, bytes whose row is still PENDING were never promised to anybody.
"""

from enum import IntEnum
from typing import Final

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

from mesh.claims import job_columns
from mesh.columns import UtcDateTime
from server_business.schema import METADATA

_Id = BigInteger().with_variant(Integer(), "sqlite")


class ContentState(IntEnum):
    """Where bytes are on their way."""

    PENDING = 1
    """The row is there, the bytes may be; a version may not refer to it yet."""
    STORED = 2
    """Durable."""
    LEAVING = 3
    """Nothing refers to it; they are being removed."""


CONTENT: Final = Table(
    "document_content",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    # Where they lie, as the store says; empty while they are PENDING.
    Column("locator", Text, nullable=False),
    # When somebody last wanted to write them: what is PENDING or unused for long is removed.
    Column("touch_time", UtcDateTime(), nullable=False),
    Column("verify_time", UtcDateTime()),
    # What was found when they were read; empty: sound.
    Column("damage", Text, nullable=False),
    # When they are read and compared next.
    *job_columns(),
    Index(None, "next_attempt_time"),
    Index(None, "state", "touch_time"),
    Index(
        "ix_document_content_damaged",
        "sha256",
        postgresql_where=text("damage != ''"),
        sqlite_where=text("damage != ''"),
    ),
)

# What the virus scanner says of bytes. Its job: to scan them, then to tell of what was found.
SCAN: Final = Table(
    "document_scan",
    METADATA,
    Column("sha256", String(64), ForeignKey("document_content.sha256"), primary_key=True),
    Column("verdict", SmallInteger, nullable=False),
    # What was found, or why it still waits.
    Column("detail", Text, nullable=False),
    Column("scan_time", UtcDateTime()),
    Column("told_time", UtcDateTime()),
    *job_columns(),
    Index(None, "next_attempt_time"),
    Index(None, "verdict"),
)

DOCUMENT: Final = Table(
    "document",
    METADATA,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("title", Text, nullable=False),
    Column("folder", String(100), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("labels", JSON, nullable=False),
    Column("latest", Integer, nullable=False),
    Column("released", Integer),
    Column("creator", String(255), nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("update_time", UtcDateTime(), nullable=False),
    Column("delete_time", UtcDateTime()),
    # Counts every change, for the etag.
    Column("changes", Integer, nullable=False),
    # The check-out; empty: nobody has it out.
    Column("out_owner", String(255)),
    Column("out_machine", String(100)),
    Column("out_time", UtcDateTime()),
    Column("out_until", UtcDateTime()),
    Column("out_base", Integer),
    Index(None, "folder", "id"),
    Index(None, "out_owner"),
    Index(None, "delete_time"),
)

VERSION: Final = Table(
    "document_version",
    METADATA,
    Column("document", _Id, ForeignKey("document.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("sha256", String(64), ForeignKey("document_content.sha256"), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("mime_type", String(127), nullable=False),
    Column("author", String(255), nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
    Column("comment", Text, nullable=False),
    Column("origin", String(255), nullable=False),
    # The one column that changes: a release is about a version, not part of it.
    Column("state", SmallInteger, nullable=False),
    Index(None, "sha256"),
)

ASSIGNMENT: Final = Table(
    "document_assignment",
    METADATA,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("business_case", String(80), nullable=False),
    Column("document", _Id, ForeignKey("document.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("folder", String(100), nullable=False),
    Column("creator", String(255), nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
    UniqueConstraint("business_case", "document", "number"),
    Index(None, "document"),
)

FOLDER: Final = Table(
    "document_folder",
    METADATA,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("business_case", String(80), nullable=False),
    Column("parent", String(100), nullable=False),
    Column("title", String(120), nullable=False),
    UniqueConstraint("business_case", "parent", "title"),
)

HOLD: Final = Table(
    "document_hold",
    METADATA,
    Column("document", _Id, ForeignKey("document.id"), primary_key=True, autoincrement=False),
    Column("id", String(40), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("creator", String(255), nullable=False),
    Column("create_time", UtcDateTime(), nullable=False),
)

EVENT: Final = Table(
    "document_event",
    METADATA,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("document", _Id, ForeignKey("document.id"), nullable=False),
    Column("event_time", UtcDateTime(), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("number", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "document", "id"),
)

# What is left of an erased document. Its job: ask the store whether the bytes are gone.
ERASURE: Final = Table(
    "document_erasure",
    METADATA,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("document", BigInteger, nullable=False),
    Column("sha256", JSON, nullable=False),
    Column("shared_count", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", String(255), nullable=False),
    Column("erase_time", UtcDateTime(), nullable=False),
    Column("done_time", UtcDateTime()),
    *job_columns(),
    Index(None, "next_attempt_time"),
)

# What web users are to see: the released version of a document at a system, in a folder of the web's structure. Its
# job: to tell server_es. The row stays when nothing is shown any more, for its revision goes on counting.
PUBLICATION: Final = Table(
    "document_publication",
    METADATA,
    Column("document", BigInteger, primary_key=True, autoincrement=False),
    Column("system", String(80), primary_key=True),
    # 0: nothing is to be shown.
    Column("number", Integer, nullable=False),
    Column("folder", String(40), nullable=False),
    Column("revision", BigInteger, nullable=False),
    # Why it is not shown yet; empty: it is, or nothing was tried.
    Column("problem", Text, nullable=False),
    *job_columns(),
    Index(None, "next_attempt_time"),
)

UPLOAD: Final = Table(
    "document_upload",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("size", BigInteger, nullable=False),
    # What it must be, as announced; empty: anything.
    Column("expected", String(64), nullable=False),
    # So many bytes of its file are durable.
    Column("received", BigInteger, nullable=False),
    # Empty until it is complete.
    Column("sha256", String(64), nullable=False),
    Column("expire_time", UtcDateTime(), nullable=False),
    Index(None, "expire_time"),
)

# The words a document is found by. Its job: the words in the bytes of its newest version.
WORDS: Final = Table(
    "document_words",
    METADATA,
    Column("document", _Id, ForeignKey("document.id"), primary_key=True, autoincrement=False),
    Column("said", Text, nullable=False),
    Column("content", Text, nullable=False),
    # Words of this version are in `content`.
    Column("number", Integer, nullable=False),
    Column("problem", Text, nullable=False),
    *job_columns(),
    Index(None, "next_attempt_time"),
)

# The index over it: FTS5 keeps no second copy of the words and follows the table by triggers; PostgreSQL has an index
# over an expression. Both get words that `rules.words` has made alike, so both find alike.
TEXT_VECTOR: Final = "to_tsvector('simple', said || ' ' || content)"
_ADD = "INSERT INTO document_words_fts (rowid, said, content) VALUES (new.document, new.said, new.content);"
_REMOVE = (
    "INSERT INTO document_words_fts (document_words_fts, rowid, said, content) "
    "VALUES ('delete', old.document, old.said, old.content);"
)
_TABLE = "said, content, content='document_words', content_rowid='document', prefix='2 3'"
_ON = "CREATE TRIGGER document_words_fts_"
FULL_TEXT: Final = {
    "sqlite": (
        f"CREATE VIRTUAL TABLE document_words_fts USING fts5({_TABLE})",
        f"{_ON}added AFTER INSERT ON document_words BEGIN {_ADD} END",
        f"{_ON}gone AFTER DELETE ON document_words BEGIN {_REMOVE} END",
        f"{_ON}changed AFTER UPDATE OF said, content ON document_words BEGIN {_REMOVE} {_ADD} END",
    ),
    "postgresql": (f"CREATE INDEX document_words_fts ON document_words USING gin ({TEXT_VECTOR})",),
}
"""Statements that make the index, for new databases and for the migration."""

for _dialect, _statements in FULL_TEXT.items():
    for _statement in _statements:
        event.listen(WORDS, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]
