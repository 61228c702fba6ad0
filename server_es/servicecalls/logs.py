"""From the rows of a call's log to the events the rules know."""

from collections.abc import Iterable, Iterator
from typing import Any

from esoffice.es.v1 import servicecalls_pb2 as pb

from server_es.servicecalls import events
from server_es.servicecalls.events import Event, Log

RECEIVED = int(pb.SERVICECALL_EVENT_KIND_RECEIVED)
ACCEPTED = int(pb.SERVICECALL_EVENT_KIND_ACCEPTED)
REACTED = int(pb.SERVICECALL_EVENT_KIND_REACTED)
ARRIVED = int(pb.SERVICECALL_EVENT_KIND_ARRIVED)
STATE_CHANGED = int(pb.SERVICECALL_EVENT_KIND_STATE_CHANGED)
LEVEL_CHANGED = int(pb.SERVICECALL_EVENT_KIND_LEVEL_CHANGED)
REOPENED = int(pb.SERVICECALL_EVENT_KIND_REOPENED)
ADDENDUM = int(pb.SERVICECALL_EVENT_KIND_ADDENDUM)
EDITED = int(pb.SERVICECALL_EVENT_KIND_EDITED)
FORWARDED = int(pb.SERVICECALL_EVENT_KIND_FORWARDED)
VISIT = int(pb.SERVICECALL_EVENT_KIND_VISIT)

_PLAIN: dict[int, type[Event]] = {
    ACCEPTED: events.Accepted,
    REACTED: events.FirstReaction,
    ARRIVED: events.Arrived,
    LEVEL_CHANGED: events.LevelChanged,
    ADDENDUM: events.Addendum,
}


def log_of(number: int, rows: Iterable[Any]) -> Log:
    """Return the log of a call; a row has `kind`, `event_time` and `state`."""
    return Log(number=number, events=tuple(event for row in rows for event in _events(row)))


def _events(row: Any) -> Iterator[Event]:
    kind = row.kind
    if kind == RECEIVED:
        yield events.Received(time=row.event_time)
    if kind == REOPENED:
        yield events.Reopened(time=row.event_time, state=row.state)
    elif row.state is not None:
        yield events.StateChanged(time=row.event_time, state=row.state)
    elif kind in _PLAIN:
        yield _PLAIN[kind](time=row.event_time)
