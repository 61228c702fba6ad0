"""What is done so that both sides say the same of an item, and what is not done (Abgleich).

A link holds of each side what was agreed (`base`) and what it says now (`seen`). Everything follows from that: a side
has changed what in its `seen` differs from its `base`. Two bases, because a side may keep what the other did not take.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final

from mesh.recurrence import last_day
from server_business.exchange.items import (
    CARRIED,
    COMPLETED,
    EXCEPTION,
    SERIES,
    TEXTS,
    YES,
    Fields,
    Kind,
    When,
    is_private,
    shown,
    spoken,
)

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Place(IntEnum):
    """A side. The numbers are those of the contract's `SyncPlace`."""

    ERP = 1
    EXCHANGE = 2

    @property
    def other(self) -> "Place":
        return Place.EXCHANGE if self is Place.ERP else Place.ERP


class Direction(IntEnum):
    """Which side takes changes over. The numbers are those of the setting."""

    BOTH = 1
    TO_EXCHANGE = 2
    TO_ERP = 3
    OFF = 4


class Winner(IntEnum):
    """Whose change counts when both have changed the same. The numbers are those of the setting."""

    NEWEST = 1
    ERP = 2
    EXCHANGE = 3


class Verb(IntEnum):
    """The numbers are those of the contract's `SyncVerb`."""

    CREATE = 1
    UPDATE = 2
    DELETE = 3


class Event(IntEnum):
    """What stands in the log. The numbers are those of the contract's `SyncEvent`."""

    CONFLICT = 2
    """Both sides had changed the same; one of them counts."""
    NOT_TAKEN = 3
    """A change that the other side does not take: a conference, a direction, a record of another function."""
    KEPT = 4
    """Deleted on one side, and kept on the other."""
    OUTLIVED = 5
    """Deleted on one side while it was changed on the other: the change counts."""
    RESTORED = 6
    """Missing on one side after everything was read anew: written again."""
    REFUSED = 7
    """The other side does not accept it."""
    BRAKED = 8
    RELEASED = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """An item on one side.

    Attributes:
        id: how the side calls it; empty: it was never there.
        version: changes with every change there.
        modified: when it was changed there, by that side's clock.
        base: what both sides agreed on, as this side says it; None: nothing.
        seen: what it says now; None: it is not there.
        conference: people outside are invited, or it is an invitation.
        fixed: cannot be changed from the other side: a record of another function, an invitation of somebody else.
    """

    id: str = ""
    version: str = ""
    modified: datetime = NEVER
    base: Fields | None = None
    seen: Fields | None = None
    conference: bool = False
    fixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something to be done on one side.

    Attributes:
        place: where.
        verb: what.
        changes: fields to be written; an empty value takes the field away.
    """

    place: Place
    verb: Verb
    changes: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An item of a mailbox on both sides.

    Attributes:
        uid: names it on both sides, unique in its mailbox and kind; written with it, so that it is found by it again.
        kind: appointment or task.
        origin: where it was made.
        erp: there.
        exchange: there.
        detached: gone on one side, and kept for itself on the other.
        intention: what is being done; of which nobody knows whether it was done, after a process has died.
        problem: why a side refused; nothing more is tried before something changes.
    """

    uid: str
    kind: Kind
    origin: Place
    erp: Side = Side()
    exchange: Side = Side()
    detached: bool = False
    intention: Act | None = None
    problem: str = ""

    def side(self, place: Place) -> Side:
        return self.erp if place is Place.ERP else self.exchange

    def put(self, place: Place, side: Side) -> "Link":
        return replace(self, erp=side) if place is Place.ERP else replace(self, exchange=side)

    @property
    def linked(self) -> bool:
        """Whether both sides have agreed on something."""
        return self.erp.base is not None and self.exchange.base is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line of the log.

    Attributes:
        uid: of the item.
        kind: of the item.
        event: what happened.
        place: where it was written, whose change counts, or where it is kept.
        field: of which this is said; empty: of the whole item.
        overruled: what does not count any more, or why.
    """

    uid: str
    kind: Kind
    event: Event
    place: Place
    field: str = ""
    overruled: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a mailbox is kept.

    Attributes:
        directions: of each kind.
        winner: whose change counts when both have changed the same.
        carried: fields that both sides can say, of each kind.
        past: how long ago an item may have ended to be written to the other side.
        future: how far ahead it may begin.
    """

    directions: Mapping[Kind, Direction]
    winner: Winner = Winner.NEWEST
    carried: Mapping[Kind, frozenset[str]]
    past: timedelta
    future: timedelta

    def takes(self, place: Place, kind: Kind) -> bool:
        """Return whether a side takes changes over."""
        way = Direction.TO_ERP if place is Place.ERP else Direction.TO_EXCHANGE
        return self.directions.get(kind, Direction.OFF) in (Direction.BOTH, way)

    def is_over(self, kind: Kind, said: Fields, now: datetime) -> bool:
        """Return whether an item is so long ago that it is not written to the other side any more."""
        if kind is Kind.TASK:
            return said.get("status") == COMPLETED
        if not said.get("when"):
            return True
        if recurrence := said.get("recurrence"):
            last = last_day(recurrence)
            return last is not None and _day(last, 1) < now - self.past
        return _day(When.of(said["when"]).end, 1) < now - self.past

    def has_room(self, kind: Kind, said: Fields, now: datetime) -> bool:
        """Return whether an item lies in the window: not over, and not too far ahead."""
        if self.is_over(kind, said, now):
            return False
        return kind is Kind.TASK or _day(When.of(said["when"]).start, 0) <= now + self.future


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows for a link.

    Attributes:
        link: with what needs no act: bases that moved, detached.
        act: the next one, or None when there is nothing to do.
        notes: for the log.
        forget: it is gone on both sides.
    """

    link: Link
    act: Act | None = None
    notes: tuple[Note, ...] = ()
    forget: bool = False


def decide(link: Link, policy: Policy, now: datetime) -> Decision:
    """Return the next step towards both sides saying the same."""
    if link.problem:
        return Decision(link=link)
    there = [place for place in Place if link.side(place).seen is not None]
    if not there:
        return Decision(link=link, forget=True)
    if len(there) == 1:
        return _one_sided(link, there[0], policy, now)
    return _merged(link, policy)


def may_write(link: Link, place: Place, policy: Policy) -> bool:
    """Return whether a side takes changes of an item that is there over."""
    if not policy.takes(place, link.kind) or link.side(place).fixed:
        return False
    # As documented: conferences are not changed or deleted in the ERP when they are in Exchange.
    return place is Place.EXCHANGE or not (link.erp.conference or link.exchange.conference)


def _one_sided(link: Link, place: Place, policy: Policy, now: datetime) -> Decision:
    there, gone = link.side(place), link.side(place.other)
    assert there.seen is not None
    if gone.base is None:
        said = carried(shown(there.seen), link.kind, policy)
        wanted = not link.detached and policy.takes(place.other, link.kind) and policy.has_room(link.kind, said, now)
        return Decision(link=link, act=Act(place=place.other, verb=Verb.CREATE, changes=said) if wanted else None)
    if not may_write(link, place, policy):
        alone = replace(link.put(place.other, replace(gone, base=None)), detached=True)
        return Decision(link=alone, notes=(_note(link, Event.KEPT, place),))
    if _changes(link, place, policy):
        again = _one_sided(link.put(place.other, replace(gone, base=None)), place, policy, now)
        return replace(again, notes=(_note(link, Event.OUTLIVED, place), *again.notes))
    return Decision(link=link, act=Act(place=place, verb=Verb.DELETE, changes={}))


def _changes(link: Link, place: Place, policy: Policy) -> bool:
    side = link.side(place)
    assert side.seen is not None
    hidden = TEXTS if is_private(side.seen) else frozenset()
    now, then = (
        {name: value for name, value in carried(shown(said), link.kind, policy).items() if name not in hidden}
        for said in (side.seen, _said(side.base))
    )
    return now != then


def carried(said: Fields, kind: Kind, policy: Policy) -> dict[str, str]:
    """Leave out what not both sides can say."""
    names = policy.carried.get(kind, CARRIED[kind])
    series = kind is Kind.APPOINTMENT
    return {
        name: value
        for name, value in said.items()
        if value and (name in names or (series and name.startswith(EXCEPTION)))
    }


# -- both are there ---------------------------------------------------------------------------------------------------


def _merged(link: Link, policy: Policy) -> Decision:
    merge = _Merge(link, policy)
    for names in merge.units():
        merge.unit(names)
    done = merge.link()
    for place in Place:  # the ERP first: it answers at once, and never refuses for a while
        if merge.changes[place]:
            act = Act(place=place, verb=Verb.UPDATE, changes=merge.changes[place])
            return Decision(link=done, act=act, notes=tuple(merge.notes))
    return Decision(link=done, notes=tuple(merge.notes))


class _Merge:
    """Field by field: who has changed it, and whether the other side takes it."""

    def __init__(self, link: Link, policy: Policy) -> None:
        self._link = link
        self._policy = policy
        self._seen = {place: carried(shown(_said(link.side(place).seen)), link.kind, policy) for place in Place}
        self._base = {place: carried(_said(link.side(place).base), link.kind, policy) for place in Place}
        self._blind = not link.linked
        self._may = {place: may_write(link, place, policy) for place in Place}
        self._newer = _newer(link, policy)
        self.changes: dict[Place, dict[str, str]] = {place: {} for place in Place}
        self.notes: list[Note] = []

    def units(self) -> list[list[str]]:
        """Return what is merged as one: a series with its exceptions if its pattern has changed, else each field."""
        names = sorted({name for said in (*self._seen.values(), *self._base.values()) for name in said})
        if is_private(_said(self._link.erp.seen)):
            names = [name for name in names if name not in TEXTS]
        series = [name for name in names if name in SERIES or name.startswith(EXCEPTION)]
        if not any(self._changed(place, [one]) for one in SERIES for place in Place):
            series = []
        return [[name] for name in names if name not in series] + ([series] if series else [])

    def unit(self, names: list[str]) -> None:
        """Merge what belongs together."""
        if all(self._value(Place.ERP, name) == self._value(Place.EXCHANGE, name) for name in names):
            self._agree(Place.ERP, names)
            self._agree(Place.EXCHANGE, names)
            return
        changed = [place for place in Place if self._blind or self._changed(place, names)]
        if not changed:
            return  # they differ because one side did not take a change, and nothing has happened since
        source = changed[0] if len(changed) == 1 else self._newer
        if names == ["private"] and self._value(source, "private") != YES and source is not self._link.origin:
            source = source.other  # only where it came from the mark may be lifted
        target = source.other
        if not self._may[target]:
            self._agree(source, names)
            if len(changed) == 1 or not self._may[source]:
                self._note(Event.NOT_TAKEN, target, source, names)
                self._agree(target, names)
                return
            source, target = target, source
        if len(changed) > 1:
            self._note(Event.CONFLICT, source, target, names)
        for name in names:
            if self._value(source, name) != self._value(target, name):
                self.changes[target][name] = self._value(source, name)
        self._agree_later(target, names)

    def link(self) -> Link:
        """Return the link with the bases moved."""
        link = replace(self._link, detached=False)
        for place in Place:
            side = self._link.side(place)
            if self._blind or dict(_said(side.base)) != self._base[place]:
                link = link.put(place, replace(side, base=self._base[place]))
        return link

    def _changed(self, place: Place, names: Iterable[str]) -> bool:
        return any(self._seen[place].get(name, "") != self._base[place].get(name, "") for name in names)

    def _value(self, place: Place, name: str) -> str:
        return self._seen[place].get(name, "")

    def _agree(self, place: Place, names: Iterable[str]) -> None:
        for name in names:
            self._base[place] = spoken({**self._base[place], name: self._value(place, name)})

    def _agree_later(self, target: Place, names: Iterable[str]) -> None:
        """Before the act nothing is agreed, but who has lost is known: looked at again, only the winner has changed."""
        self._agree(target, names)
        source = target.other
        if not self._changed(source, names):
            for name in names:
                self._base[source] = spoken({**self._base[source], name: self._value(target, name)})

    def _note(self, event: Event, counts: Place, overruled: Place, names: list[str]) -> None:
        field = names[0] if len(names) == 1 else "recurrence"
        text = ", ".join(self._value(overruled, name) for name in names if self._value(overruled, name))
        self.notes.append(_note(self._link, event, counts, field, text[:500]))


def _newer(link: Link, policy: Policy) -> Place:
    if policy.winner is not Winner.NEWEST:
        return Place(policy.winner - 1)
    return Place.EXCHANGE if link.exchange.modified > link.erp.modified else Place.ERP


def _said(said: Fields | None) -> Fields:
    return said if said is not None else {}


def _note(link: Link, event: Event, place: Place, field: str = "", overruled: str = "") -> Note:
    return Note(uid=link.uid, kind=link.kind, event=event, place=place, field=field, overruled=overruled)


def _day(moment: object, shift: int) -> datetime:
    """Return the instant of a moment; a whole day counts from anywhere on earth."""
    if isinstance(moment, datetime):
        return moment
    return datetime.fromisoformat(f"{moment}T00:00:00+00:00") + timedelta(days=1 if shift else -1)


# -- what was done ----------------------------------------------------------------------------------------------------


def done(link: Link, act: Act, lacking: Collection[str] = ()) -> Link:
    """Return a link of which it is known that the act was done: both sides have agreed on what it wrote.

    The side that was written to is what it is now; of the other one it is not said that nothing has changed since.

    Args:
        link: before.
        act: what was done.
        lacking: exceptions that the side does not have after it; of them nothing is agreed.
    """
    link = replace(link, intention=None)
    if act.verb is Verb.DELETE:
        side = link.side(act.place)
        return link.put(act.place, replace(side, base=None, seen=None, version=""))
    for place in Place:
        side = link.side(place)
        before = {} if act.verb is Verb.CREATE else _said(side.base)
        link = link.put(place, replace(side, base=after(before, act, lacking)))
    return link


def after(before: Fields, act: Act, lacking: Collection[str] = ()) -> dict[str, str]:
    """Return what was said before with what the act wrote, but for the exceptions that are lacking.

    A series that was written anew has lost them; otherwise they are what they were.
    """
    kept = {} if _writes_anew(act) else before
    return spoken({**before, **act.changes, **{name: kept.get(name, "") for name in lacking}})


def _writes_anew(act: Act) -> bool:
    """Return whether an act takes all exceptions away before it writes them again: Exchange knows no other way."""
    return any(name in SERIES or (name.startswith(EXCEPTION) and not value) for name, value in act.changes.items())


def resumed(link: Link) -> Link:
    """Return a link with an intention of which nobody knows: what the side says shows how far it came.

    Whatever of it stands there now is agreed on. If somebody has changed it since, that is a change as any other.
    """
    act = link.intention
    assert act is not None
    seen = link.side(act.place).seen
    if act.verb is Verb.DELETE or seen is None:
        return replace(link, intention=None)
    if act.verb is not Verb.CREATE:
        act = replace(act, changes={name: value for name, value in act.changes.items() if seen.get(name, "") == value})
    return done(link, act, _not_yet_written(link, act, seen))


def _not_yet_written(link: Link, act: Act, seen: Fields) -> set[str]:
    """Return the exceptions of a series that was written anew which are not there: the side has not removed them."""
    if not _writes_anew(act):
        return set()
    names = {name for said in (act.changes, _said(link.erp.base), _said(link.exchange.base)) for name in said}
    return {name for name in names if name.startswith(EXCEPTION) and name not in seen}


# -- the brake --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """From how many deletions on an administrator is asked (Bremse).

    Attributes:
        minimum: so many are never asked about.
        percent: of all items that both sides have.
    """

    minimum: int = 10
    percent: int = 20

    def holds(self, deletions: int, linked: int) -> bool:
        return deletions > max(self.minimum, linked * self.percent // 100)
