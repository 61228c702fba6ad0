"""Streaming subscriptions of an Exchange server: Subscribe, GetStreamingEvents, Unsubscribe.

What a subscription is told are the changes of its folders behind its place; heartbeats come in between. As the real
one, a connection only carries subscriptions that were made with the same anchor (X-AnchorMailbox).
"""

import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from lxml import etree

M: Final = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
T: Final = "{http://schemas.microsoft.com/exchange/services/2006/types}"
HEARTBEAT: Final = 0.2
"""Seconds; half a minute and more at a real server."""
Element = Any


@dataclass
class Subscription:
    """Who wants to be told what."""

    box: Any
    folders: frozenset[str]
    kinds: frozenset[str]
    anchor: str
    place: int


class Subscriptions:
    """All there are, by id.

    Attributes:
        minute: how many seconds a minute of a connection lasts.
        deaf: changes are passed over without a word: notifications are lost.
        open: how many connections there are.
    """

    def __init__(self) -> None:
        self.known: dict[str, Subscription] = {}
        self.minute = 60.0
        self.deaf = False
        self.open = 0

    def subscribe(self, box: Any, asked: Element, anchor: str) -> str:
        request = asked[0]
        id_ = uuid.uuid4().hex
        self.known[id_] = Subscription(
            box=box,
            folders=frozenset(one.get("Id") for one in request.find(T + "FolderIds")),
            kinds=frozenset(one.text for one in request.find(T + "EventTypes")),
            anchor=anchor,
            place=box.counter,
        )
        return id_

    def news(self, id_: str) -> list[tuple[str, str]]:
        """Return what has happened since the last time: the kind of event, and the id of the item."""
        one = self.known[id_]
        box = one.box
        with box.lock:
            told = [
                (number, "CreatedEvent" if box.born.get(item) == number else "ModifiedEvent", item)
                for item, number in box.changed.items()
                if box.folders[item] in one.folders
            ]
            told += [(number, "DeletedEvent", item) for (at, item), number in box.gone.items() if at in one.folders]
            told = sorted(entry for entry in told if entry[0] > one.place)
            one.place = box.counter
        return [] if self.deaf else [(kind, item) for _, kind, item in told if kind in one.kinds]

    def stream(
        self, asked: Element, anchor: str, *, cut: bool, refusal: Callable[[str], Element]
    ) -> Iterator[list[Element]]:
        """Yield the messages of a connection until it ends; whoever cuts it does so after the first heartbeat."""
        ids = [one.text for one in asked.find(M + "SubscriptionIds")]
        lost = [id_ for id_ in ids if id_ not in self.known or self.known[id_].anchor != anchor]
        if lost:
            answer = refusal("ErrorSubscriptionNotFound")
            errors = etree.SubElement(answer, M + "ErrorSubscriptionIds")
            for id_ in lost:
                etree.SubElement(errors, M + "SubscriptionId").text = id_
            yield [answer]
            return
        until = monotonic() + int(asked.findtext(M + "ConnectionTimeout")) * self.minute
        yield [_message("OK", {})]
        beat = monotonic() + HEARTBEAT
        while monotonic() < until:
            if any(id_ not in self.known for id_ in ids):
                yield [refusal("ErrorSubscriptionNotFound")]
                return
            news = {id_: events for id_ in ids if (events := self.news(id_))}
            if news or monotonic() >= beat:
                yield [_message("OK", news)]
                beat = monotonic() + HEARTBEAT
                if cut:
                    return
            threading.Event().wait(0.02)
        yield [_message("Closed", {})]


def _message(status: str, news: dict[str, list[tuple[str, str]]]) -> Element:
    made = etree.Element(M + "GetStreamingEventsResponseMessage", ResponseClass="Success")
    etree.SubElement(made, M + "ResponseCode").text = "NoError"
    if news:
        notifications = etree.SubElement(made, M + "Notifications")
        for id_, events in news.items():
            one = etree.SubElement(notifications, M + "Notification")
            etree.SubElement(one, T + "SubscriptionId").text = id_
            etree.SubElement(one, T + "MoreEvents").text = "false"
            for kind, item in events:
                event = etree.SubElement(one, T + kind)
                etree.SubElement(event, T + "TimeStamp").text = "2026-12-01T08:00:00Z"
                etree.SubElement(event, T + "ItemId", Id=item, ChangeKey="AQ==")
                etree.SubElement(event, T + "ParentFolderId", Id="folder", ChangeKey="AQ==")
    etree.SubElement(made, M + "ConnectionStatus").text = status
    return made
