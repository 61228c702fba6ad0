"""10,000 mails of 5 kB from a real Dovecot to committed calls, beside a raw drain and beside `mbsync` with fsync."""

import contextlib
import imaplib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from mesh.channel import connect_blocking
from mesh.clock import SystemClock
from mesh.database import Database
from server_business.mail.tables import MAIL, State
from server_es.servicecalls.tables import servicecall
from tests.builders import mails
from tests.builders.es_house import EsHouse
from tests.servers import dovecot, es, mail_worker

COUNT = 10_000
USER = "bench"
_LOOK_SECONDS = 0.1


def measure(count: int = COUNT) -> list[dict[str, Any]]:
    """Return one row per way, with mails per second, and our ratio to mbsync in the same run."""
    with dovecot.running() as server, tempfile.TemporaryDirectory() as folder:
        _deliver(server, count)
        drained = _timed(lambda: _drain(server))
        synced = _timed(lambda: _mbsync(server, Path(folder))) if shutil.which("mbsync") else 0.0
        committed, filed, spent = _import(server, Path(folder), count)
    return [
        {"what": "mail import to committed calls", "per_second": round(count / committed)},
        {"what": "mail import to calls, and filed in the mailbox", "per_second": round(count / filed)},
        {"what": "peer: raw drain by imaplib, 500 a command", "per_second": round(count / drained)},
        {"what": "peer: mbsync with fsync", "per_second": round(count / synced) if synced else None},
        {"what": "committed calls per mail of mbsync", "ratio": round(synced / committed, 2) if synced else None},
        *(
            {"what": f"CPU of {process} for a mail", "microseconds": round(seconds / count * 1e6)}
            for process, seconds in spent.items()
        ),
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


def _import(server: dovecot.Dovecot, folder: Path, count: int) -> tuple[float, float, dict[str, float]]:
    """Return after how many seconds the last call was committed, and the last mail filed, and the CPU seconds spent.

    The reception and server_es are processes of their own, on databases of their own, with mutual TLS between them, as
    in production.
    """
    clock, url = SystemClock(), f"sqlite:///{folder / 'es.db'}"
    certs = es.make_certificates(folder)
    with es.opened(url, clock) as theirs, mail_worker.opened(folder, clock) as database:
        with es.serving_in_a_thread(certs, theirs) as doors, connect_blocking(f"127.0.0.1:{doors.chief}", None) as wire:
            house = EsHouse(theirs, wire)
            house.furnish()
            house.knows("hans@kunde.example", "addresses/1001")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        with _process("tests.servers.es", str(certs), url, port) as serving:
            imap = str(server.plain_port)
            with _process("tests.servers.mail_worker", str(folder), str(certs), port, imap, USER) as receiving:
                started, before = time.perf_counter(), (_cpu_seconds(receiving), _cpu_seconds(serving))
                committed = _when(lambda: _count(database, State.SERVICECALL) == count) - started
                spent = {
                    "server_business": _cpu_seconds(receiving) - before[0],
                    "server_es": _cpu_seconds(serving) - before[1],
                }
                filed = _when(lambda: _count(database, State.SERVICECALL, filed=True) == count) - started
        with theirs.reading() as unit:
            assert unit.connection.execute(select(func.count()).select_from(servicecall)).scalar_one() == count
    return committed, filed, spent


@contextlib.contextmanager
def _process(module: str, *arguments: str) -> Iterator[int]:
    """Run a process from when it says that it is ready; yields its id."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    try:
        assert process.stdout.readline()
        yield process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _when(is_done: Callable[[], bool]) -> float:
    pause = threading.Event()
    while not is_done():
        pause.wait(_LOOK_SECONDS)
    return time.perf_counter()


def _cpu_seconds(process: int) -> float:
    """Return what a process has used so far, all its threads together: steadier than seconds on a busy machine."""
    spent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")


def _count(database: Database, state: State, *, filed: bool | None = None) -> int:
    """Count by an index alone, so that looking takes nothing from who is looked at."""
    query = select(func.count()).select_from(MAIL).where(MAIL.c.account == "info", MAIL.c.state == state)
    if filed is not None:
        query = query.where(MAIL.c.filed == filed)
    with database.reading() as unit:
        return int(unit.connection.execute(query).scalar_one())


if __name__ == "__main__":
    for row in measure(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT):
        print(row)
