"""Puts server_business together: the one place that names its concrete classes."""

from functools import partial
from pathlib import Path
from typing import Final

from esoffice.business.v1 import mail_pb2, outgoing_mail_pb2
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh import log
from mesh.app import App, Definition
from mesh.clock import Clock
from mesh.keys import published_keys
from mesh.wakeups import Doorbell
from server_business.assembly.documents import add_documents
from server_business.assembly.exchange import add_exchange
from server_business.assembly.sms import add_sms
from server_business.mail.accounts import Account, account, active_accounts, oauth2_client
from server_business.mail.automatic import OwnMarks
from server_business.mail.by_hand import ByHand
from server_business.mail.es_server import EsServer, EsServerAway
from server_business.mail.service import MailServicer
from server_business.mail.signatures import Authorities
from server_business.mail.silence_watch import SilenceWatch
from server_business.mail.worker import Reception
from server_business.oauth2 import Tokens
from server_business.outgoing_mail.service import OutgoingMails
from server_business.outgoing_mail.signing import Signer
from server_business.outgoing_mail.smtp import Security, Server, SmtpCarrier
from server_business.outgoing_mail.tables import MAILS
from server_business.schema import LEASES, METADATA, OUTBOX
from server_business.sending.carrier import Carrier
from server_business.sending.store import SendQueue
from server_business.sending.worker import Sender
from server_business.sms.answering import Later

NAME: Final = "server_business"


async def build(app: App) -> None:
    """Add the rooms."""
    own = app.settings.server_business
    es = EsServer(app.channel("server_es"), app.wait)
    domain = own.mail.own_domains[0] if own.mail.own_domains else app.site
    _add_mail(app, own.mail, es, own.sms.country)
    _add_outgoing_mail(app, own.outgoing_mail, domain)
    await add_sms(app, own.sms, partial(_tell, es), domain)
    add_documents(app, own.documents, partial(_tell_of_virus, es))
    add_exchange(app, own.exchange)


def _tell(es: EsServer, /, team: str, subject: str, text: str, about: str, request_id: str) -> str:  # noqa: PLR0917
    """Tell a team of a received message; see `server_business.sms.answering.Tell`."""
    try:
        refusal = es.tell(team, subject=subject, text=text, about=about, request_id=request_id)
    except EsServerAway as away:
        raise Later(away.message) from away
    return refusal.sentence if refusal else ""


def _tell_of_virus(es: EsServer, /, team: str, subject: str, text: str, request_id: str) -> str | None:
    """Tell a team; see `server_business.documents.scan_worker.Tell`."""
    refusal = es.tell(team, subject=subject, text=text, about="", request_id=request_id)
    return refusal.sentence if refusal else None


def _add_mail(app: App, mail: settings.MailSettings, es: EsServer, country: str) -> None:
    accounts = active_accounts(mail, app.clock, app.settings.common.site.time_zone or "Europe/Berlin")
    own = OwnMarks(site=app.site, message_id_domain=mail.own_domains[0] if mail.own_domains else app.site)

    def account_of(name: str) -> Account:
        """Mails of an account that is gone are still decided on by people."""
        return accounts.get(name) or account(name, settings.MailAccount(), app.clock)

    by_hand = ByHand(app.database, es, account_of, own)
    authorities = Authorities(mail.smime_authorities)
    servicer = MailServicer(
        app.database, lambda: accounts, by_hand, account_of, authorities=authorities, country=country or "DE"
    )
    app.serve(mail_pb2.DESCRIPTOR, servicer)
    for name, one in accounts.items():
        arrived, decided = app.bell(f"mail.{name}.arrived"), app.bell(f"mail.{name}.decided")
        reception = Reception(app.database, LEASES, es, one, own, arrived=arrived, decided=decided)
        app.work(*reception.workers())
        app.on_close(reception.inbox.close)
        if one.ending:
            app.module(f"mail.{name}.protocol").sentence = one.ending
            log.get("mail").warning("the way into a mailbox ends", account=name, reason=one.ending)
        if one.silence is not None:
            app.work(SilenceWatch(app.database, es, one, app.module(f"mail.{name}")).worker())


def _add_outgoing_mail(app: App, said: settings.OutgoingMailSettings, message_id_domain: str) -> None:
    carrier = SmtpCarrier(_server(said, app.clock)) if said.active else None
    bell = _send(app, "outgoing_mail", MAILS, carrier)
    room = OutgoingMails(
        app.database,
        bell,
        message_id_domain=message_id_domain,
        give_up=said.give_up_duration.ToTimedelta(),
        refuse_marked=said.marked_addresses != said.MARKED_ADDRESSES_WARN,
    )
    app.serve(outgoing_mail_pb2.DESCRIPTOR, room)


def _server(said: settings.OutgoingMailSettings, clock: Clock) -> Server:
    dkim = said.dkim
    key = dkim.private_key.value.encode()
    security = Security(said.security or Security.STARTTLS)
    return Server(
        host=said.host,
        port=said.port or {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}[security],
        security=security,
        sender=said.sender,
        sender_name=said.sender_name,
        user=said.user,
        password=said.password.value,
        tokens=Tokens(oauth2_client(said.oauth2), clock) if said.oauth2.token_url else None,
        signer=Signer(domain=dkim.domain, selector=dkim.selector, key=key) if dkim.domain else None,
        timeout=said.timeout_duration.ToTimedelta().total_seconds(),
    )


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
