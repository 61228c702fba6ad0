"""One round of a mailbox: take in what both sides tell, decide, write down what is to be done, do it, note the outcome.

Taking in is one transaction with the token it was read up to. Everything after it follows from the rows alone, so that
a process may die anywhere: what was not done is decided again, what may have been done is looked up first.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

from server_business.exchange import rules
from server_business.exchange.calendar import Calendar, Item, Missing, Outcome, Refused, TokenLost, Write, Written
from server_business.exchange.items import Fields, Kind, shown, spoken
from server_business.exchange.rules import (
    Act,
    Brake,
    Decision,
    Direction,
    Event,
    Link,
    Note,
    Place,
    Policy,
    Side,
    Verb,
)

BATCH: Final = 100
"""So many are handed over at once; of so many nobody knows after a crash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What an administrator is asked (Bremse).

    Attributes:
        place: where something would be deleted, or which side is empty.
        kind: of what.
        deletions: how many; 0: the side is empty although it had items, and would be filled again.
        linked: how many items both sides have.
    """

    place: Place
    kind: Kind
    deletions: int
    linked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """How far a mailbox is.

    Attributes:
        tokens: up to where was read, by side and kind.
        questions: that wait for an answer; what they ask about is held back.
        allowed: what an administrator has allowed in the next round: so many deletions; any number fills an empty side.
        restored: where he wants to have back what would be deleted.
    """

    tokens: Mapping[tuple[Place, Kind], str] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    allowed: Mapping[tuple[Place, Kind], int] = field(default_factory=dict)
    restored: frozenset[tuple[Place, Kind]] = frozenset()


class Book(Protocol):
    """What is kept of one mailbox."""

    def marks(self) -> Marks: ...

    def by_id(self, kind: Kind, place: Place, ids: Collection[str]) -> Iterable[Link]:
        """Return the links of these items."""

    def by_uid(self, kind: Kind, uids: Collection[str]) -> Iterable[Link]: ...

    def there(self, kind: Kind, place: Place) -> Iterable[Link]:
        """Return the links with an item on that side."""

    def due(self, kind: Kind) -> Iterable[Link]:
        """Return the links with which something is to be done."""

    def count(self, kind: Kind) -> int:
        """Return how many items both sides have agreed on."""

    def save(
        self,
        links: Sequence[tuple[Link, bool]],
        *,
        forgotten: Sequence[Link] = (),
        notes: Sequence[Note] = (),
        marks: Marks | None = None,
    ) -> None:
        """Write everything in one transaction; of a link also whether it is due."""


@dataclass(slots=True)
class Report:
    """What a round did.

    Attributes:
        taken: how many changes were taken in.
        acts: what was done, and with `Engine.plan` what would be.
        refused: how many were refused.
        stale: how many wait because they were changed meanwhile.
        questions: that hold something back.
        unreadable: items that a side has and cannot read: why not, by id.
    """

    taken: int = 0
    acts: list[tuple[Link, Act]] = field(default_factory=list)
    refused: int = 0
    stale: int = 0
    questions: tuple[Question, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)


class Engine:
    """The sync of one mailbox.

    Args:
        book: what is kept of it.
        sides: the ERP and the mailbox.
        policy: how it is kept.
        brake: when an administrator is asked.
        now: the clock.
    """

    def __init__(
        self,
        book: Book,
        sides: Mapping[Place, Calendar],
        policy: Policy,
        brake: Brake,
        now: Callable[[], datetime],
    ) -> None:
        self._book = book
        self._sides = sides
        self._policy = policy
        self._brake = brake
        self._now = now
        self._report = Report()
        self._asked: list[Question] = []

    def round(self) -> Report:
        """Bring both sides together, as far as they can be reached.

        Raises:
            Away: one of them does not answer; what was done is kept.
            Departed: one of them is gone; nothing is done any more, and nothing deleted.
        """
        self._report, self._asked = Report(), []
        for kind in self._kinds():
            for place in Place:
                self._take_in(place, kind)
            self._resume(kind)
            for place in Place:
                if (place, kind) in self._book.marks().restored:
                    self._restore(place, kind)
                self._act(place, kind)
        self._answered()
        return self._report

    def plan(self) -> Report:
        """Return what `round` would do, from the same functions; nothing is written on either side.

        Run it on a book of which nothing is kept.
        """
        self._report, self._asked = Report(), []
        for kind in self._kinds():
            for place in Place:
                self._take_in(place, kind)
            self._resume(kind)
            decided = [self._decide(link) for link in self._book.due(kind)]
            self._report.acts += [(one.link, one.act) for one in decided if one.act is not None]
            self._held(kind, [one.act for one in decided if one.act is not None])
        self._report.questions = tuple(self._asked)
        return self._report

    def _kinds(self) -> list[Kind]:
        return [kind for kind in Kind if self._policy.directions.get(kind, Direction.OFF) is not Direction.OFF]

    # -- taking in ----------------------------------------------------------------------------------------------------

    def _take_in(self, place: Place, kind: Kind) -> None:
        side = self._sides[place]
        token = self._book.marks().tokens.get((place, kind), "")
        try:
            while token:
                page = side.changes(kind, token)
                self._report.unreadable.update(page.unreadable)
                if page.items or page.token != token:
                    self._note_changes(place, kind, page.items, page.token)
                if not page.more:
                    return
                token = page.token
        except TokenLost:
            pass
        self._read_anew(place, kind)

    def _read_anew(self, place: Place, kind: Kind) -> None:
        """Take in all there is. What is missing was not deleted for that: nobody has said so."""
        items: dict[str, Item] = {}
        unreadable: dict[str, str] = {}
        token, more = "", True
        while more:
            page = self._sides[place].changes(kind, token)
            items.update((one.id, one) for one in page.items)
            unreadable.update(page.unreadable)
            self._report.unreadable.update(page.unreadable)
            token, more = page.token, page.more
        present = [one for one in items.values() if one.fields is not None]
        told = items.keys() | unreadable.keys()
        untold = [link.side(place).id for link in self._book.there(kind, place) if link.side(place).id not in told]
        items.update((one.id, one) for one in self._sides[place].look(kind, untold))
        told = items.keys() | unreadable.keys()
        missing = [link for link in self._book.there(kind, place) if link.side(place).id not in told]
        if missing and not present and self._is_odd(place, kind, len(missing)):
            return
        # What was deleted while the pages were read somebody has said: it is in `items`, and not among the missing.
        self._note_changes(place, kind, list(items.values()), token, missing)

    def _is_odd(self, place: Place, kind: Kind, missing: int) -> bool:
        """Ask whether an empty side is to be filled again, if it had more than a few items."""
        if missing <= self._brake.minimum or (place, kind) in self._book.marks().allowed:
            return False
        self._asked.append(Question(place=place, kind=kind, deletions=0, linked=self._book.count(kind)))
        return True

    def _note_changes(
        self, place: Place, kind: Kind, items: Sequence[Item], token: str, missing: Sequence[Link] = ()
    ) -> None:
        links = {link.side(place).id: link for link in self._book.by_id(kind, place, [one.id for one in items])}
        news = [one for one in items if one.fields is not None and one.id not in links]
        by_uid = {link.uid: link for link in self._book.by_uid(kind, [one.uid for one in news])}
        gone = {link.uid for link in missing}
        kept_already = {link.uid for link in links.values()} | by_uid.keys() | gone
        notes: list[Note] = []
        touched: dict[str, Link] = {}
        for item in sorted(
            items, key=lambda one: one.fields is not None
        ):  # what is gone comes first: it may have moved
            link = links.get(item.id)
            if link is None:
                if item.fields is None:
                    continue
                link = self._met(place, kind, item, touched.get(item.uid) or by_uid.get(item.uid), gone)
                gone.discard(link.uid)  # it has moved
            touched[link.uid] = _seen(touched.get(link.uid, link), place, item)
        for link in missing:
            if link.uid not in gone:
                continue
            side = link.side(place)
            if side.base is not None:
                notes.append(Note(uid=link.uid, kind=kind, event=Event.RESTORED, place=place))
            touched[link.uid] = self._missed(touched.get(link.uid, link), place)
        marks = self._book.marks()
        marks = replace(marks, tokens={**marks.tokens, (place, kind): token})
        self._report.taken += len(items)
        # One that waits is told of its change too: it would be written as it was before.
        kept = [link for link in touched.values() if link.uid in kept_already or not self._is_nothing(link)]
        self._save(kept, notes=notes, marks=marks)

    def _met(self, place: Place, kind: Kind, item: Item, known: Link | None, gone: Collection[str]) -> Link:
        """Return the link of an item that was not seen there before: one that came back, one of ours, or a new one."""
        if known is None:
            return Link(uid=item.uid, kind=kind, origin=place)
        side = known.side(place)
        if side.seen is None or known.uid in gone or side.id in ("", item.id):
            return known
        # A copy that somebody has made carries our mark too; it is an item of its own.
        return Link(uid=f"{item.uid}#{item.id}"[-255:], kind=kind, origin=place)

    def _missed(self, link: Link, place: Place) -> Link:
        side = link.side(place)
        fields = link.side(place.other).seen
        outside = fields is not None and not self._policy.has_room(link.kind, fields, self._now())
        # Where the other side's change would not be taken over it cannot be written anew either.
        alone = outside or side.conference or side.fixed
        link = replace(link, detached=link.detached or alone)
        return link.put(place, replace(side, base=None, seen=None, version=""))

    def _is_nothing(self, link: Link) -> bool:
        """Return whether there is no need to begin a link: only one side has it, and the other never will."""
        there = _there(link)
        if len(there) != 1 or link.side(there[0]).base is not None or link.intention is not None:
            return False
        said = link.side(there[0]).seen
        assert said is not None
        return link.side(there[0].other).id == "" and self._policy.is_over(link.kind, said, self._now())

    def _restore(self, place: Place, kind: Kind) -> None:
        """Write what would be deleted on that side to the other one again, as an administrator wants it."""
        kept, notes = [], []
        for link in self._book.due(kind):
            act = self._decide(link).act
            if act is not None and act.place is place and act.verb is Verb.DELETE:
                kept.append(link.put(place.other, replace(link.side(place.other), base=None)))
                notes.append(Note(uid=link.uid, kind=kind, event=Event.RESTORED, place=place.other))
        self._save(kept, notes=notes)

    # -- doing --------------------------------------------------------------------------------------------------------

    def _resume(self, kind: Kind) -> None:
        """Find out what became of what was being done when a process died or a connection was lost."""
        begun = [link for link in self._book.due(kind) if link.intention is not None]
        for place in Place:
            there = [link for link in begun if link.intention is not None and link.intention.place is place]
            lost = [
                link.uid
                for link in there
                if link.intention is not None and link.intention.verb is Verb.CREATE and link.side(place).seen is None
            ]
            found = {one.uid: one for one in self._sides[place].find(kind, lost)} if lost else {}
            settled = []
            for link in there:
                item = found.get(link.uid)
                settled.append(rules.resumed(_seen(link, place, item) if item is not None else link))
            if settled:
                self._save(settled)

    def _act(self, place: Place, kind: Kind) -> None:
        due = list(self._book.due(kind))
        decided = [self._decide(link) for link in due]
        held = self._held(kind, [one.act for one in decided if one.act is not None])
        self._note_quiet([(link, one) for link, one in zip(due, decided, strict=True) if one.act is None])
        acts = [
            one
            for one in decided
            if one.act is not None and one.act.place is place and not (one.act.verb is Verb.DELETE and place in held)
        ]
        for start in range(0, len(acts), BATCH):
            self._do(place, acts[start : start + BATCH])

    def _note_quiet(self, quiet: Sequence[tuple[Link, Decision]]) -> None:
        """Write down what follows without an act; what only waits, as it did before, is not written again."""
        forgotten = [one.link for _, one in quiet if one.forget]
        moved = [one.link for link, one in quiet if not one.forget and (one.link != link or not self._is_due(link))]
        if moved or forgotten:
            self._save(moved, forgotten=forgotten, notes=[note for _, one in quiet for note in one.notes])

    def _held(self, kind: Kind, acts: Sequence[Act]) -> Collection[Place]:
        """Return the sides on which nothing is deleted until an administrator has answered."""
        allowed = self._book.marks().allowed
        linked = self._book.count(kind)
        held = []
        for place in Place:
            deletions = sum(1 for act in acts if act.place is place and act.verb is Verb.DELETE)
            if self._brake.holds(deletions, linked) and deletions > allowed.get((place, kind), 0):
                held.append(place)
                question = Question(place=place, kind=kind, deletions=deletions, linked=linked)
                if not any((one.place, one.kind) == (place, kind) for one in self._asked):
                    self._asked.append(question)
        return held

    def _answered(self) -> None:
        """Keep what is asked now; an answer holds for one round."""
        marks = self._book.marks()
        self._report.questions = tuple(self._asked)
        if marks.questions == self._report.questions and not marks.allowed and not marks.restored:
            return
        notes = [
            Note(uid="", kind=one.kind, event=Event.BRAKED, place=one.place, overruled=str(one.deletions))
            for one in self._asked
            if one not in marks.questions
        ]
        answered = replace(marks, questions=self._report.questions, allowed={}, restored=frozenset())
        self._save([], notes=notes, marks=answered)

    def _do(self, place: Place, decided: Sequence[Decision]) -> None:
        begun = [replace(one.link, intention=one.act) for one in decided]
        self._save(begun, notes=[note for one in decided for note in one.notes])
        writes = [_write(link, place) for link in begun]
        outcomes = self._sides[place].write(writes)
        notes: list[Note] = []
        after = []
        for link, outcome in zip(begun, outcomes, strict=True):
            assert link.intention is not None
            after.append(self._came_of(link, link.intention, outcome, notes))
        self._save(after, notes=notes)

    def _came_of(self, link: Link, act: Act, outcome: Outcome, notes: list[Note]) -> Link:
        if isinstance(outcome, Written):
            before = _before(link, act)
            link = rules.done(link, act, outcome.lacking)
            self._report.acts.append((link, act))
            if act.verb is Verb.DELETE:
                return link
            side = replace(
                link.side(act.place),
                id=outcome.id,
                version=outcome.version,
                modified=outcome.modified,
                seen=rules.after(before, act, outcome.lacking),
            )
            link = link.put(act.place, side)
            return self._refused(link, act, outcome.reason, notes) if outcome.lacking else link
        link = replace(link, intention=None)
        if isinstance(outcome, Missing):
            return link.put(act.place, replace(link.side(act.place), seen=None))
        if isinstance(outcome, Refused):
            return self._refused(link, act, outcome.reason, notes)
        self._report.stale += 1
        return link

    def _refused(self, link: Link, act: Act, reason: str, notes: list[Note]) -> Link:
        self._report.refused += 1
        notes.append(Note(uid=link.uid, kind=link.kind, event=Event.REFUSED, place=act.place, overruled=reason[:500]))
        return replace(link, problem=reason[:500] or "refused")

    def _decide(self, link: Link) -> Decision:
        return rules.decide(link, self._policy, self._now())

    def _save(
        self,
        links: Sequence[Link],
        *,
        forgotten: Sequence[Link] = (),
        notes: Sequence[Note] = (),
        marks: Marks | None = None,
    ) -> None:
        due = [(link, self._is_due(link)) for link in links]
        self._book.save(due, forgotten=forgotten, notes=notes, marks=marks)

    def _is_due(self, link: Link) -> bool:
        if link.intention is not None:
            return True
        decision = self._decide(link)
        if decision.act is not None or decision.forget or decision.link != link:
            return True
        if link.linked or link.detached or link.problem or len(there := _there(link)) != 1:
            return False
        # One that lies too far ahead becomes due by waiting.
        said = link.side(there[0]).seen or {}
        return self._policy.takes(there[0].other, link.kind) and not self._policy.is_over(link.kind, said, self._now())


def _there(link: Link) -> list[Place]:
    return [place for place in Place if link.side(place).seen is not None]


def _seen(link: Link, place: Place, item: Item) -> Link:
    """Return a link with what a side tells of its item."""
    side = link.side(place)
    if item.fields is None:
        return replace(link.put(place, replace(side, seen=None)), problem="")
    fields = spoken(item.fields)
    if place is Place.EXCHANGE:
        fields = shown(fields)  # what is private there is not even stored here
    if item.version == side.version and item.id == side.id and side.seen is not None:
        if side.seen == fields:
            return link
        if link.linked:
            return link.put(place, _spelled(side, fields))
    news = Side(
        id=item.id,
        version=item.version,
        modified=item.modified,
        base=side.base,
        seen=fields,
        conference=item.conference,
        fixed=item.fixed,
    )
    return replace(link.put(place, news), problem="")


def _spelled(side: Side, fields: Fields) -> Side:
    """Return a side whose own write comes back spelled differently: that is no change, where both had agreed."""
    seen, base = side.seen or {}, dict(side.base or {})
    for name in {*seen, *fields}:
        if seen.get(name, "") == base.get(name, ""):
            base[name] = fields.get(name, "")
    return replace(side, seen=fields, base=spoken(base))


def _write(link: Link, place: Place) -> Write:
    act, side = link.intention, link.side(place)
    assert act is not None
    return Write(
        kind=link.kind,
        verb=act.verb,
        uid=link.uid,
        id=side.id if act.verb is not Verb.CREATE else "",
        version=side.version,
        changes=act.changes,
        target=rules.after(_before(link, act), act),
    )


def _before(link: Link, act: Act) -> Fields:
    """Return what a side says before it is written to."""
    seen = link.side(act.place).seen
    return seen if seen is not None and act.verb is not Verb.CREATE else {}
