"""One read through the whole pipeline beside the same method on a bare grpc.aio server.

    python -m benchmarks pipeline

Each server is a process of its own on uvloop; h2load (Debian nghttp2-client) asks. The caller shows a signed token, so
the pipeline identifies, checks the permission, validates, counts, logs one line and looks whether to audit. Rounds
alternate, because other load on the machine moves both. What counts is the server's CPU time per call.
"""

import asyncio
import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import uvloop
from esoffice.config.v1 import audit_pb2, audit_pb2_grpc
from esoffice.es.v1 import servicecalls_pb2
from google.protobuf.message import Message

from benchmarks import servicecalls
from benchmarks.lines import line
from config_service.identity.signing import Grant, Issuer, make_keys
from mesh import log
from mesh.audit import AuditLog, AuditOutbox
from mesh.callers import Callers
from mesh.clock import SystemClock
from mesh.columns import new_metadata
from mesh.key_set import KeySet
from mesh.pipeline import Pipeline
from mesh.server import Server
from mesh.tokens import Caller, Kind, Verifier

PATH = "/esoffice.config.v1.AuditService/ListAuditEntries"
CALL_PATH = "/esoffice.es.v1.ServicecallService/GetServicecall"
CALLS, CLIENTS, STREAMS, ROUNDS = 5_000, 4, 8, 9


class Servicer(audit_pb2_grpc.AuditServiceServicer):
    """Answers one entry of about 100 bytes."""

    def __init__(self) -> None:
        entry = audit_pb2.AuditEntry(id="0" * 36, method=PATH, caller="anna")
        self._answer = audit_pb2.ListAuditEntriesResponse(entries=[entry])

    async def ListAuditEntries(self, _request: Any, _context: Any) -> audit_pb2.ListAuditEntriesResponse:
        return self._answer

    async def RecordAuditEntries(self, _request: Any, _context: Any) -> audit_pb2.RecordAuditEntriesResponse:
        return audit_pb2.RecordAuditEntriesResponse()


async def serve(kind: str, folder: Path) -> None:
    """Print the port and serve until SIGTERM."""
    async with contextlib.AsyncExitStack() as stack:
        await _serve(kind, folder, stack)


async def _serve(kind: str, folder: Path, stack: contextlib.AsyncExitStack) -> None:
    clock = SystemClock()
    if kind == "bare":
        server = grpc.aio.server()
        audit_pb2_grpc.add_AuditServiceServicer_to_server(Servicer(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
    else:
        log.configure(service="benchmark")
        verifier = Verifier("muster", "esoffice", KeySet.from_jwks((folder / "jwks").read_text()), clock)
        callers = Callers("muster", verifier, {})
        audit = AuditLog(AuditOutbox(new_metadata()), clock)
        if kind == "database":
            port = await _serve_office(stack, folder, callers, audit)
        else:
            ours = Server(Pipeline(identify=callers, audit=audit))
            ours.add(audit_pb2.DESCRIPTOR, Servicer())
            port = await ours.start("127.0.0.1:0", None)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await stop.wait()


async def _serve_office(stack: contextlib.AsyncExitStack, folder: Path, callers: Callers, audit: AuditLog) -> int:
    """Serve an office with a hundred calls; who shows a token is asked for it, the office itself fills the database."""

    def identify(context: Any) -> Caller:
        caller = callers(context)
        return servicecalls.WHO if caller.kind is Kind.ANONYMOUS else caller

    office = await servicecalls.served(stack, folder, identify, audit)
    now = SystemClock().now()
    await office.calls.BatchCreateServicecalls(servicecalls.batch(now, 100))
    return office.port


def token(folder: Path) -> str:
    """Make the site's signing keys and one token."""
    now = SystemClock().now()
    keys = make_keys(folder / "keys", now)
    (folder / "jwks").write_text(keys.jwks())
    issuer = Issuer(keys, "muster", "esoffice", lifetime=timedelta(hours=1))
    return issuer.issue(Grant(user="anna", permissions=("audit.read", "servicecalls.read")), now).text


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(port: int, path: str, payload: Path, bearer: str, calls: int) -> float:
    """Make the calls and return how many a second were answered."""
    done = subprocess.run(
        ["h2load", "-n", str(calls), "-c", str(CLIENTS), "-m", str(STREAMS), "-d", str(payload),
         "-H", "content-type: application/grpc", "-H", "te: trailers", "-H", f"authorization: Bearer {bearer}",
         f"http://127.0.0.1:{port}{path}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"finished in .*?, ([\d.]+) req/s", done.stdout)
    assert found is not None, done.stdout
    return float(found.group(1))


def measure() -> list[dict[str, Any]]:
    """Return the read through the pipeline, and a read of a servicecall from the database, beside the bare server."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        bearer = token(folder)
        entries = audit_pb2.ListAuditEntriesRequest(caller="anna", target="servicecalls/4711" * 4)
        call = servicecalls_pb2.GetServicecallRequest(name="servicecalls/17")
        entries_file, call_file = _payload(folder / "entries", entries), _payload(folder / "call", call)
        asked = {"bare": (PATH, entries_file), "pipeline": (PATH, entries_file), "database": (CALL_PATH, call_file)}
        servers = {kind: _started(stack, kind, folder) for kind in asked}
        ports = {kind: int(process.stdout.readline()) for kind, process in servers.items() if process.stdout}
        for kind, port in ports.items():
            ask(port, *asked[kind], bearer, 2000)
            assert kind == "bare" or '"code": "OK"' in (folder / f"{kind}.log").read_text()[-2000:]
        figures: dict[str, list[tuple[float, float]]] = {kind: [] for kind in asked}
        for _ in range(ROUNDS):
            for kind, port in ports.items():
                before = cpu_seconds(servers[kind].pid)
                rate = ask(port, *asked[kind], bearer, CALLS)
                figures[kind].append((rate, (cpu_seconds(servers[kind].pid) - before) / CALLS * 1e6))
    bare = _median(cpu for _, cpu in figures["bare"])
    lines = []
    for kind, case in (("pipeline", "a read method through the pipeline"), ("database", "GetServicecall, on SQLite")):
        pairs = list(zip(figures["bare"], figures[kind], strict=True))
        ratio = _median(one[1] / ours[1] for one, ours in pairs)
        asked_for: dict[str, Any] = (
            {"goal": "≥ 0.8 of bare per CPU second", "met": ratio >= 0.8} if kind == "pipeline" else {}
        )
        peer = "bare grpc.aio, same answer" if kind == "pipeline" else "bare grpc.aio, fixed answer of 100 bytes"
        ours = _median(cpu for _, cpu in figures[kind])
        lines.append(line(case, ours, "µs", peer=peer, peer_measured=bare, ratio=ratio, **asked_for))
        rates = [_median(rate for rate, _ in figures[one]) for one in (kind, "bare")]
        lines.append(
            line(f"{case}: answered", rates[0], "/s", peer=peer, peer_measured=rates[1], ratio=rates[0] / rates[1])
        )
    return lines


def _median(figures: Iterable[float]) -> float:
    return statistics.median(figures)


def _payload(path: Path, request: Message) -> Path:
    message = request.SerializeToString()
    path.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    return path


def _started(stack: contextlib.ExitStack, kind: str, folder: Path) -> "subprocess.Popen[str]":
    log_file = stack.enter_context((folder / f"{kind}.log").open("w"))
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.pipeline", kind, str(folder)],
        stdout=subprocess.PIPE, stderr=log_file, text=True,
    )  # fmt: skip
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], Path(sys.argv[2])))
