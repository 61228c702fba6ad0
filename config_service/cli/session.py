"""One command's connection: where it goes, who it says it is, and how it waits for answers."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc
from cryptography import x509
from esoffice.config.v1 import identity_pb2
from esoffice.config.v1.identity_pb2_grpc import IdentityServiceStub

from config_service import pki_certificates
from config_service.cli import token_file
from config_service.cli.exits import Exit, Failure, WrongUsage
from config_service.cli.output import Output
from config_service.cli.token_file import KeptToken, default_file
from mesh import channel as channels
from mesh.certificates import ServiceCertificate
from mesh.clock import Clock, SystemClock
from mesh.instants import instant
from mesh.spiffe import SpiffeId

T = TypeVar("T")
DEFAULT_SERVER = "127.0.0.1:12164"
DEFAULT_PKI = Path("var/pki")


@dataclass(slots=True, kw_only=True)
class Session:
    """The global options, and the channel made from them when a command first needs it.

    Args:
        server: `host:port` of the LAN Envoy, or of config_service itself with `direct`.
        ca: PEM file of the CA that the server's certificate must come from; the machine's own CAs without.
        user: signs in for this one command; empty: the kept token is used.
        password_stdin: the password is the first line of standard input.
        output: form of what is shown.
        direct: past the Envoy, with a service's certificate.
        pki: folder of the site's certificates.
        certificate: whose certificate `direct` uses.
        token_file: where the token of `sign-in` is kept.
    """

    server: str = DEFAULT_SERVER
    ca: Path | None = None
    user: str = ""
    password_stdin: bool = False
    output: Output = Output.TABLE
    direct: bool = False
    pki: Path = DEFAULT_PKI
    certificate: str = "config_service"
    token_file: Path = field(default_factory=default_file)
    clock: Clock = field(default_factory=SystemClock)
    _runner: asyncio.Runner | None = None
    _channels: dict[str, grpc.aio.Channel] = field(default_factory=dict, repr=False)  # by token
    _token: str | None = field(default=None, repr=False)

    def ask(self, call: Callable[[grpc.aio.Channel], Awaitable[T]], *, signed_in: bool = True) -> T:
        """Make one call and wait for its answer: `session.ask(lambda channel: Stub(channel).GetUser(request))`.

        Args:
            call: gets the channel.
            signed_in: whether the call needs a token or a service's certificate.

        Raises:
            Failure: nobody is signed in.
            grpc.aio.AioRpcError: the call was refused.
        """
        token = self._known_token() if signed_in else ""

        async def called() -> T:
            return await call(self._opened(token))

        answer: T = self._run(called)
        return answer

    def each(self, call: Callable[[grpc.aio.Channel], Any], take: Callable[[Any], bool]) -> None:
        """Make a call that answers with a stream, and hand over each message until it ends or `take` has had enough."""
        token = self._known_token()

        async def follow() -> None:
            messages: AsyncIterator[Any] = call(self._opened(token))
            async for message in messages:
                if not take(message):
                    return

        self._run(follow)

    def prepare(self) -> None:
        """Find the token now, for commands that run an event loop of their own and open channels in it."""
        self._known_token()

    def __call__(self, _service: str) -> grpc.aio.Channel:
        """Open a channel in the caller's event loop, which closes it; over the Envoy one address leads to all services.

        Call `prepare` first, outside the loop.
        """
        return self._connected(self._known_token())

    def pause(self, seconds: float) -> None:
        """Wait, and be woken by Ctrl-C."""
        self._run(lambda: asyncio.sleep(seconds))

    def sign_in(self, password: str) -> KeptToken:
        """Sign `user` in and return the token."""
        request = identity_pb2.SignInRequest(user=self.user, password=password)
        answer = self.ask(lambda channel: IdentityServiceStub(channel).SignIn(request), signed_in=False)
        return KeptToken(
            server=self.server, user=self.user, token=answer.token, expire_time=instant(answer.expire_time)
        )

    def close(self) -> None:
        """Close what was opened."""
        if self._runner is not None:
            self._runner.run(self._closed())
            self._runner.close()

    def password(self) -> str:
        """Return the password of `user`: from the environment, from standard input, or typed unseen.

        Raises:
            WrongUsage: there is none, and nobody to ask.
        """
        if self.password_stdin:
            return sys.stdin.readline().rstrip("\r\n")
        return os.environ.get("ESCONFIG_PASSWORD", "") or typed(f"Password of {self.user}")

    # -- within -------------------------------------------------------------------------------------------------------

    def _run(self, work: Callable[[], Any]) -> Any:
        if self._runner is None:
            self._runner = asyncio.Runner()
        coroutine = work()
        try:
            return self._runner.run(coroutine)
        finally:
            # Ctrl-C may come before it has begun; what has become a task is ended by the runner.
            if all(task.get_coro() is not coroutine for task in asyncio.all_tasks(self._runner.get_loop())):
                coroutine.close()

    async def _closed(self) -> None:
        for channel in self._channels.values():
            await channel.close()

    def _opened(self, token: str) -> grpc.aio.Channel:
        if token not in self._channels:
            self._channels[token] = self._connected(token)
        return self._channels[token]

    def _connected(self, token: str) -> grpc.aio.Channel:
        credentials, name = self._transport()
        if token:
            call_credentials = grpc.access_token_call_credentials(token)
            credentials = grpc.composite_channel_credentials(credentials, call_credentials)
        return channels.connect(self.server, credentials, name=name)

    def _transport(self) -> tuple[grpc.ChannelCredentials, str]:
        """Return TLS credentials, and the name the server's certificate must carry where it is not the host's."""
        if self.direct:
            own = ServiceCertificate(self.pki, self.certificate, self.clock)
            return own.channel_credentials(), SpiffeId(own.current().spiffe_id.site, "config_service").dns_name
        if self.ca is None:
            return grpc.ssl_channel_credentials(), ""
        try:
            content = self.ca.read_bytes()
            certificates = x509.load_pem_x509_certificates(content)
        except ValueError as wrong:
            raise WrongUsage(f"--ca {self.ca}: is no certificate in PEM.") from wrong
        return grpc.ssl_channel_credentials(content), _envoy_of(certificates)

    def _known_token(self) -> str:
        if self._token is None:
            self._token = self._find_token()
        return self._token

    def _find_token(self) -> str:
        if self.user:
            return self.sign_in(self.password()).token
        kept = token_file.read(self.token_file, self.server)
        if kept is not None and kept.expire_time > self.clock.now():
            return kept.token
        if self.direct:
            return ""  # the certificate says who calls
        if kept is not None:
            raise Failure(f"The sign-in of {kept.user} has expired; run `esconfig sign-in` again.", Exit.NOT_PERMITTED)
        raise Failure(f"Not signed in to {self.server}; run `esconfig sign-in` or give --user.", Exit.NOT_PERMITTED)


def typed(prompt: str, *, again: bool = False) -> str:
    """Have somebody type a secret unseen.

    Raises:
        WrongUsage: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise WrongUsage(f"{prompt}: nobody can be asked here; give it on standard input.")
    import typer

    secret: str = typer.prompt(prompt, hide_input=True, confirmation_prompt=again, err=True)
    return secret


def _envoy_of(certificates: list[x509.Certificate]) -> str:
    """Return the LAN Envoy's name if the CA is a site's own; with any other CA the host's name is insisted on."""
    try:
        return SpiffeId(pki_certificates.site_of(certificates[0]), "envoy-lan").dns_name
    except (ValueError, IndexError):
        return ""
