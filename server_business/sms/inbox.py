"""Keeps what was received: whole messages, the parts of longer ones until all are there, and what comes twice."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Row, and_, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from mesh.database import UnitOfWork
from mesh.texts import storable
from server_business.sms import replies
from server_business.sms.numbers import tidy
from server_business.sms.providers import Received
from server_business.sms.replies import Segment
from server_business.sms.tables import sms_inbound, sms_segment

BELL: Final = "inbox"
OPEN, STOPPED, STARTED, ACKNOWLEDGED, TOLD, KEPT, REPEATED = range(1, 8)
"""As in the contract's `InboundSmsOutcome`."""
_C: Final = sms_inbound.c
_G: Final = sms_segment.c
_OF_ONE: Final = ("provider", "sender", "recipient", "reference", "total")
"""What the parts of one longer message have in common."""
_LOCK: Final = int.from_bytes(b"segments", "big")
_DIALECTS: Final[dict[str, Any]] = {"sqlite": sqlite, "postgresql": postgresql}


def keep(unit: UnitOfWork, provider: str, said: Received) -> None:
    """Keep a message, or a part of one. What a provider hands over twice is kept twice, and acted on once."""
    if said.piece is None or said.piece.total == 1:
        _add(unit, provider, said)
        return
    part = {
        "provider": provider,
        "sender": storable(said.sender)[:40],
        "recipient": storable(said.recipient)[:40],
        "reference": said.piece.reference,
        "total": said.piece.total,
    }
    _one_at_a_time(unit)
    add = _DIALECTS[unit.connection.dialect.name].insert(sms_segment)
    new = {**part, "number": said.piece.number, "text": storable(said.text), "receive_time": unit.now}
    unit.connection.execute(add.values(new).on_conflict_do_nothing())
    _join(unit, part)


def join_late(unit: UnitOfWork) -> int:
    """Put together longer messages whose missing parts have had time enough; return how many."""
    old = unit.now - replies.WHOLE_WITHIN
    query = select(*(_G[name] for name in _OF_ONE)).where(_G.receive_time <= old).distinct()
    _one_at_a_time(unit)
    rows = unit.connection.execute(query).mappings().all()
    for row in rows:
        _join(unit, row)
    return len(rows)


def _one_at_a_time(unit: UnitOfWork) -> None:
    """Wait for who is about to keep parts: of two that came at once each would find the other's missing."""
    if unit.connection.dialect.name == "postgresql":  # SQLite has one writer
        unit.connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def _join(unit: UnitOfWork, part: Mapping[Any, Any]) -> None:
    same = and_(*(_G[name] == part[name] for name in _OF_ONE))
    segments = [
        Segment(id=row.id, number=row.number, total=row.total, text=row.text, receive_time=row.receive_time)
        for row in unit.connection.execute(select(sms_segment).where(same).order_by(_G.id))
    ]
    text = replies.joined(segments, unit.now) if segments else None
    if text is not None:
        unit.connection.execute(delete(sms_segment).where(same))
        _add(unit, part["provider"], Received(sender=part["sender"], recipient=part["recipient"], text=text))


def _add(unit: UnitOfWork, provider: str, said: Received) -> None:
    text = storable(said.text)
    digest = hashlib.sha256(f"{said.sender}\0{said.recipient}\0{text}".encode("utf-8", "replace")).hexdigest()
    key = storable(said.reference)[:128] or digest
    known = select(_C.id).where(_C.provider == provider, _C.reference == key, _C.outcome != REPEATED)
    if not said.reference:
        known = known.where(_C.receive_time > unit.now - replies.AGAIN)
    first = unit.connection.execute(known.limit(1)).scalar()
    new = {
        "provider": provider,
        "reference": key,
        "sender": tidy(storable(said.sender))[:40],
        "recipient": storable(said.recipient)[:40],
        "text": text,
        "receive_time": unit.now,
        "outcome": OPEN if first is None else REPEATED,
        "reason": "" if first is None else f"the same as inboundSms/{first}",
        "attempts": 0,
        "request_id": str(uuid.uuid4()),
        "next_attempt_time": unit.now if first is None else None,
    }
    unit.connection.execute(insert(sms_inbound).values(new))


def page(unit: UnitOfWork, before: int | None, limit: int) -> list[Row[Any]]:
    """Return received messages, the newest first, from below the id `before`."""
    query = select(sms_inbound).order_by(_C.id.desc()).limit(limit)
    return list(unit.connection.execute(query if before is None else query.where(_C.id < before)))
