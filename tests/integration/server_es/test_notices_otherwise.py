"""What has not reached somebody is told over another channel: once, and not to who knows already."""

from datetime import timedelta

import pytest
from sqlalchemy import MetaData

from mesh.clock import ManualClock
from mesh.database import Database
from server_es.notices.post import Outcome
from server_es.notices.rules import Channel, State
from server_es.schema import METADATA
from tests.builders.notices import House
from tests.fakes.post import FakePost

MAIL, SMS, POPUP = Channel.MAIL, Channel.SMS, Channel.POPUP
BACK = Outcome(state=State.FAILED, reason="bounced: 5.1.1 no such user")
LEFT = Outcome(state=State.DELIVERED, settled=False)


@pytest.fixture
def metadata() -> MetaData:
    return METADATA


@pytest.fixture
def post() -> FakePost:
    return FakePost()


@pytest.fixture
def house(database: Database, post: FakePost) -> House:
    made = House(database, post)
    made.furnish()
    return made


def test_a_mail_that_comes_back_a_day_later_is_told_by_sms(house: House, post: FakePost) -> None:
    house.tell(channels=frozenset({MAIL}), urgent=True)
    house.later(seconds=1)
    post.said["outgoingMails/1"] = LEFT
    for pause in (timedelta(seconds=10), timedelta(minutes=2), timedelta(hours=3)):
        house.later(seconds=pause.total_seconds())
        assert [state for _, _, state in house.states()] == [State.DELIVERED]
    before = house.rows()[0].end_time
    post.said["outgoingMails/1"] = BACK
    house.later(hours=22)
    row = house.rows()[0]
    assert (row.reason, row.next_attempt_time) == ("bounced: 5.1.1 no such user; SMS follows", None)
    assert row.end_time > before
    house.later(seconds=10)
    assert [(channel, state) for _, channel, state in house.states()] == [
        (MAIL, State.FAILED), (SMS, State.DELIVERED),
    ]  # fmt: skip


def test_nobody_looks_any_more_after_a_day(house: House, post: FakePost) -> None:
    house.tell(channels=frozenset({MAIL}), urgent=True)
    house.later(seconds=1)
    post.said["outgoingMails/1"] = LEFT
    house.later(hours=25)
    (row,) = house.rows()
    assert (row.state, row.next_attempt_time) == (State.DELIVERED, None)


def test_while_server_business_is_away_a_delivered_mail_stays_so(house: House, post: FakePost) -> None:
    house.tell(channels=frozenset({MAIL}), urgent=True)
    house.later(seconds=1)
    post.said["outgoingMails/1"] = LEFT
    house.later(seconds=10)
    post.away = "no"
    house.later(minutes=3)
    assert house.rows()[0].state == State.DELIVERED
    assert house.rows()[0].next_attempt_time is not None


def test_everything_that_left_together_is_told_otherwise(house: House, post: FakePost) -> None:
    house.prefers("1", MAIL, fallback_channels=[int(SMS)])
    house.tell("c/1")
    house.tell("c/2")
    house.later(minutes=2)
    post.said["outgoingMails/1"] = BACK
    house.later(seconds=10)
    house.later(minutes=2)
    assert [(row.cause, row.channel) for row in house.rows() if row.channel == SMS] == [("c/1", SMS), ("c/2", SMS)]
    assert [(address, text) for address, _, text in post.texts][-1] == (
        "+4915111111111", "2 Mitteilungen:\nBetreff c/1\nBetreff c/2",
    )  # fmt: skip


def test_who_has_read_the_popup_needs_no_other_channel(house: House, post: FakePost) -> None:
    house.prefers("1", POPUP, MAIL, fallback_channels=[int(SMS)])
    house.tell(urgent=True)
    house.later(seconds=1)
    house.reads("1", [1])
    post.said["outgoingMails/1"] = BACK
    house.later(seconds=10)
    assert sorted(channel for _, channel, _ in house.states()) == [POPUP, MAIL]


def test_what_was_withdrawn_after_it_left_is_told_over_no_other(house: House, post: FakePost) -> None:
    house.prefers("1", MAIL, fallback_channels=[int(SMS)])
    house.tell("c/1")
    house.tell("c/2")
    house.later(minutes=2)
    with house.database.unit() as unit:
        house.notices.withdraw(unit, ["c/1"], "done")
    post.said["outgoingMails/1"] = BACK
    house.later(seconds=10)
    house.later(minutes=2)
    assert [(row.cause, row.channel) for row in house.rows() if row.channel == SMS] == [("c/2", SMS)]


def test_what_is_over_or_was_called_off_is_told_over_no_other(house: House, post: FakePost, clock: ManualClock) -> None:
    house.tell("c/1", channels=frozenset({MAIL}), urgent=True, expire_time=clock.now() + timedelta(seconds=5))
    house.tell("c/2", channels=frozenset({MAIL}), urgent=True)
    house.later(seconds=1)
    post.said["outgoingMails/1"] = BACK
    post.said["outgoingMails/2"] = Outcome(state=State.FAILED, reason="cancelled", called_off=True)
    house.later(seconds=10)
    assert [(channel, state) for _, channel, state in house.states()] == [(MAIL, State.FAILED)] * 2
