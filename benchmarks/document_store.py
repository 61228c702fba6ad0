"""Documents of server_business beside what the disk gives: uploads, many small ones, downloads, memory at 2 GB.

The service is a process of its own; client and service share the machine. The peer writes the same bytes into the same
folder and does no more than it must: a new file, as ours, its SHA-256, one fsync. Small documents stand beside a file,
an fsync, a rename and an fsync of the folder each, without any row.
Goals: upload 0.7 of the peer, small documents 1.5 times. Run `python -m benchmarks document_store`.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.lines import line

MIB = 1 << 20
SIZE, ROUNDS = 256 * MIB, 3
LARGE = 2048 * MIB
SMALL, AT_ONCE, BYTES = 1000, 250, 5000


def measure() -> list[dict[str, Any]]:
    """Return a line for each case."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        return _measure(Path(folder))


def _measure(folder: Path) -> list[dict[str, Any]]:
    block = os.urandom(MIB)
    ours: dict[str, list[float]] = {"up": [], "down": [], "small": []}
    raw: dict[str, list[float]] = {"up": [], "down": [], "small": []}
    with _service(folder) as (stub, pid):
        for number in range(ROUNDS):
            data = [bytes([number]) + block[1:]] * (SIZE // MIB)  # new bytes each round
            raw["up"].append(SIZE / _timed(lambda: _write(folder / f"raw-{number}", data)))  # noqa: B023 - called at once
            version = ""

            def upload() -> None:
                nonlocal version
                version = _upload(stub, data)  # noqa: B023 - called at once

            ours["up"].append(SIZE / _timed(upload))
            raw["down"].append(SIZE / _timed(lambda: _read(folder / f"raw-{number}")))  # noqa: B023 - called at once
            ours["down"].append(SIZE / _timed(lambda: _download(stub, version)))  # noqa: B023 - called at once
            contents = [os.urandom(BYTES) for _ in range(SMALL)]
            raw["small"].append(SMALL / _timed(lambda: _naively(folder / f"naive-{number}", contents)))  # noqa: B023
            contents = [os.urandom(BYTES) for _ in range(SMALL)]
            ours["small"].append(SMALL / _timed(lambda: _in_batches(stub, contents)))  # noqa: B023
        before = _peak(pid)
        _download(stub, _upload(stub, [block] * (LARGE // MIB)))
        grown = (_peak(pid) - before) / MIB
    up, down, small = (statistics.median(ours[case]) for case in ("up", "down", "small"))
    raw_up, raw_down, raw_small = (statistics.median(raw[case]) for case in ("up", "down", "small"))
    return [
        line("upload of 256 MiB, streamed, durable", up / MIB, "MiB/s", peer="write, SHA-256, fsync",
             peer_measured=raw_up / MIB, ratio=up / raw_up, goal="≥ 0.7 of the peer", met=up >= 0.7 * raw_up),
        line("download of 256 MiB, compared on the way", down / MIB, "MiB/s", peer="read, SHA-256",
             peer_measured=raw_down / MIB, ratio=down / raw_down),
        line("documents of 5 kB, 250 a call, durable", small, "documents/s", peer="a file, fsync, rename, fsync each",
             peer_measured=raw_small, ratio=small / raw_small, goal="≥ 1.5 × the peer", met=small >= 1.5 * raw_small),
        line("memory 2 GiB up and down take beyond what 256 MiB took", grown, "MiB"),
    ]  # fmt: skip


@contextmanager
def _service(folder: Path) -> Iterator[tuple[Any, int]]:
    from esoffice.business.v1.documents_pb2_grpc import DocumentServiceStub

    from mesh.channel import connect_blocking
    from tests.builders.processes import free_port

    port = free_port()
    command = [sys.executable, "-m", "tests.servers.documents", str(folder), str(port)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(["stubs", ".", *sys.path])})
    try:
        with connect_blocking(f"127.0.0.1:{port}", None) as channel:
            import grpc

            grpc.channel_ready_future(channel).result(30)
            yield DocumentServiceStub(channel), process.pid
    finally:
        process.terminate()
        process.wait(30)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _write(path: Path, data: list[bytes]) -> None:
    digest = sha256()
    with path.open("wb", buffering=0) as file:
        for piece in data:
            digest.update(piece)
            file.write(piece)
        os.fsync(file.fileno())
    digest.hexdigest()


def _read(path: Path) -> None:
    digest = sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(MIB):
            digest.update(piece)
    digest.hexdigest()


def _upload(stub: Any, data: list[bytes]) -> str:
    from esoffice.business.v1 import documents_pb2 as pb

    upload = stub.CreateUpload(pb.CreateUploadRequest(size_bytes=MIB * len(data)))

    def pieces() -> Iterator[pb.WriteUploadRequest]:
        for at, piece in enumerate(data):
            yield pb.WriteUploadRequest(name=upload.name if not at else "", offset=at * MIB, data=piece)

    assert stub.WriteUpload(pieces()).complete
    content = pb.DocumentContent(upload=upload.name, file_name="big.bin")
    made = stub.CreateDocument(pb.CreateDocumentRequest(document=pb.Document(title="big"), content=content), timeout=60)
    return str(made.latest.name)


def _download(stub: Any, version: str) -> None:
    from esoffice.business.v1 import documents_pb2 as pb

    for _ in stub.DownloadDocumentVersion(pb.DownloadDocumentVersionRequest(name=version)):
        pass


def _naively(folder: Path, contents: list[bytes]) -> None:
    folder.mkdir()
    handle = os.open(folder, os.O_RDONLY)
    for one in contents:
        name = sha256(one).hexdigest()
        with (folder / f".{name}").open("wb", buffering=0) as file:
            file.write(one)
            os.fsync(file.fileno())
        (folder / f".{name}").rename(folder / name)
        os.fsync(handle)
    os.close(handle)


def _in_batches(stub: Any, contents: list[bytes]) -> None:
    from esoffice.business.v1 import documents_pb2 as pb

    from tests.builders.documents import creation

    for start in range(0, len(contents), AT_ONCE):
        requests = [creation(one) for one in contents[start : start + AT_ONCE]]
        answer = stub.BatchCreateDocuments(pb.BatchCreateDocumentsRequest(requests=requests), timeout=60)
        assert all(one.HasField("document") for one in answer.results)


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(one for one in status.splitlines() if one.startswith("VmHWM")).split()[1]) * 1024
