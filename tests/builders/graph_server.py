"""The server of Microsoft Graph of the tests, started as a process of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from mesh.clock import SystemClock
from server_business.exchange.graph import GraphCalendar
from server_business.exchange.graph_wire import Server
from server_business.oauth2 import Client, Tokens
from tests.builders.exchange_server import ADDRESS, ExchangeServer
from tests.servers.graph_mail import SECRET

NOW = SystemClock().now
PAST, FUTURE = timedelta(days=365), timedelta(days=730)


class GraphServer(ExchangeServer):
    """A mailbox on a running server, which does what is ordered as that of EWS does."""

    def __init__(self, port: int, address: str = ADDRESS) -> None:
        super().__init__(port, address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1.0"

    def fault(self, what: str, operation: str = "") -> None:
        """Let the next request go wrong that has this in its body, or any."""
        self.order("fault", what=what, body='"POST"' if operation == "CreateItem" else operation)

    def event(
        self, title: str, start: str = "2026-12-01T08:00:00Z", end: str = "2026-12-01T09:00:00Z", **more: Any
    ) -> str:
        """Make one as Outlook would; return its id."""
        times = {"start": {"dateTime": start[:19], "timeZone": "UTC"}, "end": {"dateTime": end[:19], "timeZone": "UTC"}}
        id_: str = self.order("put", folder="calendar", item={"subject": title, **times, **more})
        return id_

    def appointment(
        self, title: str, start: str = "2026-12-01T08:00:00Z", end: str = "2026-12-01T09:00:00Z", more: str = ""
    ) -> str:
        assert not more
        return self.event(title, start, end)

    def private(self, title: str, start: str, end: str) -> None:
        self.event(title, start, end, sensitivity="private")

    def calendar(  # type: ignore[override]
        self, *, secret: str = SECRET, now: Callable[[], datetime] = NOW, past: timedelta = PAST,
        future: timedelta = FUTURE,
    ) -> GraphCalendar:  # fmt: skip
        tokens = _tokens(self.port, secret)
        server = Server(url=self.url, token=tokens.current, refused=tokens.forget)
        return GraphCalendar(server, self.address, "Europe/Berlin", past=past, future=future, now=now)


@cache
def _tokens(port: int, secret: str) -> Tokens:
    token_url = f"http://127.0.0.1:{port}/tenant/oauth2/v2.0/token"
    scope = "https://graph.microsoft.com/.default"
    return Tokens(Client(token_url=token_url, client_id="esoffice", client_secret=secret, scope=scope), SystemClock())


def at(day: str) -> Callable[[], datetime]:
    """Return a clock that stands still."""
    return lambda: datetime.fromisoformat(day).replace(tzinfo=UTC)


@contextmanager
def graph_server() -> Iterator[GraphServer]:
    """Run one until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.graph_calendar", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        server = GraphServer(int(process.stdout.readline()))
        server.order("mailbox")
        yield server
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
