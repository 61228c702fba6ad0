"""Access codes: how they look, when one fits, when too many were asked for (Zugangscode). Pure."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

# Crockford's Base32: no I, L, O, U; whoever types one of those means the digit it looks like.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8
_TYPED = str.maketrans("ILO", "110")
PER_MAIL_ADDRESS = 3
PER_PLACE = 20
WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A code as it is kept: never itself, only what recognises it."""

    id: str
    digest: str
    expire_time: datetime
    attempts_left: int
    used: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """What follows from trying a code: which one fits, and which ones lose an attempt."""

    fits: str | None
    charged: tuple[str, ...]


def code(random: bytes) -> str:
    """Return a code made of at least `LENGTH` random bytes."""
    return "".join(ALPHABET[one % len(ALPHABET)] for one in random[:LENGTH])


def typed(text: str) -> str:
    """Return a code as it was meant: blanks and hyphens do not count, nor does case."""
    return re.sub(r"[\s-]", "", text).upper().translate(_TYPED)


def digest(id_: str, text: str) -> str:
    """Return what recognises a code; its row's id makes equal codes look different."""
    return hashlib.sha256(f"{id_}:{typed(text)}".encode()).hexdigest()


def attempt(kept: Sequence[Kept], text: str, now: datetime) -> Tried:
    """Try a code against those kept for a mail address and a system; if none fits, each open one loses an attempt."""
    usable = [one for one in kept if not one.used and one.attempts_left > 0 and now < one.expire_time]
    fitting = [one.id for one in usable if hmac.compare_digest(one.digest, digest(one.id, text))]
    if fitting:
        return Tried(fitting[0], ())
    return Tried(None, tuple(one.id for one in usable))


def too_many(asked: Sequence[datetime], limit: int, now: datetime) -> bool:
    """Tell whether `limit` codes were asked for within the last hour."""
    return sum(now - one < WINDOW for one in asked) >= limit
