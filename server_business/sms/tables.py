"""The table of short messages."""

from typing import Final

from sqlalchemy import Column, Integer, SmallInteger, String, Text

from server_business.schema import METADATA
from server_business.sending.store import SendQueue
from server_business.sending.tables import sending_table

SMS: Final = SendQueue(
    sending_table(
        "sms",
        "sms",
        METADATA,
        Column("to", String(16), nullable=False),
        Column("text", Text, nullable=False),
        Column("alphabet", SmallInteger, nullable=False),
        Column("parts", Integer, nullable=False),
    )
)
