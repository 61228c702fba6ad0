"""Permission names and the patterns that grant them. Standard library only, so that rules may use it.

A permission is the word a contract's method carries: dotted lower-case words such as `servicecalls.forward`. A pattern
is the same with `*` for a word: at the end `*` stands for one or more words, elsewhere for exactly one. `*` alone
grants all.
"""

import re
from collections.abc import Iterable

_WORD = r"[a-z][a-z0-9_]*"
_PERMISSION = re.compile(rf"{_WORD}(?:\.{_WORD})+")
_PATTERN = re.compile(rf"\*|(?:{_WORD}|\*)(?:\.(?:{_WORD}|\*))+")


def is_permission(text: str) -> bool:
    """Tell whether `text` is written like a permission: at least two dotted words."""
    return _PERMISSION.fullmatch(text) is not None


def is_pattern(text: str) -> bool:
    """Tell whether `text` is written like a permission or a pattern of permissions."""
    return _PATTERN.fullmatch(text) is not None


def covers(pattern: str, other: str) -> bool:
    """Tell whether `pattern` grants everything that `other`, a pattern or a permission, grants."""
    mine, theirs = pattern.split("."), other.split(".")
    for place, word in enumerate(mine):
        last = place == len(mine) - 1
        if last and word == "*":
            return len(theirs) > place
        if place >= len(theirs) or (word not in ("*", theirs[place])):
            return False
        if theirs[place] == "*" and place == len(theirs) - 1:
            return False  # theirs goes on for any number of words, mine does not
    return len(mine) == len(theirs)


class Permissions:
    """A set of patterns that answers quickly and denies by default.

    Answers are remembered without a bound: what is asked are the permissions named in our contracts, which are finite.

    Args:
        patterns: see the module; one that is not well formed grants nothing.
    """

    __slots__ = ("_answers", "patterns")

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self.patterns = tuple(sorted({pattern for pattern in patterns if is_pattern(pattern)}))
        self._answers: dict[str, bool] = {}

    def allow(self, permission: str) -> bool:
        """Tell whether one of the patterns grants `permission`; what is not written like a permission is denied."""
        answer = self._answers.get(permission)
        if answer is None:
            answer = is_permission(permission) and any(covers(one, permission) for one in self.patterns)
            self._answers[permission] = answer
        return answer

    def __repr__(self) -> str:
        return f"Permissions({list(self.patterns)})"


NOTHING = Permissions()
