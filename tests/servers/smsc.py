"""SMS centres for tests: one that misbehaves as the test says, and a process that is not ours (smpp34, in Rust).

`python -m tests.servers.smsc FILE` serves until it is killed: it prints its port, writes a JSON line for each message
into the file, answers with hexadecimal ids and reports in decimal.
"""

import asyncio
import contextlib
import itertools
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import smpp34

SUBMIT, DELIVER, BIND, UNBIND, ENQUIRE, QUERY, NACK = 0x4, 0x5, 0x9, 0x6, 0x15, 0x3, 0x80000000
RESPONSE = 0x80000000


def pdu(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    """Return a PDU."""
    head = (16 + len(body), command, status, sequence)
    return b"".join(one.to_bytes(4, "big") for one in head) + body


def taken(sequence: int, id_: str, status: int = 0) -> bytes:
    """Return the answer to a submit."""
    return pdu(SUBMIT | RESPONSE, sequence, b"" if status else id_.encode() + b"\0", status)


_numbers = itertools.count(1)


def receipt(
    id_: str, number: str, stat: str = "DELIVRD", *, tlv: str = "", state: int | None = None, text: str | None = None
) -> bytes:
    """Return a delivery receipt for a part that went to a number."""
    said = f"id:{id_} sub:001 dlvrd:001 submit date:2603020900 done date:2603020901 stat:{stat} err:000 text:x"
    tlvs = [smpp34.Tlv(smpp34.TLV_RECEIPTED_MESSAGE_ID, tlv.encode() + b"\0")] if tlv else []
    tlvs += [] if state is None else [smpp34.Tlv(smpp34.TLV_MESSAGE_STATE, bytes([state]))]
    return smpp34.DeliverSm(
        number.removeprefix("+"), "4930123", (said if text is None else text).encode(), esm_class=4,
        source_addr_ton=1, tlvs=tlvs, sequence_number=next(_numbers),
    ).encode()  # fmt: skip


def message(sender: str, text: bytes, *, coding: int = 0, esm_class: int = 0) -> bytes:
    """Return a message somebody has sent."""
    return smpp34.DeliverSm(
        sender.removeprefix("+"), "4930123", text, esm_class=esm_class, data_coding=coding, source_addr_ton=1,
        sequence_number=next(_numbers),
    ).encode()  # fmt: skip


@dataclass(slots=True)
class Submit:
    """A part that was submitted; `number` counts those of all connections from 1."""

    number: int
    sequence: int
    to: str
    body: bytes
    coding: int
    esm_class: int
    validity: str
    time: float
    receipt: bool


Rule = Callable[[Submit], Iterable[bytes | str]]
"""What is sent when a part was submitted; `drop` hangs up."""


def obliging(submit: Submit) -> Iterator[bytes]:
    """Take everything, and report it as delivered at once."""
    yield taken(submit.sequence, f"m{submit.number}")
    yield receipt(f"m{submit.number}", submit.to)


@dataclass
class Hostile:
    """An SMS centre that does what the test says. What was not acknowledged comes again after the next bind.

    Attributes:
        rule: what it does with a part.
        bind: status of the answer to a bind.
        query: what it answers to query_sm, by message id: a message state; nothing for those that are not here.
        submits: what was submitted, in order.
        answered: sequence numbers of deliver_sm that were acknowledged, with their status.
        binds: connections so far.
        deaf: it hears nothing any more.
        context: for TLS.
        enquiries: how often it was asked whether it is there.
    """

    port: int = 0
    rule: Rule = obliging
    bind: int = 0
    query: dict[str, int] = field(default_factory=dict)
    submits: list[Submit] = field(default_factory=list)
    answered: dict[int, int] = field(default_factory=dict)
    binds: int = 0
    deaf: bool = False
    context: ssl.SSLContext | None = None
    enquiries: int = 0
    _owed: dict[int, bytes] = field(default_factory=dict)
    _open: list[socket.socket] = field(default_factory=list)
    _serving: threading.Lock = field(default_factory=threading.Lock)

    def push(self, *data: bytes) -> None:
        """Send to everybody who is bound."""
        for one in self._open:
            for each in data:
                self._send(one, each)

    def _send(self, connection: socket.socket, data: bytes) -> None:
        if int.from_bytes(data[4:8], "big") == DELIVER:
            self._owed[int.from_bytes(data[12:16], "big")] = data
        connection.sendall(data)

    def hang_up(self) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _serve(self, connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        try:
            while head := reader.read(4):
                frame = head + reader.read(int.from_bytes(head, "big") - 4)
                if len(frame) < int.from_bytes(head, "big"):
                    break  # cut in the middle
                if not self.deaf:
                    self._answer(connection, frame)
        except (OSError, ValueError):
            pass  # it hung up, or we did
        finally:
            if connection in self._open:
                self._open.remove(connection)
            connection.close()

    def _answer(self, connection: socket.socket, frame: bytes) -> None:
        command, status = int.from_bytes(frame[4:8], "big"), int.from_bytes(frame[8:12], "big")
        sequence = int.from_bytes(frame[12:16], "big")
        if command == BIND:
            self.binds += 1
            connection.sendall(pdu(BIND | RESPONSE, sequence, b"centre\0", self.bind))
            self._open.append(connection)
            for owed in list(self._owed.values()):
                connection.sendall(owed)
        elif command == SUBMIT:
            for act in self.rule(self._noted(sequence, smpp34.decode(frame))):
                if act == "drop":
                    raise OSError("dropped")
                assert isinstance(act, bytes)
                self._send(connection, act)
        elif command == QUERY:
            id_ = frame[16 : frame.index(b"\0", 16)]
            state = self.query.get(id_.decode())
            body = id_ + b"\0" + b"\0" + bytes([state or 0, 0])
            connection.sendall(pdu(QUERY | RESPONSE, sequence, body if state else b"", 0 if state else 0x67))
        elif command == DELIVER | RESPONSE:
            self.answered[sequence] = status
            self._owed.pop(sequence, None)
        elif command in (ENQUIRE, UNBIND):
            self.enquiries += command == ENQUIRE
            connection.sendall(pdu(command | RESPONSE, sequence))

    def _noted(self, sequence: int, said: Any) -> Submit:
        with self._serving:
            submit = Submit(
                len(self.submits) + 1, sequence, f"+{said.destination_addr}", said.short_message, said.data_coding,
                said.esm_class, said.validity_period, time.monotonic(), bool(said.registered_delivery),
            )  # fmt: skip
            self.submits.append(submit)
        return submit


@contextlib.contextmanager
def hostile(**said: Any) -> Iterator[Hostile]:
    """Run such a centre in threads until the block ends."""
    centre = Hostile(**said)
    listening = socket.create_server(("127.0.0.1", centre.port))
    centre.port = listening.getsockname()[1]

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if centre.context is not None:
                    try:
                        connection = centre.context.wrap_socket(connection, server_side=True)
                    except OSError:
                        continue  # who does not trust us hangs up
                threading.Thread(target=centre._serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield centre
    finally:
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        centre.hang_up()


@dataclass
class Foreign:
    """The process that is not ours."""

    port: int
    file: Path

    def taken(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []


@contextlib.contextmanager
def foreign(folder: Path) -> Iterator[Foreign]:
    """Run it until the block ends."""
    file = folder / "smsc.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.smsc", str(file)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield Foreign(int(process.stdout.readline()), file)
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


async def _run(file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = smpp34.Server(host="127.0.0.1", port=port, system_id="foreign", inbound_capacity=10_000)
    await server.start()
    print(port, flush=True)
    sessions: dict[str, Any] = {}
    numbers = itertools.count(0x1A2B3C)
    reports: set[asyncio.Task[Any]] = set()
    with file.open("a") as out:
        while True:
            event = await server.next()
            if isinstance(event, smpp34.Esme):
                sessions[event.session_id] = event
            elif isinstance(event, smpp34.SubmitSmEvent):
                number = next(numbers)
                line = {"to": event.destination_addr, "text": event.short_message.hex(), "coding": event.data_coding,
                        "esm": event.esm_class, "from": event.source_addr}  # fmt: skip
                out.write(json.dumps(line) + "\n")
                out.flush()
                event.accept(message_id=format(number, "010X"))
                if event.registered_delivery:
                    report = sessions[event.session_id].deliver_sm(
                        source_addr=event.destination_addr, destination_addr=event.source_addr, esm_class=4,
                        short_message=f"id:{number} sub:001 dlvrd:001 stat:DELIVRD err:000 text:".encode(),
                    )  # fmt: skip
                    task = asyncio.ensure_future(report)
                    reports.add(task)
                    task.add_done_callback(reports.discard)


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1])))
