"""The tables of status-change events: what is told when, and how many mails an address has had."""

from typing import Final

from sqlalchemy import JSON, Boolean, Column, Date, ForeignKey, Integer, String, Table

from mesh.columns import UtcDateTime
from server_es.schema import METADATA

status_event: Final = Table(
    "status_event",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("title", String(80), nullable=False),
    Column("previous_state_from", Integer, nullable=False),
    Column("previous_state_to", Integer, nullable=False),
    Column("new_state", ForeignKey("servicecall_state.number"), nullable=False, index=True),
    Column("text_module", ForeignKey("text_module.id"), nullable=False, index=True),
    Column("notify_customer", Boolean, nullable=False),
    Column("notify_responsible_employee", Boolean, nullable=False),
    Column("notify_responsible_team", Boolean, nullable=False),
    Column("channels", JSON, nullable=False),
    Column("recipients", JSON, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("update_time", UtcDateTime(), nullable=False),
    info={"name": "statusEvents/{id}"},
)

# One row per address that was ever written to. Locked by whoever counts, so that no two units pass the limit together.
status_mail_count: Final = Table(
    "status_mail_count",
    METADATA,
    Column("address", String(254), primary_key=True),  # in small letters
    Column("day", Date, nullable=False),
    Column("mails", Integer, nullable=False),
)
