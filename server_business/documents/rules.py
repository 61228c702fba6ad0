"""Who may write a version, what is kept how long, what words a text is found by (DMS). Pure.

>>> words("Müller & Söhne: Angebot_A-17.pdf")
['17', 'a', 'angebot', 'muller', 'pdf', 'sohne']
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import IntEnum
from typing import Final

from mesh.errors import AlreadyExists, Conflict, FailedPrecondition, InvalidArgument, NotFound, Violation

MISCELLANEOUS: Final = "documentFolders/miscellaneous"
_FOLDER: Final = "documentFolders/"
_LONGEST_NAME: Final = 255  # bytes, as file systems have it
_LONGEST_WORD: Final = 60
# What Windows does not take in a name, and characters that change how a name looks without being seen.
_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\ud800-\udfff]')
_INVISIBLE: Final = frozenset({"Cf", "Cs", "Co", "Zl", "Zp"})
_WORD: Final = re.compile(r"[^\W_]+")


class VersionState(IntEnum):
    """The numbers of the contract's `DocumentVersionState`."""

    DRAFT = 1
    RELEASED = 2
    WITHDRAWN = 3


class Verdict(IntEnum):
    """What the virus scanner says of bytes."""

    WAITING = 1
    """Nothing yet."""
    CLEAN = 2
    INFECTED = 3


class ContentInfected(FailedPrecondition):
    """The virus scanner found something in the bytes."""

    reason = "CONTENT_INFECTED"


class ScanPending(FailedPrecondition):
    """The bytes have not been scanned for viruses yet."""

    reason = "SCAN_PENDING"


class CheckedOut(FailedPrecondition):
    """Somebody else, or the caller on another machine, has the document out."""

    reason = "DOCUMENT_CHECKED_OUT"


class NotCheckedOut(FailedPrecondition):
    """The caller does not have the document out."""

    reason = "DOCUMENT_NOT_CHECKED_OUT"


class VersionConflict(Conflict):
    """Somebody wrote a version meanwhile."""

    reason = "VERSION_CONFLICT"


class Retained(FailedPrecondition):
    """The document must be kept."""

    reason = "DOCUMENT_RETAINED"


class Deleted(FailedPrecondition):
    """The document lies in the bin."""

    reason = "DOCUMENT_DELETED"


class Duplicate(AlreadyExists):
    """The newest version of another document has the same bytes."""

    reason = "DUPLICATE_DOCUMENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOut:
    """Who has a document out.

    Attributes:
        owner: `users/{name}`.
        machine: where it is worked on.
        since: when it was taken out.
        until: from then on it is not out any more.
        base: the newest version when it was taken out.
    """

    owner: str
    machine: str
    since: datetime
    until: datetime
    base: int

    def holds(self, now: datetime) -> bool:
        """Tell whether it has not expired."""
        return now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What decides on a document.

    Attributes:
        name: of the document.
        latest: number of its newest version.
        out: the last check-out that was not ended; it may have expired.
        deleted: whether it lies in the bin.
    """

    name: str
    latest: int
    out: CheckOut | None = None
    deleted: bool = False


# -- check-out and versions --------------------------------------------------------------------------------------------


def check_out(facts: Facts, *, by: str, machine: str, keep: timedelta, now: datetime) -> CheckOut:
    """Take a document out, or keep it out for longer.

    Raises:
        Deleted: it lies in the bin.
        CheckedOut: it is out, with somebody else or on another machine.
    """
    present(facts)
    held = facts.out if facts.out is not None and facts.out.holds(now) else None
    if held is not None and (held.owner, held.machine) != (by, machine):
        raise _checked_out(facts, held)
    return CheckOut(
        owner=by,
        machine=machine,
        since=held.since if held else now,
        until=now + keep,
        base=held.base if held else facts.latest,
    )


def own_check_out(facts: Facts, *, by: str, now: datetime) -> CheckOut:
    """Return the caller's check-out. Raises NotCheckedOut."""
    if facts.out is None or facts.out.owner != by:
        raise NotCheckedOut(f"{facts.name} is not checked out by {by}.", resource=facts.name)
    if not facts.out.holds(now):
        raise NotCheckedOut(
            f"{facts.name} was checked out until {facts.out.until:%Y-%m-%d %H:%M} UTC; check it out again.",
            resource=facts.name,
        )
    return facts.out


def any_check_out(facts: Facts, *, now: datetime) -> CheckOut:
    """Return the check-out that is to be broken. Raises NotCheckedOut."""
    if facts.out is None or not facts.out.holds(now):
        raise NotCheckedOut(f"Nobody has {facts.name} checked out.", resource=facts.name)
    return facts.out


def check_in(facts: Facts, *, by: str, now: datetime) -> int:
    """Return the number of the version that is checked in.

    Raises:
        Deleted: it lies in the bin.
        NotCheckedOut: the caller does not have it out (any more).
        VersionConflict: a version was written after it was taken out.
    """
    present(facts)
    held = own_check_out(facts, by=by, now=now)
    return _next(facts, held.base)


def replace(facts: Facts, *, base: int, now: datetime) -> int:
    """Return the number of the version that is written without a check-out.

    Raises:
        Deleted: it lies in the bin.
        CheckedOut: somebody has it out, the caller included: what he has in hand would be lost.
        VersionConflict: `base` is not the newest version.
    """
    writable(facts, now=now)
    return _next(facts, base)


def writable(facts: Facts, *, now: datetime) -> None:
    """Raises Deleted, CheckedOut."""
    present(facts)
    if facts.out is not None and facts.out.holds(now):
        raise _checked_out(facts, facts.out)


def deletable(facts: Facts, *, by: str, now: datetime) -> None:
    """Raises CheckedOut: somebody else has it out."""
    if facts.out is not None and facts.out.holds(now) and facts.out.owner != by:
        raise _checked_out(facts, facts.out)


def present(facts: Facts) -> None:
    """Raises Deleted."""
    if facts.deleted:
        raise Deleted(f"{facts.name} lies in the bin; take it out of there first.", resource=facts.name)


def _next(facts: Facts, base: int) -> int:
    if base != facts.latest:
        raise VersionConflict(
            f"{facts.name} has version {facts.latest} by now; yours was made from version {base}. Look, then decide.",
            resource=facts.name,
            latest=str(facts.latest),
        )
    return facts.latest + 1


def _checked_out(facts: Facts, held: CheckOut) -> CheckedOut:
    return CheckedOut(
        f"{held.owner} has {facts.name} checked out on {held.machine} until {held.until:%Y-%m-%d %H:%M} UTC.",
        owner=held.owner,
        machine=held.machine,
        expire_time=held.until.isoformat(),
    )


def harmless(name: str, verdict: int | None, detail: str | None, *, scans: bool) -> None:
    """Let the bytes of a version be released or handed out.

    Args:
        name: of the version.
        verdict: of the scanner; None: nobody asked it.
        detail: what it found, or why the bytes wait.
        scans: whether there is a scanner. What it found once counts without it, too.

    Raises:
        ContentInfected: it found something.
        ScanPending: it has said nothing yet.
    """
    if verdict == Verdict.INFECTED:
        raise ContentInfected(f"The virus scanner found {detail} in {name}.", resource=name)
    if scans and verdict != Verdict.CLEAN:
        why = f": {detail}" if detail else "."
        raise ScanPending(f"{name} waits for the virus scan{why}", resource=name)


# -- keeping and erasing -----------------------------------------------------------------------------------------------


def retained_until(created: datetime, years: int | None, zone: tzinfo) -> datetime | None:
    """Return until when a document must be kept (exclusive): the time begins with the end of its year (§ 147 (4) AO).

    Args:
        created: when it was made.
        years: full calendar years; None: it need not be kept.
        zone: where the years end.
    """
    if years is None:
        return None
    return datetime(created.astimezone(zone).year + 1 + years, 1, 1, tzinfo=zone)


def erasable(facts: Facts, *, until: datetime | None, holds: Sequence[str], now: datetime) -> None:
    """Let a document be erased.

    Raises:
        Retained: it must be kept.
        FailedPrecondition: it does not lie in the bin.
    """
    if holds:
        raise Retained(f"{facts.name} is on hold: {', '.join(holds)}.", resource=facts.name, hold=holds[0])
    if until is not None and now < until:
        raise Retained(
            f"{facts.name} must be kept until {until:%Y-%m-%d}.", resource=facts.name, until=until.isoformat()
        )
    if not facts.deleted:
        raise FailedPrecondition(f"{facts.name} does not lie in the bin; delete it first.", resource=facts.name)


def still_kept(facts: Facts, *, until: datetime | None, changed: datetime | None, now: datetime) -> None:
    """Let a change of the kind stand only if a document that must be kept still must be kept as long.

    Args:
        facts: of the document.
        until: it must be kept as it is; None: not at all.
        changed: the same after the change.
        now: the time.

    Raises:
        Retained: it would be free sooner.
    """
    if until is not None and now < until and (changed is None or changed < until):
        raise Retained(
            f"{facts.name} must be kept until {until:%Y-%m-%d}; no change of its kind may end that sooner.",
            resource=facts.name,
            until=until.isoformat(),
        )


# -- folders -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedFolder:
    """A folder of the structure. `name` and `parent` are resource names."""

    name: str
    title: str
    parent: str = ""


Structures = Mapping[str, Sequence[FixedFolder]]
"""Fixed folders by the collection of the case; parents stand before what lies in them."""


def structure(kind: str, folders: Mapping[str, tuple[str, str]]) -> list[FixedFolder]:
    """Return the fixed folders of a kind of case, parents first, by id within each.

    Args:
        kind: collection of the cases, such as `servicecalls`.
        folders: title and parent's id by id.

    Raises:
        InvalidArgument: a parent is missing, or a folder lies in itself.
    """
    ordered: list[FixedFolder] = []
    places = [""]
    while places:
        place = places.pop(0)
        for id_ in sorted(one for one, (_, parent) in folders.items() if parent == place):
            name, parent = f"{_FOLDER}{kind}-{id_}", f"{_FOLDER}{kind}-{place}" if place else ""
            ordered.append(FixedFolder(name=name, title=folders[id_][0], parent=parent))
            places.append(id_)
    if len(ordered) < len(folders):
        lost = sorted(folders.keys() - {one.name.rpartition("-")[2] for one in ordered})
        wrong = [Violation(f"structures.{kind}.folders.{id_}.parent", "is missing, or lies in it") for id_ in lost]
        raise InvalidArgument(wrong)
    return ordered


def place(folder: str, business_case: str, structures: Structures, free: Mapping[str, str], *, field: str) -> str:
    """Return the folder something lies in.

    Args:
        folder: as asked for; empty: the one for everything else.
        business_case: the case; empty: the site.
        structures: fixed folders by kind of case.
        free: the case each free folder belongs to, by name.
        field: named as the culprit.

    Raises:
        NotFound: there is no such folder.
        InvalidArgument: it belongs to another case.
    """
    if folder in ("", MISCELLANEOUS):
        return MISCELLANEOUS
    kind = business_case.partition("/")[0]
    if any(one.name == folder for one in structures.get(kind, ())):
        return folder
    if folder not in free:
        raise NotFound(f"{folder} does not exist for {business_case or 'the site'}.", resource=folder)
    if free[folder] != business_case:
        whose = free[folder] or "the site"
        raise InvalidArgument([Violation(field, f"{folder} belongs to {whose}, not to {business_case or 'the site'}")])
    return folder


# -- names and words ---------------------------------------------------------------------------------------------------


def file_name(name: str, *, field: str) -> str:
    """Return a file name in one spelling (NFC).

    Raises:
        InvalidArgument: a file cannot be called so everywhere, or it hides what it is.
    """
    composed = unicodedata.normalize("NFC", name).strip(" ")
    wrong = ""
    if composed.strip(". ") == "":
        wrong = "is no file name"
    elif _FORBIDDEN.search(composed):
        wrong = 'contains a control character or one of / \\ : * ? " < > |'
    elif any(unicodedata.category(one) in _INVISIBLE for one in composed):
        wrong = "contains an invisible character"
    elif len(composed.encode()) > _LONGEST_NAME:
        wrong = f"has more than {_LONGEST_NAME} bytes"
    if wrong:
        raise InvalidArgument([Violation(field, wrong)])
    return composed


def words(*texts: str) -> list[str]:
    """Return the words texts are found by, each once: without case, accents and marks; `ß` is `ss`."""
    found: set[str] = set()
    for text in texts:
        letters = text.casefold()
        if not letters.isascii():  # ASCII has nothing to take apart
            letters = "".join(one for one in unicodedata.normalize("NFKD", letters) if not unicodedata.combining(one))
        found.update(one[:_LONGEST_WORD] for one in _WORD.findall(letters))
    return sorted(found)


def bounded(found: Iterable[str], most_bytes: int) -> str:
    """Return words in one line that an index still takes: the first ones, up to so many bytes."""
    kept, room = [], most_bytes
    for one in found:
        room -= len(one.encode()) + 1
        if room < 0:
            break
        kept.append(one)
    return " ".join(kept)
