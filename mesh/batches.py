"""Batches of requests that are answered one by one: each is checked, remembered and refused for itself."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from google.protobuf.message import Message
from sqlalchemy import bindparam, delete, select

from mesh import validation
from mesh.database import UnitOfWork
from mesh.errors import DomainError, InvalidArgument
from mesh.idempotency import Asked, RequestIdReused, RequestLog

Answer = TypeVar("Answer", bound=Message)

_IDS_PER_STATEMENT: Final = 1000


def answer_each(
    unit: UnitOfWork,
    log: RequestLog,
    requests: Sequence[Message],
    respond: Callable[[Sequence[int]], Sequence[Answer | DomainError]],
    *,
    answer: type[Answer],
    caller: str,
) -> list[Answer | DomainError]:
    """Answer each request of a batch once, in one transaction.

    A request that breaks its field rules, or whose `request_id` was used for another content, is refused for itself. A
    refusal is not remembered, so that the same request may come again when its reason is gone.

    Args:
        unit: the transaction of the effects.
        log: remembers the answers of requests with a `request_id`.
        requests: of one message type; those without a `request_id` are simply answered.
        respond: gets the positions of the requests that are new and right, and returns for each an answer or a refusal. A
            request that it refuses must have had no effect.
        answer: message type of the answers.
        caller: whose requests they are.

    Returns:
        An answer or a refusal for each request, in order.
    """
    answers: dict[int, Answer | DomainError] = {}
    first: dict[str, int] = {}
    asked = [Asked.of(one, caller=caller) for one in requests]
    for position, one in enumerate(requests):
        wrong = validation.violations(one)
        if wrong:
            answers[position] = InvalidArgument(wrong)
        elif asked[position].request_id:
            earlier = asked[first.setdefault(asked[position].request_id, position)]
            if earlier != asked[position]:
                answers[position] = _reused(earlier)
    for position in _used_otherwise(unit, log, {at: asked[at] for at in first.values() if at not in answers}):
        answers[position] = _reused(asked[position])
    new = {at: asked[at] for at in first.values() if at not in answers}
    plain = [at for at, one in enumerate(asked) if not one.request_id and at not in answers]
    _answer_new(unit, log, new, plain, respond, answer, answers)
    for position, one in enumerate(asked):
        if position not in answers:
            answers[position] = answers[first[one.request_id]]
    return [answers[position] for position in range(len(requests))]


def _answer_new(
    unit: UnitOfWork,
    log: RequestLog,
    new: dict[int, Asked],
    plain: Sequence[int],
    respond: Callable[[Sequence[int]], Sequence[Answer | DomainError]],
    answer: type[Answer],
    answers: dict[int, Answer | DomainError],
) -> None:
    """Call `respond` once, for what the log has no answer to and for what needs none."""
    position_of = {one.request_id: at for at, one in new.items()}
    responded = False

    def fresh_answers(fresh: Sequence[Asked]) -> list[bytes]:
        nonlocal responded
        responded = True
        positions = [position_of[one.request_id] for one in fresh]
        everything = [*positions, *plain]
        answers.update(zip(everything, respond(everything), strict=True))
        made = [answers[at] for at in positions]
        return [b"" if isinstance(one, DomainError) else one.SerializeToString() for one in made]

    stored = log.remember_all(unit, list(new.values()), fresh_answers) if new else []
    if not responded and plain:
        answers.update(zip(plain, respond(plain), strict=True))
    refused = [asked for at, asked in new.items() if isinstance(answers.get(at), DomainError)]
    _forget(unit, log, refused)
    for at, remembered in zip(new, stored, strict=True):
        if at not in answers:
            answers[at] = answer.FromString(remembered)


def _used_otherwise(unit: UnitOfWork, log: RequestLog, asked: dict[int, Asked]) -> list[int]:
    columns = log.table.c
    at = {one.request_id: position for position, one in asked.items()}
    ids = sorted(at)
    found = []
    for start in range(0, len(ids), _IDS_PER_STATEMENT):
        query = select(columns.request_id, columns.method, columns.fingerprint).where(
            columns.caller == asked[at[ids[start]]].caller,
            columns.request_id.in_(ids[start : start + _IDS_PER_STATEMENT]),
        )
        for row in unit.connection.execute(query):
            one = asked[at[row.request_id]]
            if (row.method, row.fingerprint) != (one.method, one.fingerprint):
                found.append(at[row.request_id])
    return found


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
