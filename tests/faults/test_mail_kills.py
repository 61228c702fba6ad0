"""Every mail exactly once, whatever is killed when: the reception, server_es, the connection to the mailbox.

`ESMESH_KILLS` says how many kills; the real Dovecot, a real process of the reception, server_es in a process of its own.
"""

import imaplib
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

from mesh.clock import SystemClock
from mesh.database import Database
from server_business.app import definition
from server_business.mail.tables import MAIL, State
from tests.builders import mails
from tests.fakes import es_server as fake
from tests.servers import dovecot

KILLS = int(os.environ.get("ESMESH_KILLS", "50"))
BATCH = 12
pytestmark = [
    pytest.mark.dovecot,
    pytest.mark.timeout(max(240, KILLS * 8)),
    pytest.mark.skipif(bool(dovecot.missing()), reason=dovecot.missing()),
]
OURS = (
    "mail.fetched", "mail.stored", "mail.decided", "mail.calling", "mail.calling_contacts", "mail.called",
    "mail.recorded", "mail.filing", "mail.filed", "mail.marked", "database.commit",
)  # fmt: skip
THEIRS = ("es.asked", "es.committed", "database.commit")


@dataclass
class Site:
    """The processes of one test, and everything that was ever sent."""

    folder: Path
    server: dovecot.Dovecot
    database: Database
    es: fake.EsServer
    es_port: int
    imap_port: int
    user: str = "info"
    sent: list[str] = field(default_factory=list)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    log: int = 0

    def start(self, *command: str, failpoint: str = "") -> subprocess.Popen[bytes]:
        environment = {**os.environ, "ESMESH_FAILPOINT": failpoint, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.log += 1
        with (self.folder / f"process-{self.log}.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=log, stderr=log)
        self.running.append(process)
        return process

    def start_es(self, failpoint: str = "") -> subprocess.Popen[bytes]:
        return self.start("tests.fakes.es_server", str(self.folder / "es.db"), str(self.es_port), failpoint=failpoint)

    def start_reception(self, failpoint: str = "") -> subprocess.Popen[bytes]:
        url = f"sqlite:///{self.folder / 'business.db'}"
        arguments = (url, str(self.es_port), str(self.imap_port), self.user)
        return self.start("tests.servers.mail_worker", *arguments, failpoint=failpoint)

    def send(self, count: int) -> None:
        """One of five from nobody we know, one of five unreadable, one of five with an attachment."""
        with imaplib.IMAP4("127.0.0.1", self.server.plain_port, timeout=10) as client:
            client.login(self.user, dovecot.PASSWORD)
            for _ in range(count):
                number = len(self.sent)
                kind = ("call", "attached", "unknown", "unreadable", "call")[number % 5]
                assert client.append("INBOX", "", "", _raw(kind, number))[0] == "OK"
                self.sent.append(kind)

    def settled(self) -> bool:
        with self.database.reading() as unit:
            rows = unit.connection.execute(select(MAIL.c.state, MAIL.c.filed)).all()
        return len(rows) >= len(self.sent) and all(row.filed and row.state != State.RECEIVED for row in rows)

    def settle(self, seconds: float = 45) -> None:
        until = time.monotonic() + seconds
        while not self.settled():
            assert time.monotonic() < until, self.said()
            threading.Event().wait(0.1)

    def said(self) -> str:
        with self.database.reading() as unit:
            rows = unit.connection.execute(select(MAIL.c.state, MAIL.c.filed)).all()
        last = (self.folder / f"process-{self.log}.log").read_text()[-2000:]
        return f"{len(self.sent)} sent, {Counter(map(tuple, rows))}\n{last}"

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()

    def folders(self) -> dict[str, int]:
        counts = {}
        with imaplib.IMAP4("127.0.0.1", self.server.plain_port, timeout=10) as client:
            client.login(self.user, dovecot.PASSWORD)
            for name in ("INBOX", "Done", "Failed", "Unknown"):
                answer, said = client.select(name, readonly=True)
                counts[name] = int(said[0] or b"0") if answer == "OK" else 0
        return counts

    def check(self) -> None:
        """Every mail exactly once: one row, one effect, in the right folder."""
        kinds = Counter(self.sent)
        with self.database.reading() as unit:
            rows = unit.connection.execute(select(MAIL)).all()
        assert Counter(row.state for row in rows) == {
            State.SERVICECALL: kinds["call"] + kinds["attached"],
            State.OPEN: kinds["unknown"] + kinds["unreadable"],
        }
        calls, contacts = self.es.rows(fake.CALL), self.es.rows(fake.CONTACT)
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
    database = Database(f"sqlite:///{tmp_path / 'business.db'}", metadata=definition.metadata, clock=clock)
    definition.metadata.create_all(database.engine)
    es = fake.EsServer(fake.opened(str(tmp_path / "es.db")))
    es.knows("hans@kunde.example", "addresses/1001")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        es_port = probe.getsockname()[1]
    user = "".join(one for one in request.node.name if one.isalnum())[:40]
    one = Site(tmp_path, server, database, es, es_port, server.plain_port, user)
    yield one
    for process in one.running:
        process.kill()
        process.wait()
    database.close()
    es.database.close()


def _die(site: Site, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the process has met its failpoint, or has nothing left to do."""
    until = time.monotonic() + 15
    while process.poll() is None and time.monotonic() < until and not site.settled():
        threading.Event().wait(0.02)
    threading.Event().wait(0.05)
    died = process.poll() is not None
    site.kill(process)
    return died


def test_a_reception_killed_anywhere_takes_every_mail_in_once(site: Site) -> None:
    site.start_es()
    chosen = random.Random(4711)
    died = 0
    plan = [f"{name}:{count}" for name in OURS for count in (1, 2)]
    rounds = max(KILLS * 3 // 5, len(OURS))
    for number in range(rounds):
        site.send(BATCH if number % 4 == 0 else 2)
        if number % 5 == 4:
            process = site.start_reception()
            threading.Event().wait(chosen.uniform(0.8, 1.8))
            died += 1
            site.kill(process)
        else:
            died += _die(site, site.start_reception(plan[number % len(plan)]))
    site.start_reception()
    site.settle()
    site.check()
    print(f"{died} kills of the reception, {len(site.sent)} mails")
    assert died >= rounds // 2


def test_server_es_killed_around_its_commit_makes_nothing_twice(site: Site) -> None:
    reception = site.start_reception()
    died = 0
    for number in range(max(KILLS * 2 // 5, 6)):
        site.send(3)
        process = site.start_es(f"{THEIRS[number % len(THEIRS)]}:{1 + number % 2}")
        died += _die(site, process)
    site.start_es()
    site.settle()
    site.check()
    assert reception.poll() is None
    print(f"{died} kills of server_es, {len(site.sent)} mails")
    assert died >= 3


def test_a_connection_cut_in_the_middle_of_a_mail_loses_nothing(site: Site) -> None:
    site.start_es()
    with _cutting(site.server.plain_port) as port:
        site.imap_port = port
        site.send(30)
        site.start_reception()
        site.settle()
    site.check()


def test_a_folder_that_counts_anew_between_two_lives_makes_nothing_twice(site: Site) -> None:
    site.start_es()
    for number in range(4):
        site.send(5)
        _die(site, site.start_reception(("mail.recorded", "mail.stored", "mail.called", "mail.filing")[number]))
        place = site.server.root / "mail" / site.user
        for file in place.glob("dovecot*"):
            if "uidlist" in file.name or "index" in file.name:
                file.unlink()
    site.start_reception()
    site.settle()
    site.check()


@contextmanager
def _cutting(target: int, cuts: int = 4) -> Iterator[int]:
    """A proxy that hangs up after a while, in the middle of whatever the server is saying; in the end it lets through."""
    listener = socket.create_server(("127.0.0.1", 0))
    left = [4_000 * (number + 1) for number in range(cuts)]

    def pump(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        with closing(source), closing(sink):
            try:
                while data := source.recv(1_000):
                    if limit is not None:
                        limit -= len(data)
                        if limit < 0:
                            sink.sendall(data[:200])
                            break
                    sink.sendall(data)
            except OSError:
                pass
            for one in (source, sink):
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

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
