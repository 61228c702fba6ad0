"""Mails from a real Dovecot to committed calls, beside a raw drain, a raw insert, and `mbsync` with fsync."""

import contextlib
import imaplib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from benchmarks.lines import line
from mesh.channel import connect_blocking
from mesh.clock import SystemClock
from mesh.database import Database
from server_business.mail.inbox import BYTES
from server_business.mail.tables import MAIL, State
from server_es.servicecalls.tables import servicecall
from tests.builders import mails
from tests.builders.es_house import EsHouse
from tests.servers import dovecot, es, mail_worker

USER = "bench"
_INSERT = "raw committed insert of the same bytes"
_WITH_FILE = 20_000  # larger mails have a file
_LOOK_SECONDS = 0.1


def measure(sizes: Sequence[tuple[int, int]] = ((10_000, 5_000), (1_000, 140_000))) -> list[dict[str, Any]]:
    """Measure for each (count, bytes of a mail); a line per way and peer of the same run."""
    return [one for count, size in sizes for one in _measured(count, size)]


def _measured(count: int, size: int) -> list[dict[str, Any]]:
    """Both goals of the issue stand in the lines: beside `mbsync`, and beside the slower of what is done at least."""
    with dovecot.running() as server, tempfile.TemporaryDirectory() as folder:
        raws = _deliver(server, count, size)
        drained = count / _timed(lambda: _drain(server))
        inserted = count / _timed(lambda: _insert(Path(folder), raws))
        synced = count / _timed(lambda: _mbsync(server, Path(folder))) if shutil.which("mbsync") else None
        committed, filed, spent = _import(server, Path(folder), count)
    what = f"{count:,} x {size // 1000} kB"
    peers = [("raw drain by imaplib, 500 a command", drained, "", 0.0), (_INSERT, inserted, "", 0.0)]
    slower = min(peers, key=lambda peer: peer[1])
    peers[peers.index(slower)] = (*slower[:2], ">= 0.5 x the slower of both", 0.5)
    if synced is not None:
        peers.append(("mbsync with fsync", synced, ">= 5 x", 5.0))
    lines = [
        line(
            f"{what} to committed calls", count / committed, "mails/s", peer=peer, peer_measured=rate,
            ratio=count / committed / rate, goal=goal, met=count / committed / rate >= least if goal else None,
        )
        for peer, rate, goal, least in peers
    ]  # fmt: skip
    lines.append(line(f"{what} to calls, and filed in the mailbox", count / filed, "mails/s"))
    lines += [
        line(f"{what}: CPU of {process} for a mail", seconds / count * 1e6, "µs") for process, seconds in spent.items()
    ]
    return lines


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _deliver(server: dovecot.Dovecot, count: int, size: int) -> list[bytes]:
    """Into the Maildir at once; Dovecot finds them when the folder is opened."""
    with _signed_in(server) as client:
        client.select("INBOX")
    new = server.root / "mail" / USER / "new"
    owner = new.stat()
    raw = mails.plain(size) if size < _WITH_FILE else mails.with_attachment(bytes(range(256)) * (size // 350))
    raws = [raw.replace(b"1@kunde.example", b"%d@kunde.example" % number, 1) for number in range(count)]
    for number, one in enumerate(raws):
        path = new / f"{1_700_000_000 + number}.{number}.bench"
        path.write_bytes(one)
        os.chown(path, owner.st_uid, owner.st_gid)
    with _signed_in(server) as client:
        assert client.select("INBOX")[1][0] == str(count).encode()
    return raws


def _insert(folder: Path, raws: Sequence[bytes]) -> None:
    """The same bytes into one table, synced as the reception's, as many a commit as it takes in at once."""
    at_once = max(1, min(500, BYTES // len(raws[0])))
    with contextlib.closing(sqlite3.connect(folder / "raw.db", isolation_level=None)) as wire:
        wire.execute("PRAGMA journal_mode = WAL")
        wire.execute("PRAGMA synchronous = FULL")
        wire.execute("CREATE TABLE raw (id INTEGER PRIMARY KEY, raw BLOB NOT NULL)")
        for start in range(0, len(raws), at_once):
            wire.execute("BEGIN")
            wire.executemany("INSERT INTO raw (raw) VALUES (?)", [(one,) for one in raws[start : start + at_once]])
            wire.execute("COMMIT")


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
    for row in measure([(int(sys.argv[1]), int(sys.argv[2]))] if len(sys.argv) > 2 else ()):
        print(row)
