"""Serves the gate to the DMZ Envoy, and to nobody else: mutual TLS, beside the calls in the same event loop."""

import asyncio
import contextlib
import socket
import ssl
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mesh import log
from mesh.certificates import ServiceCertificate
from mesh.spiffe import SpiffeId

ENVOY: Final = "envoy-dmz"
_LOOK_SECONDS: Final = 10.0
_END_SECONDS: Final = 10


class Serving:
    """A running HTTP server.

    Args:
        gate: what it serves.
        certificate: of this service.
        address: IP address to listen on.
        port: TCP port; 0: any free one.
    """

    def __init__(self, gate: Any, certificate: ServiceCertificate, address: str, port: int) -> None:
        self._certificate = certificate
        self._context = certificate.server_context()
        self._place = (address, port)
        site = certificate.current().spiffe_id.site
        self._config = uvicorn.Config(
            gate, http=_only_for(str(SpiffeId(site, ENVOY))), ws="none", lifespan="off", interface="asgi3",
            log_config=None, access_log=False, server_header=False, proxy_headers=False, timeout_keep_alive=120,
            timeout_graceful_shutdown=_END_SECONDS, ssl_context_factory=lambda *_: self._context,
        )  # fmt: skip
        self._server = uvicorn.Server(self._config)
        self._tasks: list[asyncio.Task[None]] = []
        self.port = port

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: somebody else does.
        """
        family = socket.AF_INET6 if ":" in self._place[0] else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Head and body are two writes; connections inherit this, or the second waits for the first to be acknowledged.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listening.bind(self._place)
        except OSError as wrong:
            listening.close()
            raise OSError(wrong.errno, f"web documents cannot listen on {self._place}: {wrong.strerror}") from wrong
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        self._config.load()
        # The parts of `Server.serve` without its handlers of signals, which are the service's.
        self._server.lifespan = self._config.lifespan_class(self._config)
        await self._server.startup(sockets=[listening])
        self._tasks = [asyncio.create_task(self._server.main_loop()), asyncio.create_task(self._renew())]

    async def stop(self) -> None:
        """Let what is being sent end, for some seconds."""
        self._server.should_exit = True
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._server.shutdown()

    async def _renew(self) -> None:
        given = self._certificate.current()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            current = self._certificate.current()
            if current is not given:
                try:
                    self._certificate.renew_context(self._context)
                except (OSError, ssl.SSLError) as wrong:  # files are being replaced: the next look finds them whole
                    log.get("web_documents").warning("certificate not taken over", reason=str(wrong))
                else:
                    given = current


def _only_for(client: str) -> type[HttpToolsProtocol]:
    """Return a protocol that speaks with one client certificate only; those of other services are hung up on."""

    class OnlyFor(HttpToolsProtocol):
        def connection_made(self, transport: Any) -> None:
            shown = transport.get_extra_info("peercert") or {}
            names = [value for kind, value in shown.get("subjectAltName", ()) if kind == "URI"]
            if names == [client]:
                super().connection_made(transport)
                return
            log.get("web_documents").warning("connection refused: not from the DMZ Envoy", names=names)
            # uvicorn's methods expect a connection that was made.
            super().connection_made(transport)
            transport.abort()

        def data_received(self, data: bytes) -> None:
            if not self.transport.is_closing():
                super().data_received(data)

    return OnlyFor
