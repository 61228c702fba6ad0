"""Well-formed mails to the part tree of the standard library, by searching for blank lines and boundaries.

The library reads line by line, at an object each. Here a mail costs what its heads cost, however large its bodies are.
Whatever is not as it should be is left to the library: nothing is read here that it would read otherwise.
"""

import re
from collections.abc import Iterator
from email.message import Message
from typing import TYPE_CHECKING, NamedTuple

from server_business.mail.budget import Spent

if TYPE_CHECKING:
    Mail = Message[str, str]
else:
    Mail = Message  # generic for the type checker only

# Tried where lines begin and nowhere else: a megabyte without a colon costs one look.
_FIELD = re.compile(r"^([!-9;-~]++):(.*\n(?:[ \t].*\n)*+)", re.MULTILINE)
_BEHIND_BOUNDARY = re.compile(rb"(--)?[ \t]*(?:\r\n?|\n|\Z)")
_LOOK_ALIKES = 1_000  # of a boundary, where it is no line of its own
_AS_IT_IS = frozenset({"7bit", "8bit", "binary"})


class Entity(Mail):
    """A mail or a part; `body` has what the library makes a text payload of, None where there are parts."""

    body: bytes | None = None


class _Unusual(Exception):
    pass


class _Line(NamedTuple):
    start: int
    end: int
    closing: bool


def read_well_formed(raw: bytes, spent: Spent) -> Entity | None:
    """Return the tree of a mail, without preambles and epilogues; None of one that the standard library has to read.

    Raises:
        UnreadableMail: it is over the budget.
    """
    try:
        mail = _Reader(raw, spent).entity(0, len(raw), 0)
    except _Unusual:
        return None
    return mail if mail.keys() else None


def blank_line(raw: bytes, start: int, end: int) -> int:
    """Return where the first empty line begins, or `end`: what lies before it is the head."""
    if raw.startswith((b"\n", b"\r\n"), start, end):
        return start
    wide = raw.find(b"\n\r\n", start, end)
    narrow = raw.find(b"\n\n", start, end if wide < 0 else wide + 2)
    at = wide if narrow < 0 else narrow
    return end if at < 0 else at + 1


class _Reader:
    def __init__(self, raw: bytes, spent: Spent) -> None:
        self._raw = raw
        self._spent = spent

    def entity(self, start: int, end: int, depth: int) -> Entity:
        """Read what lies between two places: the mail, or a part that lies that deep in others."""
        self._spent.part()
        entity = Entity()
        begin = self._head(entity, start, end)
        kind = entity.get_content_type()
        if kind.startswith("message/") or kind == "multipart/digest":
            raise _Unusual
        if kind.startswith("multipart/"):
            self._parts(entity, begin, end, depth)
        else:
            entity.body = self._raw[begin : self._without_line_end(begin, end) if depth else end]
        return entity

    def _head(self, entity: Entity, start: int, end: int) -> int:
        """Read the head; return where the body begins."""
        limit = min(end, start + self._spent.budget.header_bytes)
        at = blank_line(self._raw, start, limit)
        text = self._raw[start:at].decode("ascii", "surrogateescape")
        fields = _FIELD.findall(text)
        read = sum([len(name) + 1 + len(value) for name, value in fields])
        left_out = read < len(text)
        if left_out or text.count("\r") != text.count("\r\n") or at == limit < end:
            raise _Unusual
        self._spent.headers(len(fields))
        for name, value in fields:  # as `Compat32.header_source_parse` keeps them
            entity.set_raw(name, value.lstrip(" \t\r\n").rstrip("\r\n"))
        return min(end, at + (2 if self._raw.startswith(b"\r", at) else 1))

    def _parts(self, entity: Entity, begin: int, end: int, depth: int) -> None:
        lines = self._lines(_boundary(entity), begin, end)
        line = next(lines, None)
        if line is None or line.closing or depth > self._spent.budget.depth:
            raise _Unusual
        while not line.closing:
            begin, line = line.end, next(lines, None)
            if line is None or line.start == begin:  # no end, or the same line twice
                raise _Unusual
            entity.attach(self.entity(begin, line.start, depth + 1))

    def _lines(self, boundary: bytes, begin: int, end: int) -> Iterator[_Line]:
        """Yield the lines that are boundaries."""
        look_alikes = 0
        at = self._raw.find(boundary, begin, end)
        while at >= 0:
            behind = _BEHIND_BOUNDARY.match(self._raw, at + len(boundary), end)
            if behind and self._raw[at - 1] in b"\r\n":
                begin = behind.end()
                yield _Line(at, begin, bool(behind[1]))
            else:
                begin = at + 1
                look_alikes += 1
                if look_alikes > _LOOK_ALIKES:
                    raise _Unusual
            at = self._raw.find(boundary, begin, end)

    def _without_line_end(self, begin: int, end: int) -> int:
        """Return where a part ends: the line end before a boundary belongs to the boundary."""
        for line_end in (b"\r\n", b"\n", b"\r"):
            if self._raw.endswith(line_end, begin, end):
                return end - len(line_end)
        return end


def _boundary(entity: Entity) -> bytes:
    boundary = entity.get_boundary()
    encoding = str(entity.get("content-transfer-encoding", "8bit")).lower()
    if not boundary or not boundary.isascii() or not boundary.isprintable() or encoding not in _AS_IT_IS:
        raise _Unusual
    return b"--" + boundary.encode()
