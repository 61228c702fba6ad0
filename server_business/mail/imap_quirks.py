"""What IMAP servers do differently, in one place."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from server_business.mail.source import Waiting

HEAD_SIZE = 65_536
# RFC 5530: these say "later", although they arrive as a refused login.
_LATER = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]")

Reply = Mapping[int, Mapping[bytes, Any]]


def server_path(folder: str, delimiter: str, prefix: str) -> str:
    """Write a folder of ours (`Service/Done`) as the server has it.

    Courier and old Cyrus put all folders below INBOX and separate with dots: `INBOX.Service.Done` (RFC 2342).
    """
    if folder.upper() == "INBOX":
        return "INBOX"
    path = folder.replace("/", delimiter) if delimiter else folder
    return path if path.startswith(prefix) else prefix + path


def login_may_work_later(sentence: str) -> bool:
    """Tell a refused password from a server that refuses everybody for now."""
    return any(code in sentence.upper() for code in _LATER)


def uids_behind(found: Iterable[int], after: int) -> list[int]:
    """Sort UIDs. `n:*` always holds the last mail, even below n (RFC 3501 section 6.4.8), so what is old is dropped."""
    return sorted(uid for uid in found if uid > after)


def answered(reply: Reply, uid: int, *keys: bytes) -> Mapping[bytes, Any] | None:
    """Return what a FETCH said about one mail, or None.

    A flag change by somebody else comes unasked and without UID; imapclient files it under its sequence number, which
    may be the UID of a mail we asked for. Only an answer with all keys is one.
    """
    one = reply.get(uid, {})
    return one if all(one.get(key) is not None for key in keys) else None


def batches(mails: Sequence[Waiting], bytes_at_once: int) -> list[list[Waiting]]:
    """Group mails so that no command asks for more than the budget, unless a single mail is larger."""
    groups: list[list[Waiting]] = []
    room = 0
    for mail in mails:
        if not groups or mail.size > room:
            groups.append([])
            room = bytes_at_once
        groups[-1].append(mail)
        room -= mail.size
    return groups


def takes_keywords(permanent_flags: Sequence[bytes]) -> bool:
    r"""RFC 3501 section 7.1: `\*` means that clients may invent flags; some servers store only the system's own."""
    return b"\\*" in permanent_flags
