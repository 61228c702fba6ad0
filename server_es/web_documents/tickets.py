"""Tickets: given, checked, withdrawn. A signature says who made one, its row says whether it still holds."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from esoffice.es.v1 import web_documents_pb2 as pb

from mesh.clock import Clock
from mesh.database import Database, UnitOfWork
from mesh.errors import Unauthenticated
from mesh.tokens import Verifier
from server_es.directory.names import SYSTEM
from server_es.web_documents import store
from server_es.web_documents.rules import Visitor

AUDIENCE: Final = "esoffice-documents"
COOKIE: Final = "__Host-ticket"
STAFF: Final = "staff"
MOST_SYSTEMS: Final = 40
_KNOWN_SECONDS: Final = 2.0
_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True)
class Signed:
    """A ticket that was signed: the JWT, its id, when it ends."""

    text: str
    id: str
    expire_time: datetime


Sign = Callable[[str, Sequence[str], timedelta], Awaitable[Signed]]
"""Signs a ticket for a person, what it opens, and how long."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A visitor and the ticket that lets them in."""

    visitor: Visitor
    ticket: str


class Tickets:
    """The tickets of a site.

    Args:
        database: of server_es.
        verifier: of tickets.
        sign: asks config_service, whose keys every Envoy knows.
        clock: the machine's.
        lifetime: of a ticket.
    """

    def __init__(
        self, database: Database, *, verifier: Verifier, sign: Sign, clock: Clock, lifetime: timedelta
    ) -> None:
        self._database = database
        self._verifier = verifier
        self._sign = sign
        self._clock = clock
        self._lifetime = lifetime
        self._known: dict[str, tuple[float, Admitted]] = {}

    async def give(self, visitor: Visitor, *, place: str, first: Callable[[UnitOfWork], None] | None = None) -> Signed:
        """Give a visitor a ticket. It holds from when its row is written, in one transaction with what `first` does."""
        scopes = [STAFF] if visitor.staff else [SYSTEM.build(one) for one in sorted(visitor.systems)]
        signed = await self._sign(visitor.person, scopes, self._lifetime)

        def write(unit: UnitOfWork) -> None:
            if first is not None:
                first(unit)
            store.add_ticket(
                unit, id=signed.id, person=visitor.person, staff=visitor.staff, systems=sorted(visitor.systems),
                create_time=unit.now, expire_time=signed.expire_time, place=place,
            )  # fmt: skip

        await self._database.run(write)
        return signed

    async def admit(self, text: str) -> Admitted:
        """Say whom a ticket lets in.

        Raises:
            Unauthenticated: it is none of ours, is over or was withdrawn.
        """
        known = self._known.get(text)
        if known is not None and self._clock.monotonic() < known[0]:
            return known[1]
        token = self._verifier.verify(text)
        row = await self._database.read(store.find_ticket, token.token_id)
        if (
            row is None
            or row.revoke_time is not None
            or row.person != token.user
            or self._clock.now() >= row.expire_time
        ):
            self._known.pop(text, None)
            raise Unauthenticated("The ticket was withdrawn or is over; sign in again.")
        visitor = Visitor(person=row.person, staff=row.staff, systems=frozenset(row.systems))
        admitted = Admitted(visitor, row.id)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[text] = (self._clock.monotonic() + _KNOWN_SECONDS, admitted)
        return admitted

    async def revoke(self, which: Callable[[UnitOfWork], Sequence[Any]]) -> int:
        """Withdraw tickets and return how many still held."""

        def write(unit: UnitOfWork) -> list[str]:
            ids = [row.id for row in which(unit)]
            store.revoke(unit, ids)
            return ids

        gone = set(await self._database.run(write))
        self._known = {text: one for text, one in self._known.items() if one[1].ticket not in gone}
        return len(gone)


def shown_in(metadata: Sequence[tuple[str, str | bytes]]) -> str:
    """Return the ticket that a request shows in a header or a cookie; empty when it shows none."""
    for key, value in metadata:
        if key == "x-ticket":
            return str(value)
    for key, value in metadata:
        if key == "cookie":
            for one in str(value).split(";"):
                name, _, text = one.strip().partition("=")
                if name == COOKIE:
                    return text
    return ""


def cookie(text: str, seconds: int) -> str:
    """Return the cookie of a ticket, which no script reads and no other site's page sends; an empty text ends it."""
    return f"{COOKIE}={text}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={seconds}"


def message(signed: Signed, visitor: Visitor) -> pb.WebTicket:
    answer = pb.WebTicket(
        ticket=signed.text, staff=visitor.staff, systems=[SYSTEM.build(one) for one in sorted(visitor.systems)]
    )
    answer.expire_time.FromDatetime(signed.expire_time)
    return answer
