"""Puts server_business together: the one place that names its concrete classes."""

from pathlib import Path
from typing import Final

from esoffice.business.v1 import exchange_pb2, mail_pb2, outgoing_mail_pb2, sms_pb2
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.app import App, Definition
from mesh.keys import published_keys
from mesh.wakeups import Doorbell
from server_business.exchange.calendar import Calendar
from server_business.exchange.erp import ErpCalendar
from server_business.exchange.ews import EwsCalendar
from server_business.exchange.ews import Server as ExchangeServer
from server_business.exchange.mailboxes import Desk, Mailbox, mailboxes
from server_business.exchange.rules import Place
from server_business.exchange.service import Exchange
from server_business.exchange.worker import Board, Sync
from server_business.mail.accounts import Account, account, active_accounts
from server_business.mail.automatic import OwnMarks
from server_business.mail.by_hand import ByHand
from server_business.mail.es_server import EsServer
from server_business.mail.service import MailServicer
from server_business.mail.worker import Reception
from server_business.outgoing_mail.service import OutgoingMails
from server_business.outgoing_mail.smtp import Security, Server, SmtpCarrier
from server_business.outgoing_mail.tables import MAILS
from server_business.schema import LEASES, METADATA, OUTBOX
from server_business.sending.carrier import Carrier
from server_business.sending.store import SendQueue
from server_business.sending.worker import Sender
from server_business.sms.outbox import OutboxCarrier
from server_business.sms.service import ShortMessages
from server_business.sms.tables import SMS

NAME: Final = "server_business"


def build(app: App) -> None:
    """Add the rooms."""
    own = app.settings.server_business
    _add_mail(app, own.mail, EsServer(app.channel("server_es"), app.wait))
    _add_outgoing_mail(app, own.outgoing_mail, own.mail.own_domains[0] if own.mail.own_domains else app.site)
    _add_sms(app, own.sms)
    _add_exchange(app, own.exchange)


def _add_mail(app: App, mail: settings.MailSettings, es: EsServer) -> None:
    accounts = active_accounts(mail, app.clock)
    own = OwnMarks(site=app.site, message_id_domain=mail.own_domains[0] if mail.own_domains else app.site)

    def account_of(name: str) -> Account:
        """Mails of an account that is gone are still decided on by people."""
        return accounts.get(name) or account(name, settings.MailAccount(), app.clock)

    by_hand = ByHand(app.database, es, account_of, own)
    app.serve(mail_pb2.DESCRIPTOR, MailServicer(app.database, lambda: accounts, by_hand, account_of))
    for name, one in accounts.items():
        arrived, decided = app.bell(f"mail.{name}.arrived"), app.bell(f"mail.{name}.decided")
        reception = Reception(app.database, LEASES, es, one, own, arrived=arrived, decided=decided)
        app.work(*reception.workers())
        app.on_close(reception.inbox.close)


def _add_outgoing_mail(app: App, said: settings.OutgoingMailSettings, message_id_domain: str) -> None:
    carrier = SmtpCarrier(_server(said)) if said.active else None
    bell = _send(app, "outgoing_mail", MAILS, carrier)
    give_up = said.give_up_duration.ToTimedelta()
    room = OutgoingMails(app.database, bell, message_id_domain=message_id_domain, give_up=give_up)
    app.serve(outgoing_mail_pb2.DESCRIPTOR, room)


def _server(said: settings.OutgoingMailSettings) -> Server:
    security = Security(said.security or Security.STARTTLS)
    return Server(
        host=said.host,
        port=said.port or {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}[security],
        security=security,
        sender=said.sender,
        sender_name=said.sender_name,
        user=said.user,
        password=said.password.value,
        timeout=said.timeout_duration.ToTimedelta().total_seconds(),
    )


def _add_sms(app: App, said: settings.SmsSettings) -> None:
    bell = _send(app, "sms", SMS, OutboxCarrier(Path(said.outbox_folder)) if said.active else None)
    give_up = said.give_up_duration.ToTimedelta()
    app.serve(sms_pb2.DESCRIPTOR, ShortMessages(app.database, bell, country=said.country, give_up=give_up))


def _add_exchange(app: App, said: settings.ExchangeSettings) -> None:
    boxes = mailboxes(said)
    zone = app.settings.common.site.time_zone or "Europe/Berlin"
    server = ExchangeServer(
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
    board = Board(app.module("exchange"), boxes.values())
    for employee, mailbox in boxes.items():
        app.work(Sync(desk, LEASES, mailbox, app.bell(f"exchange.{employee}"), board).worker())


def _send(app: App, name: str, queue: SendQueue, carrier: Carrier | None) -> Doorbell:
    """Let a worker send what is in a queue; return the bell that wakes it."""
    bell = app.bell(f"{name}.accepted")
    app.queue(queue.table)
    if carrier is not None:
        app.on_close(carrier.close)
    sender = Sender(app.database, queue, carrier, app.instance, app.module(name))
    app.work(sender.worker(f"{name}.send", bell))
    return bell


definition = Definition(
    name=NAME,
    metadata=METADATA,
    migrations=Path(__file__).parent / "migrations",
    outbox=OUTBOX,
    leases=LEASES,
    build=build,
    keys=published_keys,
    allows={"server_es": ["outgoingmail.send", "outgoingmail.read", "sms.send", "sms.read"]},
)
