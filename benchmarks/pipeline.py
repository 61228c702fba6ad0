"""One read through the whole pipeline beside the same method on a bare grpc.aio server.

    python -m benchmarks.pipeline

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
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import uvloop
from esoffice.config.v1 import audit_pb2, audit_pb2_grpc

from config_service.identity.signing import Grant, Issuer, make_keys
from mesh import log
from mesh.audit import AuditLog, AuditOutbox
from mesh.callers import Callers
from mesh.clock import SystemClock
from mesh.columns import new_metadata
from mesh.key_set import KeySet
from mesh.pipeline import Pipeline
from mesh.server import Server
from mesh.tokens import Verifier

PATH = "/esoffice.config.v1.AuditService/ListAuditEntries"
CALLS, CLIENTS, STREAMS, ROUNDS = 12_000, 4, 8, 5


class Servicer:
    """Answers one entry of about 100 bytes."""

    def __init__(self) -> None:
        entry = audit_pb2.AuditEntry(id="0" * 36, method=PATH, caller="anna")
        self._answer = audit_pb2.ListAuditEntriesResponse(entries=[entry])

    async def ListAuditEntries(self, _request: Any, _context: Any) -> audit_pb2.ListAuditEntriesResponse:
        return self._answer

    async def RecordAuditEntries(self, _request: Any, _context: Any) -> audit_pb2.RecordAuditEntriesResponse:
        return audit_pb2.RecordAuditEntriesResponse()


async def serve(kind: str, folder: Path) -> None:
    """Serve until SIGTERM; then print the CPU seconds used since the first SIGUSR1."""
    clock = SystemClock()
    if kind == "bare":
        server = grpc.aio.server()
        audit_pb2_grpc.add_AuditServiceServicer_to_server(Servicer(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
    else:
        log.configure(service="benchmark")
        verifier = Verifier("muster", "esoffice", KeySet.from_jwks((folder / "jwks").read_text()), clock)
        pipeline = Pipeline(
            identify=Callers("muster", verifier, {}), audit=AuditLog(AuditOutbox(new_metadata()), clock)
        )
        ours = Server(pipeline)
        ours.add(audit_pb2.DESCRIPTOR, Servicer())
        port = await ours.start("127.0.0.1:0", None)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await stop.wait()


def token(folder: Path) -> str:
    """Make the site's signing keys and one token."""
    now = SystemClock().now()
    keys = make_keys(folder / "keys", now)
    (folder / "jwks").write_text(keys.jwks())
    issuer = Issuer(keys, "muster", "esoffice", lifetime=timedelta(hours=1))
    return issuer.issue(Grant(user="anna", permissions=("audit.read",)), now).text


def cpu_seconds(pid: int) -> float:
    """Return user and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(port: int, payload: Path, bearer: str, calls: int) -> float:
    """Make the calls and return how many a second were answered."""
    done = subprocess.run(
        ["h2load", "-n", str(calls), "-c", str(CLIENTS), "-m", str(STREAMS), "-d", str(payload),
         "-H", "content-type: application/grpc", "-H", "te: trailers", "-H", f"authorization: Bearer {bearer}",
         f"http://127.0.0.1:{port}{PATH}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = re.search(r"finished in .*?, ([\d.]+) req/s", done.stdout)
    assert found is not None, done.stdout
    return float(found.group(1))


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        bearer = token(folder)
        request = audit_pb2.ListAuditEntriesRequest(caller="anna", target="servicecalls/4711" * 4)
        message = request.SerializeToString()
        payload = folder / "payload"
        payload.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
        figures: dict[str, list[tuple[float, float]]] = {"bare": [], "pipeline": []}
        servers = {}
        for kind in figures:
            log_file = stack.enter_context((folder / f"{kind}.log").open("w"))
            servers[kind] = process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.pipeline", kind, name],
                stdout=subprocess.PIPE, stderr=log_file, text=True,
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.terminate)
        ports = {kind: int(process.stdout.readline()) for kind, process in servers.items() if process.stdout}
        for kind, port in ports.items():
            ask(port, payload, bearer, 2000)
            assert kind == "bare" or '"code": "OK"' in (folder / f"{kind}.log").read_text()[-2000:]
        for _ in range(ROUNDS):
            for kind, port in ports.items():
                before = cpu_seconds(servers[kind].pid)
                rate = ask(port, payload, bearer, CALLS)
                figures[kind].append((rate, (cpu_seconds(servers[kind].pid) - before) / CALLS * 1e6))
        medians = {}
        for kind, rounds in figures.items():
            rate, cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
            medians[kind] = cpu
            print(f"{kind:10} {rate:8.0f} calls/s {cpu:8.0f} µs CPU a call")
        print(f"pipeline reaches {medians['bare'] / medians['pipeline']:.2f} of bare per CPU second")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        uvloop.run(serve(sys.argv[1], Path(sys.argv[2])))
    else:
        started = time.perf_counter()
        main()
        print(f"({time.perf_counter() - started:.0f} s)")
