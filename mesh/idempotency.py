"""A repeat of a call has no second effect: its answer is stored in the transaction of the effect itself."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self, TypeVar

from google.protobuf.message import Message
from sqlalchemy import (
    Column,
    Index,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    bindparam,
    delete,
    select,
)

from mesh.bulk import among, insert_many, update_many
from mesh.columns import UtcDateTime
from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition

REMEMBERED: Final = timedelta(hours=24)
"""How long an answer is kept at least; the contracts promise it."""


class RequestIdReused(FailedPrecondition):
    """The same request id came with another request."""

    reason = "REQUEST_ID_REUSED"


Answer = TypeVar("Answer", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it is recognised again.

    Attributes:
        caller: who asks; two callers that choose the same id do not meet.
        request_id: the caller's id for this request.
        method: what was asked for, such as the full name of the request message.
        fingerprint: a digest of the request's content.
    """

    caller: str
    request_id: str
    method: str
    fingerprint: bytes

    @classmethod
    def of(cls, request: Message, *, caller: str) -> Self:
        """Read the id from the request's field `request_id`, method and fingerprint from the message itself.

        A request without an id is never recognised, so it has no fingerprint either.
        """
        id_: str = getattr(request, "request_id")  # noqa: B009 - not every Message has it
        return cls(
            caller=caller,
            request_id=id_,
            method=request.DESCRIPTOR.full_name,
            fingerprint=hashlib.sha256(request.SerializeToString(deterministic=True)).digest() if id_ else b"",
        )


class RequestLog:
    """The table `request_log` of one service."""

    def __init__(self, metadata: MetaData) -> None:
        """Add the table to the service's schema."""
        self.table: Final = Table(
            "request_log",
            metadata,
            Column("caller", String(255), nullable=False),
            Column("request_id", String(64), nullable=False),
            Column("method", String(255), nullable=False),
            Column("fingerprint", LargeBinary, nullable=False),
            # Empty only inside the transaction that still works on the answer.
            Column("response", LargeBinary),
            Column("created_time", UtcDateTime(), nullable=False),
            PrimaryKeyConstraint("caller", "request_id"),
            Index(None, "created_time"),
        )

    def once(
        self, unit: UnitOfWork, request: Message, respond: Callable[[], Answer], *, answer: type[Answer], caller: str
    ) -> Answer:
        """Return `respond()`, or the stored answer when this request was answered before.

        A request without a `request_id` is simply answered. An exception of `respond` must end the unit, as it does
        when it is not caught: then nothing is remembered.

        Raises:
            RequestIdReused: the id was used for another request.
        """
        asked = Asked.of(request, caller=caller)
        if not asked.request_id:
            return respond()
        made: list[Answer] = []

        def serialised() -> bytes:
            made.append(respond())
            return made[0].SerializeToString()

        stored = self.remember(unit, asked, serialised)
        return made[0] if made else answer.FromString(stored)

    def answered(self, unit: UnitOfWork, request: Message, *, answer: type[Answer], caller: str) -> Answer | None:
        """Return the stored answer of a request; None: it was not answered yet. Raises as `once`.

        For what cannot be looked up again once the request was answered, because the answer used it up.
        """
        asked = Asked.of(request, caller=caller)
        stored = self._stored(unit, [asked]) if asked.request_id else {}
        return next((answer.FromString(one) for one in stored.values()), None)

    def remember(self, unit: UnitOfWork, asked: Asked, respond: Callable[[], bytes]) -> bytes:
        """Return the bytes `respond` makes, or those it made the first time. Raises as `once`."""
        return self.remember_all(unit, [asked], lambda _: [respond()])[0]

    def remember_all(
        self, unit: UnitOfWork, asked: Sequence[Asked], respond: Callable[[Sequence[Asked]], Sequence[bytes]]
    ) -> list[bytes]:
        """Answer many requests in one transaction, with three statements whatever their number.

        Args:
            unit: the transaction of the effects.
            asked: the requests; one that stands twice among them is asked once.
            respond: gets the requests that are new, in their order, and returns one answer for each.

        Returns:
            One answer for each of `asked`, in its order.

        Raises:
            RequestIdReused: an id was used for another request; then none of them has an effect.
        """
        requests: dict[tuple[str, str], Asked] = {}
        for one in asked:
            if requests.setdefault((one.caller, one.request_id), one) != one:
                raise _reused(one)
        new = self._insert(unit, requests)
        answers = self._stored(unit, [one for key, one in requests.items() if key not in new])
        fresh = [one for key, one in requests.items() if key in new]
        if fresh:
            made = respond(fresh)
            rows = []
            for one, response in zip(fresh, made, strict=True):
                answers[one.caller, one.request_id] = response
                rows.append({"caller": one.caller, "request_id": one.request_id, "response": response})
            update_many(unit.connection, self.table, rows, by=["caller", "request_id"])
        return [answers[one.caller, one.request_id] for one in asked]

    def prune(self, unit: UnitOfWork, *, limit: int = 10_000) -> int:
        """Forget at most `limit` answers older than 24 h and return how many; call again while it returns `limit`."""
        columns = self.table.c
        old = select(columns.caller, columns.request_id).where(columns.created_time < unit.now - REMEMBERED)
        keys = unit.connection.execute(old.limit(limit)).all()
        if not keys:
            return 0
        gone = delete(self.table).where(
            columns.caller == bindparam("the_caller"), columns.request_id == bindparam("the_request_id")
        )
        unit.connection.execute(gone, [{"the_caller": caller, "the_request_id": id_} for caller, id_ in keys])
        return len(keys)

    def _insert(self, unit: UnitOfWork, requests: dict[tuple[str, str], Asked]) -> set[tuple[str, str]]:
        """Take the ids and return those that were free. Sorted, so that two batches never wait for each other."""
        rows = [
            {
                "caller": one.caller,
                "request_id": one.request_id,
                "method": one.method,
                "fingerprint": one.fingerprint,
                "created_time": unit.now,
            }
            for _, one in sorted(requests.items())
        ]
        # A second transaction with the same key waits here until the first has ended, on both products.
        key = (self.table.c.caller, self.table.c.request_id)
        taken = insert_many(unit.connection, self.table, rows, returning=key, passing_over=True)
        return {(caller, request_id) for caller, request_id in taken}

    def _stored(self, unit: UnitOfWork, requests: Sequence[Asked]) -> dict[tuple[str, str], bytes]:
        """Return the answers of requests that were there before, after a look whether they are the same requests."""
        columns = self.table.c
        found: dict[tuple[str, str], bytes] = {}
        by_id = {(one.caller, one.request_id): one for one in requests}
        if not requests:
            return found
        query = select(self.table).where(
            columns.caller.in_({one.caller for one in requests}),
            among(unit.connection, columns.request_id, [one.request_id for one in requests]),
        )
        for row in unit.connection.execute(query):
            one = by_id.get((row.caller, row.request_id))
            if one is None:
                continue
            if (row.method, row.fingerprint) != (one.method, one.fingerprint):
                raise _reused(one)
            if row.response is None:
                raise RuntimeError(f"request {one.request_id}: its unit caught an exception of `respond` and committed")
            found[row.caller, row.request_id] = row.response
        return found


def _reused(one: Asked) -> RequestIdReused:
    return RequestIdReused(
        f"The request id '{one.request_id}' was used before for another request; choose a new one.",
        request_id=one.request_id,
    )
