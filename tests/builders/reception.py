"""A mail reception put together as `server_business.app` does, with a Maildir, a database and a real server_es."""

import mailbox
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from esoffice.config.v1 import business_settings_pb2 as settings
from sqlalchemy import select

from mesh.channel import connect_blocking
from mesh.clock import Clock, ManualClock
from mesh.database import Database
from server_business.mail.accounts import Account, account
from server_business.mail.announcing import Announcer
from server_business.mail.automatic import OwnMarks
from server_business.mail.by_hand import ByHand
from server_business.mail.desk import Desk
from server_business.mail.es_server import EsServer
from server_business.mail.inbox import Inbox
from server_business.mail.maildir import folder_path
from server_business.mail.service import MailServicer
from server_business.mail.tables import MAIL
from tests.builders.es_house import EsHouse
from tests.servers import es as es_server

OWN = OwnMarks(site="firma.example", message_id_domain="mesh.firma.example")
CONTACTS = settings.MailAccount.ACTION_CREATE_CONTACT
CALLS = settings.MailAccount.ACTION_CREATE_SERVICECALL


@dataclass
class Mailroom:
    """Everything a story needs. `es` is a real server_es in this process, behind its real door."""

    database: Database
    path: Path
    es: EsHouse
    client: EsServer
    account: Account
    clock: Clock

    def __post_init__(self) -> None:
        self.stop = threading.Event()
        self.begin()

    def begin(self, **changes: Any) -> None:
        """Start anew, as after a restart, with changed settings of the account."""
        if hasattr(self, "inbox"):
            self.inbox.close()
        self.account = replace(self.account, **changes)
        self.inbox = Inbox(self.database, self.account, OWN)
        self.desk = Desk(self.database, self.client, self.account)
        self.announcer = Announcer(self.database, self.client, self.account)
        self.by_hand = ByHand(self.database, self.client, lambda _: self.account, OWN)

    def servicer(self) -> MailServicer:
        return MailServicer(
            self.database, lambda: {self.account.name: self.account}, self.by_hand, lambda _: self.account
        )

    def deliver(self, *raws: bytes) -> None:
        box = mailbox.Maildir(self.path)
        for raw in raws:
            box.add(raw)

    def take_in(self) -> None:
        """Look into the folder once."""
        self.inbox.turn(self.stop)

    def work(self) -> None:
        """Take in, decide, tell, file away, until nothing is left to do."""
        self.take_in()
        while self.desk.turn():
            pass
        while self.announcer.turn():
            pass
        self.take_in()

    def receive(self, *raws: bytes) -> list[Any]:
        """Deliver, do all the work, and return all mails there are."""
        self.deliver(*raws)
        self.work()
        return self.mails()

    def mails(self) -> list[Any]:
        with self.database.reading() as unit:
            return list(unit.connection.execute(select(MAIL).order_by(MAIL.c.id)).all())

    def calls(self) -> list[Any]:
        """The calls that mails made."""
        return self.es.calls()

    def contacts(self) -> list[Any]:
        return self.es.contacts()

    def folder(self, name: str) -> list[bytes]:
        path = folder_path(self.path, name)
        if not path.exists():
            return []
        box = mailbox.Maildir(path)
        return [box.get_bytes(key) for key in box.iterkeys()]

    def renew_folder(self) -> None:
        """The folder counts anew, as after a restore from a backup: same mails, new names, new UIDVALIDITY."""
        raws = self.folder("INBOX")
        for place in ("new", "cur"):
            shutil.rmtree(self.path / place)
            (self.path / place).mkdir()
        (self.path / "esoffice-uidvalidity").write_text("7")
        self.deliver(*raws)
        self.begin()


@contextmanager
def mailroom(
    database: Database,
    clock: ManualClock,
    folder: Path,
    *,
    action: int = CALLS,
    peers: tuple[tuple[str, str], ...] = (),
) -> Iterator[Mailroom]:
    path = folder / "maildir"
    mailbox.Maildir(path)
    said = settings.MailAccount(
        active=True, kind=settings.MailAccount.KIND_MAILDIR, path=str(path), action=action, max_mail_bytes=100_000
    )
    certs = es_server.make_certificates(folder)
    with ExitStack() as stack:
        theirs = stack.enter_context(es_server.opened(f"sqlite:///{folder / 'es.db'}", clock))
        doors = stack.enter_context(es_server.serving_in_a_thread(certs, theirs, peers))
        known = EsHouse(theirs, stack.enter_context(connect_blocking(f"127.0.0.1:{doors.chief}", None)))
        known.furnish()
        channel = stack.enter_context(es_server.channel(certs, doors.services))
        room = Mailroom(
            database=database,
            path=path,
            es=known,
            client=EsServer(channel),
            account=account("info", said, clock),
            clock=clock,
        )
        yield room
        room.inbox.close()
