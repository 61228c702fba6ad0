"""Raw bytes to the part tree of the standard library, within a budget.

What is well-formed never meets the library's parser (`well_formed.py`). That is stopped from inside, through its
documented hooks (`Policy.message_factory`, `header_source_parse`): a million empty parts cost as much as the first few
hundred. It is fed in pieces, so that CPU time is looked at as well.
"""

import re
from email.errors import NoBoundaryInMultipartDefect, StartBoundaryNotFoundDefect
from email.message import Message
from email.parser import BytesFeedParser
from email.policy import Compat32
from time import thread_time
from typing import Any

from server_business.mail.budget import Budget, Spent
from server_business.mail.problems import Problem, UnreadableMail
from server_business.mail.well_formed import Mail, blank_line, read_well_formed

_CHUNK = 65_536
_LOST_BOUNDARY = re.compile(rb"^--(?=\S*\w)([^\s\"]{3,70})[ \t]*\r?$", re.MULTILINE)


class _Counting(Compat32):
    """compat32 keeps header values as they came: the modern policy parses them all, at a tenth of the speed."""

    spent = Spent(Budget())  # a policy takes by name what its class declares

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        self.spent.headers(1)
        return super().header_source_parse(sourcelines)


def read_tree(raw: bytes, budget: Budget) -> Mail:
    """Parse a mail of any shape.

    Raises:
        UnreadableMail: it is over the budget.
    """
    raw, end = _checked(raw, budget)
    if (entity := read_well_formed(raw, Spent(budget))) is not None:
        return entity
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
    end = blank_line(raw, 0, len(raw))
    if end > budget.header_bytes:
        raise UnreadableMail(
            Problem.TOO_MANY_HEADERS, f"the head has {end} bytes; at most {budget.header_bytes} are read"
        )
    return raw, end


def _check_size(raw: bytes, budget: Budget) -> None:
    if not raw or raw.isspace():
        raise UnreadableMail(Problem.EMPTY, "the mail is empty")
    if len(raw) > budget.size:
        raise UnreadableMail(Problem.OVERSIZE, f"the mail has {len(raw)} bytes; at most {budget.size} are read")
    if len(raw) <= budget.lines:
        return
    lines = max(raw.count(b"\n"), raw.count(b"\r"))  # the parser takes a lone CR for a line end, too
    if lines > budget.lines:
        raise UnreadableMail(Problem.TOO_MANY_LINES, f"the mail has {lines} lines; at most {budget.lines} are read")


def _policy(budget: Budget) -> _Counting:
    spent = Spent(budget)

    def part(policy: Any) -> Mail:
        spent.part()
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
