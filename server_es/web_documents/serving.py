"""Serves the gate to the DMZ Envoy, and to nobody else: mutual TLS, beside the calls in the same event loop."""

import asyncio
import contextlib
import ssl
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mesh import log
from mesh.certificates import ServiceCertificate
from mesh.http_server import HttpServer
from mesh.spiffe import SpiffeId

ENVOY: Final = "envoy-dmz"
_LOOK_SECONDS: Final = 10.0


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
        site = certificate.current().spiffe_id.site
        only_envoy = _only_for(str(SpiffeId(site, ENVOY)))
        self._server = HttpServer(gate, address, port, what="web documents", protocol=only_envoy, context=self._context)
        self._renewing: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        return self._server.port

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: somebody else does.
        """
        await self._server.start()
        self._renewing = asyncio.create_task(self._renew())

    async def stop(self) -> None:
        """Let what is being sent end, for some seconds."""
        if self._renewing is not None:
            self._renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewing
        await self._server.stop()

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
