"""Hands released documents to server_es, which shows them to web users, and has it take them away again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import CancelledError
from datetime import timedelta
from typing import Any, Final, Protocol

import grpc
from esoffice.es.v1 import web_documents_pb2 as pb
from esoffice.es.v1.web_documents_pb2_grpc import WebDocumentServiceStub

from mesh import claims
from mesh.claims import Claim, ClaimLost
from mesh.database import Database
from mesh.errors import DomainError, Unavailable
from mesh.wakeups import Doorbell
from mesh.workers import HealthLine, Turn, Worker
from server_business.documents import publications, store
from server_business.documents.content_store import PIECE, ContentStore, Missing
from server_business.documents.tables import PUBLICATION

_AT_ONCE: Final = 20
_LEASE: Final = timedelta(minutes=20)
_LIMIT: Final = timedelta(minutes=15)
_AWAY: Final = timedelta(seconds=30)
_AGAIN: Final = timedelta(hours=1)
_LONGEST: Final = 600.0
_REFUSALS: Final = frozenset({
    grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.ABORTED,
})  # fmt: skip


class Refused(Exception):
    """server_es will not show it; it says why."""


class Wait(Protocol):
    """Waits in a thread for a call; see `mesh.app.App.wait`."""

    def __call__(self, call: Callable[[], Awaitable[Any]], *, limit: float) -> Any: ...


class Web:
    """The web documents of server_es.

    Args:
        channel: to server_es.
        wait: for its answers.
    """

    def __init__(self, channel: grpc.aio.Channel, wait: Wait) -> None:
        self._stub = WebDocumentServiceStub(channel)
        self._wait = wait

    def publish(self, first: pb.PublishDocumentRequest, pieces: Iterator[bytes]) -> None:
        """Show a document. Raises Refused, Unavailable; and whatever reading raises."""
        trouble: list[BaseException] = []

        async def requests() -> AsyncIterator[pb.PublishDocumentRequest]:
            yield first
            while True:
                try:
                    piece = await asyncio.to_thread(next, pieces, None)
                except (DomainError, Missing) as error:  # what is cut is refused by its checksum
                    trouble.append(error)
                    return
                if piece is None:
                    return
                yield pb.PublishDocumentRequest(data=piece)

        try:
            self._ask(lambda: self._stub.PublishDocument(requests()))
        except (Refused, Unavailable):
            if trouble:
                raise trouble[0] from None
            raise

    def withdraw(self, request: pb.WithdrawPublishedDocumentRequest) -> None:
        """Take it away. Raises Refused, Unavailable."""
        self._ask(lambda: self._stub.WithdrawPublishedDocument(request))

    def _ask(self, call: Callable[[], Awaitable[Any]]) -> None:
        try:
            self._wait(call, limit=_LONGEST)
        except grpc.RpcError as error:
            if error.code() in _REFUSALS:
                raise Refused(error.details()) from error
            raise Unavailable(f"server_es does not show documents: {error.code().name}") from error
        except (TimeoutError, CancelledError) as error:
            raise Unavailable("server_es does not show documents: no answer in time") from error


class Publisher:
    """Works through what is to be shown.

    Args:
        database: of server_business.
        content_store: has the bytes.
        web: shows them.
        owner: of claims, for people to read.
        line: tells administrators what is not shown.
    """

    def __init__(
        self, database: Database, content_store: ContentStore, web: Web, *, owner: str, line: HealthLine
    ) -> None:
        self._database = database
        self._store = content_store
        self._web = web
        self._owner = owner
        self._line = line

    def worker(self, bell: Doorbell) -> Worker:
        return Worker(name="documents.web", work=self.turn, every=timedelta(seconds=5), bell=bell, limit=_LIMIT)

    def turn(self, turn: Turn) -> bool:
        """Hand over what is due; return whether there may be more."""
        with self._database.unit() as unit:
            due = claims.claim(unit, PUBLICATION, limit=_AT_ONCE, lease=_LEASE, owner=self._owner)
        away: DomainError | None = None
        for claim in due:
            if turn.stopping.is_set() or away is not None:
                self._later(claim, timedelta(0) if away is None else _AWAY)
                continue
            try:
                self._hand_over(claim)
            except ClaimLost:
                continue  # something else is wanted meanwhile; it is due again
            except (Refused, Missing) as refusal:
                self._later(claim, _AGAIN, str(refusal))
            except DomainError as error:
                self._later(claim, _AWAY, error.message)
                away = error
        self._say()
        if away is not None:
            raise away
        return len(due) == _AT_ONCE

    def _hand_over(self, claim: Claim) -> None:
        row = claim.row
        key = {"document": store.name_of(row["document"]), "system": row["system"], "revision": row["revision"]}
        if row["number"]:
            with self._database.reading() as unit:
                current = publications.is_current(unit, row["document"], row["system"], row["revision"])
                found = store.versions(unit, [(row["document"], row["number"])]) if current else {}
            if not found:
                raise ClaimLost(f"{key['document']} is not to be shown any more", table=PUBLICATION.name)
            (version,) = found.values()
            first = pb.PublishDocumentRequest(
                **key, folder=row["folder"], file_name=version.file_name, sha256=version.sha256
            )
            self._web.publish(first, _cut(self._store.read(version.sha256, version.locator)))
        else:
            self._web.withdraw(pb.WithdrawPublishedDocumentRequest(**key))
        with self._database.unit() as unit:
            claims.confirm(unit, PUBLICATION, claim, problem="")

    def _later(self, claim: Claim, pause: timedelta, problem: str = "") -> None:
        with self._database.unit() as unit:
            for one in claims.held(unit, PUBLICATION, [claim]):
                said = {"problem": problem[:1000]} if problem else {}
                claims.release(unit, PUBLICATION, one, next_attempt_time=unit.now + pause, **said)

    def _say(self) -> None:
        with self._database.reading() as unit:
            shown, waiting, first = publications.counts(unit)
        self._line.healthy = first is None
        said = [f"{shown} shown to web users", f"{waiting} wait"]
        if first is not None:
            said.append(f"{store.name_of(first.document)} at {first.system}: {first.problem}")
        self._line.sentence = "; ".join(said)


def _cut(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for at in range(0, len(piece), PIECE):
            yield piece[at : at + PIECE]
