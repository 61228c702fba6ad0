"""The codes by which short messages of escalations are acknowledged (Quittieren per SMS). Pure."""

import hashlib
from datetime import datetime
from typing import Final

_SIGNS: Final = "234679ACDEFHJKLMNPRTUVWXY"
"""Without those that look alike."""
_DIGITS: Final = "234679"


def code_of(servicecall: int, receive_time: datetime) -> str:
    """Return the code of a call, the same for all its escalations: `Q` and four signs, with a digit.

    It is not to be guessed from outside: nobody there knows the microsecond in which a call was received. And it counts
    only together with the number the message went to.
    """
    digest = hashlib.sha256(f"{servicecall} {receive_time.isoformat()}".encode()).digest()
    signs = [_SIGNS[one % len(_SIGNS)] for one in digest[:3]]
    signs.insert(digest[3] % 4, _DIGITS[digest[4] % len(_DIGITS)])
    return "Q" + "".join(signs)


def with_code(text: str, code: str) -> str:
    """Return the text of a short message that can be answered; the code comes first, for long texts are cut."""
    return f"Quittieren: mit {code} antworten.\n{text}".rstrip()
