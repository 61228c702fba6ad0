r"""Envoy's `x-forwarded-client-cert` header: which certificate the proxy saw at its own door.

Source: Envoy, "HTTP header manipulation", x-forwarded-client-cert: elements are separated by commas and appended by
each proxy on the way, an element is `Key=Value` pairs separated by semicolons, a value that holds `,`, `;` or `=`
stands in double quotes, and a double quote inside is written `\"`. The parser is strict because the header decides
who calls.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from mesh.errors import Unauthenticated
from mesh.spiffe import SpiffeId

HEADER = "x-forwarded-client-cert"
_LONGEST = 16 * 1024
_KEYS = frozenset({"By", "Hash", "Cert", "Chain", "Subject", "URI", "DNS"})
_ONCE = ("By", "Hash", "Subject", "URI")
_PAIR = re.compile(r'([A-Za-z]+)=(?:"((?:[^"\\]|\\["\\])*)"|([^",;=\s]*))([;,]|\Z)')
_ESCAPED = re.compile(r'\\(["\\])')

Element = dict[str, list[str]]


def parse(header: str) -> list[Element]:
    """Take the header apart: one mapping from key to values for each proxy, the nearest proxy last.

    Raises:
        Unauthenticated: the header is not written as Envoy writes it.
    """
    if len(header) > _LONGEST:
        raise Unauthenticated(f"The {HEADER} header is longer than {_LONGEST} characters.")
    elements: list[Element] = [{}]
    for key, value, end in _pairs(header):
        if key in elements[-1] and key in _ONCE:
            raise Unauthenticated(f"The {HEADER} header names {key} twice for one certificate.")
        elements[-1].setdefault(key, []).append(value)
        if end == ",":
            elements.append({})
    return elements


@lru_cache(maxsize=256)  # a client's header is the same on every call; a refusal is not remembered
def forwarded_id(header: str, proxy: SpiffeId) -> SpiffeId | None:
    """Return the service whose certificate `proxy` saw, or None if its client showed a certificate of no service.

    Only the last element is read: it is the one that `proxy`, whom the caller knows by mutual TLS, has written itself.

    Args:
        header: the value; several headers are joined with commas beforehand, as RFC 9110 §5.3 has it.
        proxy: who is at the other end of the connection.

    Raises:
        Unauthenticated: malformed, written by another proxy, or an identity of another site.
    """
    last = parse(header)[-1]
    if last.get("By") != [str(proxy)]:
        raise Unauthenticated(f"The {HEADER} header was not written by {proxy}, who sent it.")
    text = last.get("URI", [""])[0]
    if not text:
        return None
    try:
        identity = SpiffeId.parse(text)
    except ValueError as wrong:
        raise Unauthenticated(f"The {HEADER} header names nobody of this site: {wrong}.") from wrong
    if identity.site != proxy.site:
        raise Unauthenticated(f"{identity} belongs to another site than {proxy}.")
    return identity


def _pairs(header: str) -> Iterator[tuple[str, str, str]]:
    place, end = 0, ";"
    while end:
        found = _PAIR.match(header, place)
        if found is None or found[1] not in _KEYS:
            raise Unauthenticated(f"The {HEADER} header cannot be read at character {place + 1}.")
        place, end = found.end(), found[4]
        yield found[1], found[3] if found[2] is None else _ESCAPED.sub(r"\1", found[2]), end
