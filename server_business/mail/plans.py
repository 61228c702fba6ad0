"""What server_es is asked for because of a mail, so that a repeat after a crash asks for exactly the same.

The row keeps a plan: the request without what the row itself holds (texts, attachments). Settings and records may
change between two attempts; what is asked for under one request id must not.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID, uuid5

from esoffice.es.v1 import contacts_pb2, servicecalls_pb2

from mesh.instants import timestamp
from server_business.mail.accounts import Account
from server_business.mail.recognition import without_prefixes
from server_business.mail.rules import ContactOnCall, CreateContact, CreateServicecall

_FOLLOW_UP: Final = timedelta(days=1)
_TITLE, _DESCRIPTION, _SUBJECT = 80, 100_000, 998
_TEXT, _HTML = 1_000_000, 2_000_000
_FILE_NAME, _CONTENT_TYPE, _ATTACHMENTS = 255, 127, 500
_NO_SUBJECT: Final = "(ohne Betreff)"
_MAILABLE: Final = re.compile(r"(?=.{3,254}\Z)[^@\s<>\",;]+@[^@\s<>\",;]+")  # as server_es takes it
_LENGTH: Final = struct.Struct(">I")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A call, a contact, or a call and its first contact."""

    call: servicecalls_pb2.CreateServicecallRequest | None = None
    contact: contacts_pb2.CreateContactRequest | None = None

    @classmethod
    def unpacked(cls, packed: bytes) -> Self:
        """Read what `packed` wrote."""
        (length,) = _LENGTH.unpack_from(packed)
        call, contact = packed[_LENGTH.size : _LENGTH.size + length], packed[_LENGTH.size + length :]
        return cls(
            call=servicecalls_pb2.CreateServicecallRequest.FromString(call) if call else None,
            contact=contacts_pb2.CreateContactRequest.FromString(contact) if contact else None,
        )

    def packed(self) -> bytes:
        """Write it for the row."""
        call = self.call.SerializeToString() if self.call else b""
        return _LENGTH.pack(len(call)) + call + (self.contact.SerializeToString() if self.contact else b"")

    @property
    def address(self) -> str:
        """Resource name of the address; empty when only the call knows it."""
        if self.call is not None:
            return self.call.servicecall.address
        return self.contact.contact.address if self.contact is not None else ""

    def complete(self, row: Row, attachments: Sequence[Row]) -> Self:
        """Return the requests with everything the mail says."""
        call, contact = self.call, self.contact
        if call is not None:
            planned, call = call, servicecalls_pb2.CreateServicecallRequest()
            call.CopyFrom(planned)
            call.servicecall.title = (without_prefixes(row["subject"]) or _NO_SUBJECT)[:_TITLE]
            call.servicecall.description = row["text"][:_DESCRIPTION]
            call.servicecall.origin = f"mails/{row['id']}"
        if contact is not None:
            noted, contact = contact, contacts_pb2.CreateContactRequest()
            contact.CopyFrom(noted)
            _fill(contact.contact, row, attachments)
        return replace(self, call=call, contact=contact)


def plan(
    decision: CreateContact | CreateServicecall | ContactOnCall,
    row: Row,
    account: Account,
    *,
    attached: bool,
    contact_person: str,
    now: datetime,
) -> Plan:
    """Say what is asked for.

    Args:
        decision: what the rules said.
        row: the mail.
        account: its settings as they are now.
        attached: whether something hangs on the mail.
        contact_person: who of the address wrote it; may be empty.
        now: the instant.
    """
    request_id = row["request_id"]
    if isinstance(decision, CreateContact):
        made = _contact(row, account, address=decision.address, contact_person=contact_person, now=now)
        made.request_id = request_id
        return Plan(contact=made)
    if isinstance(decision, ContactOnCall):
        made = _contact(row, account, call=f"servicecalls/{decision.call}", now=now)
        made.request_id = request_id
        made.reopen = decision.reopen
        return Plan(contact=made)
    call = servicecalls_pb2.CreateServicecallRequest(request_id=request_id)
    call.servicecall.address = decision.address
    call.servicecall.responsible_employee = account.responsible_employee
    call.servicecall.responsible_team = account.responsible_team
    if _MAILABLE.fullmatch(row["sender"]):
        call.servicecall.reporter_mail_address = row["sender"]
    call.servicecall.suppress_answers = bool(row["signals"])  # a person may make a call of an automatic mail
    call.servicecall.receive_time.CopyFrom(timestamp(min(row["receive_time"], now)))
    if not (attached or row["html"] or len(row["text"]) > _DESCRIPTION):
        return Plan(call=call)  # its description says it all
    first = _contact(row, account, address=decision.address, contact_person=contact_person, now=now)
    first.request_id = str(uuid5(UUID(request_id), "first contact"))
    return Plan(call=call, contact=first)


def _contact(
    row: Row, account: Account, *, address: str = "", call: str = "", contact_person: str = "", now: datetime
) -> contacts_pb2.CreateContactRequest:
    made = contacts_pb2.CreateContactRequest()
    contact = made.contact
    contact.address, contact.servicecall, contact.contact_person = address, call, contact_person
    contact.activity_type = account.activity_type
    contact.direction = contacts_pb2.CONTACT_DIRECTION_INBOUND
    happened = row["sent_time"] if account.by_sent_date and row["sent_time"] else row["receive_time"]
    contact.happened_time.FromDatetime(min(happened, now))
    if account.follow_up_employee or account.follow_up_team:
        contact.follow_up.employee = account.follow_up_employee
        contact.follow_up.team = account.follow_up_team
        contact.follow_up.due_time.FromDatetime(now + _FOLLOW_UP)
    return made


def _fill(contact: contacts_pb2.Contact, row: Row, attachments: Sequence[Row]) -> None:
    contact.subject = row["subject"][:_SUBJECT]
    contact.text = row["text"][:_TEXT]
    contact.html = row["html"] if len(row["html"]) <= _HTML else ""  # half a document is none
    contact.mail_message_id = f"<{row['message_id']}>" if row["message_id"] else ""
    for one in attachments[:_ATTACHMENTS]:
        contact.attachments.add(
            file_name=one["file_name"][:_FILE_NAME],
            size_bytes=one["size"],
            content_type=one["content_type"][:_CONTENT_TYPE],
            sha256=one["sha256"],
            uri=f"mails/{row['id']}/attachments/{one['number']}",
        )
