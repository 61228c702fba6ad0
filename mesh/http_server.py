"""An HTTP server beside the calls, in the same event loop: uvicorn without its handlers of signals."""

import asyncio
import contextlib
import socket
import ssl
from typing import Any, Final

import uvicorn

_END_SECONDS: Final = 10


class HttpServer:
    """A running HTTP server.

    Args:
        app: what it serves (ASGI).
        address: IP address to listen on.
        port: TCP port; 0: any free one.
        what: it is, for people.
        protocol: uvicorn's protocol class, or its name.
        context: for TLS; None: without.
    """

    def __init__(
        self, app: Any, address: str, port: int, *, what: str, protocol: Any = "httptools",
        context: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self._place = (address, port)
        self._what = what
        secure: Any = {"ssl_context_factory": lambda *_: context} if context else {}
        self._config = uvicorn.Config(
            app, http=protocol, ws="none", lifespan="off", interface="asgi3", log_config=None, access_log=False,
            server_header=False, proxy_headers=False, timeout_keep_alive=120, timeout_graceful_shutdown=_END_SECONDS,
            **secure,
        )  # fmt: skip
        self._server = uvicorn.Server(self._config)
        self._loop: asyncio.Task[None] | None = None
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
            raise OSError(wrong.errno, f"{self._what} cannot listen on {self._place}: {wrong.strerror}") from wrong
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        self._config.load()
        # The parts of `Server.serve` without its handlers of signals, which are the service's.
        self._server.lifespan = self._config.lifespan_class(self._config)
        await self._server.startup(sockets=[listening])
        self._loop = asyncio.create_task(self._server.main_loop())

    async def stop(self) -> None:
        """Let what is being sent end, for some seconds."""
        self._server.should_exit = True
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop
        await self._server.shutdown()
