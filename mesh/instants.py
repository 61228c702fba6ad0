"""Instants between contracts and rules: protobuf's Timestamp and Python's aware datetime."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def instant(timestamp: Timestamp) -> datetime:
    """Return the instant, aware and in UTC, to the microsecond."""
    return timestamp.ToDatetime(tzinfo=UTC)


def timestamp(instant: datetime) -> Timestamp:
    """Return the Timestamp of an aware datetime.

    Raises:
        ValueError: it has no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone")
    message = Timestamp()
    message.FromDatetime(instant)
    return message
