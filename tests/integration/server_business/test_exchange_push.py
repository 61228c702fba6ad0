"""What an Exchange server tells by itself: heard at once, heard again after a broken connection, never relied on."""

import asyncio
import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from mesh.clock import SystemClock
from mesh.errors import Unavailable
from mesh.workers import Turn, Workers
from server_business.ews_access import Access
from server_business.ews_ears import Ear, calendars_of
from server_business.ews_push import Listener
from server_business.mail.ews import EwsAccount, EwsMailbox
from server_business.mail.synced import Respite
from tests.builders import mails
from tests.builders.exchange_server import ExchangeServer, exchange_server
from tests.servers import ews_mail

HEARD = 2.0
"""Seconds within which news have to be heard."""


class Bells:
    """What has been rung for, as the workers would see it."""

    def __init__(self) -> None:
        self.rung: dict[str, threading.Event] = {}

    def ring(self, address: str) -> None:
        self.rung.setdefault(address, threading.Event()).set()

    def heard(self, address: str, within: float = HEARD) -> bool:
        event = self.rung.setdefault(address, threading.Event())
        rang = event.wait(within)
        event.clear()
        return rang


def box(server: ExchangeServer, address: str) -> ExchangeServer:
    other = ExchangeServer(server.port, address)
    other.order("mailbox")
    return other


def ear(mailbox: ExchangeServer, bells: Bells, access: Access | None = None) -> Ear:
    way = access or mailbox.access()

    def opened() -> Any:
        return way.account(mailbox.address, impersonate=True, alone=True), calendars_of(mailbox.address)

    return Ear(mailbox=mailbox.address, open=opened, ring=partial(bells.ring, mailbox.address))


@contextmanager
def listening(listener: Listener) -> Iterator[list[Any]]:
    """Turn it in a thread as the runtime does, with short pauses; yield what went wrong."""
    stopping = threading.Event()
    problems: list[Any] = []

    def run() -> None:
        while not stopping.is_set():
            try:
                listener.turn(Turn(stopping))
            except Unavailable as error:
                problems.append(error.message)
                stopping.wait(0.05)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield problems
    finally:
        stopping.set()
        thread.join(10)
        listener.close()
        assert not thread.is_alive()


def until(true: Callable[[], bool], within: float = 5.0) -> bool:
    for _ in range(int(within / 0.02)):
        if true():
            return True
        threading.Event().wait(0.02)
    return False


@pytest.fixture(scope="module")
def server() -> Iterator[ExchangeServer]:
    with exchange_server() as running:
        yield running


@pytest.fixture
def exchange(server: ExchangeServer) -> ExchangeServer:
    server.order("streaming", minute=60.0, deaf=False, forget=True)
    assert until(lambda: server.order("streaming")["open"] == 0)
    return server


@pytest.fixture
def bells() -> Bells:
    return Bells()


def test_a_change_of_one_of_many_calendars_rings_for_that_one_over_one_connection(
    exchange: ExchangeServer, bells: Bells
) -> None:
    boxes = [box(exchange, f"push{number}@firma.example") for number in range(3)]
    with listening(Listener("x", [ear(one, bells) for one in boxes])):
        assert all(bells.heard(one.address) for one in boxes)  # what has changed before
        assert until(lambda: exchange.order("streaming") == {"open": 1, "known": 3})
        item = boxes[1].appointment("neu")
        assert bells.heard(boxes[1].address)
        boxes[1].order("set", id=item, fields={"Subject": "anders"})
        assert bells.heard(boxes[1].address)
        boxes[1].order("remove", id=item)
        assert bells.heard(boxes[1].address)
        boxes[2].order("put", folder="inbox", xml=MESSAGE)  # not one of the folders
        assert not any(bells.heard(one.address, 0.3) for one in (boxes[0], boxes[2]))


def test_a_connection_that_ends_is_followed_by_another_that_misses_nothing(
    exchange: ExchangeServer, bells: Bells
) -> None:
    one = box(exchange, "minute@firma.example")
    exchange.order("streaming", minute=0.3)
    with listening(Listener("x", [ear(one, bells)])) as problems:
        bells.heard(one.address)
        before = exchange.calls("GetStreamingEvents")
        assert until(lambda: exchange.calls("GetStreamingEvents") > before + 2)
        for number in range(5):
            one.appointment(f"Nummer {number}")
            assert bells.heard(one.address)
    assert problems == []
    assert exchange.order("streaming")["known"] == 1  # it was not subscribed anew


@pytest.mark.parametrize("what", ["cut_before", "cut_middle", "unavailable", "busy"])
def test_a_broken_connection_is_made_anew_and_rings(exchange: ExchangeServer, bells: Bells, what: str) -> None:
    one = box(exchange, f"{what}@firma.example")
    exchange.order("streaming", minute=0.5)
    with listening(Listener("x", [ear(one, bells)])) as problems:
        bells.heard(one.address)
        exchange.fault(what, "GetStreamingEvents")
        assert until(lambda: bool(problems))
        assert bells.heard(one.address)
        exchange.order("streaming", minute=60.0)
        until(lambda: exchange.order("streaming")["open"] == 1)
        bells.heard(one.address, 0.1)
        one.appointment("danach")
        assert bells.heard(one.address)
    assert all("does not tell of news" in said for said in problems)


def test_a_subscription_the_server_has_forgotten_is_made_anew(exchange: ExchangeServer, bells: Bells) -> None:
    one = box(exchange, "vergessen@firma.example")
    with listening(Listener("x", [ear(one, bells)])) as problems:
        assert bells.heard(one.address)
        until(lambda: exchange.order("streaming")["open"] == 1)
        exchange.order("streaming", forget=True)
        assert bells.heard(one.address)
        assert until(lambda: exchange.order("streaming")["known"] == 1)
        one.appointment("danach")
        assert bells.heard(one.address)
    assert any("ErrorSubscriptionNotFound" in said or "subscription" in said.lower() for said in problems)


def test_a_mailbox_that_is_not_there_keeps_no_other_from_being_heard(exchange: ExchangeServer, bells: Bells) -> None:
    gone, there = ExchangeServer(exchange.port, "weg@firma.example"), box(exchange, "da@firma.example")
    with listening(Listener("x", [ear(gone, bells), ear(there, bells)])):
        assert bells.heard(there.address)
        there.appointment("neu")
        assert bells.heard(there.address)
        assert not bells.heard(gone.address, 0.1)


def test_where_nobody_can_be_heard_the_reason_is_said(exchange: ExchangeServer, bells: Bells) -> None:
    gone = ExchangeServer(exchange.port, "nirgends@firma.example")
    with pytest.raises(Unavailable, match="no mailbox can be listened to: nirgends"):
        Listener("x", [ear(gone, bells)]).turn(Turn(threading.Event()))
    one = box(exchange, "falsch@firma.example")
    with pytest.raises(Unavailable, match="does not tell of news"):
        Listener("x", [ear(one, bells, one.access(password="falsch"))]).turn(Turn(threading.Event()))


async def test_the_worker_ends_at_once_while_it_listens(exchange: ExchangeServer, bells: Bells) -> None:
    one = box(exchange, "ende@firma.example")
    listener = Listener("push", [ear(one, bells)])
    worker = listener.worker()
    worker = type(worker)(name=worker.name, work=worker.work, every=worker.every, limit=worker.limit)
    workers = Workers([worker], clock=SystemClock())
    workers.start()
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, bells.heard, one.address)
    assert await workers.stop(timedelta(seconds=5)) == []
    listener.close()


# -- mails ------------------------------------------------------------------------------------------------------------

MESSAGE = '<t:Message xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><t:Subject>x</t:Subject></t:Message>'


def test_a_new_mail_rings_and_what_is_filed_away_does_not(bells: Bells) -> None:
    with ews_mail.running() as post:
        address = f"user1@{ews_mail.DOMAIN}"
        access = Access(url=post.url, user="FIRMA\\user1", password=ews_mail.PASSWORD)  # by NTLM
        account = EwsAccount(name="post", mailbox=address, access=access, respite=Respite(SystemClock()))
        raw = base64.b64encode(mails.mail()).decode()
        hears = EwsMailbox(account).ear("INBOX", partial(bells.ring, "post"))
        with listening(Listener("mail", [hears])) as problems:
            assert bells.heard("post")
            until(lambda: post.order("streaming")["open"] == 1)
            post.order("deliver", address=address, folder="INBOX", raw=raw)
            assert bells.heard("post")
            mailbox = EwsMailbox(account)
            mailbox.open("INBOX")
            (entry,) = mailbox.changes("").entries
            mailbox.move([entry.id], "Done")
            mailbox.close()
            assert not bells.heard("post", 0.4)
        assert problems == []
