"""Between the contract's contacts and the store's rows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from esoffice.es.v1 import contacts_pb2 as pb

from mesh.errors import InvalidArgument, Violation
from mesh.etags import etag
from mesh.names import NamePattern
from server_es.contacts.store import Row
from server_es.directory import names

CONTACT: Final = NamePattern("contacts/{contact}", numeric=True)
SERVICECALL: Final = NamePattern("servicecalls/{servicecall}", numeric=True)


def row_of(message: pb.Contact, now: datetime, creator: str) -> Row:
    """Return the row of a contact whose field rules hold, as far as the request says it.

    Mails contain what they like; the character NUL, which no database text may, is left out.

    Raises:
        InvalidArgument: a time beyond the years 1 to 9999.
    """
    follow_up = message.follow_up
    return {
        "address": _id(names.ADDRESS, message.address),
        "contact_person": names.CONTACT_PERSON.parse(message.contact_person)[1] if message.contact_person else None,
        "servicecall": int(SERVICECALL.parse(message.servicecall)[0]) if message.servicecall else None,
        "activity_type": message.activity_type,
        "direction": message.direction,
        "subject": _clean(message.subject),
        "text": _clean(message.text),
        "html": _clean(message.html),
        "happened_time": _instant(message, "happened_time", "contact.happened_time") or now,
        "employee": _id(names.EMPLOYEE, message.employee),
        "attachments": [_attachment(one) for one in message.attachments],
        "addendum": False,
        "mail_message_id": _clean(message.mail_message_id),
        "follow_up_employee": _id(names.EMPLOYEE, follow_up.employee),
        "follow_up_team": _id(names.TEAM, follow_up.team),
        "follow_up_due_time": _instant(follow_up, "due_time", "contact.follow_up.due_time"),
        "create_time": now,
        "creator": creator,
    }


def referred(message: pb.Contact) -> dict[str, str]:
    """Return the directory's records a contact refers to: resource name by field path."""
    all_of_them = {
        "contact.address": message.address,
        "contact.contact_person": message.contact_person,
        "contact.employee": message.employee,
        "contact.follow_up.employee": message.follow_up.employee,
        "contact.follow_up.team": message.follow_up.team,
    }
    return {field: name for field, name in all_of_them.items() if name}


def message_of(row: Mapping[str, Any]) -> pb.Contact:
    """Return a stored contact as the contract's resource; without HTML when the row has none."""
    message = pb.Contact(
        name=CONTACT.build(row["id"]),
        address=names.ADDRESS.build(row["address"]),
        activity_type=row["activity_type"],
        direction=row["direction"],
        subject=row["subject"],
        text=row["text"],
        html=row.get("html", ""),
        happened_time=row["happened_time"],
        attachments=[pb.Attachment(**one) for one in row["attachments"]],
        addendum=row["addendum"],
        mail_message_id=row["mail_message_id"],
        create_time=row["create_time"],
        creator=row["creator"],
        etag=etag(row["id"], row["create_time"].timestamp()),
    )
    if row["contact_person"]:
        message.contact_person = names.CONTACT_PERSON.build(row["address"], row["contact_person"])
    if row["servicecall"]:
        message.servicecall = SERVICECALL.build(row["servicecall"])
    if row["employee"]:
        message.employee = names.EMPLOYEE.build(row["employee"])
    if row["follow_up_due_time"]:
        message.follow_up.CopyFrom(_follow_up(row))
    return message


def _follow_up(row: Mapping[str, Any]) -> pb.FollowUp:
    return pb.FollowUp(
        employee=names.EMPLOYEE.build(row["follow_up_employee"]) if row["follow_up_employee"] else "",
        team=names.TEAM.build(row["follow_up_team"]) if row["follow_up_team"] else "",
        due_time=row["follow_up_due_time"],
    )


def _attachment(one: pb.Attachment) -> dict[str, Any]:
    return {
        "file_name": _clean(one.file_name),
        "size_bytes": one.size_bytes,
        "content_type": _clean(one.content_type),
        "sha256": one.sha256,
        "uri": _clean(one.uri),
    }


def _id(pattern: NamePattern, name: str) -> str | None:
    return pattern.parse(name)[0] if name else None


def _clean(text: str) -> str:
    return text.replace("\0", "")


def _instant(message: Any, name: str, path: str) -> datetime | None:
    if not message.HasField(name):
        return None
    try:
        instant: datetime = getattr(message, name).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument([Violation(path, "is no instant between the years 1 and 9999")]) from error
    return instant
