"""The queries of the notices."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, delete, false, insert, or_, select, true, union_all, update

from mesh.bulk import ByKeys, insert_many, update_many
from mesh.claims import Claim, claim
from mesh.database import NotCommitted, UnitOfWork
from mesh.errors import InvalidArgument, Violation
from server_es.calendars.times import TimeOfDay, Window
from server_es.notices.bundling import HOUR, Parcel
from server_es.notices.rules import Channel, Key, Planned, Preferences, QuietHours, State
from server_es.notices.tables import notice, preferences

C: Final = notice.c
_P: Final = preferences.c
_SUBJECT, _TEXT = 200, 4000

_KNOWN: Final = (C.id, C.digest, C.cause, C.recipient, C.channel, C.employee, C.inbox_sequence)
_STANDING: Final = ByKeys(
    lambda among: union_all(
        select(true().label("told"), *_KNOWN).where(among(C.cause, "causes")),
        select(false().label("told"), *_KNOWN).where(
            among(C.digest, "digests"),
            C.create_time > bindparam("since"),
            C.state.in_([int(State.WAITING), int(State.SENT)]),
        ),
    )
)
_PLACES: Final = ByKeys(
    lambda among: select(C.id, C.employee, C.inbox_sequence).where(C.inbox_sequence.is_not(None), among(C.id, "ids"))
)
_WANTED: Final = ByKeys(lambda among: select(preferences).where(among(_P.employee, "employees")))


def standing(unit: UnitOfWork, planned: Sequence[Planned], since: datetime) -> tuple[set[Key], list[Any]]:
    """Return which notices stand already, and which with the same digests may be unread or unsent.

    The latter of those told since then, the oldest first.
    """
    causes, digests = ({one.notice.cause for one in planned}, {one.digest for one in planned})
    rows = _STANDING.run(unit.connection, causes=causes, digests=digests, since=since).all()
    known = {(row.cause, row.recipient, row.channel) for row in rows if row.told}
    return known, sorted((row for row in rows if not row.told), key=lambda row: row.id)


def add(
    unit: UnitOfWork, planned: Sequence[Planned], places: Mapping[Key, int], *, follows: int | None = None
) -> list[int]:
    """Write notices that are not known yet, in the order of their keys; return their ids.

    Args:
        unit: the transaction.
        planned: the notices.
        places: numbers of the messages they are, by their keys.
        follows: id of the popup they follow.

    Raises:
        NotCommitted: another transaction has told one of them just now.
    """
    rows = [_row(unit, one, places.get(one.key), follows) for one in planned]
    new = insert_many(unit.connection, notice, rows, returning=[C.id], passing_over=True)
    if len(new) < len(rows):
        raise NotCommitted("The same was told by another change just now; try again.")
    return sorted(id_ for (id_,) in new)


def _row(unit: UnitOfWork, one: Planned, place: int | None, follows: int | None) -> dict[str, Any]:
    said = one.notice
    over = one.state in (State.FAILED, State.SUPPRESSED)
    return {
        "cause": said.cause,
        "about": said.about,
        "recipient": one.recipient,
        "employee": one.employee,
        "address": one.address,
        "channel": int(one.channel),
        "subject": said.subject[:_SUBJECT],
        "text": said.text[:_TEXT],
        "urgent": said.urgent,
        "digest": one.digest,
        "state": int(one.state),
        "reason": one.reason,
        "attempts": 0,
        "create_time": unit.now,
        "sent_time": unit.now if one.state is State.SENT else None,
        "end_time": unit.now if over else None,
        "expire_time": said.expire_time,
        "inbox_sequence": place,
        "follows": follows,
        "held": False,
        "remote_name": "",
        "next_attempt_time": one.next_time,
    }


def end(unit: UnitOfWork, outcomes: Mapping[int, tuple[State, str]]) -> None:
    """End notices that are not sent of their own, with state and reason of each."""
    if outcomes:
        over = {"end_time": unit.now, "next_attempt_time": None, "lease_until": None, "lease_owner": None}
        rows = [{"id": id_, "state": state, "reason": reason, **over} for id_, (state, reason) in outcomes.items()]
        update_many(unit.connection, notice, rows, by=["id"])


def withdraw(unit: UnitOfWork, causes: Collection[str], reason: str) -> None:
    """Tell nobody any more because of these: what waits is suppressed, and no channel follows what was told.

    What has left under an id stays as it is; should it come back, it is over.
    """
    ours = C.cause.in_(causes)
    still = ours & C.next_attempt_time.is_not(None) & C.request_id.is_(None)
    over = {"next_attempt_time": None, "lease_until": None, "lease_owner": None, "reason": reason}
    unsaid = {**over, "state": State.SUPPRESSED, "end_time": unit.now}
    unit.connection.execute(update(notice).where(still, C.state == State.WAITING).values(unsaid))
    unit.connection.execute(update(notice).where(still, C.state == State.SENT).values(over))
    told = ours & C.state.in_((State.SENT, State.DELIVERED))
    unit.connection.execute(update(notice).where(told).values(expire_time=unit.now))


# -- what is due ------------------------------------------------------------------------------------------------------


def claim_due(unit: UnitOfWork, *, limit: int, lease: timedelta, owner: str) -> list[Claim]:
    return claim(unit, notice, limit=limit, lease=lease, owner=owner)


def waiting_for(unit: UnitOfWork, recipient: str, channel: int) -> list[Any]:
    """Return what waits to leave for somebody over a channel, in order, and keep it until the unit ends.

    Without what another worker has in its hands, or has left under an id already.
    """
    free = or_(C.lease_until.is_(None), C.lease_until <= unit.now)
    query = (
        select(C.id, C.subject, C.text, C.urgent, C.held, C.expire_time, C.create_time, C.follows)
        .where(C.recipient == recipient, C.channel == channel, C.state == State.WAITING)
        .where(C.request_id.is_(None), free)
        .order_by(C.id)
        .with_for_update(skip_locked=True)
    )
    return list(unit.connection.execute(query))


def sent_times(unit: UnitOfWork, recipient: str, channel: int) -> list[datetime]:
    """Return when parcels left for somebody over a channel within the last hour."""
    query = select(C.sent_time).where(C.recipient == recipient, C.channel == channel, C.sent_time > unit.now - HOUR)
    return list(unit.connection.execute(query.where(C.carried_by.is_(None))).scalars())


def bind(unit: UnitOfWork, parcel: Parcel, request_id: str) -> None:
    """Write what leaves together, under which id, and that it is about to."""
    said = {"request_id": request_id, "parcel_subject": parcel.subject, "parcel_text": parcel.text}
    unit.connection.execute(update(notice).where(C.id == parcel.carrier).values(sent_time=unit.now, **said))
    if not parcel.carried:
        return
    values: dict[str, Any] = {"carried_by": parcel.carrier, "next_attempt_time": None, "lease_until": None}
    if parcel.summed_up:
        reason = f"summed up in notices/{parcel.carrier}"
        values |= {"state": int(State.SUPPRESSED), "reason": reason, "end_time": unit.now}
    else:
        values |= {"reason": f"bundled with notices/{parcel.carrier}"}
    unit.connection.execute(update(notice).where(C.id.in_(parcel.carried)).values(values))


def hold(unit: UnitOfWork, ids: Collection[int], until: datetime, reason: str) -> None:
    """Keep notices back."""
    keep = {"held": True, "reason": reason, "next_attempt_time": until, "lease_until": None, "lease_owner": None}
    unit.connection.execute(update(notice).where(C.id.in_(ids)).values(keep))


def follow(unit: UnitOfWork, carrier: int, **values: Any) -> None:
    """Write the outcome of a parcel into what it carried."""
    same = (C.carried_by == carrier) & (C.state != State.SUPPRESSED)
    unit.connection.execute(update(notice).where(same).values(**values))


def carried_by(unit: UnitOfWork, carrier: int) -> list[Any]:
    """Return the notices that left with another one, without those it names by their subjects only."""
    query = select(notice).where(C.carried_by == carrier, C.state != State.SUPPRESSED).order_by(C.id)
    return list(unit.connection.execute(query).mappings())


def say(unit: UnitOfWork, id_: int, reason: str) -> None:
    """Write why a notice stands as it does."""
    unit.connection.execute(update(notice).where(C.id == id_).values(reason=reason))


def channels_of(unit: UnitOfWork, cause: str, recipient: str) -> frozenset[Channel]:
    """Return over which channels somebody was told because of something."""
    query = select(C.channel).where(C.cause == cause, C.recipient == recipient)
    return frozenset(Channel(one) for one in unit.connection.execute(query).scalars())


def inbox_places(unit: UnitOfWork, ids: Iterable[int]) -> dict[int, tuple[str, int]]:
    """Return employee and number of the message, of those of these notices that lie in an inbox."""
    return {row.id: (row.employee, row.inbox_sequence) for row in _PLACES.run(unit.connection, ids=set(ids))}


def page(unit: UnitOfWork, conditions: Sequence[ColumnElement[bool]], before: int | None, limit: int) -> list[Any]:
    """Return notices, the newest first."""
    query = select(notice).where(*conditions).order_by(C.id.desc()).limit(limit)
    return list(unit.connection.execute(query if before is None else query.where(C.id < before)))


def told(unit: UnitOfWork, cause: str) -> list[Any]:
    """Return the notices of a cause, in the order in which they were told."""
    return list(unit.connection.execute(select(notice).where(C.cause == cause).order_by(C.id)))


def told_over(unit: UnitOfWork, recipient: str, channel: Channel, since: datetime) -> list[str]:
    """Return what notices to somebody were about that left over a channel since then, the latest first."""
    query = select(C.about).where(C.recipient == recipient, C.channel == channel, C.sent_time >= since)
    return list(dict.fromkeys(unit.connection.execute(query.order_by(C.sent_time.desc(), C.id.desc())).scalars()))


def prune(unit: UnitOfWork, before: datetime, *, limit: int) -> int:
    """Forget notices told before an instant with which nothing is to do; return how many."""
    old = select(C.id).where(C.create_time < before, C.next_attempt_time.is_(None)).limit(limit)
    return unit.connection.execute(delete(notice).where(C.id.in_(old))).rowcount


# -- preferences ------------------------------------------------------------------------------------------------------


def preferences_row(unit: UnitOfWork, employee: str, *, lock: bool = False) -> Any:
    """Return the row of an employee, None when he has said nothing."""
    query = select(preferences).where(_P.employee == employee)
    return unit.connection.execute(query.with_for_update() if lock else query).one_or_none()


def preferences_of(unit: UnitOfWork, employees: Iterable[str]) -> dict[str, Preferences]:
    """Return what those of these employees want who have said something."""
    return {row.employee: wanted(row) for row in _WANTED.run(unit.connection, employees=set(employees))}


def wanted(row: Any) -> Preferences:
    """Return what a row of preferences says.

    Raises:
        InvalidArgument: the window of quiet hours is none.
    """
    after = row.fallback_seconds
    return Preferences(
        channels=frozenset(Channel(one) for one in row.channels),
        fallback=tuple(Channel(one) for one in row.fallback_channels),
        fallback_after=None if after is None else timedelta(seconds=after),
        quiet=tuple(_quiet(at, *one) for at, one in enumerate(row.quiet_hours)),
        additional_mail=row.additional_mail_address,
    )


def _quiet(at: int, weekdays: Sequence[int], start: int, end: int) -> QuietHours:
    if start == end:
        field = f"notification_preferences.quiet_hours[{at}].window"
        raise InvalidArgument([Violation(field, "opens and closes at the same time; 00:00 to 24:00 is a whole day")])
    window = Window(opens=TimeOfDay(start), closes=TimeOfDay(end))
    return QuietHours(window=window, weekdays=frozenset(one - 1 for one in weekdays) or frozenset(range(7)))


def save_preferences(unit: UnitOfWork, old: Any, row: Mapping[str, Any]) -> None:
    """Write what an employee wants; `old` is the row before, None for the first."""
    revision = old.revision + 1 if old is not None else 1
    values = {**row, "revision": revision, "update_time": unit.now}
    if old is None:
        unit.connection.execute(insert(preferences).values(values))
    else:
        unit.connection.execute(update(preferences).where(_P.employee == old.employee).values(values))
