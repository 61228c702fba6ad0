"""Documents and the virus scanner: a real clamd, and one that is not there."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from esoffice.business.v1 import documents_pb2 as pb
from esoffice.config.v1 import business_settings_pb2 as said
from sqlalchemy import select

from mesh import validation
from mesh.clock import ManualClock
from mesh.errors import DomainError, Unavailable
from mesh.workers import HealthLine
from server_business.documents.clamd import Clamd, NotScanned, ScannerAway
from server_business.documents.custody import Custody
from server_business.documents.scan_worker import Scanning
from server_business.documents.tables import SCAN
from server_business.documents.writing import Writing
from tests.builders.documents import SETTINGS, Archive, archive
from tests.builders.processes import free_port
from tests.contract.conftest import Serve, refused
from tests.contract.server_business.test_documents import why
from tests.servers import clamav
from tests.servers.clamav import EICAR, FOUND

SCANS = replace(SETTINGS, scans=True)


@pytest.fixture(scope="module")
def clamd() -> Iterator[clamav.Running]:
    if clamav.missing():
        pytest.skip(clamav.missing())
    with clamav.running() as one:
        yield one


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as one:
        yield one


@pytest.fixture
async def room(serve: Serve, stack: ExitStack, tmp_path: Path) -> Archive:
    return await archive(serve, stack, tmp_path / "documents", settings=SCANS)


class Desk:
    """Who is told; `refusal` is what server_es says to it, `away` that it does not answer."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []
        self.refusal: str | None = None
        self.away = False

    def tell(self, *message: str) -> str | None:
        if self.away:
            raise Unavailable("server_es does not answer")
        if self.refusal is None:
            self.told.append(message)
        return self.refusal


def scanning(room: Archive, address: str, desk: Desk) -> Scanning:
    custody = Custody(SCANS, Writing(SCANS), room.store)
    line = HealthLine("documents.scan")
    room.line = line
    return Scanning(room.database, room.store, Clamd(address, timeout=10), custody, desk.tell, team="teams/it",
                    owner="me", line=line)  # fmt: skip


def _release(room: Archive, name: str) -> object:
    return room.stub.ReleaseDocumentVersion(pb.ReleaseDocumentVersionRequest(name=name))


@pytest.mark.parametrize("way", ["unix", "tcp"])
def test_the_real_scanner_answers(clamd: clamav.Running, way: str) -> None:
    one = Clamd(getattr(clamd, way), timeout=10)
    assert one.scan([]) == "" == one.scan([b"", os.urandom(1 << 20), b"harmlos"])
    assert one.scan([b"vorher", EICAR[:20], EICAR[20:], b"nachher"]) == FOUND
    with pytest.raises(NotScanned, match="size limit exceeded"):
        one.scan(os.urandom(1 << 20) for _ in range(3 * clamav.MOST_MIB))


def test_a_scanner_with_one_signature_starts_fast(clamd: clamav.Running) -> None:
    del clamd  # skips where there is none
    started = time.monotonic()
    with clamav.running():
        assert time.monotonic() - started < 5


async def test_nothing_leaves_before_it_was_scanned(room: Archive, clamd: clamav.Running) -> None:
    desk = Desk()
    made = await room.create(b"harmlos")
    assert made.latest.scan == pb.CONTENT_SCAN_WAITING
    assert await why(_release(room, made.latest.name)) == "SCAN_PENDING" == await why(room.download(made.latest.name))
    room.work(scanning(room, clamd.unix, desk).turn)
    version = (await room.get(made.name)).latest
    assert version.scan == pb.CONTENT_SCAN_CLEAN
    assert version.HasField("scan_time")
    assert (room.line.healthy, room.line.sentence) == (True, "0 contents wait for the virus scan")
    assert (await _release(room, version.name)).state == pb.DOCUMENT_VERSION_STATE_RELEASED  # type: ignore[misc]
    assert await room.download(version.name) == b"harmlos"
    assert (await room.create(b"harmlos")).latest.scan == pb.CONTENT_SCAN_CLEAN  # a verdict is about bytes
    assert desk.told == []


async def test_what_is_infected_goes_nowhere_and_a_team_is_told_once(room: Archive, clamd: clamav.Running) -> None:
    desk = Desk()
    made = await room.create(EICAR, "Rechnung", file_name="rechnung.exe")
    again = await room.create(EICAR, "Kopie")
    desk.away = True
    worker = scanning(room, clamd.tcp, desk)
    with pytest.raises(Unavailable):
        room.work(worker.turn)
    for one in (made, again):
        assert await why(_release(room, one.latest.name)) == "CONTENT_INFECTED"
        assert await why(room.download(one.latest.name)) == "CONTENT_INFECTED"
        assert (await room.get(one.name)).latest.scan_detail == FOUND
    assert (room.line.healthy, "1 are INFECTED" in room.line.sentence) == (False, True)
    desk.away, desk.refusal = False, "there is no such team"
    clock: ManualClock = room.database.clock  # type: ignore[assignment]
    clock.advance(timedelta(seconds=60))
    with pytest.raises(Unavailable, match="no such team"):
        room.work(worker.turn)
    desk.refusal = None
    clock.advance(timedelta(seconds=60))
    room.work(worker.turn)
    clock.advance(timedelta(seconds=7200))
    room.work(worker.turn)
    ((team, subject, text, _),) = desk.told
    assert (team, subject) == ("teams/it", f"Virus in einem Dokument: {FOUND}")
    assert "documents/1/versions/1: Rechnung, rechnung.exe" in text
    assert "documents/2/versions/1: Kopie" in text


async def test_a_scanner_that_is_away_is_waited_for(room: Archive, clamd: clamav.Running) -> None:
    desk = Desk()
    made = await room.create(b"harmlos")
    away = scanning(room, f"127.0.0.1:{free_port()}", desk)
    with pytest.raises(ScannerAway):
        room.work(away.turn)
    assert not room.line.healthy
    assert "1 contents wait for the virus scan; The virus scanner at" in room.line.sentence
    error = await refused(_release(room, made.latest.name))
    assert "does not answer" in error.details()
    assert (await room.get(made.name)).latest.scan == pb.CONTENT_SCAN_WAITING
    room.database.clock.advance(timedelta(seconds=31))  # type: ignore[attr-defined]
    room.work(scanning(room, clamd.unix, desk).turn)
    await _release(room, made.latest.name)  # type: ignore[misc]


async def test_what_is_too_large_for_the_scanner_waits_and_says_so(room: Archive, clamd: clamav.Running) -> None:
    upload = await room.upload(os.urandom((clamav.MOST_MIB + 1) << 20))
    made = await room.create(upload=upload.name)
    room.work(scanning(room, clamd.unix, Desk()).turn)
    version = (await room.get(made.name)).latest
    assert (version.scan, "size limit" in version.scan_detail) == (pb.CONTENT_SCAN_WAITING, True)
    assert await why(_release(room, made.latest.name)) == "SCAN_PENDING"


async def test_what_was_there_before_the_scanner_is_scanned_too(
    serve: Serve, stack: ExitStack, tmp_path: Path, clamd: clamav.Running
) -> None:
    room = await archive(serve, stack, tmp_path / "documents")  # no scanner yet
    made = await room.create(EICAR)
    await _release(room, made.latest.name)  # type: ignore[misc]
    assert await room.download(made.latest.name) == EICAR
    desk = Desk()
    room.work(scanning(room, clamd.unix, desk).turn)
    found = await room.get(made.name)
    assert (found.released, found.latest.state) == ("", pb.DOCUMENT_VERSION_STATE_WITHDRAWN)
    assert await why(room.download(made.latest.name)) == "CONTENT_INFECTED"  # with no scanner in the settings, too
    assert len(desk.told) == 1


async def test_who_wants_old_bytes_has_them_scanned_first(serve: Serve, stack: ExitStack, tmp_path: Path) -> None:
    room = await archive(serve, stack, tmp_path / "documents", settings=SCANS)
    made = await room.create(b"alt")
    with room.database.unit() as unit:
        unit.connection.execute(SCAN.delete())
    assert await why(room.download(made.latest.name)) == "SCAN_PENDING"
    with room.database.unit() as unit:
        asked = unit.connection.execute(select(SCAN.c.sha256)).scalars().all()
    assert list(asked) == [sha256(b"alt").hexdigest()]


async def test_a_lost_content_takes_its_verdict_along(room: Archive, clamd: clamav.Running) -> None:
    made = await room.create(b"harmlos")
    room.work(scanning(room, clamd.unix, Desk()).turn)
    await room.stub.DeleteDocument(pb.DeleteDocumentRequest(name=made.name))
    await room.stub.EraseDocument(pb.EraseDocumentRequest(name=made.name, reason="Antrag"))
    room.database.clock.advance(timedelta(seconds=7200))  # type: ignore[attr-defined]
    room.work(room.tidying.turn)
    with room.database.reading() as unit:
        assert unit.connection.execute(select(SCAN)).all() == []


@pytest.mark.parametrize(
    ("address", "team", "right"),
    [
        ("", "", True),
        ("unix:/run/clamav/clamd.ctl", "teams/it", True),
        ("scanner:3310", "teams/it", True),
        ("[::1]:3310", "teams/it", True),
        ("scanner:3310", "", False),
        ("scanner", "teams/it", False),
        ("/run/clamav/clamd.ctl", "teams/it", False),
    ],
)
def test_settings_name_a_socket_and_a_team(address: str, team: str, right: bool) -> None:  # noqa: FBT001
    assert (not validation.violations(said.VirusScanSettings(address=address, team=team))) == right


def test_a_scanner_that_breaks_off_has_said_nothing(tmp_path: Path) -> None:
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            one, _ = server.accept()
            one.recv(10)
            one.shutdown(socket.SHUT_WR)
            one.recv(1 << 20)
            one.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(DomainError):
            Clamd(f"127.0.0.1:{server.getsockname()[1]}", timeout=10).scan([b"x"])
        thread.join()
    with pytest.raises(ScannerAway):
        Clamd(f"unix:{tmp_path}/nobody").scan([b"x"])
