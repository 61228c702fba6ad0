from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_service.identity.throttle import (
    LIMITS,
    Count,
    Failures,
    after_failure,
    after_success,
    decide,
    wait,
)
from tests.builders.site import START

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def failing(times: int, every: timedelta = SECOND) -> dict[Count, Failures]:
    facts: dict[Count, Failures] = {}
    for number in range(times):
        facts = after_failure(facts, START + number * every)
    return facts


def test_the_first_sign_in_is_tried() -> None:
    assert decide({}, START).allowed


def test_three_mistakes_have_no_consequence() -> None:
    assert decide(failing(3), START + 2 * SECOND).allowed


def test_the_fourth_mistake_costs_two_seconds() -> None:
    decision = decide(failing(4), START + 3 * SECOND)
    assert not decision.allowed
    assert decision.retry_time == START + 5 * SECOND
    assert decision.because is Count.USER_AND_ADDRESS
    assert decide(failing(4), START + 5 * SECOND).allowed


def test_waiting_doubles_up_to_a_quarter_of_an_hour() -> None:
    limit = LIMITS[Count.USER_AND_ADDRESS]
    waits = [wait(number, limit).total_seconds() for number in range(3, 14)]
    assert waits == [0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900]
    assert wait(10**9, limit) == 15 * MINUTE


def test_one_password_on_many_users_is_slowed_down_by_the_address() -> None:
    facts = {Count.ADDRESS: Failures(24, START)}
    decision = decide(facts, START)
    assert (decision.retry_time, decision.because) == (START + 16 * SECOND, Count.ADDRESS)


def test_nobody_can_lock_a_colleague_out_for_long() -> None:
    facts = {Count.USER: Failures(10_000, START)}
    assert decide(facts, START + 30 * SECOND).allowed


def test_the_longest_wait_counts() -> None:
    facts = {Count.USER: Failures(100, START), Count.USER_AND_ADDRESS: Failures(100, START)}
    assert decide(facts, START).because is Count.USER_AND_ADDRESS


def test_after_a_quiet_day_counting_starts_anew() -> None:
    facts = failing(10)
    later = facts[Count.USER_AND_ADDRESS].last_time + timedelta(hours=24)
    assert after_failure(facts, later - SECOND)[Count.USER_AND_ADDRESS].number == 11
    assert after_failure(facts, later)[Count.USER_AND_ADDRESS].number == 1


def test_success_forgives_the_user_but_not_the_address() -> None:
    before = failing(5)
    assert after_success(after_failure(before, START + MINUTE), before) == {Count.ADDRESS: before[Count.ADDRESS]}


def test_success_of_the_first_attempt_leaves_nothing() -> None:
    assert after_success(failing(1), {}) == {}


def test_success_does_not_take_back_what_others_failed_meanwhile() -> None:
    facts = failing(7)
    assert after_success(facts, failing(5)) == {Count.ADDRESS: Failures(6, facts[Count.ADDRESS].last_time)}


@given(st.integers(0, 200), st.integers(0, 200))
def test_more_failures_never_wait_less(fewer: int, more: int) -> None:
    for limit in LIMITS.values():
        assert wait(min(fewer, more), limit) <= wait(max(fewer, more), limit) <= limit.longest


@pytest.mark.parametrize("count", list(Count))
def test_no_wait_outlives_the_memory_of_its_cause(count: Count) -> None:
    assert LIMITS[count].longest <= LIMITS[count].forgotten
