"""Batches of requests that are answered one by one: each is checked, remembered and refused for itself."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from google.protobuf.message import Message
from sqlalchemy import bindparam, delete, select

from mesh import validation
from mesh.bulk import among
from mesh.database import UnitOfWork
from mesh.errors import DomainError, InvalidArgument
from mesh.idempotency import Asked, RequestIdReused, RequestLog

Answer = TypeVar("Answer", bound=Message)


def answer_each(
    unit: UnitOfWork,
    log: RequestLog,
    requests: Sequence[Message],
    respond: Callable[[Sequence[int]], Sequence[Answer | DomainError]],
    *,
    answer: type[Answer],
    caller: str,
    keep: Callable[[Answer], Answer] = lambda one: one,
    recall: Callable[[Answer], Answer] = lambda one: one,
) -> list[Answer | DomainError]:
    """Answer each request of a batch once, in one transaction.

    A request that breaks its field rules, or whose `request_id` was used for another content, is refused for itself. A
    refusal is not remembered, so that the same request may come again when its reason is gone.

    Args:
        unit: the transaction of the effects.
        log: remembers the answers of requests with a `request_id`.
        requests: of one message type; those without a `request_id` are simply answered.
        respond: gets the positions of the requests that are new and right, and returns for each an answer or a refusal.
            A request that it refuses must have had no effect.
        answer: message type of the answers.
        caller: whose requests they are.
        keep: what is remembered of an answer, where all of it would be too much.
        recall: makes an answer again of what was remembered.

    Returns:
        An answer or a refusal for each request, in order.
    """
    asked = [Asked.of(one, caller=caller) for one in requests]
    answers: dict[int, Answer | DomainError] = {**_refused(unit, log, requests, asked)}
    new: dict[str, int] = {}
    for position, one in enumerate(asked):
        if one.request_id and position not in answers:
            new.setdefault(one.request_id, position)
    waiting = [at for at, one in enumerate(asked) if not one.request_id and at not in answers]

    def respond_to(fresh: Sequence[Asked]) -> list[bytes]:
        positions = [new[one.request_id] for one in fresh]
        everything = [*positions, *waiting]
        waiting.clear()
        answers.update(zip(everything, respond(everything), strict=True))
        return [_remembered(answers[at], keep) for at in positions]

    remembered = log.remember_all(unit, [asked[at] for at in new.values()], respond_to) if new else []
    if waiting:
        respond_to([])
    _forget(unit, log, [asked[at] for at in new.values() if isinstance(answers.get(at), DomainError)])
    for at, stored in zip(new.values(), remembered, strict=True):
        if at not in answers:
            answers[at] = recall(answer.FromString(stored))
    for position, one in enumerate(asked):
        if position not in answers:
            answers[position] = answers[new[one.request_id]]
    return [answers[position] for position in range(len(requests))]


def _refused(
    unit: UnitOfWork, log: RequestLog, requests: Sequence[Message], asked: Sequence[Asked]
) -> dict[int, DomainError]:
    """Return what is refused whatever it would do: broken field rules, a `request_id` of another content."""
    refused: dict[int, DomainError] = {}
    first: dict[str, int] = {}
    for position, message in enumerate(requests):
        wrong = validation.violations(message)
        if wrong:
            refused[position] = InvalidArgument(wrong)
        elif asked[position].request_id:
            earlier = asked[first.setdefault(asked[position].request_id, position)]
            if earlier != asked[position]:
                refused[position] = _reused(earlier)
    used = _used_otherwise(unit, log, {at: asked[at] for at in first.values()})
    for position, one in enumerate(asked):
        if one.request_id in used and position not in refused:
            refused[position] = _reused(one)
    return refused


def _remembered(one: Answer | DomainError, keep: Callable[[Answer], Answer]) -> bytes:
    """A refusal leaves its row empty until it is forgotten, in the same transaction."""
    return b"" if isinstance(one, DomainError) else keep(one).SerializeToString()


def _used_otherwise(unit: UnitOfWork, log: RequestLog, asked: dict[int, Asked]) -> set[str]:
    columns = log.table.c
    by_id = {one.request_id: one for one in asked.values()}
    if not by_id:
        return set()
    query = select(columns.request_id, columns.method, columns.fingerprint).where(
        columns.caller == next(iter(by_id.values())).caller,
        among(unit.connection, columns.request_id, by_id),
    )
    return {
        id_
        for id_, method, fingerprint in unit.connection.execute(query)
        if (method, fingerprint) != (by_id[id_].method, by_id[id_].fingerprint)
    }


def _forget(unit: UnitOfWork, log: RequestLog, refused: Sequence[Asked]) -> None:
    if refused:
        columns = log.table.c
        gone = delete(log.table).where(
            columns.caller == bindparam("the_caller"), columns.request_id == bindparam("the_request_id")
        )
        unit.connection.execute(gone, [{"the_caller": one.caller, "the_request_id": one.request_id} for one in refused])


def _reused(one: Asked) -> RequestIdReused:
    return RequestIdReused(
        f"The request id '{one.request_id}' was used before for another request; choose a new one.",
        request_id=one.request_id,
    )
