"""How a text is written as short messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_business.sms.rules import BASIC, EXTENDED, Alphabet, places, write


def test_the_alphabet_is_that_of_the_standard() -> None:
    assert len(BASIC) == 127  # 128 places, one of them the escape
    assert len(EXTENDED) == 10
    assert not BASIC & EXTENDED


@pytest.mark.parametrize(
    ("text", "alphabet", "lengths", "remaining"),
    [
        ("", Alphabet.GSM7, [0], 160),
        ("a" * 160, Alphabet.GSM7, [160], 0),
        ("a" * 161, Alphabet.GSM7, [153, 8], 145),
        ("€" * 80, Alphabet.GSM7, [80], 0),
        ("€" * 81, Alphabet.GSM7, [76, 5], 143),
        ("a" + "€" * 80, Alphabet.GSM7, [77, 4], 145),
        ("ß" * 160, Alphabet.GSM7, [160], 0),
        ("–" * 70, Alphabet.UCS2, [70], 0),
        ("–" * 71, Alphabet.UCS2, [67, 4], 63),
        ("😀" * 35, Alphabet.UCS2, [35], 0),
        ("😀" * 36, Alphabet.UCS2, [33, 3], 61),
    ],
)
def test_texts_at_the_limits(text: str, alphabet: Alphabet, lengths: list[int], remaining: int) -> None:
    written = write(text)
    assert (written.alphabet, [len(one) for one in written.parts], written.remaining) == (alphabet, lengths, remaining)


def test_the_characters_that_cost_the_alphabet_are_named_once_each() -> None:
    assert write("„Ja“, sagte er – „nein“").foreign == ("„", "“", "–")


@given(st.text(max_size=600))
def test_parts_are_the_text_no_part_is_too_long_and_no_two_fit_into_one(text: str) -> None:
    written = write(text)
    room = {Alphabet.GSM7: (160, 153), Alphabet.UCS2: (70, 67)}[written.alphabet][len(written.parts) > 1]
    sizes = [sum(places(one, written.alphabet) for one in part) for part in written.parts]
    assert "".join(written.parts) == text
    assert all(size <= room for size in sizes)
    assert written.remaining == room - sizes[-1]
    # Greedy is best: a part is left short only where the next character would not have fitted.
    following = zip(sizes, written.parts[1:], strict=False)
    assert all(size + places(after[0], written.alphabet) > room for size, after in following)
