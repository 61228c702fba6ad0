"""Puts the sync with Exchange together."""

from esoffice.business.v1 import exchange_pb2
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.app import App
from server_business.exchange.calendar import Calendar
from server_business.exchange.erp import ErpCalendar
from server_business.exchange.ews import EwsCalendar, Server
from server_business.exchange.mailboxes import Desk, Mailbox, mailboxes
from server_business.exchange.rules import Place
from server_business.exchange.service import Exchange
from server_business.exchange.worker import Board, Sync, pruner
from server_business.schema import LEASES


def add_exchange(app: App, said: settings.ExchangeSettings) -> None:
    """Add the room, and a worker for each mailbox."""
    boxes = mailboxes(said)
    zone = app.settings.common.site.time_zone or "Europe/Berlin"
    server = Server(
        url=said.url,
        user=said.user,
        password=said.password.value,
        basic=said.authentication == settings.ExchangeSettings.AUTHENTICATION_BASIC,
        ca_file=said.ca_certificate_file,
    )

    def sides(mailbox: Mailbox) -> dict[Place, Calendar]:
        employee = f"employees/{mailbox.employee}"
        return {
            Place.ERP: ErpCalendar(app.channel("server_es"), employee, zone, app.wait),
            Place.EXCHANGE: EwsCalendar(server, mailbox.address, zone),
        }

    desk = Desk(app.database, sides)
    room = Exchange(desk, boxes, lambda employee: app.bell(f"exchange.{employee}"))
    app.serve(exchange_pb2.DESCRIPTOR, room)
    app.on_close(room.close)
    app.work(pruner(app.database))
    board = Board(app.module("exchange"), boxes.values())
    for employee, mailbox in boxes.items():
        app.work(Sync(desk, LEASES, mailbox, app.bell(f"exchange.{employee}"), board).worker())
