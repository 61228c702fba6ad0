"""Between the contract of the notices and their rows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from esoffice.es.v1 import notices_pb2 as pb

from mesh.etags import etag
from server_es.calendars import mapping
from server_es.notices.names import NOTICE, PREFERENCES
from server_es.notices.rules import DEFAULT, State

FIELDS: Final = ("channels", "fallback_channels", "fallback_duration", "quiet_hours", "additional_mail_address")
_NEVER: Final = etag("notification preferences", "default")


def preferences(employee: str, row: Any) -> pb.NotificationPreferences:
    """Return how an employee wants to be told; `row` None: as the site does by default."""
    name = PREFERENCES.build(employee)
    if row is None:
        channels: Any = sorted(DEFAULT.channels)
        fallback: Any = DEFAULT.fallback
        return pb.NotificationPreferences(name=name, channels=channels, fallback_channels=fallback, etag=_NEVER)
    message = pb.NotificationPreferences(
        name=name,
        channels=row.channels,
        fallback_channels=row.fallback_channels,
        additional_mail_address=row.additional_mail_address,
        etag=etag(employee, row.revision, row.update_time.timestamp()),
    )
    if row.fallback_seconds is not None:
        message.fallback_duration.seconds = row.fallback_seconds
    for weekdays, start, end in row.quiet_hours:
        quiet = message.quiet_hours.add(weekdays=weekdays)
        quiet.window.start_minute, quiet.window.end_minute = start, end
    return message


def columns(employee: str, message: pb.NotificationPreferences) -> dict[str, Any]:
    """Return the columns of preferences."""
    after = message.fallback_duration
    return {
        "employee": employee,
        "channels": sorted(message.channels),
        "fallback_channels": list(message.fallback_channels),
        "fallback_seconds": after.seconds if message.HasField("fallback_duration") else None,
        "quiet_hours": [
            [sorted(one.weekdays), one.window.start_minute, one.window.end_minute] for one in message.quiet_hours
        ],
        "additional_mail_address": message.additional_mail_address,
    }


def notice(row: Any, read: Mapping[tuple[str, int], datetime]) -> pb.Notice:
    """Return a notice; `read` says when messages in inboxes were read."""
    read_time = read.get((row.employee, row.inbox_sequence))
    state: Any = row.state if read_time is None else int(State.ACKNOWLEDGED)
    return pb.Notice(
        name=NOTICE.build(row.id),
        cause=row.cause,
        about=row.about,
        employee=f"employees/{row.employee}" if row.employee else "",
        address=row.address,
        channel=row.channel,
        subject=row.subject,
        urgent=row.urgent,
        state=state,
        reason=row.reason,
        attempt_count=row.attempts,
        create_time=mapping.timestamp(row.create_time),
        sent_time=mapping.timestamp(row.sent_time),
        end_time=mapping.timestamp(row.end_time or read_time),
        next_attempt_time=mapping.timestamp(row.next_attempt_time),
        expire_time=mapping.timestamp(row.expire_time),
        remote_name=row.remote_name,
    )
