"""The first events of a stream: how the inbox stands, and what waited in it."""

from dataclasses import dataclass

from esoffice.es.v1 import messages_pb2 as pb

from mesh.database import UnitOfWork
from server_es.messages import events, rules
from server_es.messages.rules import Cursor, Position
from server_es.messages.settings import MessageSettings
from server_es.messages.store import MessageStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The first events, and the inbox they were read from."""

    events: tuple[pb.SubscribeMessagesResponse, ...]
    newest: Position
    identity: int


def open_inbox(
    unit: UnitOfWork, store: MessageStore, recipient: str, cursor: Cursor | None, settings: MessageSettings
) -> Opening:
    """Read what a client that stands at `cursor` should know first, on one snapshot.

    Raises:
        OutOfRange: see `rules.begin`.
    """
    inbox = store.inbox(unit, recipient)
    newest = inbox.newest
    start = rules.begin(inbox, cursor)
    unread = store.count_unread(unit, recipient)
    waiting = store.count_unread(unit, recipient, after=start.sequence, through=newest.sequence)
    # Nothing waits: what was read elsewhere in the meantime, or has expired, is skipped at once.
    begins = start if waiting.all else Position(newest.sequence, start.reads)
    first = events.event(inbox.identity, start, begins)
    first.current.CopyFrom(events.current(unread.all, settings.heartbeat))
    told = [first]
    at = begins
    if waiting.all:
        decided = rules.waiting(
            waiting.all, at_most=settings.waiting_shown_at_most, newest_shown=settings.waiting_newest_shown
        )
        at = Position(newest.sequence, start.reads)
        event = events.event(inbox.identity, start, at)
        shown = store.page(
            unit, recipient, after=start.sequence, through=newest.sequence,
            limit=decided.shown, newest_first=True, unread_only=True,
        )[::-1]  # fmt: skip
        if decided.one_by_one:
            event.messages.messages.extend(events.message(one) for one in shown)
        else:
            event.waiting.CopyFrom(events.waiting(waiting, shown))
        told.append(event)
    if at.reads < newest.reads:
        event = events.event(inbox.identity, at, newest)
        event.read.CopyFrom(events.read(store.read_between(unit, recipient, at.reads, newest.reads)))
        told.append(event)
    return Opening(events=tuple(told), newest=newest, identity=inbox.identity)
