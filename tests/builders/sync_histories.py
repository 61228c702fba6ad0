"""Random histories of a mailbox and its ERP side, from a seed: edits, moves, deletions, crashes, lost tokens and bases.

`python -m tests.builders.sync_histories 1000000` runs so many and says how fast. Every value that somebody writes is
unique, so that at the end it can be said of each: it stands there, or somebody who had it before his eyes has
overwritten or deleted it, or the log says that it was overruled.
"""

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from server_business.exchange.engine import Engine, Report
from server_business.exchange.items import CARRIED, Fields, Kind
from server_business.exchange.rules import Brake, Direction, Event, Place, Policy
from tests.fakes.calendars import MemoryBook, MemoryCalendar

ROUNDS = 3
_SPANS = [f"2026-12-{day:02d}T{hour:02d}:00:00Z" for day in range(1, 29) for hour in range(6, 18)]
_WORDS = {Kind.APPOINTMENT: ("title", "location", "description"), Kind.TASK: ("title", "description")}
POLICY = Policy(
    directions=dict.fromkeys(Kind, Direction.BOTH),
    carried=CARRIED,
    past=timedelta(days=30),
    future=timedelta(days=365),
)


class Crash(Exception):
    """The process dies here."""


@dataclass
class World:
    """Both sides, what is kept, and what people have done.

    Attributes:
        mailbox: makes the side of Exchange; None: it is in memory.
        fuse: how many steps of the sync it takes until the process dies; -1: it does not.
        values: what people have written and nobody has overwritten knowingly.
        overwritten: what they have overwritten in each item; it must not come back, unless the item was deleted after.
        changes: how many changes people have made, of which each may cost one write on the other side.
        busy: people work while the sync does.
        knows: the base was never lost.
    """

    rng: random.Random
    mailbox: "Callable[[World], Any] | None" = None
    fuse: int = -1
    values: set[str] = field(default_factory=set)
    overwritten: dict[str, set[str]] = field(default_factory=dict)
    changes: int = 0
    crashes: int = 0
    losses: int = 0
    number: int = 0
    busy: bool = False
    knows: bool = True
    clock: datetime = datetime(2026, 11, 20, 8, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.book = MemoryBook(self.trip)
        self.sides: dict[Place, Any] = {place: MemoryCalendar(self.now, place.name, self.trip) for place in Place}
        if self.mailbox is not None:
            self.sides[Place.EXCHANGE] = self.mailbox(self)
        self.engine = self.started()

    def started(self) -> Engine:
        return Engine(self.book, self.sides, POLICY, Brake(minimum=10_000), self.now)

    def now(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    def trip(self, at: str) -> None:
        if at == "before" and self.busy and self.rng.random() < 0.15:
            self.edit(Place.ERP, Kind.APPOINTMENT)  # somebody works while the sync does
        if self.fuse == 0:
            self.fuse = -1
            raise Crash
        self.fuse -= 1

    # -- what people do -----------------------------------------------------------------------------------------------

    def word(self) -> str:
        self.number += 1
        return f"v{self.number}"

    def make(self, place: Place, kind: Kind) -> None:
        said = {"title": self.word()}
        if kind is Kind.APPOINTMENT:
            said["when"] = self._when()
        else:
            said["status"] = "open"
        self.values.add(said["title"])
        self.changes += 1
        self.sides[place].put(kind, said)

    def edit(self, place: Place, kind: Kind) -> None:
        side = self.sides[place]
        if not (ids := list(side.items[kind])):
            return
        id_ = self.rng.choice(ids)
        said = dict(side.items[kind][id_].fields or {})
        name = self.rng.choice(_WORDS[kind])
        self.values.discard(said.get(name, ""))
        self.overwritten.setdefault(side.items[kind][id_].uid, set()).add(said.get(name, ""))
        said[name] = self.word()
        self.values.add(said[name])
        if kind is Kind.APPOINTMENT and self.rng.random() < 0.2:
            said["when"] = self._when()
        self.changes += 1
        side.put(kind, said, id_=id_)

    def delete(self, place: Place, kind: Kind) -> None:
        side = self.sides[place]
        if ids := list(side.items[kind]):
            id_ = self.rng.choice(ids)
            self.values.difference_update((side.items[kind][id_].fields or {}).values())
            self.overwritten.pop(side.items[kind][id_].uid, None)
            side.remove(kind, id_)
            self.changes += 1

    def move(self, kind: Kind) -> None:
        side = self.sides[Place.EXCHANGE]
        if ids := list(side.items[kind]):
            side.move(kind, self.rng.choice(ids))
            self.changes += 1

    def _when(self) -> str:
        at = self.rng.randrange(len(_SPANS) - 1)
        return f"{_SPANS[at]}/{_SPANS[at + 1]}"

    # -- what happens -------------------------------------------------------------------------------------------------

    def sync(self) -> Report | None:
        self.busy = True
        try:
            return self.engine.round()
        except Crash:
            self.crashes += 1
            self.engine = self.started()
            return None
        finally:
            self.busy = False

    def sync_and_die(self) -> None:
        self.fuse = self.rng.randrange(12)
        self.sync()
        self.fuse = -1

    def lose(self) -> None:
        self.losses += 1
        which = self.rng.randrange(4)
        if which == 2:
            # Without a base nobody knows what is newer than what was agreed: people notice, and nothing runs meanwhile.
            self.settle()
            self.book.lose_base()
            self.overwritten.clear()
            self.knows = False
        elif which == 3:
            # An older copy of the mailbox is put back: what is not in it was deleted by nobody.
            self.settle()
            mailbox = self.sides[Place.EXCHANGE]
            for kind in Kind:
                for id_ in list(mailbox.items[kind])[::2]:
                    mailbox.vanish(kind, id_)
            mailbox.lose_tokens()
        else:
            self.sides[Place(which + 1)].lose_tokens()

    # -- what must hold -----------------------------------------------------------------------------------------------

    def settle(self) -> int:
        """Run rounds until nothing happens; return how many it took."""
        self.fuse = -1
        for rounds in range(ROUNDS + 1):
            report = self.engine.round()
            if not report.acts and not report.stale and rounds:
                break
        else:
            raise AssertionError(f"not at rest after {ROUNDS} rounds: {report}")
        self.check()
        return rounds

    def check(self) -> None:
        for kind in Kind:
            said = [self._said(place, kind) for place in Place]
            assert said[0] == said[1], f"the sides differ: {said}"
            for place in Place:
                uids = [one.uid for one in self.sides[place].items[kind].values()]
                assert len(uids) == len(set(uids)), f"doubled at {place.name}: {uids}"
        there = {value for kind in Kind for said in self._said(Place.ERP, kind) for _, value in said}
        overruled = {
            word for note in self.book.notes if note.event is Event.CONFLICT for word in note.overruled.split(", ")
        }
        back = there & (set().union(*self.overwritten.values()) - {""})
        # Without a base the newer item counts as a whole, and the log says what that has overruled.
        assert not self.knows or not back, f"came back: {back}"
        lost = self.values - there - overruled
        assert not lost, f"lost: {lost}"
        writes = sum(len(side.written) for side in self.sides.values())
        anew = sum(1 for note in self.book.notes if note.event in (Event.RESTORED, Event.OUTLIVED, Event.CONFLICT))
        assert writes <= self.changes + anew, f"{writes} writes for {self.changes} changes and {anew} written anew"

    def _said(self, place: Place, kind: Kind) -> list[tuple[tuple[str, str], ...]]:
        fields: list[Fields] = [one.fields or {} for one in self.sides[place].items[kind].values()]
        return sorted(tuple(sorted(one.items())) for one in fields)


def history(seed: int, steps: int = 14, mailbox: Callable[[World], Any] | None = None) -> World:
    """Live through one history and make sure that everything holds at its end."""
    rng = random.Random(seed)
    world = World(rng, mailbox)
    for _ in range(rng.randrange(3, steps)):
        step(world, rng.random())
    world.settle()
    return world


def step(world: World, chance: float) -> None:
    """Let one thing happen."""
    place, kind = world.rng.choice(tuple(Place)), world.rng.choice((Kind.APPOINTMENT, Kind.APPOINTMENT, Kind.TASK))
    if chance < 0.25:
        world.make(place, kind)
    elif chance < 0.5:
        world.edit(place, kind)
    elif chance < 0.58:
        world.delete(place, kind)
    elif chance < 0.63:
        world.move(kind)
    elif chance < 0.75:
        world.sync_and_die()
    elif chance < 0.79:
        world.lose()
    elif chance < 0.84:
        world.sides[place].tell_again()
    else:
        world.sync()


def main() -> None:
    import time

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    started = time.perf_counter()
    crashes = losses = changes = writes = 0
    for seed in range(first, first + count):
        try:
            world = history(seed)
        except AssertionError as error:
            raise SystemExit(f"history {seed}: {error}") from None
        crashes, losses, changes = crashes + world.crashes, losses + world.losses, changes + world.changes
        writes += sum(len(side.written) for side in world.sides.values())
    seconds = time.perf_counter() - started
    print(
        f"{count} histories in {seconds:.1f} s: {changes} changes, {writes} writes, {crashes} crashes, "
        f"{losses} losses; every one at rest within 3 rounds, nothing lost"
    )


if __name__ == "__main__":
    main()
