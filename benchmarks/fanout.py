"""Popups to many clients, beside a bare grpc.aio fan-out of the same bytes in the same run.

Run: `python -m benchmarks fanout`. Server and clients are processes of their own.
"""

import asyncio
import contextlib
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
from esoffice.es.v1 import messages_pb2 as pb
from esoffice.es.v1 import messages_pb2_grpc

from benchmarks.lines import line
from mesh.supervisor import MEMORY

ROUNDS = 7
CONNECTIONS = 8


def measure(sizes: tuple[int, ...] = (1_000, 5_000)) -> list[dict[str, Any]]:
    """Return lines per number of clients: ours, bare, their ratio, memory, idle CPU."""
    lines: list[dict[str, Any]] = []
    for clients in sizes:
        found: dict[str, dict[str, float]] = {"bare": {}, "ours": {}}
        runs: dict[str, list[dict[str, float]]] = {"bare": [], "ours": []}
        for kind in ("bare", "ours", "bare", "ours"):
            runs[kind].append(_run(kind, clients))
        for kind, several in runs.items():
            found[kind] = {key: statistics.median(one[key] for one in several) for key in several[0]}
        bare, ours = found["bare"], found["ours"]
        ratio = bare["last_ms"] / ours["last_ms"]
        quick: dict[str, Any] = {"goal": "≤ 250 ms", "met": ours["last_ms"] <= 250} if clients == 1_000 else {}
        lines += [
            line(
                f"fan-out to {clients} clients", clients / ours["last_ms"] * 1000, "pushed/s", peer="bare fan-out",
                peer_measured=clients / bare["last_ms"] * 1000, ratio=ratio, goal="≥ 0.8 of bare", met=ratio >= 0.8,
            ),
            line(
                f"the server's CPU for {clients}, the sending call included", ours["cpu_ms"], "ms", peer="bare fan-out",
                peer_measured=bare["cpu_ms"], ratio=bare["cpu_ms"] / ours["cpu_ms"],
            ),
            line(f"commit to the last of {clients}", ours["last_ms"], "ms", **quick),
            line(f"commit to the last of {clients}, the slowest round", ours["worst_ms"], "ms"),
            line(
                f"memory of an open stream, {clients} open", ours["kb_per_stream"], "kB", peer="bare",
                peer_measured=bare["kb_per_stream"], ratio=bare["kb_per_stream"] / ours["kb_per_stream"],
                goal="≤ 25 kB", met=ours["kb_per_stream"] <= 25,
            ),
            line(f"idle CPU with {clients} open", ours["idle_cpu_percent"], "%"),
        ]  # fmt: skip
    return lines


def _run(kind: str, clients: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        here = [sys.executable, "-m", "benchmarks.fanout"]
        environment = {**MEMORY, **os.environ, "PYTHONPATH": ".:stubs"}  # as the supervisor starts a worker
        with subprocess.Popen(
            [*here, "serve", kind, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        ) as server:  # fmt: skip
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            done = subprocess.run(
                [*here, "clients", port, str(clients), str(server.pid), folder],
                stdout=subprocess.PIPE, text=True, check=True, env=environment, timeout=300,
            )  # fmt: skip
            server.communicate("stop\n", timeout=30)
        answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return answer


# -- the servers ------------------------------------------------------------------------------------------------------


async def _serve(kind: str, folder: str) -> None:
    serving = _serve_ours(folder) if kind == "ours" else _serve_bare(folder)
    async with serving as port:
        gc.collect()
        gc.freeze()  # as a service does once it is up: what start-up has made is not looked at again
        print(port, flush=True)
        await asyncio.to_thread(sys.stdin.readline)


@contextlib.asynccontextmanager
async def _serve_ours(folder: str) -> Any:
    from mesh.clock import SystemClock
    from server_es.messages.settings import MessageSettings
    from tests.builders.messages import site

    settings = MessageSettings(heartbeat=timedelta(seconds=30))
    async with site(f"sqlite:///{Path(folder) / 'bench.db'}", SystemClock(), settings) as made:
        ring = made.messages._offer  # noqa: SLF001

        def stamped(changes: Any) -> None:
            _stamp(folder)
            ring(changes)

        made.messages._offer = stamped  # noqa: SLF001
        yield made.port


@contextlib.asynccontextmanager
async def _serve_bare(folder: str) -> Any:
    from tests.builders import door

    waiting: set[asyncio.Future[bytes]] = set()
    loop = asyncio.get_running_loop()

    class Bare:
        async def SubscribeMessages(self, _request: Any, _context: Any) -> Any:
            first = pb.SubscribeMessagesResponse()
            first.current.unread_count = 0
            yield first
            while True:
                future = loop.create_future()
                waiting.add(future)
                yield await future

        async def SendMessage(self, _request: Any, _context: Any) -> Any:
            event = pb.SubscribeMessagesResponse()
            event.after.inbox = event.through.inbox = 1 << 62
            event.messages.messages.add(
                name="messages/1-1234", recipient="employees/1234", sequence=1, subject="Update", text="x" * 80, kind=1,
                priority=2, sender="employees/0", created_time={"seconds": 1_800_000_000, "nanos": 123_456_000},
            )  # fmt: skip
            told = event.SerializeToString()
            _stamp(folder)
            ready = list(waiting)
            waiting.clear()
            for future in ready:
                future.set_result(told)
            return pb.SendMessageResponse()

        ListMessages = GetMessage = ReplyToMessage = SnoozeMessages = ActOnMessage = MarkMessagesRead = SendMessage

    server = door.server(pb.DESCRIPTOR, Bare())
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield port
    await server.stop(0)


# -- the clients ------------------------------------------------------------------------------------------------------


async def _clients(port: str, clients: int, server: int, folder: Path) -> None:  # noqa: C901 - one story
    empty = _resident(server)
    channels = [
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(CONNECTIONS)
    ]
    stubs = [messages_pb2_grpc.MessageServiceStub(channel) for channel in channels]
    arrived, finished = [0], [0.0]
    complete = asyncio.Event()
    ready = asyncio.Event()
    opened = [0]
    opening = asyncio.Semaphore(200)  # gRPC cancels calls at random once more than 1,000 wait to be accepted

    async def listen(number: int) -> None:
        request = pb.SubscribeMessagesRequest(machine="PC", client_version="1")
        async with opening:
            call = stubs[number % CONNECTIONS].SubscribeMessages(request, metadata=(("x-employee", str(number)),))
            read: Any = call.read
            await read()
        opened[0] += 1
        if opened[0] == clients:
            ready.set()
        while (event := await read()) is not grpc.aio.EOF:
            if event.WhichOneof("event") == "messages":
                arrived[0] += 1
                if arrived[0] == clients:
                    finished[0] = time.perf_counter()
                    complete.set()

    def failed(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception():
            print(f"a client failed: {task.exception()!r}", file=sys.stderr, flush=True)
            os._exit(1)

    tasks = [asyncio.create_task(listen(number)) for number in range(1, clients + 1)]
    for task in tasks:
        task.add_done_callback(failed)
    await ready.wait()
    await asyncio.sleep(1)
    per_stream = (_resident(server) - empty) / clients
    everybody = [f"employees/{number}" for number in range(1, clients + 1)]
    send = pb.SendMessageRequest(employees=everybody, subject="Update", text="x" * 80)
    times = []
    worked = _cpu(server)
    for _ in range(ROUNDS):
        arrived[0] = 0
        complete.clear()
        await stubs[0].SendMessage(send, metadata=(("x-service", "bench"),))
        await complete.wait()
        last = finished[0]
        times.append((last - float((folder / "stamp").read_text())) * 1000)  # one monotonic clock for both processes
        await asyncio.sleep(0.2)
    worked = (_cpu(server) - worked) / ROUNDS * 1000
    before, begun = _cpu(server), time.perf_counter()
    await asyncio.sleep(5)
    idle = (_cpu(server) - before) / (time.perf_counter() - begun) * 100
    print(
        json.dumps(
            {
                "last_ms": statistics.median(times),
                "worst_ms": max(times),
                "cpu_ms": worked,
                "kb_per_stream": per_stream,
                "idle_cpu_percent": idle,
            }
        )
    )
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _stamp(folder: str) -> None:
    """Leave behind when the push began: after the commit, before the first stream is woken."""
    (Path(folder) / "stamp").write_text(str(time.perf_counter()))


def _resident(pid: int) -> float:
    """Return resident memory in kB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024


def _cpu(pid: int) -> float:
    """Return CPU seconds used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", kind, folder]:
            asyncio.run(_serve(kind, folder))
        case ["clients", port, clients, server, folder]:
            asyncio.run(_clients(port, int(clients), int(server), Path(folder)))
