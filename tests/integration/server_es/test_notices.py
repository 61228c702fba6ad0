"""Notices from being told to being delivered, on SQLite and on PostgreSQL; time is fast-forwarded."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import MetaData, event

from mesh.clock import ManualClock
from mesh.database import Database, NotCommitted
from mesh.workers import Turn
from server_es.notices import store
from server_es.notices.post import Outcome
from server_es.notices.rules import Channel, Notice, Planned, Recipient, State
from server_es.schema import METADATA
from tests.builders import directory as build
from tests.builders.notices import House
from tests.fakes.post import FakePost

POPUP, MAIL, SMS, ESMESSAGE = Channel.POPUP, Channel.MAIL, Channel.SMS, Channel.ESMESSAGE
ANNA_SMS = "+4915111111111"


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


def test_a_popup_lies_in_the_inbox_with_the_commit(house: House) -> None:
    house.tell()
    assert house.inbox("1") == ["Betreff c/1"]
    (row,) = house.rows()
    assert (row.state, row.inbox_sequence, row.next_attempt_time) == (State.SENT, 1, None)


def test_who_tells_the_same_because_of_the_same_tells_it_once(house: House) -> None:
    for _ in range(3):
        house.tell()
    assert house.inbox("1") == ["Betreff c/1"]
    assert len(house.rows()) == 1


def test_who_tells_the_same_at_the_same_instant_has_to_try_again(house: House) -> None:
    notice = Notice(cause="c/1", recipient=Recipient(employee="1"), subject="Betreff")
    one = Planned(notice=notice, employee="1", channel=Channel.POPUP, state=State.SENT)
    house.tell(cause="c/1")
    with pytest.raises(NotCommitted), house.database.unit() as unit:
        store.add(unit, [one], {})  # as if the other one had committed after we looked


def test_the_worker_is_woken_only_for_what_leaves_now(house: House) -> None:
    rung = []
    with house.bell._listener(lambda: rung.append(1)):
        house.tell(cause="c/1")
        house.tell(cause="c/2", channels=frozenset({Channel.MAIL}))
        assert rung == []
        house.tell(cause="c/3", channels=frozenset({Channel.MAIL}), urgent=True)
    assert rung == [1]


def test_a_unit_that_fails_tells_nobody(house: House) -> None:
    with pytest.raises(RuntimeError), house.database.unit() as unit:
        house.notices.tell(unit, [Notice(cause="c/1", recipient=Recipient(employee="1"), subject="nie")])
        raise RuntimeError
    assert house.rows() == []
    assert house.inbox("1") == []


def test_the_substitute_of_an_absent_one_is_told_too(house: House) -> None:
    absent = build.employee(
        "1", mail_address="anna@example.com", mobile=ANNA_SMS, substitute="employees/2", absent=True
    )
    house.upsert(absent)
    house.tell(channels=frozenset({SMS}))
    assert [(row.employee, row.channel) for row in house.rows()] == [("1", ESMESSAGE), ("2", SMS)]


def test_a_mail_is_handed_over_and_its_delivery_read_back(house: House, post: FakePost) -> None:
    house.prefers("1", MAIL)
    house.tell()
    house.later(seconds=59)
    assert post.texts == []
    house.later(seconds=1)
    assert post.texts == [("anna@example.com", "Betreff c/1", "Text")]
    assert house.states() == [("employees/1", MAIL, State.SENT)]
    post.said["outgoingMails/1"] = Outcome(state=None, reason="greylisted")
    house.later(seconds=6)
    assert (house.rows()[0].state, house.rows()[0].reason) == (State.SENT, "greylisted")
    post.said.clear()
    house.later(minutes=1)
    assert house.states() == [("employees/1", MAIL, State.DELIVERED)]
    assert house.rows()[0].next_attempt_time is None


def test_what_server_business_refuses_has_failed_with_its_reason(house: House, post: FakePost) -> None:
    house.tell(channels=frozenset({SMS}), urgent=True)
    post.refusal = "0815 is no phone number"
    house.later(seconds=1)
    assert (house.rows()[0].state, house.rows()[0].reason) == (State.FAILED, "0815 is no phone number; POPUP follows")


def test_what_failed_there_has_failed_here(house: House, post: FakePost) -> None:
    house.tell(channels=frozenset({MAIL}), urgent=True)
    house.later(seconds=1)
    post.said["outgoingMails/1"] = Outcome(state=State.FAILED, reason="550 no such user")
    house.later(seconds=10)
    assert (house.rows()[0].state, house.rows()[0].reason) == (State.FAILED, "550 no such user; SMS follows")


def test_while_server_business_is_away_it_is_tried_ever_later_and_given_up_after_a_day(
    house: House, post: FakePost
) -> None:
    house.tell(channels=frozenset({SMS}), urgent=True)
    post.away = "server_business does not answer"
    house.later(seconds=1)
    house.later(seconds=10)
    row = house.rows()[0]
    assert (row.state, row.attempts, row.reason) == (State.WAITING, 2, "server_business does not answer")
    assert row.next_attempt_time - house.database.clock.now() == timedelta(seconds=20)
    house.later(hours=24)
    row = house.rows()[0]
    assert (row.state, row.reason) == (
        State.FAILED, "given up after 24 hours; server_business does not answer; POPUP follows",
    )  # fmt: skip


def test_the_same_letter_goes_out_when_server_business_is_back(house: House, post: FakePost) -> None:
    house.tell(channels=frozenset({SMS}), urgent=True)
    post.away = "no"
    house.later(seconds=1)
    first = house.rows()[0].request_id
    post.away = ""
    house.later(minutes=1)
    assert list(post.letters) == [first]


def test_what_never_got_an_answer_is_given_up(house: House, post: FakePost) -> None:
    house.tell(channels=frozenset({SMS}), urgent=True)
    house.later(seconds=1)
    post.away = "no"
    house.later(hours=25)
    row = house.rows()[0]
    assert (row.state, row.reason) == (
        State.FAILED, "server_business never said what became of it; POPUP follows",
    )  # fmt: skip


def test_a_worker_that_stops_gives_back_what_it_has_in_hand(house: House, post: FakePost) -> None:
    for cause in ("c/1", "c/2"):
        house.tell(cause=cause, channels=frozenset({SMS}), urgent=True)
    stopping = threading.Event()
    stopping.set()
    house.delivery.turn(Turn(stopping))
    assert post.texts == []
    house.later(seconds=15)
    assert len(post.texts) == 2


def test_an_expired_notice_is_not_sent(house: House, post: FakePost, clock: ManualClock) -> None:
    house.tell(channels=frozenset({MAIL}), expire_time=clock.now() + timedelta(seconds=30))
    house.later(minutes=1)
    assert post.letters == {}
    assert house.rows()[0].reason == "expired at 2026-03-02 08:00 UTC"
    assert house.states() == [("employees/1", MAIL, State.FAILED)]


# -- bundling, limits, repetition -------------------------------------------------------------------------------------


def test_many_to_one_person_leave_as_one(house: House, post: FakePost) -> None:
    for number in (1, 2, 3):
        house.tell(f"c/{number}", channels=frozenset({MAIL}))
        house.later(seconds=10)
    house.later(seconds=30)
    ((address, subject, text),) = post.texts
    assert (address, subject) == ("anna@example.com", "3 Mitteilungen: Betreff c/1")
    assert text.count("Text") == 3
    assert [row.reason for row in house.rows()] == ["", "bundled with notices/1", "bundled with notices/1"]
    house.later(seconds=10)
    assert {state for *_, state in house.states()} == {State.DELIVERED}


def test_what_is_urgent_does_not_wait_for_the_others(house: House, post: FakePost) -> None:
    house.tell("c/1", channels=frozenset({SMS}))
    house.tell("c/2", channels=frozenset({SMS}), urgent=True)
    house.later(seconds=1)
    assert [text for *_, text in post.texts] == ["Betreff c/2\nText"]


def test_more_than_the_limit_is_summed_up_and_nothing_is_lost(house: House, post: FakePost) -> None:
    house.policy.sms_per_hour = 2
    for number in range(1, 6):
        house.tell(f"c/{number}", channels=frozenset({SMS}))
        house.later(minutes=2)
    assert [text for *_, text in post.texts] == ["Betreff c/1\nText", "Betreff c/2\nText"]
    assert {row.reason for row in house.rows()[2:]} == {"more than 2 within an hour"}
    house.later(hours=1)
    assert [text for *_, text in post.texts][2:] == ["3 Mitteilungen:\nBetreff c/3\nBetreff c/4\nBetreff c/5"]
    assert [(State(row.state), row.reason) for row in house.rows()[3:]] == [
        (State.SUPPRESSED, "summed up in notices/3")
    ] * 2


def test_what_reads_the_same_is_not_repeated_while_the_first_is_pending(house: House) -> None:
    house.tell("c/1", subject="gleich")
    house.tell("c/2", subject="gleich")
    assert house.inbox("1") == ["gleich"]
    assert [(State(row.state), row.reason) for row in house.rows()] == [
        (State.SENT, ""), (State.SUPPRESSED, "identical to notices/1"),
    ]  # fmt: skip
    house.reads("1", [1])
    house.tell("c/3", subject="gleich")
    assert house.inbox("1") == ["gleich", "gleich"]
    house.later(minutes=5)
    house.tell("c/4", subject="gleich")
    assert len(house.inbox("1")) == 3


def test_500_calls_at_once_are_told_with_a_handful_of_statements(house: House) -> None:
    said = [
        Notice(cause=f"c/{number}", recipient=Recipient(employee=str(who)), subject=f"Neu {number}")
        for number in range(500) for who in (1, 2, 3)
    ]  # fmt: skip
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(house.database.engine, "before_cursor_execute", note)
    with house.database.unit() as unit:
        house.notices.tell(unit, said)
    assert len(house.inbox("3")) == 100  # a page
    assert len(house.rows()) == 1500
    # On SQLite what is said is inserted one by one: only so do the ids come back in order.
    assert len([one for one in statements if "INTO message_content" not in one]) < 30


# -- popups nobody acknowledges ---------------------------------------------------------------------------------------


def test_a_popup_not_acknowledged_is_followed_by_a_short_message(house: House, post: FakePost) -> None:
    house.policy.fallback_after = timedelta(minutes=10)
    house.tell(urgent=True)
    house.later(minutes=9)
    assert post.letters == {}
    house.later(minutes=1)
    assert post.texts == [(ANNA_SMS, "", "Betreff c/1\nText")]
    assert house.rows()[0].reason == "not acknowledged, SMS follows"
    house.later(hours=2)
    assert len(post.letters) == 1


def test_what_is_over_calls_nobody_out(house: House, post: FakePost) -> None:
    house.policy.fallback_after = timedelta(minutes=10)
    house.prefers("2", MAIL)
    for employee in ("1", "2"):
        house.tell(employee=employee)
    house.tell(cause="c/2", employee="1", urgent=True)
    with house.database.unit() as unit:
        house.notices.withdraw(unit, ["c/1"], "done by employees/3")
    popup, mail, other = house.rows()
    assert (popup.state, popup.reason, popup.next_attempt_time) == (State.SENT, "done by employees/3", None)
    assert (mail.state, mail.reason, mail.next_attempt_time) == (State.SUPPRESSED, "done by employees/3", None)
    house.later(hours=1)
    assert post.texts == [(ANNA_SMS, "", "Betreff c/2\nText")]
    assert house.rows()[2].reason == "not acknowledged, SMS follows"
    assert other.id == house.rows()[2].id


def test_what_has_left_is_not_withdrawn(house: House, post: FakePost) -> None:
    house.prefers("1", MAIL)
    house.tell()
    house.later(hours=1)
    (before,) = house.rows()
    with house.database.unit() as unit:
        house.notices.withdraw(unit, ["c/1"], "done")
    (after,) = house.rows()
    assert (len(post.letters), after.state, after.reason) == (1, before.state, before.reason)
    assert after.next_attempt_time == before.next_attempt_time


def test_a_popup_acknowledged_in_time_calls_nobody_out(house: House, post: FakePost) -> None:
    house.policy.fallback_after = timedelta(minutes=10)
    house.tell()
    house.later(minutes=9)
    house.reads("1", [1])
    house.later(hours=1)
    assert post.letters == {}
    assert house.states() == [("employees/1", POPUP, State.ACKNOWLEDGED)]


def test_a_popup_read_while_the_short_message_waits_calls_it_off(house: House, post: FakePost) -> None:
    house.policy.fallback_after = timedelta(minutes=10)
    house.tell()
    house.later(minutes=10)
    house.reads("1", [1])
    house.later(minutes=2)
    assert post.letters == {}
    assert house.rows()[1].reason == "the popup notices/1 was read before"


def test_a_popup_whose_reader_has_left_meanwhile_goes_to_whoever_stands_in_for_him(
    house: House, post: FakePost
) -> None:
    house.policy.fallback_after = timedelta(minutes=10)
    house.tell(urgent=True)
    house.upsert(build.employee("1", mobile="+4915111111111", substitute="employees/2", absent=True))
    house.later(minutes=10)
    assert post.letters == {}
    assert house.rows()[0].reason == "not acknowledged; away, employees/2 is told"
    assert house.inbox("2") == ["Betreff c/1"]
    house.later(minutes=10)
    assert [address for address, *_ in post.texts] == ["+4915122222222"]


def test_a_popup_whose_reader_has_left_without_a_substitute_is_followed_all_the_same(
    house: House, post: FakePost
) -> None:
    house.policy.fallback_after = timedelta(minutes=10)
    house.tell(urgent=True)
    house.upsert(build.employee("1", mobile="+4915111111111", absent=True))
    house.later(minutes=10)
    assert [address for address, *_ in post.texts] == [ANNA_SMS]


def test_the_channels_follow_one_after_the_other(house: House, post: FakePost) -> None:
    house.prefers("1", POPUP, fallback_channels=[5, 3], fallback_seconds=300)
    house.tell(urgent=True)
    house.later(minutes=5)
    house.later(minutes=4)
    assert [address for address, *_ in post.texts] == [ANNA_SMS]
    house.later(minutes=1)
    assert [address for address, *_ in post.texts] == [ANNA_SMS, "anna@example.com"]
    house.later(hours=1)
    assert len(post.letters) == 2


def test_who_has_no_other_channel_is_left_with_the_popup_and_the_reason_is_kept(house: House) -> None:
    house.policy.fallback_after = timedelta(minutes=10)
    house.tell(employee="3")
    house.later(minutes=10)
    assert [row.reason for row in house.rows()] == ["not acknowledged, and there is no other channel"]


def test_a_popup_that_expired_is_followed_by_nothing(house: House, post: FakePost, clock: ManualClock) -> None:
    house.policy.fallback_after = timedelta(minutes=10)
    house.tell(expire_time=clock.now() + timedelta(minutes=5))
    house.later(minutes=20)
    assert post.letters == {}
    assert house.rows()[0].reason == "not acknowledged before it expired"


def test_a_night_with_quiet_hours(house: House, post: FakePost, clock: ManualClock) -> None:
    """23:00 in Berlin: Anna sleeps until 06:00. What waits comes in one; an alarm wakes her."""
    house.policy.fallback_after = timedelta(minutes=10)
    house.prefers("1", POPUP, MAIL, quiet_hours=[[[], 22 * 60, 6 * 60]])
    clock.advance(timedelta(hours=14))
    house.tell("c/1")
    house.later(minutes=30)
    house.tell("c/2")
    house.later(hours=2)
    assert post.letters == {}
    house.tell("c/3", urgent=True, channels=frozenset({SMS}))
    house.later(seconds=1)
    assert post.texts == [(ANNA_SMS, "", "Betreff c/3\nText")]
    house.later(hours=4, minutes=31)
    assert [(address, subject) for address, subject, _ in post.texts[1:]] == [
        ("anna@example.com", "2 Mitteilungen: Betreff c/1"), (ANNA_SMS, ""),
    ]  # fmt: skip
    assert post.texts[2][2] == "2 Mitteilungen:\nBetreff c/1\nBetreff c/2"


def test_old_notices_are_forgotten_and_those_with_work_left_are_not(house: House, clock: ManualClock) -> None:
    house.tell("c/1")
    house.tell("c/2", channels=frozenset({MAIL}))
    clock.advance(timedelta(days=400))
    with house.database.unit() as unit:
        assert store.prune(unit, clock.now() - timedelta(days=365), limit=10) == 1
    assert [row.cause for row in house.rows()] == ["c/2"]
