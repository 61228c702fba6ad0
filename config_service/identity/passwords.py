"""Passwords: hashed with Argon2id (RFC 9106), checked in the same time whether the user exists or not."""

import re
import unicodedata
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

SHORTEST = 12
LONGEST = 256
# What is left of the passwords people choose most when digits and signs are taken off (German and English lists).
_COMMON_WORDS = (
    "abc abcdef abcdefgh abcdefghijkl administrator admin arschloch baseball berlin computer daniel dragon "
    "esoffice ficken football fussball geheim geheimnis hallo hallohallo hallowelt iloveyou ichliebedich "
    "internet kennwort letmein login master michael monkey mustermann passw passwd passwort passwortpasswort "
    "password passwordpassword princess qwert qwertz qwertzuiop qwertzuiopü qwerty qwertyuiop qwertyuiopasdf "
    "schalke schatz service shadow sommer start sunshine superman techniker test testtest trustno welcome "
    "willkommen winter yxcvbnm zxcvbnm"
)
_COMMON = frozenset(_COMMON_WORDS.split(" "))
_LETTERS = re.compile(r"[\W\d_]+")
_SEQUENCES = "01234567890123456789 98765432109876543210 abcdefghijklmnopqrstuvwxyz qwertzuiopasdfghjklyxcvbnm"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found. `new_hash` is to be stored in place of the old one, made with weaker parameters, or empty."""

    right: bool
    new_hash: str = ""


class Passwords:
    """Hashes and checks passwords.

    One check takes some tenths of a second and 64 MiB: run it in a worker thread, a few at a time.

    Args:
        hasher: parameters of new hashes. RFC 9106 §4's second recommended set: 64 MiB, 3 passes, 4 lanes.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._nobody = self._hasher.hash("the password of a user who does not exist")

    def hash(self, password: str) -> str:
        """Return what is stored of a password: parameters, salt and hash in one text."""
        return self._hasher.hash(_spelled(password))

    def check(self, stored: str | None, password: str) -> Checked:
        """Check a password.

        Args:
            stored: the user's hash; None for a user who does not exist or has no password. As much work is done then,
                so that the time of the answer does not tell which users there are.
            password: as typed.
        """
        text = _spelled(password)[:LONGEST]  # a longer one is none of ours: see `weakness`
        try:
            self._hasher.verify(stored or self._nobody, text)
        except (VerificationError, InvalidHashError):
            return Checked(right=False)
        if not stored or len(_spelled(password)) > LONGEST:
            return Checked(right=False)
        return Checked(right=True, new_hash=self._hasher.hash(text) if self._hasher.check_needs_rehash(stored) else "")


def weakness(password: str, *, user: str = "") -> str:
    """Return in one sentence why a new password is refused, or nothing.

    Length is what counts (NIST SP 800-63B §5.1.1.2): no rules about digits and signs, which only lead to
    `Passwort2026!`.
    """
    text = _spelled(password)
    if len(text) < SHORTEST:
        return f"The password must have at least {SHORTEST} characters."
    if len(text) > LONGEST:
        return f"The password must have at most {LONGEST} characters."
    small = text.casefold()
    if user and _letters(small) == _letters(user.casefold()) != "":
        return "The password is the user name with something added; choose another."
    if _letters(small) in _COMMON or small in _SEQUENCES or _is_repetition(small):
        return "The password is one of those that are guessed first; choose another."
    return ""


def _spelled(password: str) -> str:
    """One spelling for what looks the same: `ü` is one character on one keyboard and two on another (RFC 8265 §4.2)."""
    return unicodedata.normalize("NFC", password)


def _letters(text: str) -> str:
    return _LETTERS.sub("", text)


def _is_repetition(text: str) -> bool:
    """Tell whether the text is a short piece, up to four characters, over and over."""
    return any(text == (text[:size] * len(text))[: len(text)] for size in range(1, 5))
