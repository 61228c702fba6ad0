"""Puts server_business together: the one place that names its concrete classes."""

from pathlib import Path
from typing import Final

from esoffice.business.v1 import mail_pb2
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.app import App, Definition
from mesh.keys import published_keys
from server_business.mail.accounts import Account, account, active_accounts
from server_business.mail.automatic import OwnMarks
from server_business.mail.by_hand import ByHand
from server_business.mail.es_server import EsServer
from server_business.mail.service import MailServicer
from server_business.mail.worker import Reception
from server_business.schema import LEASES, METADATA, OUTBOX

NAME: Final = "server_business"


def build(app: App) -> None:
    """Add the rooms."""
    _add_mail(app, app.settings.server_business.mail, EsServer(app.channel("server_es"), app.wait))


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


definition = Definition(
    name=NAME,
    metadata=METADATA,
    migrations=Path(__file__).parent / "migrations",
    outbox=OUTBOX,
    leases=LEASES,
    build=build,
    keys=published_keys,
)
