"""Rules that are asked before the action of an account: by header, sender, folder and size (Filterregeln). Pure."""

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from server_business.mail.sender import Mailbox, NoSender

Headers = Mapping[str, Sequence[str]]


class Outcome(StrEnum):
    """What happens to a mail that a rule fits."""

    IGNORE = "ignore"
    LEAVE_OPEN = "leave-open"
    CREATE_CONTACT = "create-contact"
    CREATE_SERVICECALL = "create-servicecall"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class HeaderPattern:
    """A header and what its value looks like; one occurrence that does is enough."""

    name: str
    value: re.Pattern[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """Read `X-Spam-Flag: YES*`, in which `*` is any text and `?` one character."""
        name, _, pattern = text.partition(":")
        return cls(name.strip().lower(), _wildcards(pattern.strip()))

    def fits(self, headers: Headers) -> bool:
        return any(self.value.match(one) for one in headers.get(self.name, ()))


@dataclass(frozen=True, slots=True)
class SenderPatterns:
    """Mail addresses such as `news@example.de`, domains such as `@example.de`, and patterns of either."""

    exact: frozenset[str]
    patterns: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def of(cls, listed: Iterable[str]) -> Self:
        keys = [Mailbox(one.strip()).key for one in listed]
        wild = [one for one in keys if "*" in one or "?" in one]
        return cls(frozenset(keys) - frozenset(wild), tuple(_wildcards(one) for one in wild))

    def __bool__(self) -> bool:
        return bool(self.exact or self.patterns)

    def fits(self, sender: Mailbox | NoSender) -> bool:
        if isinstance(sender, NoSender):
            return False
        key = sender.key
        domain = "@" + key.rpartition("@")[2]
        if key in self.exact or domain in self.exact:
            return True
        return any(one.match(key) or one.match(domain) for one in self.patterns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """All kinds of conditions that are set must hold; a rule without any fits every mail.

    Args:
        name: as the settings name it.
        outcome: what happens then.
        headers: all of them must fit.
        senders: one of them must have written it.
        folders: in one of them it must lie.
        min_bytes, max_bytes: its size, inclusive; 0: any.
    """

    name: str
    outcome: Outcome
    headers: tuple[HeaderPattern, ...] = ()
    senders: SenderPatterns = SenderPatterns(frozenset())
    folders: frozenset[str] = frozenset()
    min_bytes: int = 0
    max_bytes: int = 0

    def fits(self, headers: Headers, sender: Mailbox | NoSender, folder: str, size: int) -> bool:
        return (
            size >= self.min_bytes
            and (not self.max_bytes or size <= self.max_bytes)
            and (not self.folders or folder in self.folders)
            and (not self.senders or self.senders.fits(sender))
            and all(one.fits(headers) for one in self.headers)
        )


def first_fitting(
    rules: Iterable[Rule], headers: Headers, sender: Mailbox | NoSender, folder: str, size: int
) -> Rule | None:
    """Return the rule that decides on a mail.

    Args:
        rules: in the order in which they are asked.
        headers: values by lower-case name, of those that the rules name.
        sender: who counts as the sender.
        folder: where the mail lies.
        size: in bytes.
    """
    return next((one for one in rules if one.fits(headers, sender, folder, size)), None)


def _wildcards(pattern: str) -> re.Pattern[str]:
    # fnmatch makes atomic groups of `*…`, so that no pattern costs more than the length of what it looks at, times its
    # own. `[` is no set of characters here: subjects are full of it.
    literal = pattern.replace("[", "[[]")
    return re.compile(fnmatch.translate(literal), re.IGNORECASE)
