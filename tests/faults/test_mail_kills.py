"""Every mail exactly once, whatever is killed when: the reception, server_es, the connection to the mailbox.

`ESMESH_KILLS` says how many kills. The real Dovecot, real processes of the reception and of server_es, real SIGKILLs.
"""

import imaplib
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from esoffice.business.v1.outgoing_mail_pb2 import SendMailRequest
from sqlalchemy import insert, select, update

from mesh.channel import connect_blocking
from mesh.clock import SystemClock
from mesh.database import Database
from server_business.mail.tables import MAIL, MAIL_ACCOUNT, Announcement, State
from server_business.outgoing_mail.rules import Delivery
from server_business.outgoing_mail.tables import MAILS, MARKED_ADDRESS
from tests.builders import mails
from tests.builders.es_house import EsHouse
from tests.servers import dovecot, es, mail_worker
from tests.servers.nursery import Child, Nursery

KILLS = int(os.environ.get("ESMESH_KILLS", "50"))
pytestmark = [
    pytest.mark.dovecot,
    pytest.mark.timeout(max(240, KILLS * 8)),
    pytest.mark.skipif(bool(dovecot.missing()), reason=dovecot.missing()),
]
KINDS = ("call", "attached", "unknown", "unreadable", "call")
# Every round brings one mail of each kind, so every one of these is met in every round: one filing for each folder,
# and at least six commits between the leases and the last mark.
OURS = [
    "mail.fetched:1", "mail.stored:1", "mail.decided:1", "mail.calling:1", "mail.calling_contacts:1", "mail.called:1",
    "mail.recorded:1", "mail.marked:1", *(f"mail.{what}:{hit}" for what in ("filing", "filed") for hit in (1, 2, 3)),
    *(f"database.commit:{hit}" for hit in range(1, 7)), *(f"database.committed:{hit}" for hit in range(1, 7)),
]  # fmt: skip
# Of server_es: its start writes once, its pruning twice; then come calls, contacts, and what the team is told.
THEIRS = [f"database.{what}:{hit}" for hit in (4, 5, 6) for what in ("commit", "committed")]


@dataclass
class Site:
    """The processes of one test, and everything that was ever sent."""

    folder: Path
    certs: Path
    server: dovecot.Dovecot
    nursery: Nursery
    database: Database
    es: EsHouse
    es_port: int
    imap_port: int
    user: str
    sent: list[str] = field(default_factory=list)

    def start_es(self, failpoint: str = "") -> Child:
        url = f"sqlite:///{self.folder / 'es.db'}"
        return self.nursery.start("tests.servers.es", str(self.certs), url, str(self.es_port), failpoint=failpoint)

    def start_reception(self, failpoint: str = "") -> Child:
        arguments = (str(self.folder), str(self.certs), str(self.es_port), str(self.imap_port), self.user)
        return self.nursery.start("tests.servers.mail_worker", *arguments, failpoint=failpoint)

    def send(self, rounds: int = 1) -> None:
        """One of each kind: known, with an attachment, from nobody we know, unreadable, known."""
        with imaplib.IMAP4("127.0.0.1", self.server.plain_port, timeout=10) as client:
            client.login(self.user, dovecot.PASSWORD)
            for kind in KINDS * rounds:
                assert client.append("INBOX", "", "", _raw(kind, len(self.sent)))[0] == "OK"
                self.sent.append(kind)

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

    def folders(self) -> dict[str, int]:
        counts = {}
        with imaplib.IMAP4("127.0.0.1", self.server.plain_port, timeout=10) as client:
            client.login(self.user, dovecot.PASSWORD)
            for name in ("INBOX", "Done", "Failed", "Unknown"):
                answer, said = client.select(name, readonly=True)
                counts[name] = int(said[0] or b"0") if answer == "OK" else 0
        return counts

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
        assert self.folders() == {
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


@pytest.fixture(scope="module")
def server() -> Iterator[dovecot.Dovecot]:
    with dovecot.running() as one:
        yield one


@pytest.fixture
def site(server: dovecot.Dovecot, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    clock = SystemClock()
    certs = es.make_certificates(tmp_path)
    with ExitStack() as stack:
        database = stack.enter_context(mail_worker.opened(tmp_path, clock))
        theirs = stack.enter_context(es.opened(f"sqlite:///{tmp_path / 'es.db'}", clock))
        with es.serving_in_a_thread(certs, theirs) as doors, connect_blocking(f"127.0.0.1:{doors.chief}", None) as wire:
            house = EsHouse(theirs, wire)
            house.furnish()
            house.knows("hans@kunde.example", "addresses/1001")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        nursery = stack.enter_context(Nursery(tmp_path))
        user = "".join(one for one in request.node.name if one.isalnum())[:40]
        yield Site(tmp_path, certs, server, nursery, database, house, port, server.plain_port, user)


def test_a_reception_killed_anywhere_takes_every_mail_in_once(site: Site) -> None:
    site.start_es()
    chosen = random.Random(4711)
    missed = []
    rounds = max(KILLS * 3 // 5, len(OURS))
    for number in range(rounds):
        site.send()
        if number % 6 == 5:
            process = site.start_reception()
            process.has_ended(chosen.uniform(0.05, 1.2))
            process.kill()
        else:
            armed = OURS[(number - number // 6) % len(OURS)]
            if not site.met(site.start_reception(armed)):
                missed.append(armed)
    site.start_reception()
    site.settle()
    site.check()
    print(f"{rounds - len(missed)} kills of the reception, {len(site.sent)} mails; not met: {missed}")
    assert len(missed) <= rounds // 10


def test_server_es_killed_around_its_commit_makes_nothing_twice(site: Site) -> None:
    reception = site.start_reception()
    missed = []
    rounds = max(KILLS * 2 // 5, len(THEIRS))
    for number in range(rounds):
        site.send()
        armed = THEIRS[number % len(THEIRS)]
        if not site.met(site.start_es(armed)):
            missed.append(armed)
    site.start_es()
    site.settle()
    site.check()
    assert not reception.has_ended()
    print(f"{rounds - len(missed)} kills of server_es, {len(site.sent)} mails; not met: {missed}")
    assert len(missed) <= rounds // 3


def test_a_connection_cut_in_the_middle_of_a_mail_loses_nothing(site: Site) -> None:
    site.start_es()
    with _cutting(site.server.plain_port) as port:
        site.imap_port = port
        site.send(6)
        site.start_reception()
        site.settle()
    site.check()


def test_a_folder_that_counts_anew_between_two_lives_makes_nothing_twice(site: Site) -> None:
    site.start_es()
    for armed in ("mail.recorded", "mail.stored", "mail.called", "mail.filing"):
        site.send()
        assert site.met(site.start_reception(armed))
        place = site.server.root / "mail" / site.user
        for file in place.glob("dovecot*"):
            if "uidlist" in file.name or "index" in file.name:
                file.unlink()
    site.start_reception()
    site.settle()
    site.check()


def test_a_report_on_our_mail_marks_its_recipient_once_whatever_is_killed(site: Site) -> None:
    site.start_es()
    missed = []
    commits = (f"database.{what}:{hit}" for hit in (4, 5) for what in ("commit", "committed"))
    armed = ["mail.stored:1", "mail.decided:1", *commits]
    for number, one in enumerate(armed):
        message_id, recipient = f"{number}@mesh.firma.example", f"gone{number}@kunde.example"
        with site.database.unit() as unit:
            MAILS.accept(
                unit, SendMailRequest(), caller="test", give_up_time=unit.now + timedelta(hours=1), expire_time=None,
                to=[recipient], cc=[], subject="Ihr Anruf", text="x", html="", reply_to="", in_reply_to="", origin=2,
                about="", message_id=f"<{message_id}>",
            )  # fmt: skip
        with imaplib.IMAP4("127.0.0.1", site.server.plain_port, timeout=10) as client:
            client.login(site.user, dovecot.PASSWORD)
            client.append("INBOX", "", "", mails.delivery_report(message_id, recipient))
        site.sent.append("report")
        if not site.met(site.start_reception(one)):
            missed.append(one)
    site.start_reception()
    site.settle()
    with site.database.reading() as unit:
        rows = unit.connection.execute(select(MAIL)).all()
        marked = list(unit.connection.execute(select(MARKED_ADDRESS.c.mail_address)).scalars())
        sent = unit.connection.execute(select(MAILS.table)).all()
    assert [row.open_reason for row in rows] == ["bounced"] * len(armed)
    assert sorted(marked) == sorted(row.to[0] for row in sent)
    assert [(row.delivery, len(row.bounces)) for row in sent] == [(Delivery.BOUNCED, 1)] * len(armed)
    assert len(site.es.told()) == len({row.announcement_id for row in rows})
    print(f"{len(armed) - len(missed)} kills, {len(rows)} reports; not met: {missed}")
    assert len(missed) <= 2


def test_the_team_hears_of_silence_once_whatever_is_killed(site: Site) -> None:
    site.start_es()
    with site.database.unit() as unit:
        quiet = {"account": "info", "healthy": True, "status": "read", "seen_count": 0}
        unit.connection.execute(insert(MAIL_ACCOUNT).values(quiet))
    for hours, armed in ((2, "mail.silence_begun"), (3, "mail.silence_told")):
        with site.database.unit() as unit:
            unit.connection.execute(update(MAIL_ACCOUNT).values(last_mail_time=unit.now - timedelta(hours=hours)))
        assert site.start_reception(armed).has_ended(20)
        child, until = site.start_reception(), time.monotonic() + 20
        while len(site.es.told()) < hours - 1 or not _silence_told(site):
            assert time.monotonic() < until, site.said()
            threading.Event().wait(0.05)
        child.kill()
    subjects = [f"Seit {hours * 60} Minuten keine E-Mail in info" for hours in (2, 3)]
    assert sorted(subject for _, subject in site.es.told()) == subjects


def _silence_told(site: Site) -> bool:
    with site.database.reading() as unit:
        return bool(unit.connection.execute(select(MAIL_ACCOUNT.c.silence_told)).scalar_one())


@contextmanager
def _cutting(target: int, cuts: int = 4) -> Iterator[int]:
    """A proxy that hangs up after a while, in the middle of what the server is saying; in the end it lets through."""
    listener = socket.create_server(("127.0.0.1", 0))
    left = [4_000 * (number + 1) for number in range(cuts)]

    def pump(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        with closing(source), closing(sink):
            with suppress(OSError):
                while data := source.recv(1_000):
                    if limit is not None:
                        limit -= len(data)
                        if limit < 0:
                            sink.sendall(data[:200])
                            break
                    sink.sendall(data)
            for one in (source, sink):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", target))
            limit = left.pop(0) if left else None
            for pair in ((client, server, None), (server, client, limit)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
