"""What receipts say, in any order and any spelling."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_business.sms.delivery import (
    Delivery,
    Doubtful,
    Receipt,
    Sent,
    Stray,
    cleared,
    keys,
    match,
    of_state,
    read,
    same_number,
    whole,
)

D = Delivery
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PART_STATES = [D.PENDING, D.UNKNOWN, D.EXPIRED, D.FAILED, D.DELIVERED]


@pytest.mark.parametrize(
    ("text", "said", "reference", "state", "error"),
    [
        (
            "id:0123 sub:001 dlvrd:001 submit date:1 done date:2 stat:DELIVRD err:000 text:Hi",
            {},
            "0123",
            D.DELIVERED,
            "000",
        ),
        ("ID:ABC STAT:undeliv ERR:abc", {}, "ABC", D.FAILED, "abc"),
        ("id: 77 stat: EXPIRED", {}, "77", D.EXPIRED, ""),
        ("id:77 stat:REJECTD", {}, "77", D.FAILED, ""),
        ("id:77 stat:DELETED", {}, "77", D.FAILED, ""),
        ("id:77 stat:UNKNOWN", {}, "77", D.UNKNOWN, ""),
        ("id:77 stat:ENROUTE", {}, "77", D.PENDING, ""),
        ("id:77", {}, "77", D.PENDING, ""),
        ("id:77 stat:DELIVRD", {"reference": "88"}, "88", D.DELIVERED, ""),
        ("id:77 stat:DELIVRD", {"state": 5}, "77", D.FAILED, ""),
        ("", {"reference": "88", "state": 2}, "88", D.DELIVERED, ""),
        ("", {"reference": "88", "state": 6}, "88", D.PENDING, ""),
    ],
)
def test_a_receipt_is_read(text: str, said: dict[str, Any], reference: str, state: Delivery, error: str) -> None:
    assert read(text, number="+49", **said) == Receipt(reference=reference, state=state, number="+49", error=error)


def test_a_text_that_names_no_message_is_no_receipt() -> None:
    assert read("stat:DELIVRD") is None


@given(st.text(max_size=300))
def test_no_text_breaks_the_reading(text: str) -> None:
    read(text)


def test_states_of_a_query() -> None:
    assert [of_state(one) for one in range(10)] == [
        D.PENDING, D.PENDING, D.DELIVERED, D.EXPIRED, D.FAILED, D.FAILED, D.PENDING, D.UNKNOWN, D.FAILED, D.PENDING,
    ]  # fmt: skip


@given(st.integers(min_value=0, max_value=2**64 - 1), st.integers(min_value=0, max_value=10))
def test_hexadecimal_and_decimal_ids_meet_whatever_zeros_and_capitals(number: int, zeros: int) -> None:
    spellings = ["0" * zeros + format(number, form) for form in ("d", "x", "X")]
    for answered in spellings:
        for reported in spellings:
            assert keys(answered)[0] in keys(reported)


@given(st.text(max_size=100))
def test_the_keys_of_any_id_are_few_and_short(text: str) -> None:
    found = keys(text)
    assert 1 <= len(found) <= 3
    assert all(one and len(one) <= 90 for one in found)


def sent(part: int, key: str, number: str = "+491701111111") -> Sent:
    return Sent(part=part, key=key, number=number)


@pytest.mark.parametrize(
    ("receipt", "among", "part"),
    [
        (("a1", "491701111111"), [sent(1, "a1")], 1),
        (("a1", "01701111111"), [sent(1, "a1")], 1),
        (("a1", "491701111111"), [sent(1, "a1"), sent(2, "a1")], 2),  # ids come again: the newest
        (("a1", "491702222222"), [sent(1, "a1"), sent(2, "a1", "+491702222222")], 2),
        (("255", "491701111111"), [sent(1, "ff"), sent(2, "255")], 2),  # as it is written goes first
        (("255", "491701111111"), [sent(1, "ff")], 1),
        (("255", "491702222222"), [sent(1, "ff")], None),
        (("255", ""), [sent(1, "ff")], None),
        (("a1", ""), [sent(1, "a1"), sent(2, "a1")], 2),
        (("a1", "4930123"), [sent(1, "a1")], 1),  # a gateway that puts our number there
        (("a1", "4930123"), [sent(1, "a1"), sent(2, "a1")], None),
        (("a1", "491701111111"), [], None),
    ],
)
def test_a_receipt_finds_its_part(receipt: tuple[str, str], among: list[Sent], part: int | None) -> None:
    assert match(Receipt(reference=receipt[0], state=D.DELIVERED, number=receipt[1]), among) == part


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+491701234567", "491701234567", True),
        ("+491701234567", "00491701234567", True),
        ("+491701234567", "0170 1234567", True),
        ("+491701234567", "+49 (0)170 1234567", True),
        ("+491701234567", "+491701234568", False),
        ("+491701234567", "34567", False),
        ("", "", False),
    ],
)
def test_numbers_are_the_same_however_they_are_written(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    assert same_number(one, other) is same_number(other, one) is same


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([D.DELIVERED, D.DELIVERED], D.DELIVERED),
        ([D.DELIVERED, D.PENDING], D.PENDING),
        ([D.DELIVERED, D.FAILED], D.PARTLY),
        ([D.DELIVERED, D.UNKNOWN], D.PARTLY),
        ([D.EXPIRED, D.UNKNOWN], D.EXPIRED),
        ([D.EXPIRED, D.FAILED], D.FAILED),
        ([D.UNKNOWN], D.UNKNOWN),
    ],
)
def test_a_message_is_what_its_parts_are(parts: list[Delivery], message: Delivery) -> None:
    assert whole(parts) is message


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(PART_STATES)), max_size=20), st.randoms())
def test_order_and_repetition_change_nothing_and_nothing_goes_back(
    said: list[tuple[int, Delivery]], random: Any
) -> None:
    def hear(all_of_it: list[tuple[int, Delivery]]) -> list[Delivery]:
        parts, seen = [D.PENDING] * 4, [D.PENDING]
        for part, state in all_of_it:
            parts[part] = max(parts[part], state)
            seen.append(whole(parts))
        assert seen == sorted(seen)
        return parts

    shuffled = [*said, *said]
    random.shuffle(shuffled)
    assert hear(said) == hear(shuffled)


def doubt(part: int, message: int, number: str = "+491701111111", *, hours: int = -1) -> Doubtful:
    return Doubtful(part=part, message=message, number=number, since=NOW + timedelta(hours=hours))


def stray(id_: int, number: str = "491701111111") -> Stray:
    return Stray(id=id_, number=number, receive_time=NOW)


@pytest.mark.parametrize(
    ("strays", "doubts", "busy", "proven"),
    [
        ([stray(1)], [doubt(5, 1)], [], [(1, 5)]),
        ([stray(1), stray(2), stray(3)], [doubt(5, 1), doubt(6, 1)], [], [(1, 5), (2, 6)]),
        ([stray(1)], [doubt(5, 1), doubt(6, 2)], [], []),  # which one?
        ([stray(1)], [doubt(5, 1), doubt(6, 2, "+491702222222")], [], [(1, 5)]),
        ([stray(1)], [doubt(5, 1, hours=1)], [], []),  # older than the message
        ([stray(1)], [doubt(5, 1)], ["+491701111111"], []),  # may be about what is just being sent
        ([stray(1, "")], [doubt(5, 1)], [], []),
    ],
)
def test_a_receipt_proves_a_doubt_when_one_message_alone_can_be_meant(
    strays: list[Stray], doubts: list[Doubtful], busy: list[str], proven: list[tuple[int, int]]
) -> None:
    assert cleared(strays, doubts, busy) == proven
