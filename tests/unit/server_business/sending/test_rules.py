"""What becomes of something that is sent, after each attempt."""

from datetime import UTC, datetime, timedelta

import pytest

from server_business.sending.rules import (
    LONGEST_PAUSE,
    Answer,
    SendStateNotAllowed,
    State,
    Step,
    after,
    check_cancel,
    check_retry,
    found,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TOMORROW = NOON + timedelta(days=1)


@pytest.mark.parametrize(
    ("answer", "state"),
    [(Answer.TAKEN, State.SENT), (Answer.REFUSED, State.FAILED), (Answer.NONE, State.IN_DOUBT)],
)
def test_a_final_answer_ends_it(answer: Answer, state: State) -> None:
    assert after(answer, attempts=1, now=NOON, give_up=TOMORROW) == Step(state)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 30), (2, 60), (3, 120), (40, 1800)])
def test_what_is_put_off_is_tried_again_ever_later(attempts: int, seconds: int) -> None:
    step = after(Answer.LATER, attempts=attempts, now=NOON, give_up=TOMORROW)
    assert step == Step(State.QUEUED, NOON + timedelta(seconds=seconds))
    assert timedelta(seconds=seconds) <= LONGEST_PAUSE


def test_the_last_attempt_is_at_the_very_end_and_then_it_has_expired() -> None:
    soon = NOON + timedelta(seconds=5)
    assert after(Answer.LATER, attempts=9, now=NOON, give_up=soon) == Step(State.QUEUED, soon)
    assert after(Answer.LATER, attempts=10, now=soon, give_up=soon) == Step(State.EXPIRED)


def test_what_is_found_half_handed_over_is_in_doubt_what_is_too_old_has_expired() -> None:
    assert found(State.SENDING, now=NOON, give_up=TOMORROW) == Step(State.IN_DOUBT)
    assert found(State.QUEUED, now=NOON, give_up=NOON) == Step(State.EXPIRED)
    assert found(State.QUEUED, now=NOON, give_up=TOMORROW) is None


def test_people_send_again_what_has_ended_badly_and_call_off_what_has_not_begun() -> None:
    allowed = {check_retry: {"FAILED", "IN_DOUBT", "CANCELLED", "EXPIRED"}, check_cancel: {"QUEUED", "IN_DOUBT"}}
    for check, states in allowed.items():
        for state in State:
            if state.name in states:
                check(state, "sms/1")
            else:
                with pytest.raises(SendStateNotAllowed, match="sms/1 is"):
                    check(state, "sms/1")
