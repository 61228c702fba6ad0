"""The table of outgoing mails."""

from typing import Final

from sqlalchemy import JSON, Column, SmallInteger, String, Text

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
        Column("message_id", String(255), nullable=False),
        # Recipients the server refused although it took the mail for others.
        Column("refused", JSON(none_as_null=True)),
    )
)
