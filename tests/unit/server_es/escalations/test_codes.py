"""The codes by which short messages of escalations are acknowledged."""

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from server_es.escalations.codes import code_of, with_code

NOW = datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=UTC)


@given(st.integers(1, 10**9), st.integers(0, 10**9))
def test_a_code_can_be_read_aloud_and_told_from_a_word(number: int, microseconds: int) -> None:
    code = code_of(number, NOW + timedelta(microseconds=microseconds))
    assert re.fullmatch("Q(?=.*[0-9])[2-9ACDEFHJKLMNPRTUVWXY]{4}", code)


def test_a_code_stays_and_another_call_has_another() -> None:
    assert code_of(1, NOW) == code_of(1, NOW)
    assert len({code_of(1, NOW + timedelta(microseconds=n)) for n in range(100)}) > 90


def test_the_code_comes_first_for_long_texts_are_cut() -> None:
    assert with_code("Anlage steht", "Q7K3M") == "Quittieren: mit Q7K3M antworten.\nAnlage steht"
    assert with_code("", "Q7K3M") == "Quittieren: mit Q7K3M antworten."
