"""In what our reading of a mail differs from the standard library's, case by case, and why.

python -m tests.corpus.mail_differences      writes mail_differences.csv anew; read what changed before you keep it
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from fnmatch import fnmatch
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any, cast

from server_business.mail.parsing import parse
from server_business.mail.problems import UnreadableMail
from server_business.mail.sender import Mailbox
from tests.builders.mail_corpus import corpus

TABLE = Path(__file__).with_name("mail_differences.csv")
_SHOWN = 60
# The first that fits a case and a field.
_RAW = "raw 8-bit bytes in a head are guessed (UTF-8, else as browsers do); the library replaces them"
_AS_FAR = "what is damaged is read as far as it goes: lost boundaries are found, raw bytes guessed, no part is dropped"
_INNER = "a part without a name gets one, and a mail within is kept as it came; the library gives it back as an object"
_HTML = "a mail without plain text is read by its HTML; the library is asked for a plain part only"
_EVERY = "every text part belongs to the text; the library takes the first and calls the others attachments"
_RELATED = "pictures of the HTML and parts without a name are files, too; the library leaves out or keeps them nameless"
BECAUSE = (
    ("*", "refused", "over the budget, or without content: it waits for a person as it came"),
    (
        "charset/claimed-*",
        "text",
        "a charset that is none, or not the one used, is guessed; the library replaces or raises",
    ),
    ("demo/2-*", "text", _HTML),
    ("demo/6-*", "*", _AS_FAR),
    ("known/broken", "*", _AS_FAR),
    ("known/bounce", "files", _INNER),
    ("known/report", "files", _INNER),
    ("known/html", "files", _RELATED),
    ("subject/nul", "*", "no text of ours holds a NUL: PostgreSQL keeps none"),
    ("subject/long", "*", "a subject is kept up to 1,000 characters"),
    ("subject/raw-latin", "*", _RAW),
    ("from/umlaut-*", "sender", _RAW),
    ("from/quoted-local", "sender", "quotes that the local part needs are kept; raw bytes are guessed"),
    ("from/*", "sender", "a sender is one mailbox, read strictly, or none; the library finds an address in anything"),
    ("message-id/*", "message_id", "an id is what stands in angle brackets, at most 250 characters, no spaces"),
    (
        "file-name/*",
        "files",
        "names are harmless on every file system and unique in a mail; the library keeps them as sent",
    ),
    ("nesting/[0-9]*", "files", "the library has no content for a multipart within a multipart and raises"),
    ("nesting/html-only", "text", _HTML),
    ("nesting/two-texts", "*", _EVERY),
    ("nesting/digest", "*", _EVERY),
    ("nesting/empty-parts", "*", _EVERY),
    ("nesting/rfc822*", "files", _INNER),
    ("nesting/*", "files", _RELATED),
    ("broken/two-types", "text", "both read the first Content-Type, HTML; ours makes text of it"),
    ("broken/html-declares", "text", _HTML),
    ("broken/nul-in-body", "text", "no text of ours holds a NUL: PostgreSQL keeps none"),
    ("broken/binary", "text", "no text of ours holds a NUL: PostgreSQL keeps none"),
    ("broken/lone-surrogate", "text", "bytes that are no UTF-8 are guessed; the library replaces them"),
    ("broken/*", "*", _AS_FAR),
    ("damaged/*", "*", _AS_FAR),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one case; values shortened."""

    case: str
    field: str
    ours: str
    library: str
    because: str


def differences() -> Iterator[Difference]:
    """Compare all cases but the bombs, with which the library does not come to an end."""
    for name, make in corpus():
        if name.startswith("bomb/"):
            continue
        raw = make()
        ours = _ours(raw)
        library = _library(raw)
        if "refused" in ours:
            yield Difference(name, "refused", ours["refused"], "reads it", _because(name, "refused"))
            continue
        for field, value in ours.items():
            if value != library[field]:
                yield Difference(name, field, _plain(value), _plain(library[field]), _because(name, field))


def written(found: list[Difference]) -> str:
    """Return the table as it is kept."""
    out = StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(Difference.__slots__)
    lines.writerows(astuple(one) for one in found)
    return out.getvalue()


def _plain(value: str) -> str:
    """Return the beginning of a value as a line of text any editor shows."""
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in value)[:_SHOWN]


def _because(case: str, field: str) -> str:
    return next((why for c, f, why in BECAUSE if fnmatch(case, c) and fnmatch(field, f)), "")


def _ours(raw: bytes) -> dict[str, str]:
    try:
        mail = parse(raw)
    except UnreadableMail as refusal:
        return {"refused": refusal.problem.value}
    sender = mail.sender
    return {
        "subject": mail.subject,
        "sender": sender.address if isinstance(sender, Mailbox) else "",
        "message_id": mail.message_id,
        "text": _shown(mail.text),
        "files": _shown("; ".join(f"{one.name} {one.content_type} {one.sha256[:8]}" for one in mail.attachments)),
    }


def _library(raw: bytes) -> dict[str, str]:
    mail = cast("EmailMessage", message_from_bytes(raw, policy=policy.default))
    return {name: _tried(lambda read=read: read(mail)) for name, read in _READ.items()}


def _tried(read: Any) -> str:
    try:
        return str(read())
    except Exception as error:  # noqa: BLE001 - what it trips over is what is compared
        return f"raises {type(error).__name__}"


def _sender(mail: EmailMessage) -> str:
    addresses = mail["From"].addresses if mail["From"] is not None else ()
    return f"{addresses[0].username}@{addresses[0].domain.lower()}" if len(addresses) == 1 else ""


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    return _shown(str(body.get_content())) if body is not None else ""


def _files(mail: EmailMessage) -> str:
    found = []
    for one in mail.iter_attachments():
        content: Any = one.get_content()
        data = content.encode() if isinstance(content, str) else bytes(content)
        found.append(f"{one.get_filename() or ''} {one.get_content_type()} {sha256(data).hexdigest()[:8]}")
    return _shown("; ".join(found))


_READ: dict[str, Any] = {
    "subject": lambda mail: " ".join(str(mail["Subject"] or "").split()),
    "sender": _sender,
    "message_id": lambda mail: str(mail["Message-ID"] or "").strip("<> "),
    "text": _text,
    "files": _files,
}


def _shown(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    every = list(differences())
    TABLE.write_text(written(every), encoding="utf-8")
    sys.stdout.write(f"{len(every)} differences, {sum(not one.because for one in every)} without a reason\n")
