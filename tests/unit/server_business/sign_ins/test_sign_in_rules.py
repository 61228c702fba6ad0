"""What an issuer's answers mean (RFC 8628 section 3.5)."""

import pytest

from server_business.sign_ins.rules import SignInEnded, has_to_sign_in, next_look


def test_as_long_as_nobody_has_signed_in_it_is_looked_again_no_faster_than_asked() -> None:
    assert next_look("authorization_pending", "", 5.0) == 5.0
    assert next_look("slow_down", "", 5.0) == 10.0
    assert next_look("slow_down", "", 10.0) == 15.0


def test_an_issuer_that_cannot_be_asked_is_asked_less_and_less() -> None:
    assert [next_look("", "", one) for one in (5.0, 20.0, 40.0, 60.0, 90.0)] == [10.0, 40.0, 60.0, 60.0, 90.0]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("expired_token", "in time"),
        ("code_expired", "in time"),
        ("access_denied", "AADSTS65004"),
        ("bad_verification_code", "AADSTS65004"),
    ],
)
def test_all_else_ends_it(error: str, said: str) -> None:
    with pytest.raises(SignInEnded, match=said):
        next_look(error, "AADSTS65004: declined", 5.0)


def test_without_words_the_code_is_said() -> None:
    with pytest.raises(SignInEnded, match="access_denied"):
        next_look("access_denied", "", 5.0)


def test_only_what_a_person_can_mend_asks_for_a_person() -> None:
    assert has_to_sign_in("invalid_grant")
    assert has_to_sign_in("interaction_required")
    assert not has_to_sign_in("invalid_client")
    assert not has_to_sign_in("temporarily_unavailable")
