"""Puts the sync with Exchange together."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from esoffice.business.v1 import exchange_pb2
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.app import App
from mesh.clock import Clock
from server_business.exchange import graph_wire
from server_business.exchange.calendar import Calendar
from server_business.exchange.erp import ErpCalendar
from server_business.exchange.ews import EwsCalendar, Server
from server_business.exchange.graph import GraphCalendar
from server_business.exchange.mailboxes import Desk, Mailbox, mailboxes
from server_business.exchange.rules import Place
from server_business.exchange.service import Exchange
from server_business.exchange.worker import Board, Sync, pruner
from server_business.mail.accounts import oauth2_client
from server_business.oauth2 import Tokens
from server_business.schema import LEASES

GRAPH: Final = "https://graph.microsoft.com/v1.0"
_SCOPE: Final = "https://graph.microsoft.com/.default"


def add_exchange(app: App, said: settings.ExchangeSettings) -> None:
    """Add the room, and a worker for each mailbox."""
    boxes = mailboxes(said)
    zone = app.settings.common.site.time_zone or "Europe/Berlin"
    opened = _by_graph(said, zone, app.clock) if said.protocol == said.PROTOCOL_GRAPH else _by_ews(said, zone)

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


def _by_ews(said: settings.ExchangeSettings, zone: str) -> Callable[[Mailbox], Calendar]:
    server = Server(
        url=said.url,
        user=said.user,
        password=said.password.value,
        basic=said.authentication == settings.ExchangeSettings.AUTHENTICATION_BASIC,
        ca_file=said.ca_certificate_file,
    )
    return lambda mailbox: EwsCalendar(server, mailbox.address, zone)


def _by_graph(said: settings.ExchangeSettings, zone: str, clock: Clock) -> Callable[[Mailbox], Calendar]:
    client = oauth2_client(said.oauth2)
    tokens = Tokens(replace(client, scope=client.scope or _SCOPE), clock)
    server = graph_wire.Server(
        url=said.url or GRAPH, token=tokens.current, refused=tokens.forget, ca_file=said.ca_certificate_file
    )
    return lambda mailbox: GraphCalendar(
        server, mailbox.address, zone, past=mailbox.past, future=mailbox.future, now=clock.now
    )
