"""The tables of outgoing mails."""

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Integer, SmallInteger, String, Table, Text

from mesh.columns import UtcDateTime
from server_business.schema import METADATA
from server_business.sending.store import SendQueue
from server_business.sending.tables import sending_table

MAILS: Final = SendQueue(
    sending_table(
        "outgoing_mail",
        "outgoingMails",
        METADATA,
        Column("to", JSON(none_as_null=True), nullable=False),
        Column("cc", JSON(none_as_null=True), nullable=False),
        Column("subject", String(250), nullable=False),
        Column("text", Text, nullable=False),
        Column("html", Text, nullable=False),
        Column("reply_to", String(254), nullable=False),
        Column("in_reply_to", String(500), nullable=False),
        Column("origin", SmallInteger, nullable=False),
        # Indexed for the answers and reports that name it.
        Column("message_id", String(255), nullable=False, index=True),
        # Recipients the server refused although it took the mail for others.
        Column("refused", JSON(none_as_null=True)),
        # What was heard of it after it was sent: the contract's `DeliveryState`, and whom it did not reach.
        Column("delivery", SmallInteger, nullable=False, server_default="0"),
        Column("bounces", JSON(none_as_null=True)),
    )
)

# Addresses that mails bounced from for good, until somebody releases them.
MARKED_ADDRESS: Final = Table(
    "marked_address",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("key", String(254), nullable=False, unique=True),
    Column("mail_address", String(254), nullable=False),
    Column("reason", Text, nullable=False),
    Column("mark_time", UtcDateTime(), nullable=False),
    Column("outgoing_mail", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
