"""10,000 mails of 5 kB from a real Dovecot to committed calls, beside a raw drain and beside `mbsync` with fsync."""

import imaplib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from mesh.channel import connect_blocking
from mesh.clock import SystemClock
from mesh.database import Database
from server_business.app import definition
from server_business.mail.accounts import account
from server_business.mail.automatic import OwnMarks
from server_business.mail.desk import Desk
from server_business.mail.es_server import EsServer
from server_business.mail.inbox import Inbox
from server_business.mail.tables import MAIL, State
from tests.builders import mails
from tests.fakes import es_server as fake
from tests.servers import dovecot
from tests.servers.mail_worker import said

COUNT = 10_000
USER = "bench"


def measure(count: int = COUNT) -> list[dict[str, Any]]:
    """Return one row per way, with mails per second."""
    with dovecot.running() as server, tempfile.TemporaryDirectory() as folder:
        _deliver(server, count)
        drained = _timed(lambda: _drain(server))
        synced = _timed(lambda: _mbsync(server, Path(folder))) if shutil.which("mbsync") else 0.0
        committed, filed = _import(server, Path(folder), count)
    return [
        {"what": "mail import to committed calls", "per_second": round(count / committed)},
        {"what": "mail import to calls, and filed in the mailbox", "per_second": round(count / filed)},
        {"what": "peer: raw drain by imaplib, 500 a command", "per_second": round(count / drained)},
        {"what": "peer: mbsync with fsync", "per_second": round(count / synced) if synced else None},
    ]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _deliver(server: dovecot.Dovecot, count: int) -> None:
    """Into the Maildir at once; Dovecot finds them when the folder is opened."""
    with _signed_in(server) as client:
        client.select("INBOX")
    new = server.root / "mail" / USER / "new"
    owner = new.stat()
    raw = mails.plain(5_000)
    for number in range(count):
        path = new / f"{1_700_000_000 + number}.{number}.bench"
        path.write_bytes(raw.replace(b"1@kunde.example", b"%d@kunde.example" % number, 1))
        os.chown(path, owner.st_uid, owner.st_gid)
    with _signed_in(server) as client:
        assert client.select("INBOX")[1][0] == str(count).encode()


def _signed_in(server: dovecot.Dovecot) -> imaplib.IMAP4:
    client = imaplib.IMAP4("127.0.0.1", server.plain_port, timeout=60)
    client.login(USER, dovecot.PASSWORD)
    return client


def _drain(server: dovecot.Dovecot) -> None:
    with _signed_in(server) as client:
        total = int(client.select("INBOX", readonly=True)[1][0] or 0)
        for first in range(1, total + 1, 500):
            client.fetch(f"{first}:{min(first + 499, total)}", "(BODY.PEEK[])")


def _mbsync(server: dovecot.Dovecot, folder: Path) -> None:
    box = folder / "synced"
    box.mkdir()
    config = folder / "mbsyncrc"
    config.write_text(
        f"FSync yes\nIMAPAccount far\nHost 127.0.0.1\nPort {server.plain_port}\nUser {USER}\n"
        f"Pass {dovecot.PASSWORD}\nSSLType None\nAuthMechs LOGIN\n\nIMAPStore far\nAccount far\n\n"
        f"MaildirStore near\nPath {box}/\nInbox {box}/INBOX\n\n"
        "Channel all\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSync Pull New\nSyncState *\n"
    )
    subprocess.run(["mbsync", "-q", "-c", config, "all"], check=True)


def _import(server: dovecot.Dovecot, folder: Path, count: int) -> tuple[float, float]:
    """Return after how many seconds the last call was committed, and the last mail filed."""
    known = fake.EsServer(fake.opened(str(folder / "es.db")))
    known.knows("hans@kunde.example", "addresses/1001")
    port = str(server.tls_port + 1)
    command = [sys.executable, "-m", "tests.fakes.es_server", str(folder / "es.db"), port]
    es = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert es.stdout is not None
    es.stdout.readline()
    clock = SystemClock()
    channel = connect_blocking(f"127.0.0.1:{port}", None)
    box = account("info", said(server.plain_port, USER), clock)
    own = OwnMarks(site="firma.example", message_id_domain="mesh.firma.example")
    stop, arrived, finished = threading.Event(), threading.Event(), threading.Event()
    try:
        with Database(f"sqlite:///{folder / 'mail.db'}", metadata=definition.metadata, clock=clock) as database:
            definition.metadata.create_all(database.engine)
            desk = Desk(database, EsServer(channel), box)
            inbox = Inbox(database, box, own, stored=arrived.set)
            committed: list[float] = []

            def decide() -> None:
                while not committed:
                    arrived.wait(1)
                    arrived.clear()
                    while desk.turn():
                        pass
                    if _made(database) == count:
                        committed.append(time.perf_counter())
                finished.set()

            started = time.perf_counter()
            thread = threading.Thread(target=decide)
            thread.start()
            while not (finished.is_set() and _filed(database) == count):
                inbox.turn(stop)
            filed = time.perf_counter()
            thread.join()
            inbox.close()
            return committed[0] - started, filed - started
    finally:
        channel.close()
        es.kill()
        es.wait()
        es.stdout.close()
        known.database.close()


def _made(database: Database) -> int:
    query = select(func.count()).where(MAIL.c.state == State.SERVICECALL)
    with database.reading() as unit:
        return int(unit.connection.execute(query).scalar_one())


def _filed(database: Database) -> int:
    with database.reading() as unit:
        return int(unit.connection.execute(select(func.count()).where(MAIL.c.filed)).scalar_one())


if __name__ == "__main__":
    for row in measure(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT):
        print(row)
