"""The part tree of a mail to what a contact shows: text, HTML, attachments."""

import binascii
import html as markup
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import InvalidBase64LengthDefect, MessageDefect
from email.generator import BytesGenerator
from email.policy import Compat32
from hashlib import sha256
from io import BytesIO

from server_business.mail import html
from server_business.mail.budget import Budget
from server_business.mail.charsets import decode
from server_business.mail.encoded_words import base64_bytes, decoded
from server_business.mail.file_names import distinct, safe_name
from server_business.mail.parameters import split_value
from server_business.mail.problems import Problem, UnreadableMail
from server_business.mail.well_formed import Entity, Mail


class _AsItCame(Compat32):
    """Writes headers without folding them anew: folding refuses what a damaged mail may hold, a bare CR for one."""

    def fold_binary(self, name: str, value: str) -> bytes:
        lines = str(value).replace("\r\n", "\n").replace("\n", self.linesep)
        return f"{name}: {lines}{self.linesep}".encode("utf-8", "surrogateescape")


_WIRE = _AsItCame(linesep="\r\n", max_line_length=None)
_SHOWN_PROBLEMS = 20
_AS_IT_IS = frozenset({"", "7bit", "8bit", "binary"})
_UUENCODED = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One file of a mail.

    Args:
        name: harmless and unique within the mail.
        content_type: in lower case, such as `application/pdf`; what the sender claims.
        content_id: without angle brackets; empty if it has none.
        inline: the HTML shows it (`cid:`).
        content: the decoded bytes.
        sha256: of the content, in hex.
    """

    name: str
    content_type: str
    content_id: str
    inline: bool
    content: bytes = field(repr=False)
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a mail contains. `html` is sanitised; `text` is never missing where there is HTML."""

    text: str
    html: str
    attachments: tuple[Attachment, ...]
    problems: tuple[str, ...]


@dataclass(slots=True)
class _Section:
    """One stretch of a mail, said in one or two ways (multipart/alternative)."""

    plain: str = ""
    html: str = ""


@dataclass(slots=True)
class _File:
    name: str
    content_type: str
    content_id: str
    content: bytes


@dataclass(slots=True)
class _Collected:
    sections: list[_Section] = field(default_factory=list)
    files: list[_File] = field(default_factory=list)
    problems: dict[str, None] = field(default_factory=dict)

    def note(self, problem: str) -> None:
        if problem and len(self.problems) < _SHOWN_PROBLEMS:
            self.problems[problem] = None


def read_content(mail: Mail, budget: Budget) -> Content:
    """Collect text, HTML and attachments of a parsed mail.

    Raises:
        UnreadableMail: parts lie deeper in each other than the budget allows.
    """
    collected = _Collected()
    for defect in mail.defects:
        collected.note(_sentence(defect))
    for part, section in _leaves(mail, budget.depth, None):
        _take(part, section, collected)
        for defect in part.defects:
            collected.note(_sentence(defect))
    has_html = any(one.html for one in collected.sections)
    shown = "".join(one.html or _escaped(one.plain) for one in collected.sections) if has_html else ""
    text = "\n\n".join(one.plain or html.as_text(one.html) for one in collected.sections)
    used = html.content_ids(shown) if has_html else frozenset()
    taken: set[str] = set()
    return Content(
        text=text.strip(),
        html=shown,
        attachments=tuple(_attachment(file, at, used, taken) for at, file in enumerate(collected.files, start=1)),
        problems=tuple(collected.problems),
    )


def plain_content(mail: Mail) -> Content | None:
    """Return the content of a mail that is one unencoded plain text and no file; None of any other."""
    if not isinstance(mail, Entity) or mail.body is None:
        return None
    found: dict[str, str] = {}
    for name, value in mail.raw_items():
        found.setdefault(name.lower(), value)
    encoding = found.get("content-transfer-encoding", "").strip().lower()
    kind, parameters = split_value(found.get("content-type", ""))
    if encoding not in _AS_IT_IS or kind not in {"", "text/plain"} or "name" in parameters:
        return None
    if "content-disposition" in found:
        return None
    text, guessed = decode(mail.body, parameters.get("charset"))
    return Content(
        text=text.replace("\r\n", "\n").strip(), html="", attachments=(), problems=(guessed,) if guessed else ()
    )


def _leaves(part: Mail, depth: int, section: _Section | None) -> Iterator[tuple[Mail, _Section | None]]:
    """Walk the tree down to what is not multipart; a mail inside the mail is a leaf."""
    if depth < 0:
        raise UnreadableMail(Problem.TOO_DEEP, "parts lie too deep in each other")
    kind = part.get_content_type()
    if not part.is_multipart() or kind.startswith("message/"):
        yield part, section
        return
    if kind == "multipart/alternative" and section is None:
        section = _Section()
    for child in _inner(part):
        yield from _leaves(child, depth - 1, section)


def _take(part: Mail, section: _Section | None, collected: _Collected) -> None:
    kind, type_parameters = split_value(_raw(part, "content-type"))
    disposition, parameters = split_value(_raw(part, "content-disposition"))
    if "/" not in kind or kind.startswith("multipart/"):
        kind = part.get_default_type() if not kind else "text/plain"
    if not (kind.isascii() and kind.isprintable()):  # raw bytes: no database keeps a lone surrogate
        kind = "application/octet-stream"
    name = parameters.get("filename") or type_parameters.get("name") or ""
    content = _content(part)
    if kind in {"text/plain", "text/html"} and disposition != "attachment" and not name:
        _take_text(kind, content, type_parameters.get("charset"), section, collected)
        return
    if kind == "message/rfc822" and not name:
        name = _mail_name(part)
    content_id = decoded(_raw(part, "content-id")).strip("<> ")[:250]
    collected.files.append(_File(name, kind, content_id, content))


def _take_text(kind: str, content: bytes, charset: str | None, section: _Section | None, collected: _Collected) -> None:
    text, guessed = decode(content, charset or (html.declared_charset(content) if kind == "text/html" else None))
    collected.note(guessed)
    text = text.replace("\r\n", "\n")
    if kind == "text/html" and (refusal := html.refusal(text)):
        collected.note(refusal)
        collected.files.append(_File("message.html", kind, "", content))
        kind, text = "text/plain", "" if section else html.as_text(text[: html.MAX_LENGTH])
    if section is None or (section.plain if kind == "text/plain" else section.html):
        section = _Section()
    if kind == "text/plain":
        section.plain = text
    else:
        section.html = html.sanitised(text)
    if not any(one is section for one in collected.sections):
        collected.sections.append(section)


def _content(part: Mail) -> bytes:
    if part.is_multipart():
        return b"\r\n".join(_wire(one) for one in _inner(part))
    if isinstance(part, Entity) and part.body is not None:
        if (decoded_body := _well_encoded(part, part.body)) is not None:
            return decoded_body
        part.set_payload(part.body)
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    if any(isinstance(defect, InvalidBase64LengthDefect) for defect in part.defects):
        return base64_bytes(content)
    return content


def _well_encoded(part: Mail, body: bytes) -> bytes | None:
    """Decode what is encoded as it should be, as `Message.get_payload` does at many times the cost; None: it is not."""
    encoding = str(part.get("content-transfer-encoding", "")).lower()
    if encoding == "base64":
        letters = body.translate(None, b"\r\n")
        with suppress(binascii.Error):
            return binascii.a2b_base64(letters, strict_mode=True)
        return None
    if encoding == "quoted-printable":
        return binascii.a2b_qp(body)
    return None if encoding in _UUENCODED else body


def _wire(mail: Mail) -> bytes:
    """Write a mail inside a mail as it came, but for its line ends."""
    out = BytesIO()
    BytesGenerator(out, mangle_from_=False, policy=_WIRE).flatten(mail)
    return out.getvalue()


def _inner(part: Mail) -> list[Mail]:
    payload = part.get_payload()
    return [one for one in payload if not isinstance(one, str)] if isinstance(payload, list) else []


def _raw(part: Mail, name: str) -> str:
    """Return a header as it came; indexing would turn raw 8-bit bytes into something else."""
    return next((value for key, value in part.raw_items() if key.lower() == name), "")


def _mail_name(part: Mail) -> str:
    subject = next((decoded(_raw(one, "subject")) for one in _inner(part)), "")
    return f"{subject[:100].replace('/', '-') or 'mail'}.eml"


def _attachment(file: _File, number: int, used: frozenset[str], taken: set[str]) -> Attachment:
    return Attachment(
        name=distinct(safe_name(file.name, file.content_type, number), taken),
        content_type=file.content_type,
        content_id=file.content_id,
        inline=file.content_id in used,
        content=file.content,
        sha256=sha256(file.content).hexdigest(),
    )


def _escaped(plain: str) -> str:
    return f"<pre>{markup.escape(plain)}</pre>"


def _sentence(defect: MessageDefect) -> str:
    name = type(defect).__name__.removesuffix("Defect")
    return "".join(f" {one.lower()}" if one.isupper() else one for one in name).strip()
