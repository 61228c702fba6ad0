"""Which way a call may go."""

from datetime import UTC, datetime, timedelta

import pytest

from mesh.errors import DomainError, InvalidArgument
from server_es.service_levels.rules import UnknownState
from server_es.servicecalls.transitions import (
    ClosingNotAllowed,
    Reopening,
    ReopeningNotAllowed,
    ServicecallLocked,
    ServicecallNotSolved,
    TransitionRefused,
    change_state,
    check_editable,
    check_reopening,
    reopen,
    title,
)
from tests.unit.server_es.servicecalls.story import (
    CREATED,
    DONE,
    DRAFT,
    FORWARDED,
    INTERRUPTED,
    SOLVED,
    STARTED,
    STATES,
    WAITING,
)


def go(old: int, new: int, *, may_close: bool = False) -> int:
    return change_state(STATES.find(old), new, STATES, may_close=may_close).number


def open_again(old: int, new: int, *, may_close: bool = False) -> int:
    return reopen(STATES.find(old), new, STATES, may_close=may_close).number


@pytest.mark.parametrize("old", [CREATED, STARTED, WAITING, FORWARDED, INTERRUPTED])
def test_an_open_call_goes_forth_and_back_and_may_be_solved_by_many(old: int) -> None:
    for new in {CREATED, STARTED, WAITING, FORWARDED, INTERRUPTED, SOLVED} - {old}:
        assert go(old, new) == new


def test_a_draft_is_created_once() -> None:
    assert go(DRAFT, CREATED) == CREATED
    with pytest.raises(TransitionRefused, match="does not become a draft again"):
        go(CREATED, DRAFT)


def test_closing_needs_its_own_permission() -> None:
    assert go(SOLVED, DONE, may_close=True) == DONE
    assert go(STARTED, DONE, may_close=True) == DONE
    with pytest.raises(ClosingNotAllowed) as refused:
        go(SOLVED, DONE)
    assert (refused.value.reason, refused.value.metadata) == ("PERMISSION_DENIED", {"permission": "servicecalls.close"})


@pytest.mark.parametrize(("old", "new"), [(SOLVED, STARTED), (DONE, SOLVED), (DONE, CREATED), (SOLVED, WAITING)])
def test_a_solved_call_stays_where_it_is(old: int, new: int) -> None:
    with pytest.raises(ServicecallLocked) as refused:
        go(old, new, may_close=True)
    assert refused.value.reason == "SERVICECALL_LOCKED"


def test_a_call_does_not_change_into_the_state_it_is_in() -> None:
    with pytest.raises(TransitionRefused, match="already in state 30") as refused:
        go(STARTED, STARTED)
    assert refused.value.reason == "STATE_NOT_ALLOWED"


def test_an_unknown_state_is_refused() -> None:
    for ask in (go, open_again):
        with pytest.raises(UnknownState):
            ask(SOLVED, 33)


def test_a_solved_call_can_be_set_to_unsolved_and_a_done_one_by_those_who_close() -> None:
    assert open_again(SOLVED, STARTED) == STARTED
    assert open_again(DONE, CREATED, may_close=True) == CREATED
    with pytest.raises(ClosingNotAllowed):
        open_again(DONE, CREATED)


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        (STARTED, CREATED, ServicecallNotSolved),
        (SOLVED, DONE, TransitionRefused),
        (SOLVED, DRAFT, TransitionRefused),
    ],
)
def test_only_solved_calls_are_reopened_and_only_to_unsolved(old: int, new: int, refusal: type[DomainError]) -> None:
    with pytest.raises(refusal):
        open_again(old, new, may_close=True)


def test_from_solved_on_nothing_but_an_addendum() -> None:
    check_editable(STATES.find(INTERRUPTED))
    for number in (SOLVED, DONE):
        with pytest.raises(ServicecallLocked, match="only an addendum is possible"):
            check_editable(STATES.find(number))


@pytest.mark.parametrize(
    ("allowed", "state", "days", "setting"),
    [
        (Reopening(), DONE, 9999, ""),
        (Reopening(solved=False), SOLVED, 0, "reopen_solved"),
        (Reopening(done=False), SOLVED, 0, ""),
        (Reopening(done=False), DONE, 0, "reopen_done"),
        (Reopening(within=timedelta(days=7)), SOLVED, 7, ""),
        (Reopening(within=timedelta(days=7)), SOLVED, 8, "reopen_within_days"),
    ],
)
def test_people_reopen_what_the_settings_allow(allowed: Reopening, state: int, days: int, setting: str) -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    solved = now - timedelta(days=days)
    said = ""
    try:
        check_reopening(allowed, STATES.find(state), solved, now)
    except ReopeningNotAllowed as refused:
        said = refused.metadata["setting"]
    assert said == setting


def test_a_title_has_up_to_eighty_characters_on_one_line() -> None:
    assert title("  Heizung fällt aus ") == "Heizung fällt aus"
    assert title("ä" * 80) == "ä" * 80


@pytest.mark.parametrize(
    ("text", "problem"), [("x" * 81, "has 81 characters"), (" \n", "is empty"), ("zwei\nZeilen", "has line breaks")]
)
def test_other_titles_are_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidArgument, match=f"title: {problem}"):
        title(text)
