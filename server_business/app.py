"""Puts server_business together: the one place that names its concrete classes."""

import asyncio
import contextlib
from functools import partial
from pathlib import Path
from typing import Final

from esoffice.business.v1 import mail_pb2, outgoing_mail_pb2
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh import log
from mesh.app import App, Definition
from mesh.keys import published_keys
from mesh.wakeups import Doorbell
from server_business.assembly.documents import add_documents
from server_business.assembly.exchange import add_exchange
from server_business.assembly.sms import add_sms
from server_business.ews_push import Listener
from server_business.mail.accounts import Account, account, active_accounts
from server_business.mail.automatic import OwnMarks
from server_business.mail.by_hand import ByHand
from server_business.mail.es_server import EsServer, EsServerAway
from server_business.mail.service import MailServicer
from server_business.mail.signatures import Authorities
from server_business.mail.silence_watch import SilenceWatch
from server_business.mail.worker import Reception
from server_business.oauth2 import Tokens, TokenSource
from server_business.outgoing_mail.service import OutgoingMails
from server_business.outgoing_mail.signing import Signer
from server_business.outgoing_mail.smtp import Security, Server, SmtpCarrier
from server_business.outgoing_mail.tables import MAILS
from server_business.schema import LEASES, METADATA, OUTBOX
from server_business.sending.carrier import Carrier
from server_business.sending.store import SendQueue
from server_business.sending.worker import Sender
from server_business.sign_ins.flow import Flow
from server_business.sign_ins.settings import oauth2_client
from server_business.sign_ins.tokens import OUTGOING, SignIns
from server_business.sms.answering import Later

NAME: Final = "server_business"


async def build(app: App) -> None:
    """Add the rooms."""
    own = app.settings.server_business
    es = EsServer(app.channel("server_es"), app.wait)
    domain = own.mail.own_domains[0] if own.mail.own_domains else app.site
    sign_ins = SignIns(app.database, app.data / "keys", app.clock)
    _add_mail(app, own.mail, es, own.sms.country, sign_ins)
    _add_outgoing_mail(app, own.outgoing_mail, domain, sign_ins)
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


def _tokens(app: App, sign_ins: SignIns, account: str, said: settings.OAuth2Client) -> TokenSource:
    """Return what an account signs in with: as a person who has let it, or as the service itself."""
    client = oauth2_client(said)
    return sign_ins.of(account, client) if client.device_url else Tokens(client, app.clock)


def _main(name: str) -> str:
    """Return as what somebody signs in for an account; its further folders are signed in with it."""
    return f"mailAccounts/{name.partition('.')[0]}"


async def _ends(app: App, seconds: float) -> bool:
    """Wait; True: the service ends."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(app.draining.wait(), seconds)
    return app.draining.is_set()


def _add_mail(app: App, mail: settings.MailSettings, es: EsServer, country: str, sign_ins: SignIns) -> None:
    zone = app.settings.common.site.time_zone or "Europe/Berlin"
    accounts = active_accounts(
        mail, app.clock, zone, lambda name, said: _tokens(app, sign_ins, _main(name), said)
    )  # fmt: skip
    own = OwnMarks(site=app.site, message_id_domain=mail.own_domains[0] if mail.own_domains else app.site)

    def account_of(name: str) -> Account:
        """Mails of an account that is gone are still decided on by people."""
        return accounts.get(name) or account(name, settings.MailAccount(), app.clock)

    by_hand = ByHand(app.database, es, account_of, own)
    authorities = Authorities(mail.smime_authorities)
    servicer = MailServicer(
        app.database,
        lambda: accounts,
        by_hand,
        account_of,
        authorities=authorities,
        country=country or "DE",
        sign_in=Flow(sign_ins, app.clock, partial(_ends, app)).steps,
    )
    app.serve(mail_pb2.DESCRIPTOR, servicer)
    for name, one in accounts.items():
        arrived, decided = app.bell(f"mail.{name}.arrived"), app.bell(f"mail.{name}.decided")
        sign_ins.then(_main(name), decided.ring)
        reception = Reception(app.database, LEASES, es, one, own, arrived=arrived, decided=decided)
        app.work(*reception.workers())
        app.on_close(reception.inbox.close)
        if one.ear is not None:
            signed_in = app.bell(f"mail.{name}.signed-in")
            sign_ins.then(_main(name), signed_in.ring)
            listener = Listener(f"mail.{name}.push", [one.ear(decided.ring)], signed_in)
            app.work(listener.worker())
            app.on_close(listener.close)
        if one.ending:
            app.module(f"mail.{name}.protocol").sentence = one.ending
            log.get("mail").warning("the way into a mailbox ends", account=name, reason=one.ending)
        if one.silence is not None:
            app.work(SilenceWatch(app.database, es, one, app.module(f"mail.{name}")).worker())


def _add_outgoing_mail(
    app: App, said: settings.OutgoingMailSettings, message_id_domain: str, sign_ins: SignIns
) -> None:
    tokens = _tokens(app, sign_ins, OUTGOING, said.oauth2) if said.active and said.oauth2.token_url else None
    carrier = SmtpCarrier(_server(said, tokens)) if said.active else None
    bell = _send(app, "outgoing_mail", MAILS, carrier)
    sign_ins.then(OUTGOING, bell.ring)
    room = OutgoingMails(
        app.database,
        bell,
        message_id_domain=message_id_domain,
        give_up=said.give_up_duration.ToTimedelta(),
        refuse_marked=said.marked_addresses != said.MARKED_ADDRESSES_WARN,
    )
    app.serve(outgoing_mail_pb2.DESCRIPTOR, room)


def _server(said: settings.OutgoingMailSettings, tokens: TokenSource | None) -> Server:
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
        tokens=tokens,
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
    allows={"server_es": ["outgoingmail.send", "outgoingmail.read", "sms.send", "sms.read", "exchange.note"]},
)
