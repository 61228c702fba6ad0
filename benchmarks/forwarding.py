"""How soon a forwarded servicecall pops up: from the dispatcher's call to the technician's open stream.

Run: `python -m benchmarks forwarding`. The whole of server_es with its workers is a process of its own.
"""

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
from esoffice.es.v1 import forwarding_pb2, messages_pb2
from esoffice.es.v1.forwarding_pb2_grpc import ForwardingServiceStub
from esoffice.es.v1.messages_pb2_grpc import MessageServiceStub

from benchmarks.lines import line
from mesh.clock import SystemClock
from mesh.tokens import Caller
from tests.builders.office import STARTED, office_at, state
from tests.servers import es
from tests.servers.postgres import NoPostgres, shared_cluster

FORWARDINGS = 400
APART = 0.02
_TECHNICIAN = "101"


def measure() -> list[dict[str, Any]]:
    """Return the lines of both databases."""
    lines = []
    for name, url in _databases():
        found = sorted(_run(url))
        p99 = found[len(found) * 99 // 100] * 1e3
        lines += [
            line(f"{name}: forwarding to popup, half are there after", statistics.median(found) * 1e3, "ms"),
            line(f"{name}: forwarding to popup, p99", p99, "ms", goal="<= 25 ms", met=p99 <= 25),
        ]
    return lines


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _databases() -> Iterator[tuple[str, str]]:
    with _folder() as folder:
        yield "SQLite", f"sqlite:///{folder / 'es.db'}"
    with _folder() as folder, ExitStack() as stack:
        folder.chmod(0o755)
        try:
            cluster = stack.enter_context(shared_cluster(folder))
        except NoPostgres:
            return
        yield "PostgreSQL", cluster.url(cluster.create())


def _run(url: str) -> list[float]:
    with _folder() as folder:
        certs = es.make_certificates(folder)
        here = [sys.executable, "-m", "benchmarks.forwarding"]
        environment = {**os.environ, "PYTHONPATH": ".:stubs"}
        with subprocess.Popen(
            [*here, "serve", str(certs), url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as server:
            assert server.stdout is not None
            port = next(one.split()[1] for one in server.stdout if one.startswith("port "))
            asked = [*here, "ask", port]
            done = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True, env=environment, timeout=300)
            server.communicate("stop\n", timeout=30)
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


async def _serve(certs: str, url: str) -> None:
    def identify(context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
        said = dict(context.invocation_metadata() or ())
        return replace(es.CHIEF, employee=str(said.get("employee", es.CHIEF.employee)))

    with es.opened(url, SystemClock()) as database:
        async with es.serving(Path(certs), database, identify=identify) as doors:
            gc.collect()
            gc.freeze()  # as the service does once it is up
            print(f"port {doors.chief}", flush=True)
            await asyncio.to_thread(sys.stdin.readline)


async def _ask(port: str) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        office = await office_at(channel)
        call = (await office.call()).name
        await office.do("ChangeState", call, state=state(STARTED))
        stub: Any = MessageServiceStub(channel)
        stream = stub.SubscribeMessages(
            messages_pb2.SubscribeMessagesRequest(machine="bench", client_version="1.0"),
            metadata=(("employee", _TECHNICIAN),),
        )
        await stream.read()
        forwarding: Any = ForwardingServiceStub(channel)
        found = []
        for number in range(FORWARDINGS):
            text = f"Bitte heute, {number}"
            begun = time.perf_counter()
            asked = asyncio.ensure_future(
                forwarding.ForwardServicecall(
                    forwarding_pb2.ForwardServicecallRequest(
                        servicecall=call, employee=f"employees/{_TECHNICIAN}", text=text
                    )
                )
            )
            while True:
                event = await stream.read()
                if any(text in one.text for one in event.messages.messages):
                    break
            found.append(time.perf_counter() - begun)
            await asked
            await asyncio.sleep(APART)
        print(json.dumps(found[20:]))  # without those that warm it up


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(*sys.argv[2:]) if sys.argv[1] == "serve" else _ask(*sys.argv[2:]))
