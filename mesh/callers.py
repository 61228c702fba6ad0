"""Who calls, and what they may do: from the connection's certificate and the call's token to a `Caller`."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import grpc

from mesh import forwarded_certificates
from mesh.errors import Unauthenticated
from mesh.permissions import NOTHING, Permissions
from mesh.spiffe import SpiffeId
from mesh.tokens import Caller, Kind, Token, Verifier

OUTSIDE = "envoy-dmz"
PROXIES = ("envoy-lan", OUTSIDE)
_TOKEN_HEADER = "authorization"  # noqa: S105 - the header's name
_ADDRESS_HEADER = "x-forwarded-for"
_REMEMBERED = 4096


class Callers:
    """Recognises callers; one per server, wired by its `app`.

    A token says on whose behalf, a certificate says through which service: where both are there, the token's
    permissions count and the service is kept beside it. A token that is wrong is refused even beside a good
    certificate.

    Args:
        site: only identities of this trust domain are believed.
        verifier: of tokens.
        services: what each service may do, by service name; a service that is not listed may do nothing.
    """

    def __init__(self, site: str, verifier: Verifier, services: Mapping[str, Iterable[str]]) -> None:
        self._site = site
        self._verifier = verifier
        self._services = {name: Permissions(patterns) for name, patterns in services.items()}
        self._people: dict[tuple[str, SpiffeId | None, str, bool], tuple[str, Token, Caller]] = {}

    def __call__(self, context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
        """Say who makes the call of `context`; see `identify`."""
        return self.identify(context.auth_context(), context.invocation_metadata() or (), context.peer())

    def identify(
        self,
        auth_context: Mapping[str, Iterable[bytes]],
        metadata: Iterable[tuple[str, str | bytes]],
        peer: str,
    ) -> Caller:
        """Say who calls.

        Args:
            auth_context: `context.auth_context()` of grpc.aio.
            metadata: `context.invocation_metadata()`; keys in lower case, as gRPC hands them out.
            peer: `context.peer()`.

        Raises:
            Unauthenticated: a token, certificate or forwarded certificate that is wrong; none at all is anonymous.
        """
        direct = peer_id(auth_context, self._site) if auth_context else None
        behind_proxy = direct is not None and direct.service in PROXIES
        tokens, certificates, address = [], [], host(peer)
        for key, value in metadata:
            if key == _TOKEN_HEADER:
                tokens.append(str(value))
            elif not isinstance(value, str):
                continue
            elif behind_proxy and key == forwarded_certificates.HEADER:
                certificates.append(value)
            elif behind_proxy and key == _ADDRESS_HEADER:
                address = value.rpartition(",")[2].strip()  # the nearest proxy appends what it saw itself
        service = direct
        if behind_proxy and direct is not None:  # the proxy's own certificate says nothing about who is behind it
            service = forwarded_certificates.forwarded_id(",".join(certificates), direct) if certificates else None
        outside = direct is not None and direct.service == OUTSIDE
        if tokens:
            return self._person(tokens, service, address, outside=outside)
        if service is None or outside:  # no service of ours lives beyond the DMZ
            return Caller(kind=Kind.ANONYMOUS, address=address, outside=outside)
        allowed = self._services.get(service.service, NOTHING)
        return Caller(kind=Kind.SERVICE, name=service.service, permissions=allowed, spiffe_id=service, address=address)

    def _person(self, headers: list[str], service: SpiffeId | None, address: str, *, outside: bool) -> Caller:
        key = (headers[0], service, address, outside)
        known = self._people.get(key)
        # Only what is taken apart and put together anew is spared: each call asks whether the token still holds.
        if known is not None and len(headers) == 1 and self._verifier.verify(known[0]) is known[1]:
            return known[2]
        scheme, _, text = headers[0].partition(" ")
        if len(headers) > 1 or scheme.lower() != "bearer":
            raise Unauthenticated("Send one authorization header of the form 'Bearer <token>'.")
        text = text.strip()
        token = self._verifier.verify(text)
        caller = _bearer(token, service, address, outside=outside)
        if len(self._people) >= _REMEMBERED:
            self._people.clear()
        self._people[key] = (text, token, caller)
        return caller


def _bearer(token: Token, service: SpiffeId | None, address: str, *, outside: bool) -> Caller:
    return Caller(
        kind=Kind.PERSON,
        name=token.user,
        employee=token.employee,
        permissions=token.permissions,
        spiffe_id=service,
        address=address,
        outside=outside,
    )


def peer_id(auth_context: Mapping[str, Iterable[bytes]], site: str) -> SpiffeId | None:
    """Return the service whose certificate TLS has verified, or None on a connection without client certificate.

    Only `peer_spiffe_id` is read: gRPC fills it from a certificate's single URI name, whereas the alternative names
    also list DNS names, in which anybody could write `spiffe://…`.

    Raises:
        Unauthenticated: a certificate that names no service of this site.
    """
    names = tuple(auth_context.get("peer_spiffe_id", ()))
    if not names and not list(auth_context.get("x509_pem_cert", ())):
        return None
    if len(names) != 1:
        raise Unauthenticated("The client certificate carries no service identity (one URI spiffe://<site>/service/…).")
    try:
        identity = _parsed(bytes(names[0]))
    except ValueError as wrong:
        raise Unauthenticated(f"The client certificate carries no service identity: {wrong}.") from wrong
    if identity.site != site:
        raise Unauthenticated(f"The client certificate of {identity} belongs to another site than {site}.")
    return identity


@lru_cache(maxsize=256)
def _parsed(name: bytes) -> SpiffeId:
    return SpiffeId.parse(name.decode("utf-8", "replace"))


@lru_cache(maxsize=_REMEMBERED)
def host(peer: str) -> str:
    """Return the IP address in gRPC's peer text, such as `ipv4:192.0.2.7:5000` or `ipv6:%5B2001:db8::7%5D:5000`.

    Empty for a Unix socket.
    """
    family, _, rest = unquote(peer).partition(":")
    if family not in ("ipv4", "ipv6"):
        return ""
    return rest.rpartition(":")[0].strip("[]")
