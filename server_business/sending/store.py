"""Accepts what is to be sent, and keeps how it went."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from google.protobuf.message import Message
from sqlalchemy import Row, Table, func, select, update

from mesh import claims
from mesh.bulk import among, insert_many, update_many
from mesh.claims import Claim
from mesh.database import UnitOfWork
from mesh.errors import NotFound
from mesh.idempotency import Asked, RequestIdReused
from mesh.texts import storable
from server_business.sending import rules
from server_business.sending.rules import Outcome, State, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Something to send.

    Attributes:
        request: as it was asked for.
        give_up_time: how long it is tried.
        expire_time: from when on it is worth nothing.
        content: values of the queue's own columns, the same ones in all orders of a batch.
    """

    request: Message
    give_up_time: datetime
    expire_time: datetime | None
    content: Mapping[str, Any]


class SendQueue:
    """The rows of one table of `sending_table`."""

    def __init__(self, table: Table) -> None:
        self.table: Final = table
        self._name: Final[str] = table.info["name"]

    def name(self, id_: int) -> str:
        return self._name.format(id=id_)

    # -- accepting ----------------------------------------------------------------------------------------------------

    def accept(
        self,
        unit: UnitOfWork,
        request: Message,
        *,
        caller: str,
        give_up_time: datetime,
        expire_time: datetime | None,
        **content: Any,
    ) -> Row[Any]:
        """Store what is to be sent, or return the row of the same request.

        Raises:
            RequestIdReused: the id was used for something else.
        """
        order = Order(request=request, give_up_time=give_up_time, expire_time=expire_time, content=content)
        (made,) = self.accept_all(unit, [order], caller=caller)
        if isinstance(made, RequestIdReused):
            raise made
        return made

    def accept_all(self, unit: UnitOfWork, orders: Sequence[Order], *, caller: str) -> list[Row[Any] | RequestIdReused]:
        """Store much that is to be sent; return for each its row, or that its id was used for something else."""
        asked = [Asked.of(one.request, caller=caller) for one in orders]
        first = {one.request_id: at for at, one in reversed(list(enumerate(asked)))}
        fresh = [at for at, one in enumerate(asked) if not one.request_id or first[one.request_id] == at]
        rows = [_row(orders[at], asked[at], caller, unit.now) for at in fresh]
        key = [self.table.c.id, self.table.c.request_id]
        new = insert_many(unit.connection, self.table, rows, returning=key, passing_over=True)
        written = {request_id for _, request_id in new}  # others were there, or somebody else was faster
        made = [at for at in fresh if not asked[at].request_id or asked[at].request_id in written]
        ids = dict(zip(made, sorted(id_ for id_, _ in new), strict=True))
        found = {row.id: row for row in self.several(unit, ids.values())}
        missing = [at for at in range(len(orders)) if at not in ids]
        known = self.of_requests(unit, [orders[at].request for at in missing], caller=caller)
        answers: dict[int, Any] = {at: found[id_] for at, id_ in ids.items()} | dict(zip(missing, known, strict=True))
        return [answers[at] for at in range(len(orders))]

    def of_request(self, unit: UnitOfWork, request: Message, *, caller: str) -> Row[Any] | None:
        """Return the row an earlier call of the same request made. Raises RequestIdReused."""
        (known,) = self.of_requests(unit, [request], caller=caller)
        if isinstance(known, RequestIdReused):
            raise known
        return known

    def of_requests(
        self, unit: UnitOfWork, requests: Sequence[Message], *, caller: str
    ) -> list[Row[Any] | RequestIdReused | None]:
        """Return for each the row an earlier call of the same request made, or that its id was used for another."""
        asked = [Asked.of(one, caller=caller) for one in requests]
        ids = {one.request_id for one in asked if one.request_id}
        if not ids:
            return [None] * len(asked)
        columns = self.table.c
        query = select(self.table).where(columns.caller == caller, among(unit.connection, columns.request_id, ids))
        known = {row.request_id: row for row in unit.connection.execute(query)}
        return [_same(known.get(one.request_id), one) for one in asked]

    # -- sending ------------------------------------------------------------------------------------------------------

    def begin(self, unit: UnitOfWork, claim: Claim) -> None:
        """Note that a row is being handed over, from now on nobody knows. Raises ClaimLost."""
        if not claims.held(unit, self.table, [claim]):
            raise claims.ClaimLost(f"{self.name(claim.key[0])} is held by somebody else.", table=self.table.name)
        sending = update(self.table).where(self.table.c.id == claim.key[0])
        unit.connection.execute(sending.values(state=State.SENDING, attempts=self.table.c.attempts + 1))

    def begin_all(self, unit: UnitOfWork, fresh: Sequence[Claim]) -> None:
        """Note that many rows are being handed over, in the unit that has claimed them."""
        ours = among(unit.connection, self.table.c.id, [one.key[0] for one in fresh])
        sending = update(self.table).where(ours)
        unit.connection.execute(sending.values(state=State.SENDING, attempts=self.table.c.attempts + 1))

    def record(self, unit: UnitOfWork, claim: Claim, step: Step, outcome: Outcome, **more: Any) -> None:
        """Write what became of a row. Raises ClaimLost."""
        values = {"state": step.state, "reason": storable(outcome.reason)[:2000], **more}
        if step.state is State.SENT:
            values |= {"sent_time": unit.now, "reference": storable(outcome.reference)[:500]}
        if step.next_attempt_time is None:
            claims.confirm(unit, self.table, claim, **values)
        else:
            claims.release(unit, self.table, claim, next_attempt_time=step.next_attempt_time, **values)

    def record_taken(self, unit: UnitOfWork, taken: Sequence[Claim], rows: Sequence[Mapping[str, Any]]) -> None:
        """Write into many rows that the other side has them, and let them go.

        Args:
            unit: in which the claims were found to be ours (`claims.held`).
            taken: the claims.
            rows: for each `reason`, `reference` and what else stays in the row; the same names in all.
        """
        over = {
            "state": State.SENT, "sent_time": unit.now, "next_attempt_time": None, "lease_until": None,
            "lease_owner": None,
        }  # fmt: skip
        new = [{"id": claim.key[0], **over, **row} for claim, row in zip(taken, rows, strict=True)]
        update_many(unit.connection, self.table, new, by=["id"])

    # -- people -------------------------------------------------------------------------------------------------------

    def get(self, unit: UnitOfWork, id_: int, *, lock: bool = False) -> Row[Any]:
        """Return a row. Raises NotFound."""
        query = select(self.table).where(self.table.c.id == id_)
        row = unit.connection.execute(query.with_for_update() if lock else query).one_or_none()
        if row is None:
            raise NotFound(f"{self.name(id_)} does not exist.", resource=self.name(id_))
        return row

    def several(self, unit: UnitOfWork, ids: Collection[int]) -> Sequence[Row[Any]]:
        return unit.connection.execute(select(self.table).where(among(unit.connection, self.table.c.id, ids))).all()

    def page(
        self, unit: UnitOfWork, *, states: Collection[int], about: str, before: int | None, limit: int
    ) -> Sequence[Row[Any]]:
        """Return rows, the newest first, from below the id `before`."""
        columns = self.table.c
        query = select(self.table).order_by(columns.id.desc()).limit(limit)
        if states:
            query = query.where(columns.state.in_(states))
        if about:
            query = query.where(columns.about == about)
        if before is not None:
            query = query.where(columns.id < before)
        return unit.connection.execute(query).all()

    def waiting(self, unit: UnitOfWork) -> int:
        """Return how many rows wait."""
        query = select(func.count()).select_from(self.table).where(self.table.c.state == State.QUEUED)
        return int(unit.connection.execute(query).scalar_one())

    def retry(self, unit: UnitOfWork, id_: int, *, give_up_time: datetime) -> Row[Any]:
        """Send something once more. Raises NotFound, SendStateNotAllowed."""
        rules.check_retry(State(self.get(unit, id_, lock=True).state), self.name(id_))
        return self._set(
            unit, id_, state=State.QUEUED, reason="sent again by hand", attempts=0, next_attempt_time=unit.now,
            give_up_time=give_up_time, expire_time=None,
        )  # fmt: skip

    def cancel(self, unit: UnitOfWork, id_: int) -> Row[Any]:
        """Call something off. Raises NotFound, SendStateNotAllowed."""
        rules.check_cancel(State(self.get(unit, id_, lock=True).state), self.name(id_))
        return self._set(unit, id_, state=State.CANCELLED, reason="called off by hand", next_attempt_time=None)

    def _set(self, unit: UnitOfWork, id_: int, **values: Any) -> Row[Any]:
        # The token moves on, and the lease ends: a worker that has the row in hand is refused.
        fenced = {"lease_token": self.table.c.lease_token + 1, "lease_until": None, "lease_owner": None, **values}
        done = update(self.table).where(self.table.c.id == id_).values(fenced).returning(self.table)
        return unit.connection.execute(done).one()


def _row(order: Order, asked: Asked, caller: str, now: datetime) -> dict[str, Any]:
    give_up, expires = order.give_up_time, order.expire_time
    return {
        "caller": caller, "request_id": asked.request_id or None, "fingerprint": asked.fingerprint, **order.content,
        "state": State.QUEUED, "reason": "", "reference": "", "attempts": 0, "create_time": now,
        "give_up_time": min(give_up, expires) if expires else give_up, "expire_time": expires,
        "next_attempt_time": now,
    }  # fmt: skip


def _same(known: Row[Any] | None, asked: Asked) -> Row[Any] | RequestIdReused | None:
    if known is not None and known.fingerprint != asked.fingerprint:
        return RequestIdReused(f"The request id {asked.request_id} was used for something else; make a new one.")
    return known
