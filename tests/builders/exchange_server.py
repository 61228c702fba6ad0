"""The Exchange server of the tests, started as a process of its own."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server_business.ews_access import Access
from server_business.exchange.ews import EwsCalendar
from tests.servers.ews import PASSWORD, USER

ADDRESS = "eva@firma.example"
CALENDAR_ITEM = (
    '<t:CalendarItem xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><t:Subject>{title}</t:Subject>'
    "<t:Start>{start}</t:Start><t:End>{end}</t:End><t:IsAllDayEvent>false</t:IsAllDayEvent>"
    "<t:LegacyFreeBusyStatus>Busy</t:LegacyFreeBusyStatus>{more}</t:CalendarItem>"
)


class ExchangeServer:
    """A mailbox on a running server.

    Args:
        port: of the server.
        address: of the mailbox.
        tls_port: of the same server with TLS; 0: none.
    """

    def __init__(self, port: int, address: str = ADDRESS, tls_port: int = 0) -> None:
        self.port = port
        self.tls_port = tls_port
        self.address = address

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/EWS/Exchange.asmx"

    def order(self, do: str, **more: Any) -> Any:
        """Let the server do something."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", "/control", json.dumps({"address": self.address, **more, "do": do}))
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def fault(self, what: str, operation: str = "") -> None:
        """Let the next call of an operation go wrong."""
        self.order("fault", what=what, **({"operation": operation} if operation else {}))

    def appointment(
        self, title: str, start: str = "2026-12-01T08:00:00Z", end: str = "2026-12-01T09:00:00Z", more: str = ""
    ) -> str:
        """Make one as Outlook would; return its id."""
        xml = CALENDAR_ITEM.format(title=title, start=start, end=end, more=more)
        id_: str = self.order("put", folder="calendar", xml=xml)
        return id_

    def private(self, title: str, start: str, end: str) -> None:
        """Make one that others do not see into."""
        self.appointment(title, start, end, "<t:Sensitivity>Private</t:Sensitivity>")

    def calls(self, operation: str = "") -> int:
        """Return how often the server was asked for an operation, or for any."""
        counts: dict[str, int] = self.order("calls")
        return counts.get(operation, 0) if operation else sum(counts.values())

    def calendar(self, *, user: str = USER, password: str = PASSWORD) -> EwsCalendar:
        return EwsCalendar(self.access(user=user, password=password), self.address, "Europe/Berlin")

    def access(self, *, user: str = USER, password: str = PASSWORD) -> Access:
        return Access(url=self.url, user=user, password=password, basic=True)


@contextmanager
def exchange_server(certificate: Path | None = None, key: Path | None = None) -> Iterator[ExchangeServer]:
    """Run one until the block ends; with a certificate at a port with TLS too."""
    pair = [str(certificate), str(key)] if certificate else []
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.ews", "0", *pair],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        port, *tls = (int(process.stdout.readline()) for _ in range(2 if pair else 1))
        server = ExchangeServer(port, tls_port=tls[0] if tls else 0)
        server.order("mailbox")
        yield server
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()
