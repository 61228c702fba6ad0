import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from config_service.identity.passwords import Passwords, weakness

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords(QUICK)


def test_the_right_password_is_right(passwords: Passwords) -> None:
    stored = passwords.hash("vier bunte Fahrräder")
    assert passwords.check(stored, "vier bunte Fahrräder").right
    assert not passwords.check(stored, "vier bunte Fahrraeder").right
    assert "Fahrr" not in stored


def test_the_same_letter_typed_another_way_is_the_same(passwords: Passwords) -> None:
    composed, decomposed = "vier Fahrr\u00e4der", "vier Fahrra\u0308der"
    assert passwords.check(passwords.hash(composed), decomposed).right


@pytest.mark.parametrize("stored", [None, "", "nonsense", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAA"])
def test_without_a_usable_hash_every_password_is_wrong(passwords: Passwords, stored: str | None) -> None:
    assert not passwords.check(stored, "the password of a user who does not exist").right


def test_as_much_is_computed_for_a_user_who_does_not_exist() -> None:
    verified: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002
            verified.append(str(hash))
            return super().verify(hash, password)

    passwords = Passwords(Counting(time_cost=1, memory_cost=8, parallelism=1))
    passwords.check(passwords.hash("a"), "b")
    passwords.check(None, "b")
    existing, nobody = (extract_parameters(one) for one in verified)
    assert existing == nobody


def test_new_hashes_follow_rfc_9106() -> None:
    found = extract_parameters(Passwords().hash("a"))
    assert (found.type, found.time_cost, found.memory_cost, found.parallelism) == (Type.ID, 3, 64 * 1024, 4)


def test_a_hash_with_weaker_parameters_is_made_anew_at_sign_in(passwords: Passwords) -> None:
    stored = passwords.hash("vier bunte Fahrräder")
    stronger = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    checked = stronger.check(stored, "vier bunte Fahrräder")
    assert extract_parameters(checked.new_hash).time_cost == 2
    assert stronger.check(checked.new_hash, "vier bunte Fahrräder") == type(checked)(right=True)
    assert stronger.check(stored, "wrong").new_hash == ""


def test_no_more_than_the_longest_password_is_computed(passwords: Passwords) -> None:
    assert not passwords.check(passwords.hash("a" * 256), "a" * 257).right


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("kurz", "at least 12 characters"),
        ("elf Zeichen", "at least 12 characters"),
        ("x" * 257, "at most 256 characters"),
        ("Passwort2026!", "guessed first"),
        ("123456789012", "guessed first"),
        ("qwertzuiopas", "guessed first"),
        ("aaaaaaaaaaaa", "guessed first"),
        ("abcabcabcabca", "guessed first"),
        ("Anna-2026-2027", "user name"),
    ],
)
def test_a_weak_password_is_refused_with_one_sentence(password: str, sentence: str) -> None:
    said = weakness(password, user="anna")
    assert sentence in said
    assert said.count(".") == 1


@pytest.mark.parametrize("password", ["vier bunte Fahrräder", "zwölfZeichen", "ш" * 11 + "ы", "83 92 11 07 45"])
def test_a_long_password_is_good_without_signs_and_digits(password: str) -> None:
    assert weakness(password, user="anna") == ""
    assert weakness(password, user="4711") == ""
