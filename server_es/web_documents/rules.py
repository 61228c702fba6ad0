r"""Which names and paths of the web documents are let through, and who sees what (Web-Dokumente). Pure.

A name that comes from outside is one segment: it is compared, never put together with others to a path.

>>> system_folder("<nr>_<matchcode>", "4711", "Pumpe: Süd/Ost")
'4711_Pumpe_ Süd_Ost'
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import quote, unquote_to_bytes

from mesh.errors import InvalidArgument, Violation

DOCUMENTS = "/documents/"
LONGEST_NAME = 255  # bytes, as Linux has it
_PARTS = 3  # system, folder, file

# What Windows does not take in a name; a share may be served by either.
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\ud800-\udfff]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE)
_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")
_FOLDER = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
# Endings of files that a program is still writing, or keeps for itself.
_UNFINISHED = (
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".crdownload",
    ".download",
    ".bak",
    ".lock",
    ".lck",
    ".swp",
    ".lnk",
)
_FURNITURE = frozenset({"thumbs.db", "desktop.ini"})
# Characters that change how a name looks without being seen: "rechnung<U+202E>fdp.exe" shows as "rechnungexe.pdf".
_INVISIBLE = frozenset({"Cf", "Cs", "Co", "Zl", "Zp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One folder of the structure.

    Attributes:
        path: its segments below the system's folder.
        parent: id of the folder it lies in; empty: directly in the system's.
        staff_only: itself, or one it lies in.
    """

    id: str
    german_title: str
    english_title: str
    path: tuple[str, ...]
    parent: str = ""
    staff_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """The fixed structure that every system has."""

    root: str
    system_folder: str
    folders: Mapping[str, Folder] = field(default_factory=dict)
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who looks, and what is open to them.

    Attributes:
        person: a user `users/{name}` or a customer's mail address.
        staff: sees every system and staff-only folders.
        systems: numbers of the systems a customer sees.
    """

    person: str
    staff: bool = False
    systems: frozenset[str] = frozenset()

    def sees(self, system: str, folder: Folder | None = None) -> bool:
        """Tell whether a system, and a folder in it, is open to the visitor."""
        if self.staff:
            return True
        return system in self.systems and not (folder is not None and folder.staff_only)


@dataclass(frozen=True, slots=True)
class Place:
    """A file by the names in its address: nothing in it is a path."""

    system: str
    folder: str
    name: str


def name_problem(name: str) -> str:
    """Return why a name can be no single name on disk, in words; empty when it can."""
    if not name or name != name.strip() or name.endswith("."):
        return "is empty, or begins or ends with a blank, or ends with a dot"
    if _FORBIDDEN.search(name):
        return 'holds one of / \\ : * ? " < > | or a control character'
    if len(name.encode()) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} bytes"
    if _DEVICES.fullmatch(name):
        return "is a device on Windows"
    if any(unicodedata.category(one) in _INVISIBLE for one in name):
        return "holds an invisible character"
    return ""


def composed(name: str) -> str:
    """Return a name in the one Unicode form in which names are shown and asked for (NFC)."""
    return unicodedata.normalize("NFC", name)


def spellings(name: str) -> tuple[str, ...]:
    """Return how a name may stand on disk: composed, or decomposed as macOS writes it."""
    apart = unicodedata.normalize("NFD", name)
    return (name,) if apart == name else (name, apart)


def is_released(name: str, excluded: Iterable[str] = ()) -> bool:
    """Tell whether a file of the structure is shown: neither hidden nor unfinished nor excluded, by its name."""
    small = composed(name).casefold()
    if name_problem(name) or small.startswith((".", "~", "$")) or small.endswith(("~", *_UNFINISHED)):
        return False
    return small not in _FURNITURE and not any(fnmatchcase(small, composed(one).casefold()) for one in excluded)


def system_folder(pattern: str, number: str, matchcode: str) -> str:
    """Return the name of a system's folder; what file systems do not take becomes an underscore."""
    kept = "".join("_" if unicodedata.category(one) in _INVISIBLE else one for one in composed(matchcode))
    title = _FORBIDDEN.sub("_", kept).strip()
    name = pattern.replace("<nr>", number).replace("<matchcode>", title).rstrip(" .")
    while len(name.encode()) > LONGEST_NAME:
        name = name[:-1].rstrip(" .")
    return name


def place(path: bytes) -> Place | None:
    """Read the path of a document's address as it came over the wire; None when it is none of ours.

    It is decoded once, as UTF-8, and every segment must be a name already: what would have to be cleaned is refused.
    """
    if not path.startswith(DOCUMENTS.encode()) or _ESCAPE.search(path):
        return None
    parts = path[len(DOCUMENTS) :].split(b"/")
    try:
        names = [unquote_to_bytes(one).decode() for one in parts]
    except UnicodeDecodeError:
        return None
    if len(names) != _PARTS or not _NUMBER.fullmatch(names[0]) or not _FOLDER.fullmatch(names[1]):
        return None
    name = names[2]
    if name_problem(name) or composed(name) != name:
        return None
    return Place(names[0], names[1], name)


def uri(at: Place) -> str:
    """Return the path of a document's address."""
    return f"{DOCUMENTS}{at.system}/{at.folder}/{quote(at.name, safe='')}"


def beside(name: str, document: str) -> str:
    """Return another name for a file whose own is taken, always the same for a document.

    >>> beside("Plan.pdf", "documents/17")
    'Plan (17).pdf'
    """
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    after = f" ({document.rpartition('/')[2]}){dot}{ending}"
    while len((stem + after).encode()) > LONGEST_NAME:
        stem = stem[:-1]
    return stem + after


def place_key(way: Sequence[str], name: str) -> str:
    """Return a place as file systems that know no case see it."""
    return "/".join(_key((*way, name)))


def structure(root: str, pattern: str, folders: Sequence[Folder], excluded: Sequence[str] = ()) -> Structure:
    """Return the structure that the settings describe: who lies in whom, staff-only passed on.

    Raises:
        InvalidArgument: every violation at once.
    """
    where = "server_es.web_documents"
    wrong = (
        [] if "<nr>" in pattern else [Violation(f"{where}.system_folder", "must hold <nr>: two systems in one folder")]
    )
    if unknown := re.findall(r"<(?!nr>|matchcode>)[^>]*>?", pattern):
        wrong.append(
            Violation(f"{where}.system_folder", f"{unknown[0]} is no placeholder; there are <nr> and <matchcode>")
        )
    elif problem := name_problem(system_folder(pattern, "1", "x")):
        wrong.append(Violation(f"{where}.system_folder", problem))
    seen: dict[tuple[str, ...], str] = {}
    by_id: dict[str, Folder] = {}
    for index, one in enumerate(folders):
        if problem := next(filter(None, map(name_problem, one.path)), "" if one.path else "is empty"):
            wrong.append(Violation(f"{where}.folders[{index}].path", problem))
        if one.id in by_id:
            wrong.append(Violation(f"{where}.folders[{index}].id", f"{one.id!r} is taken"))
        if (key := _key(one.path)) in seen:
            wrong.append(Violation(f"{where}.folders[{index}].path", f"is that of {seen[key]!r}"))
        seen.setdefault(key, one.id)
        by_id.setdefault(one.id, one)
    if wrong:
        raise InvalidArgument(wrong)
    outer = {one.id: [by_id[seen[up]] for up in _above(_key(one.path)) if up in seen] for one in folders}
    placed = {
        one.id: Folder(
            id=one.id,
            german_title=one.german_title,
            english_title=one.english_title or one.german_title,
            path=one.path,
            parent=outer[one.id][0].id if outer[one.id] else "",
            staff_only=one.staff_only or any(up.staff_only for up in outer[one.id]),
        )
        for one in folders
    }
    return Structure(root=root, system_folder=pattern, folders=placed, excluded=tuple(excluded))


def _key(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(composed(one).casefold() for one in path)


def _above(key: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return what a path lies in, the nearest first."""
    return [key[:length] for length in range(len(key) - 1, 0, -1)]
