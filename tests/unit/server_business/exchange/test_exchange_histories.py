"""Random histories: at rest within three rounds, no edit lost, nothing doubled, one write for each change."""

import os
import random
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from server_business.exchange.items import Kind
from server_business.exchange.rules import Place
from tests.builders.sync_histories import World, history

# `make sync-histories` lives through a million of them; each test takes its share of these.
HISTORIES = int(os.environ.get("ESMESH_HISTORIES", "10000"))
PARTS = 4


@pytest.mark.timeout(120)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_history_comes_to_rest_and_loses_nothing(part: int) -> None:
    crashes = losses = 0
    for seed in range(part, HISTORIES, PARTS):
        try:
            world = history(seed)
        except AssertionError as error:
            raise AssertionError(f"history {seed}: {error}") from error
        crashes, losses = crashes + world.crashes, losses + world.losses
    assert crashes > HISTORIES / PARTS / 4, "too few processes have died for this to say anything"
    assert losses > HISTORIES / PARTS / 10


class Mailbox(RuleBasedStateMachine):
    """The same world, driven by hypothesis, which finds the shortest history that goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(random.Random(0))

    @rule(place=st.sampled_from(Place), kind=st.sampled_from(Kind))
    def make(self, place: Place, kind: Kind) -> None:
        self.world.make(place, kind)

    @rule(place=st.sampled_from(Place), kind=st.sampled_from(Kind))
    def edit(self, place: Place, kind: Kind) -> None:
        self.world.edit(place, kind)

    @rule(place=st.sampled_from(Place), kind=st.sampled_from(Kind))
    def delete(self, place: Place, kind: Kind) -> None:
        self.world.delete(place, kind)

    @rule(kind=st.sampled_from(Kind))
    def move(self, kind: Kind) -> None:
        self.world.move(kind)

    @rule(steps=st.integers(0, 12))
    def sync_until(self, steps: int) -> None:
        self.world.fuse = steps
        self.world.sync()
        self.world.fuse = -1

    @rule(place=st.sampled_from(Place))
    def lose_tokens(self, place: Place) -> None:
        self.world.losses += 1
        self.world.sides[place].lose_tokens()

    @rule()
    def lose_base(self) -> None:
        self.world.settle()
        self.world.book.lose_base()
        self.world.knows = False

    @rule(place=st.sampled_from(Place))
    def tell_again(self, place: Place) -> None:
        self.world.sides[place].tell_again()

    @invariant()
    def nothing_is_doubled(self) -> None:
        for side in self.world.sides.values():
            for items in side.items.values():
                uids = [one.uid for one in items.values()]
                assert len(uids) == len(set(uids))

    def teardown(self) -> None:
        self.world.settle()


TestMailbox: Any = Mailbox.TestCase
TestMailbox.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
