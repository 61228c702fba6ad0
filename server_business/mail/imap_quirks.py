"""What IMAP servers do differently, in one place."""

import imaplib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from imapclient import IMAPClient
from imapclient.datetime_util import parse_to_datetime

from server_business.mail.source import Waiting

HEAD_SIZE = 65_536
# RFC 5530: these say "later", although they arrive as a refused login.
_LATER = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]")

_ANSWER = re.compile(rb"\d+ \(.*\bBODY\[\](?:<0>)? \{\d+\}", re.DOTALL | re.IGNORECASE)
_UID = re.compile(rb"\bUID (\d+)", re.IGNORECASE)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)", re.IGNORECASE)
_RECEIVED = re.compile(rb'\bINTERNALDATE "([^"]*)"', re.IGNORECASE)

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


def bodies(client: IMAPClient, uids: Sequence[int], asked: bytes) -> dict[int, tuple[datetime, bytes]]:
    """Return when mails were received and what they are, by UID; those whose answer is unusual are left out.

    imapclient looks at every token of an answer, which costs more than all the rest of a large FETCH. The answers to
    ours look all alike: one literal, with UID and INTERNALDATE before or behind it.
    """
    answers = _fetched(client, uids, f"({asked.decode()} INTERNALDATE)")
    found: dict[int, tuple[datetime, bytes]] = {}
    for at, answer in enumerate(answers):
        if not isinstance(answer, tuple) or not _ANSWER.fullmatch(answer[0]):
            continue
        rest = answers[at + 1] if at + 1 < len(answers) else None
        if not isinstance(rest, bytes) or not rest.endswith(b")"):
            continue
        said = answer[0] + rest
        uid, received = _UID.search(said), _RECEIVED.search(said)
        if uid and received:
            found[int(uid[1])] = (_instant(received[1]), answer[1])
    return found


def sizes(client: IMAPClient, uids: Sequence[int]) -> dict[int, int]:
    """Return the sizes of those mails that are still there, by UID; as `bodies`, past imapclient's parser."""
    found: dict[int, int] = {}
    for answer in _fetched(client, uids, "(RFC822.SIZE)") if uids else ():
        if isinstance(answer, bytes) and (uid := _UID.search(answer)) and (size := _SIZE.search(answer)):
            found[int(uid[1])] = int(size[1])
    return found


def _fetched(client: IMAPClient, uids: Sequence[int], items: str) -> list[Any]:
    wire: imaplib.IMAP4 = client._imap  # noqa: SLF001 - imapclient has no door for answers it is not to take apart
    status, answers = wire.uid("FETCH", ",".join(map(str, uids)), items)
    if status != "OK":
        raise imaplib.IMAP4.error(f"FETCH: {answers!r}"[:200])
    return answers


@lru_cache(maxsize=1024)
def _instant(written: bytes) -> datetime:
    """Return an INTERNALDATE; mails that came in one second share it."""
    instant: datetime = parse_to_datetime(written, normalise=False)
    return instant
