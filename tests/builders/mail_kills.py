"""A reception of mails, server_es and a mailbox, to be killed: every mail that was sent is taken in exactly once."""

import base64
import imaplib
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sqlalchemy import select

from mesh.channel import connect_blocking
from mesh.clock import SystemClock
from mesh.database import Database
from server_business.mail.tables import MAIL, Announcement, State
from tests.builders import mails
from tests.builders.es_house import EsHouse
from tests.servers import dovecot, es, ews_mail, mail_worker
from tests.servers.nursery import Child, Nursery

KINDS = ("call", "attached", "unknown", "unreadable", "call")
# Every round brings one mail of each kind, so every one of these is met in every round: one filing for each folder,
# and at least six commits between the leases and the last mark.
OURS = [
    "mail.fetched:1", "mail.stored:1", "mail.decided:1", "mail.calling:1", "mail.calling_contacts:1", "mail.called:1",
    "mail.recorded:1", "mail.marked:1", *(f"mail.{what}:{hit}" for what in ("filing", "filed") for hit in (1, 2, 3)),
    *(f"database.commit:{hit}" for hit in range(1, 7)), *(f"database.committed:{hit}" for hit in range(1, 7)),
]  # fmt: skip
FOLDERS = ("INBOX", "Done", "Failed", "Unknown")


class Mailbox(Protocol):
    """The account that is read.

    Attributes:
        user: its name.
        reach: how `tests.servers.mail_worker` is told where it is.
    """

    user: str
    reach: str

    def deliver(self, raws: list[bytes]) -> None:
        """Put mails into the inbox."""

    def counts(self) -> dict[str, int]:
        """Return how many mails lie in each of `FOLDERS`."""


@dataclass
class ImapMailbox:
    """One of Dovecot."""

    server: dovecot.Dovecot
    user: str
    reach: str = ""

    def __post_init__(self) -> None:
        self.reach = self.reach or str(self.server.plain_port)

    def deliver(self, raws: list[bytes]) -> None:
        with imaplib.IMAP4("127.0.0.1", self.server.plain_port, timeout=10) as client:
            client.login(self.user, dovecot.PASSWORD)
            for raw in raws:
                assert client.append("INBOX", "", "", raw)[0] == "OK"

    def counts(self) -> dict[str, int]:
        counts = {}
        with imaplib.IMAP4("127.0.0.1", self.server.plain_port, timeout=10) as client:
            client.login(self.user, dovecot.PASSWORD)
            for name in FOLDERS:
                answer, said = client.select(name, readonly=True)
                counts[name] = int(said[0] or b"0") if answer == "OK" else 0
        return counts


@dataclass
class ExchangeMailbox:
    """One of an Exchange server, by EWS or by Graph."""

    server: ews_mail.EwsServer
    user: str
    kind: str

    @property
    def reach(self) -> str:
        url = self.server.url if self.kind == "ews" else f"http://127.0.0.1:{self.server.port}"
        return f"{self.kind}={url}"

    def deliver(self, raws: list[bytes]) -> None:
        for raw in raws:
            self._order("deliver", folder="INBOX", raw=base64.b64encode(raw).decode())

    def counts(self) -> dict[str, int]:
        return {name: len(self._order("contents", folder=name)) for name in FOLDERS}

    def _order(self, do: str, **what: str) -> list[object]:
        found: list[object] = self.server.order(do, address=f"{self.user}@{ews_mail.DOMAIN}", **what)
        return found


@dataclass
class Site:
    """The processes of one test, and everything that was ever sent."""

    folder: Path
    certs: Path
    mailbox: Mailbox
    nursery: Nursery
    database: Database
    es: EsHouse
    es_port: int
    sent: list[str] = field(default_factory=list)

    def start_es(self, failpoint: str = "") -> Child:
        url = f"sqlite:///{self.folder / 'es.db'}"
        return self.nursery.start("tests.servers.es", str(self.certs), url, str(self.es_port), failpoint=failpoint)

    def start_reception(self, failpoint: str = "") -> Child:
        arguments = (str(self.folder), str(self.certs), str(self.es_port), self.mailbox.reach, self.mailbox.user)
        return self.nursery.start("tests.servers.mail_worker", *arguments, failpoint=failpoint)

    def send(self, rounds: int = 1) -> None:
        """One of each kind: known, with an attachment, from nobody we know, unreadable, known."""
        kinds = KINDS * rounds
        self.mailbox.deliver([_raw(kind, len(self.sent) + at) for at, kind in enumerate(kinds)])
        self.sent += kinds

    def is_settled(self) -> bool:
        with self.database.reading() as unit:
            rows = unit.connection.execute(select(MAIL.c.state, MAIL.c.filed, MAIL.c.announcement)).all()
        done = all(row.filed and row.state != State.RECEIVED and row.announcement != Announcement.DUE for row in rows)
        return done and len(rows) >= len(self.sent)

    def settle(self, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while not self.is_settled():
            assert time.monotonic() < until, self.said()
            threading.Event().wait(0.05)

    def said(self) -> str:
        with self.database.reading() as unit:
            rows = unit.connection.execute(select(MAIL.c.state, MAIL.c.filed)).all()
        return f"{len(self.sent)} sent, {Counter(map(tuple, rows))}\n{self.nursery.last_words()}"

    def met(self, child: Child) -> bool:
        """Wait until the process has met its failpoint, or has nothing left to do; then it is gone anyway."""
        until = time.monotonic() + 20
        while not child.has_ended(0.02) and time.monotonic() < until and not self.is_settled():
            pass
        died = child.has_ended(0.05)
        child.kill()
        return died

    def check(self) -> None:
        """Every mail exactly once: one row, one effect, in the right folder; the team told once of each open one."""
        kinds = Counter(self.sent)
        with self.database.reading() as unit:
            rows = unit.connection.execute(select(MAIL)).all()
        assert Counter(row.state for row in rows) == {
            State.SERVICECALL: kinds["call"] + kinds["attached"],
            State.OPEN: kinds["unknown"] + kinds["unreadable"],
        }
        calls, contacts = self.es.calls(), self.es.contacts()
        made = [row for row in rows if row.state == State.SERVICECALL]
        assert sorted(call.origin for call in calls) == sorted(f"mails/{row.id}" for row in made)
        assert {row.servicecall for row in made} == {f"servicecalls/{call.number}" for call in calls}
        assert len({call.title for call in calls}) == len(calls)  # each subject was sent once
        assert len(contacts) == kinds["attached"] == len({contact.servicecall for contact in contacts})
        assert self.mailbox.counts() == {
            "INBOX": 0,
            "Done": kinds["call"] + kinds["attached"],
            "Failed": kinds["unreadable"],
            "Unknown": kinds["unknown"],
        }
        assert len(self.es.told()) == len({row.announcement_id for row in rows if row.state == State.OPEN})


def _raw(kind: str, number: int) -> bytes:
    subject, message_id = f"Mail {number}", f"{number}@kunde.example"
    if kind == "unknown":
        return mails.mail(f"Text {number}\r\n", sender="wer@fremd.example", subject=subject, message_id=message_id)
    if kind == "unreadable":
        return mails.mail(
            b"--x\r\n\r\n" * 700 + b"%d" % number,
            subject=subject,
            message_id=message_id,
            headers=[("Content-Type", "multipart/mixed; boundary=x")],
        )
    if kind == "attached":
        raw = mails.with_attachment(b"%PDF-1.4 " + b"x" * 3000)
        return raw.replace(b"Heizung kalt", subject.encode()).replace(b"1@kunde", b"%d@kunde" % number)
    return mails.mail(f"Text {number}\r\n" * 100, subject=subject, message_id=message_id)


@contextmanager
def mail_site(folder: Path, mailbox: Mailbox) -> Iterator[Site]:
    """Make the databases of both services and furnish server_es; nothing runs yet."""
    clock = SystemClock()
    certs = es.make_certificates(folder)
    with ExitStack() as stack:
        database = stack.enter_context(mail_worker.opened(folder, clock))
        theirs = stack.enter_context(es.opened(f"sqlite:///{folder / 'es.db'}", clock))
        with es.serving_in_a_thread(certs, theirs) as doors, connect_blocking(f"127.0.0.1:{doors.chief}", None) as wire:
            house = EsHouse(theirs, wire)
            house.furnish()
            house.knows("hans@kunde.example", "addresses/1001")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        nursery = stack.enter_context(Nursery(folder))
        yield Site(folder, certs, mailbox, nursery, database, house, port)
