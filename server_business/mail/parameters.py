"""Parameters of Content-Type and Content-Disposition: RFC 2045, RFC 2231, and what mail programs write instead."""

import re
from urllib.parse import unquote_to_bytes

from server_business.mail.charsets import decode
from server_business.mail.encoded_words import decoded

_PARAMETER = re.compile(r';\s*([\w!#$%&+.^`{}|~*-]{1,80})\s*=\s*(?:"((?:[^"\\]|\\.)*+)"?|([^;]*))', re.DOTALL)
_QUOTED_PAIR = re.compile(r'\\(["\\])')
_CONTINUED = re.compile(r"(.+?)\*(\d{1,3})(\*?)")


def split_value(value: str) -> tuple[str, dict[str, str]]:
    """Return the bare value in lower case (`text/plain`, `attachment`) and its parameters, names in lower case.

    Continuations (`name*0`, `name*1*`) are joined in their order before percent signs are decoded, so that a character
    may be split between two of them. Encoded words inside quotes are forbidden (RFC 2047 section 5) and usual: decoded.
    """
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for hit in _PARAMETER.finditer(value):
        name = hit[1].lower()
        text = (hit[3] or "").strip() if hit[2] is None else _QUOTED_PAIR.sub(r"\1", hit[2])
        if continued := _CONTINUED.fullmatch(name):
            pieces.setdefault(continued[1], {})[int(continued[2])] = (text, bool(continued[3]))
        elif name.endswith("*"):
            pieces.setdefault(name[:-1], {})[0] = (text, True)
        else:
            plain.setdefault(name, decoded(text))
    for name, parts in pieces.items():
        plain[name] = _joined([parts[number] for number in sorted(parts)])
    return value.partition(";")[0].strip().lower(), plain


def _joined(parts: list[tuple[str, bool]]) -> str:
    """Join RFC 2231 pieces; the first encoded one begins with `charset'language'`."""
    first, encoded = parts[0]
    charset: str | None = None
    if encoded and first.count("'") > 1:
        charset, _, first = first.split("'", 2)
    octets = b"".join(
        unquote_to_bytes(text) if percent else text.encode("utf-8", "surrogateescape")
        for text, percent in [(first, encoded), *parts[1:]]
    )
    return decode(octets, charset)[0]
