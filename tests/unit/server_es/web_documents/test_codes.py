"""Access codes."""

from datetime import UTC, datetime, timedelta

from server_es.web_documents import codes
from server_es.web_documents.codes import Kept, Tried

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def kept(id_: str = "1", code: str = "K7XQ2M9D", **fields: object) -> Kept:
    said = {"expire_time": NOW + timedelta(minutes=15), "attempts_left": 5, **fields}
    return Kept(id=id_, digest=codes.digest(id_, code), **said)  # type: ignore[arg-type]


def test_a_code_has_forty_bits_of_characters_that_are_not_mistaken() -> None:
    assert codes.code(bytes(range(200, 210))) == "89ABCDEF"
    assert not set("ILOU") & set(codes.ALPHABET)


def test_a_code_may_be_typed_in_small_letters_with_blanks() -> None:
    assert codes.attempt([kept()], " k7xq-2m9d ", NOW) == Tried("1", ())
    assert codes.typed("oil") == "011"


def test_a_wrong_code_costs_every_open_one_an_attempt() -> None:
    assert codes.attempt([kept("1"), kept("2", "AAAAAAAA")], "WRONG", NOW) == Tried(None, ("1", "2"))


def test_a_used_expired_or_worn_out_code_lets_nobody_in() -> None:
    for one in (kept(used=True), kept(attempts_left=0), kept(expire_time=NOW)):
        assert codes.attempt([one], "K7XQ2M9D", NOW) == Tried(None, ())


def test_equal_codes_look_different_where_they_are_kept() -> None:
    assert codes.digest("1", "A") != codes.digest("2", "A")


def test_requests_are_counted_for_an_hour() -> None:
    asked = [NOW - timedelta(minutes=59), NOW - timedelta(minutes=60)]
    assert codes.too_many(asked, 1, NOW)
    assert not codes.too_many(asked, 2, NOW)
