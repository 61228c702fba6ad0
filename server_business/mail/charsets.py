"""Bytes of a mail to text, whatever charset they claim to be in. Standard library only."""

import codecs
import re
from functools import lru_cache

from mesh.texts import storable

# What browsers read under these labels (WHATWG Encoding): senders mean the Windows superset of what they write.
_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
}
_ALIASES = {
    "unicode-1-1-utf-7": "utf-7",
    "utf-8-mac": "utf-8",
    "ks_c_5601-1987": "cp949",
    "x-sjis": "cp932",
    "x-gbk": "gb18030",
    "x-mac-roman": "mac-roman",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-2022-jp": "iso2022_jp_ext",
    "windows-874": "cp874",
}
# Python's registry also holds codecs that are no charsets (punycode is quadratic, unicode_escape is a language).
_CHARSET = re.compile(
    r"(?:utf-(?:8|7|16|32)|iso8859|iso2022|cp|koi8|gb|big5|euc|shift_jis|mac|hz|johab|tis|ptcp|kz1048)"
)
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_MARKS = tuple(mark for mark, _ in _BOMS)
_LONGEST_LABEL = 40
_UNICODE = ("utf-8", "gb18030")
_STATEFUL = ("utf-7", "utf-16", "utf-32", "iso2022", "hz")


def decode(content: bytes, label: str | None) -> tuple[str, str]:
    """Return the text and what had to be guessed (empty: nothing).

    Never fails: what no charset explains becomes U+FFFD. The text holds no NUL and no lone surrogate, so that every
    database and every protobuf takes it.
    """
    text, guess = _decoded(content, label)
    return storable(text), guess


@lru_cache(maxsize=256)
def known(label: str | None) -> str | None:
    """Return Python's name for a charset label, or None if it names no charset."""
    if not label:
        return None
    clean = label.strip().strip("\"'").lower()
    try:
        name = codecs.lookup(_ALIASES.get(clean, clean)[:_LONGEST_LABEL]).name
    except (LookupError, ValueError):  # ValueError: a NUL in the label
        return None
    meant = _MEANT.get(name, name)
    return meant if _CHARSET.match(meant) else None


def _decoded(content: bytes, label: str | None) -> tuple[str, str]:
    if content.startswith(_MARKS):
        name = next(name for mark, name in _BOMS if content.startswith(mark))
        return content.decode(name, "replace"), ""
    charset = known(label)
    if content.isascii() and not (charset or "").startswith(_STATEFUL):
        return content.decode("ascii"), ""
    if charset and not charset.startswith(_STATEFUL + _UNICODE) and (text := _strictly(content, "utf-8")) is not None:
        # Valid multi-byte UTF-8 by accident does not happen in prose: the label is wrong, not the bytes.
        return text, f"{_shown(label)}, read as utf-8"
    if charset and (text := _strictly(content, charset)) is not None:
        return text, ""
    for other in ("utf-8", "cp1252"):
        if (text := _strictly(content, other)) is not None:
            return text, f"{_shown(label)}, read as {other}"
    return content.decode(charset or "cp1252", "replace"), f"{_shown(label)}, some characters are lost"


def _strictly(content: bytes, charset: str) -> str | None:
    try:
        return content.decode(charset)
    except (UnicodeError, LookupError):  # LookupError: a codec missing in this build
        return None


def _shown(label: str | None) -> str:
    return f"labelled {label[:_LONGEST_LABEL]!r}" if label else "without charset"
