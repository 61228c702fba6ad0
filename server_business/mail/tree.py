"""Raw bytes to the part tree of the standard library, within a budget.

The parser is stopped from inside, through its documented hooks (`Policy.message_factory`, `header_source_parse`): a
million empty parts cost as much as the first few hundred. It is fed in pieces, so that CPU time is looked at as well.
"""

import re
from dataclasses import dataclass
from email.errors import NoBoundaryInMultipartDefect, StartBoundaryNotFoundDefect
from email.message import Message
from email.parser import BytesFeedParser
from email.policy import Compat32
from time import thread_time
from typing import TYPE_CHECKING, Any

from server_business.mail.budget import Budget
from server_business.mail.problems import Problem, UnreadableMail

if TYPE_CHECKING:
    Mail = Message[str, str]
else:
    Mail = Message  # generic for the type checker only

Fields = list[tuple[str, str]]

_CHUNK = 65_536
_FIELD = re.compile(r"([!-9;-~]+):(.*\n(?:[ \t].*\n)*+)")
_MANY_PARTS = re.compile(r"multipart/|message/", re.IGNORECASE)
_LOST_BOUNDARY = re.compile(rb"^--(?=\S*\w)([^\s\"]{3,70})[ \t]*\r?$", re.MULTILINE)


@dataclass(slots=True)
class _Spent:
    budget: Budget
    headers: int = 0
    parts: int = 0


class _Counting(Compat32):
    """compat32 keeps header values as they came: the modern policy parses them all, at a tenth of the speed."""

    spent = _Spent(Budget())  # a policy takes by name what its class declares

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        self.spent.headers += 1
        if self.spent.headers > self.spent.budget.headers:
            raise UnreadableMail(
                Problem.TOO_MANY_HEADERS, f"the mail has more than {self.spent.budget.headers} header lines"
            )
        return super().header_source_parse(sourcelines)


def read_single(raw: bytes, budget: Budget) -> tuple[Fields, bytes] | None:
    """Return head and body of a mail of one part, which needs no search for boundaries; None leaves it to `read_tree`.

    So does any head that is not as it should be. Values are kept as `Compat32.header_source_parse` keeps them.

    Raises:
        UnreadableMail: it is over the budget.
    """
    raw, end = _checked(raw, budget)
    text = raw[:end].decode("ascii", "surrogateescape")
    fields = _FIELD.findall(text)
    whole = sum(len(name) + 1 + len(value) for name, value in fields) == len(text)  # nothing in between was left out
    if not fields or not whole or text.count("\r") != text.count("\r\n") or len(fields) > budget.headers:
        return None
    if any(_MANY_PARTS.search(value) for name, value in fields if name.lower() == "content-type"):
        return None
    kept = [(name, value.lstrip(" \t\r\n").rstrip("\r\n")) for name, value in fields]
    return kept, raw[end:].lstrip(b"\r").removeprefix(b"\n")


def tree_of(fields: Fields, body: bytes) -> Mail:
    """Return what `read_single` read as the standard library's message."""
    mail: Mail = Message()
    for name, value in fields:
        mail.set_raw(name, value)
    mail.set_payload(body.decode("ascii", "surrogateescape"))
    return mail


def read_tree(raw: bytes, budget: Budget) -> Mail:
    """Parse a mail of any shape.

    Raises:
        UnreadableMail: it is over the budget.
    """
    raw, end = _checked(raw, budget)
    policy = _policy(budget)
    mail = _fed(raw, policy, budget)
    if not mail.is_multipart() and _lost_boundary(mail):
        _find_boundary(mail, raw[end:], policy, budget)
    return mail


def _checked(raw: bytes, budget: Budget) -> tuple[bytes, int]:
    """Return a mail that is within the budget, with line ends that are some, and where its head ends."""
    _check_size(raw, budget)
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    end = _head_end(raw)
    if end > budget.header_bytes:
        raise UnreadableMail(
            Problem.TOO_MANY_HEADERS, f"the head has {end} bytes; at most {budget.header_bytes} are read"
        )
    return raw, end


def _check_size(raw: bytes, budget: Budget) -> None:
    if not raw.strip():
        raise UnreadableMail(Problem.EMPTY, "the mail is empty")
    if len(raw) > budget.size:
        raise UnreadableMail(Problem.OVERSIZE, f"the mail has {len(raw)} bytes; at most {budget.size} are read")
    lines = max(raw.count(b"\n"), raw.count(b"\r"))  # the parser takes a lone CR for a line end, too
    if lines > budget.lines:
        raise UnreadableMail(Problem.TOO_MANY_LINES, f"the mail has {lines} lines; at most {budget.lines} are read")


def _head_end(raw: bytes) -> int:
    """Return where the first empty line begins, without the line end before it."""
    ends = [at + 1 for at in (raw.find(b"\n\n"), raw.find(b"\n\r\n")) if at >= 0]
    return min(ends, default=len(raw))


def _policy(budget: Budget) -> _Counting:
    spent = _Spent(budget)

    def part(policy: Any) -> Mail:
        spent.parts += 1
        if spent.parts > budget.parts:
            raise UnreadableMail(Problem.TOO_MANY_PARTS, f"the mail has more than {budget.parts} parts")
        return Message(policy=policy)

    declared: dict[str, Any] = {"spent": spent, "message_factory": part}
    return _Counting(**declared)


def _fed(raw: bytes, policy: _Counting, budget: Budget) -> Mail:
    started = thread_time()
    parser: BytesFeedParser[Mail] = BytesFeedParser(policy=policy)
    for at in range(0, len(raw), _CHUNK):
        parser.feed(raw[at : at + _CHUNK])
        if thread_time() - started > budget.cpu_seconds:
            raise UnreadableMail(Problem.TOO_SLOW, f"the mail took more than {budget.cpu_seconds:g} s to read")
    return parser.close()


def _lost_boundary(mail: Mail) -> bool:
    lost = NoBoundaryInMultipartDefect | StartBoundaryNotFoundDefect
    return any(isinstance(defect, lost) for defect in mail.defects)


def _find_boundary(mail: Mail, body: bytes, policy: _Counting, budget: Budget) -> None:
    """Take the first line that looks like a boundary for it; the defect stays noted."""
    if hit := _LOST_BOUNDARY.search(body):
        head = b'Content-Type: multipart/mixed; boundary="' + hit[1] + b'"\n'
        mail.set_payload(_fed(head + body, policy, budget).get_payload())
