r"""What becomes of a text with placeholders (Textbausteine): its first line is the subject.

>>> render(template("Call <ServCall.ServicecallNr>\nBitte prüfen."), {"ServCall.ServicecallNr": "4711"})
Rendered(subject='Call 4711', body='Bitte prüfen.')
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Literal, NamedTuple

from mesh.errors import InvalidArgument, Violation

Language = Literal["de", "en"]

MISSING: Mapping[Language, str] = {"de": "[{name} fehlt]", "en": "[{name} is missing]"}

_PLACEHOLDER = re.compile(r"<([A-Za-z][A-Za-z0-9]*\.[A-Za-z][A-Za-z0-9]*)>")
_BREAKS = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+\s*")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class Rendered(NamedTuple):
    """A text as it is sent."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text taken apart: what is written as it stands and, at every odd place, the names of placeholders."""

    subject: tuple[str, ...]
    body: tuple[str, ...]
    language: Language = "de"

    names: tuple[str, ...] = field(init=False)
    """The placeholders in the order of the text, each once."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(dict.fromkeys((*self.subject[1::2], *self.body[1::2]))))


@lru_cache(maxsize=1000)
def template(text: str, language: Language = "de") -> Template:
    """Take a text apart. A blank line between subject and message belongs to neither."""
    first, _, rest = text.strip("\r\n").replace("\r\n", "\n").partition("\n")
    subject, body = (_PLACEHOLDER.split(part) for part in (first.strip(), rest.strip("\n")))
    return Template(tuple(subject), tuple(body), language)


def check(text: str, known: Iterable[str], *, field: str = "text") -> None:
    """Let a text pass that can be rendered.

    Raises:
        InvalidArgument: it has no subject, a control character, or names placeholders that are not known; every
            violation at once, with what was probably meant.
    """
    names = {name.casefold(): name for name in known}
    wrong = []
    if not text.strip():
        wrong.append(Violation(field, "is blank; its first line is the subject"))
    if _CONTROLS.search(text):
        wrong.append(Violation(field, "contains a control character"))
    for name in template(text).names:
        if names.get(name.casefold()) != name:
            near = get_close_matches(name.casefold(), names, n=1)
            meant = f"; <{names[near[0]]}> is" if near else ""
            wrong.append(Violation(field, f"<{name}> is no placeholder{meant}"))
    if wrong:
        raise InvalidArgument(wrong)


def render(of: Template, values: Mapping[str, str]) -> Rendered:
    """Write a text. What there is no value for, or an empty one, is written visibly; values are never read as text."""
    absent = MISSING[of.language]
    subject = _filled(of.subject, values, absent)
    return Rendered(_CONTROLS.sub("", _BREAKS.sub(" ", subject)).strip(), _filled(of.body, values, absent))


def missing(of: Template, values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the placeholders that are written as missing."""
    return tuple(name for name in of.names if not values.get(name))


def _filled(parts: tuple[str, ...], values: Mapping[str, str], absent: str) -> str:
    written = list(parts)
    for at in range(1, len(parts), 2):
        written[at] = values.get(parts[at]) or absent.format(name=parts[at])
    return "".join(written)
