import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import InvalidArgument, OutOfRange
from server_es.messages.rules import (
    Cursor,
    Inbox,
    Position,
    begin,
    is_current,
    page_bounds,
    ranges,
    recipients,
    waiting,
)

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
INBOX = Inbox(identity=7, newest=Position(20, 4), oldest=11)


def at(sequence: int, reads: int = 0, identity: int = 7) -> Cursor:
    return Cursor(position=Position(sequence, reads), identity=identity)


def test_without_a_cursor_the_kept_history_begins_and_old_markings_are_skipped() -> None:
    assert begin(INBOX, None) == Position(10, 4)
    assert begin(Inbox(), None) == Position(0, 0)


@pytest.mark.parametrize("cursor", [at(10), at(20, 4), at(15, 2)])
def test_a_cursor_within_the_kept_history_is_taken_as_it_is(cursor: Cursor) -> None:
    assert begin(INBOX, cursor) == cursor.position


def test_a_cursor_from_before_the_first_message_belongs_to_every_inbox() -> None:
    assert begin(Inbox(identity=7, newest=Position(2, 0)), at(0, identity=0)) == Position(0, 0)


@pytest.mark.parametrize(
    ("cursor", "sentence"),
    [(at(21), "future"), (at(20, 5), "future"), (at(15, identity=8), "another inbox"), (at(9), "older")],
)
def test_a_cursor_that_cannot_be_served_is_refused_with_the_kept_range(cursor: Cursor, sentence: str) -> None:
    with pytest.raises(OutOfRange, match=sentence) as refused:
        begin(INBOX, cursor)
    assert refused.value.metadata == {"oldest": "11", "newest": "20"}


def test_a_message_is_out_of_date_from_its_expire_time_on() -> None:
    assert is_current(None, NOW)
    assert is_current(NOW + timedelta(microseconds=1), NOW)
    assert not is_current(NOW, NOW)


def test_up_to_the_limit_messages_are_shown_one_by_one_and_then_as_a_sum() -> None:
    assert waiting(5, at_most=5, newest_shown=3).one_by_one
    decided = waiting(6, at_most=5, newest_shown=3)
    assert (decided.one_by_one, decided.shown) == (False, 3)
    assert waiting(1, at_most=0, newest_shown=3).shown == 1


def test_everybody_is_told_once_however_often_named() -> None:
    members = {"service": ["17", "18"], "office": ["18", "19"]}
    assert recipients(["17", "20"], members, sender=None, include_sender=False) == ("17", "18", "19", "20")


def test_the_sender_is_left_out_unless_he_asks_for_a_copy() -> None:
    assert recipients(["17", "18"], {}, sender="17", include_sender=False) == ("18",)
    assert recipients(["17", "18"], {}, sender="17", include_sender=True) == ("17", "18")
    assert recipients(["18"], {}, sender="17", include_sender=True) == ("18",)


def test_a_page_goes_on_where_the_last_one_ended() -> None:
    assert page_bounds(after=3, through=None, token="", oldest_first=False) == (3, None)
    assert page_bounds(after=3, through=None, token="9", oldest_first=False) == (3, 8)
    assert page_bounds(after=3, through=5, token="9", oldest_first=False) == (3, 5)
    assert page_bounds(after=3, through=20, token="9", oldest_first=True) == (9, 20)


@pytest.mark.parametrize("token", ["x", "-1", "١"])
def test_a_page_token_of_somebody_elses_making_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument):
        page_bounds(after=0, through=None, token=token, oldest_first=True)


def test_a_position_lacks_what_only_the_other_knows() -> None:
    assert Position(1, 2).lacks(Position(2, 0))
    assert Position(1, 2).lacks(Position(0, 3))
    assert not Position(1, 2).lacks(Position(1, 2))
    assert Position(1, 5).joined(Position(3, 2)) == Position(3, 5)


@given(st.sets(st.integers(1, 60)))
def test_ranges_hold_exactly_the_numbers_and_never_touch(numbers: set[int]) -> None:
    drawn = ranges(sorted(numbers))
    assert {one for first, last in drawn for one in range(first, last + 1)} == numbers
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(drawn))
