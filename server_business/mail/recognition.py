"""The subject template of an account: finds the servicecall a mail answers, and writes the subject of ours.

`{Call <ServCall.ServicecallNr>} <ServCall.Matchcode>`: what stands in braces is searched in the subject of a mail, the
whole line is the subject of a mail we send.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mesh.errors import InvalidArgument, Violation

NUMBER = "ServCall.ServicecallNr"
MATCHCODE = "ServCall.Matchcode"
PLACEHOLDERS = frozenset({NUMBER, MATCHCODE})

_PLACEHOLDER = re.compile(r"<([^<>{}]*)>")
_SPACE = re.compile(r"\s+")
_UNSEEN = re.compile(r"[\u200b-\u200f\u2060\ufeff\u00ad]")
# Re, Fwd and what Outlook, Lotus and Apple Mail write in other languages; "Re[2]:" is The Bat's.
_PREFIX = re.compile(
    r"\s*(?:re|aw|antw|antwort|fwd?|wg|weiterl|sv|vs|vb|rv|r|i|tr|odp|pd|ynt|ilt)\s*(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*[::]",
    re.IGNORECASE,
)
_LONGEST_SUBJECT = 2_000
_LONGEST_NUMBER = 18  # fits a signed 64-bit column


@dataclass(frozen=True, slots=True)
class SubjectTemplate:
    """A template that was found valid; made by `compile_template`."""

    text: str
    pattern: re.Pattern[str]

    def numbers(self, subject: str) -> tuple[int, ...]:
        """Return the servicecall numbers a subject names, in their order, each once; empty if it names none."""
        found = (int(hit["number"]) for hit in self.pattern.finditer(normal_subject(subject)))
        return tuple(dict.fromkeys(number for number in found if number))

    def render(self, values: Mapping[str, str]) -> str:
        """Write the subject of an outgoing mail: one line, whatever the values hold.

        Args:
            values: placeholder name → text, such as ``{"ServCall.ServicecallNr": "4711"}``; a missing one stays empty.
        """
        without_braces = self.text.replace("{", "").replace("}", "")
        return normal_subject(_PLACEHOLDER.sub(lambda hit: values.get(hit[1], ""), without_braces))


def compile_template(text: str, placeholders: Collection[str] = PLACEHOLDERS) -> SubjectTemplate:
    """Check a template and make it searchable.

    Raises:
        InvalidArgument: it has not exactly one pair of braces, an unknown placeholder, no number between the braces, or
            nothing beside the number there.
    """
    if error := _error(text, placeholders):
        raise InvalidArgument([Violation("subject_template", error)])
    searched = normal_subject(text[text.index("{") + 1 : text.index("}")])
    return SubjectTemplate(text=text, pattern=re.compile(_expression(searched), re.IGNORECASE))


def normal_subject(subject: str) -> str:
    """Undo what mail programs do to a subject: folding, hard spaces, unseen characters, split umlauts."""
    seen = _UNSEEN.sub("", subject[:_LONGEST_SUBJECT])
    printable = seen
    if not seen.isprintable():
        printable = "".join(" " if unicodedata.category(one) == "Cc" else one for one in seen)
    return unicodedata.normalize("NFC", _SPACE.sub(" ", printable)).strip()


def without_prefixes(subject: str) -> str:
    """Return a subject without `Re:`, `AW:`, `Fwd:` and the like, as the title of a new servicecall wants it."""
    rest = normal_subject(subject)
    while prefix := _PREFIX.match(rest):
        rest = rest[prefix.end() :]
    return rest.strip()


def _error(text: str, placeholders: Collection[str]) -> str:
    if (text.count("{"), text.count("}")) != (1, 1) or text.index("{") > text.index("}"):
        return f"the template {text!r} needs one pair of braces around what is searched in a subject"
    named = _PLACEHOLDER.findall(text)
    if unknown := [name for name in named if name not in placeholders]:
        known = ", ".join(f"<{one}>" for one in sorted(placeholders))
        return f"the placeholder <{unknown[0]}> is not known; known are {known}"
    searched = text[text.index("{") + 1 : text.index("}")]
    if searched.count(f"<{NUMBER}>") != 1:
        return f"the braces need <{NUMBER}> exactly once, it tells which servicecall is meant"
    if not _PLACEHOLDER.sub("", searched).strip():
        return f"the braces need a text beside <{NUMBER}>, or every number in a subject is taken for a servicecall"
    return ""


def _expression(searched: str) -> str:
    """Translate the searched part; a space may be missing, because folding software drops it."""
    parts = _PLACEHOLDER.split(searched)  # text, name, text, name, …, text
    literals = [re.escape(text).replace("\\ ", " ?") for text in parts[::2]]
    placeholders = [
        f"(?P<number>[0-9]{{1,{_LONGEST_NUMBER}}})(?![0-9])" if n == NUMBER else ".{0,100}?" for n in parts[1::2]
    ]
    body = literals[0] + "".join(hole + text for hole, text in zip(placeholders, literals[1:], strict=True))
    before = r"(?<!\w)" if re.match(r"\w|<", searched) else ""  # "Recall 4711" is not "Call 4711"
    after = r"(?!\w)" if re.search(r"(\w|>)\Z", searched) else ""
    return before + body + after
