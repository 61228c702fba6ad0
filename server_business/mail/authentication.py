"""What the site's own mail server found out about where a mail comes from (Authentication-Results, RFC 8601). Pure."""

import re
from collections.abc import Sequence

FAILED = "dmarc=fail"
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"')
_RESULT = re.compile(r"\s*+dmarc\s*+=\s*+([a-z]++)", re.IGNORECASE)


def verdict(values: Sequence[str], server: str) -> str:
    """Return what a server says about DMARC, such as `dmarc=pass`; empty when it says nothing.

    Headers that name another server came with the mail and prove nothing. Of several the topmost with a word on DMARC
    counts: what is added later stands above.

    Args:
        values: of all `Authentication-Results`, from the top.
        server: the authserv-id that is trusted.
    """
    for value in values:
        name, *results = _uncommented(value).split(";")
        # After the name a version may stand (RFC 8601 section 2.2).
        if (name.split() or [""])[0].casefold() != server.casefold():
            continue
        for one in results:
            if hit := _RESULT.match(one):
                return f"dmarc={hit[1].lower()}"
    return ""


def _uncommented(value: str) -> str:
    """Leave out quoted strings and comments, nested ones too: nothing in them is a result."""
    plain: list[str] = []
    depth = 0
    for character in _QUOTED.sub("", value):
        if character == "(":
            depth += 1
        elif character == ")" and depth:
            depth -= 1
        elif not depth:
            plain.append(character)
    return "".join(plain)
