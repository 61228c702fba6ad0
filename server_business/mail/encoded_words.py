"""Header text: RFC 2047 encoded words, and raw 8-bit bytes where none may stand. Standard library only."""

import binascii
import re
from collections.abc import Iterator

from mesh.texts import storable
from server_business.mail.charsets import decode

# charset, optional language (RFC 2231 section 5), encoding, text. The text may hold spaces: broken, but seen.
_WORD = re.compile(r"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,20})?\?([bq])\?([^?]*)\?=", re.IGNORECASE)
_FOLD = re.compile(r"\r?\n[ \t]*|\r")


def decoded(raw: str) -> str:
    """Return a header value as a person reads it.

    Args:
        raw: the value as `email` keeps it: folded, bytes beyond ASCII as surrogate escapes.
    """
    text = _FOLD.sub(" ", raw) if "\n" in raw or "\r" in raw else raw
    if text.isascii() and "=?" not in text:  # nearly all
        return (text.replace("\0", "") if "\0" in text else text).strip()
    if not text.isascii():
        text = _rescued(text)
    if "=?" in text:
        text = storable("".join(_runs(text)))
    return text.replace("\0", "").strip()


def _rescued(text: str) -> str:
    try:
        return decode(text.encode("ascii", "surrogateescape"), None)[0]
    except UnicodeEncodeError:  # real characters, from a source that decoded already
        return storable(text)


def _runs(text: str) -> Iterator[str]:
    """Yield plain text and decoded words.

    Neighbouring words of one charset are joined as bytes first: RFC 2047 section 5 forbids to split a character between
    two words, and every second sender does it. White space between two words is not shown (section 6.2).
    """
    end, pending, charset = 0, b"", ""
    for word in _WORD.finditer(text):
        between = text[end : word.start()]
        if pending and (between.strip() or word[1].lower() != charset):
            yield decode(pending, charset)[0]
            pending = b""
        if between.strip() or not end:
            yield between
        pending, charset, end = pending + _bytes(word[2], word[3]), word[1].lower(), word.end()
    if pending:
        yield decode(pending, charset)[0]
    yield text[end:]


def _bytes(encoding: str, text: str) -> bytes:
    octets = text.encode("utf-8", "surrogateescape")
    if encoding in "bB":
        return base64_bytes(octets)
    return binascii.a2b_qp(octets.replace(b" ", b"_"), header=True)


def base64_bytes(octets: bytes) -> bytes:
    """Decode base64 that lost its padding or its last character."""
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", octets)
    whole = len(kept) - (len(kept) % 4 == 1)
    return binascii.a2b_base64(kept[:whole] + b"=" * (-whole % 4))
