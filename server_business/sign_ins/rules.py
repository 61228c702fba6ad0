"""What the answers of an issuer mean while a person signs in, and afterwards (RFC 8628, RFC 6749)."""

from typing import Final

from mesh.errors import FailedPrecondition

USUAL_INTERVAL: Final = 5.0
"""Seconds between two looks when the issuer says nothing."""
_SLOWER: Final = 5.0
_LONGEST: Final = 60.0
# The issuer will not give another token for what we have: a person has to be there.
_BY_PERSON: Final = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})


class SignInEnded(FailedPrecondition):
    """Nobody has signed in in time, or somebody has refused."""


def next_look(error: str, text: str, interval: float) -> float:
    """Return how many seconds to wait before the next look.

    Args:
        error: what the issuer says as long as nobody has signed in; empty: it could not be asked.
        text: the same for people.
        interval: seconds before this look.

    Raises:
        SignInEnded: there is no use in looking again.
    """
    if error == "authorization_pending":
        return interval
    if error == "slow_down":
        return interval + _SLOWER
    if not error:
        return min(interval * 2, max(_LONGEST, interval))
    if error in ("expired_token", "code_expired"):
        raise SignInEnded("Nobody has signed in in time; begin again.")
    raise SignInEnded(f"The sign-in was refused: {text or error}")


def has_to_sign_in(error: str) -> bool:
    """Return whether a refused renewal can only be mended by a person."""
    return error in _BY_PERSON
