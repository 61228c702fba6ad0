"""Puts the sync with Exchange together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from esoffice.business.v1 import exchange_pb2
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.app import App
from mesh.clock import Clock
from server_business.ews_access import Access
from server_business.ews_ears import Ear, calendars_of
from server_business.ews_push import MOST, Listener
from server_business.exchange import graph_wire
from server_business.exchange.calendar import Calendar
from server_business.exchange.erp import ErpCalendar
from server_business.exchange.ews import EwsCalendar
from server_business.exchange.graph import GraphCalendar
from server_business.exchange.mailboxes import Desk, Mailbox, mailboxes
from server_business.exchange.rules import Place
from server_business.exchange.service import Exchange
from server_business.exchange.worker import Board, Sync, pruner
from server_business.oauth2 import Tokens
from server_business.schema import LEASES
from server_business.sign_ins.settings import oauth2_client

GRAPH: Final = "https://graph.microsoft.com/v1.0"
_SCOPE: Final = "https://graph.microsoft.com/.default"


def add_exchange(app: App, said: settings.ExchangeSettings) -> None:
    """Add the room, a worker for each mailbox, and over EWS who listens to them."""
    boxes = mailboxes(said)
    zone = app.settings.common.site.time_zone or "Europe/Berlin"
    if said.protocol == said.PROTOCOL_GRAPH:
        opened = _by_graph(said, zone, app.clock)
    else:
        access = _access(said, app.clock)
        opened = _by_ews(access, zone)
        _listen(app, access, boxes)

    def sides(mailbox: Mailbox) -> dict[Place, Calendar]:
        employee = f"employees/{mailbox.employee}"
        return {
            Place.ERP: ErpCalendar(app.channel("server_es"), employee, zone, app.wait),
            Place.EXCHANGE: opened(mailbox),
        }

    desk = Desk(app.database, sides)
    room = Exchange(desk, boxes, lambda employee: app.bell(f"exchange.{employee}"))
    app.serve(exchange_pb2.DESCRIPTOR, room)
    app.on_close(room.close)
    app.work(pruner(app.database))
    board = Board(app.module("exchange"), boxes.values())
    for employee, mailbox in boxes.items():
        app.work(Sync(desk, LEASES, mailbox, app.bell(f"exchange.{employee}"), board).worker())


def _by_graph(said: settings.ExchangeSettings, zone: str, clock: Clock) -> Callable[[Mailbox], Calendar]:
    client = oauth2_client(said.oauth2)
    tokens = Tokens(replace(client, scope=client.scope or _SCOPE), clock)
    server = graph_wire.Server(
        url=said.url or GRAPH, token=tokens.current, refused=tokens.forget, ca_file=said.ca_certificate_file
    )
    return lambda mailbox: GraphCalendar(
        server, mailbox.address, zone, past=mailbox.past, future=mailbox.future, now=clock.now
    )


def _by_ews(access: Access, zone: str) -> Callable[[Mailbox], Calendar]:
    return lambda mailbox: EwsCalendar(access, mailbox.address, zone)


def _access(said: settings.ExchangeSettings, clock: Clock) -> Access:
    tokens = Tokens(oauth2_client(said.oauth2), clock) if said.oauth2.token_url else None
    return Access(
        url=said.url,
        user=said.user,
        password=said.password.value,
        basic=said.authentication == settings.ExchangeSettings.AUTHENTICATION_BASIC,
        token=tokens.current if tokens else None,
        refused=tokens.forget if tokens else lambda: None,
        ca_file=said.ca_certificate_file,
    )


def _listen(app: App, access: Access, boxes: Mapping[str, Mailbox]) -> None:
    """Let news of the mailboxes ring the bells of their syncs."""
    ears = [
        Ear(
            mailbox=mailbox.address,
            open=partial(_opened, access, mailbox.address),
            ring=app.bell(f"exchange.{employee}").ring,
        )
        for employee, mailbox in boxes.items()
    ]
    for start in range(0, len(ears), MOST):
        listener = Listener(f"exchange.push.{start // MOST + 1}", ears[start : start + MOST])
        app.work(listener.worker())
        app.on_close(listener.close)


def _opened(access: Access, address: str) -> tuple[Any, Sequence[Any]]:
    """Open a mailbox to listen to it."""
    return access.account(address, impersonate=True, alone=True), calendars_of(address)
