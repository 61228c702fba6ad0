"""What a document's answer over HTTP says: ranges, conditions, names, types (RFC 9110, RFC 6266). Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import quote

OK, PARTIAL, NOT_MODIFIED, PRECONDITION_FAILED, UNSATISFIABLE = 200, 206, 304, 412, 416

# By ending; a site's machine may know others, or other ones, and browsers must not guess (nosniff).
TYPES = {
    "bmp": "image/bmp", "csv": "text/csv; charset=utf-8", "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "dwg": "image/vnd.dwg",
    "dxf": "image/vnd.dxf", "eml": "message/rfc822", "gif": "image/gif", "htm": "text/html", "html": "text/html",
    "jpeg": "image/jpeg", "jpg": "image/jpeg", "json": "application/json", "mp4": "video/mp4",
    "odt": "application/vnd.oasis.opendocument.text", "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "pdf": "application/pdf", "png": "image/png", "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "step": "model/step", "stp": "model/step", "svg": "image/svg+xml", "tif": "image/tiff", "tiff": "image/tiff",
    "txt": "text/plain; charset=utf-8", "webp": "image/webp", "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xml": "application/xml",
    "zip": "application/zip",
}  # fmt: skip
# What a browser shows without running anything of it.
SHOWN = frozenset(
    {"application/pdf", "image/png", "image/jpeg", "image/gif", "image/webp", "text/plain; charset=utf-8"}
)
_RANGE = re.compile(r"bytes=\s*(?:([0-9]{1,18})\s*-\s*([0-9]{0,18})|-\s*([0-9]{1,18}))\s*", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request says about which part it wants, and on which condition; empty: nothing."""

    range: str = ""
    if_range: str = ""
    if_match: str = ""
    if_none_match: str = ""
    if_modified_since: str = ""
    if_unmodified_since: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """The status of an answer and the bytes it holds: from `start`, inclusive, to `end`, exclusive."""

    status: int
    start: int = 0
    end: int = 0


def part(asked: Asked, *, tag: str, size: int, written: datetime) -> Part:
    """Decide an answer, in the order of RFC 9110 §13.2.2. Several ranges at once are answered by the whole (§14.2)."""
    second = written.replace(microsecond=0)
    if status := _unmet(asked, tag, second):
        return Part(status)
    found = _RANGE.fullmatch(asked.range)
    if found is None or (asked.if_range and not _same(asked.if_range, tag, second)):
        return Part(OK, 0, size)
    first, last, suffix = found.groups()
    if suffix is not None:
        start, end = max(0, size - int(suffix)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return Part(OK, 0, size)  # no valid range: as if it were not there
    return Part(PARTIAL, start, end) if start < end else Part(UNSATISFIABLE)


def content_type(name: str) -> str:
    """Return the type of a file by the ending of its name."""
    return TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")


def disposition(name: str, *, shown: bool) -> str:
    """Return Content-Disposition with the name for old programs and, beside it, the right one (RFC 6266 §4.3)."""
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"\\%;' else "_" for one in name)
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'{"inline" if shown else "attachment"}; filename="{plain}"{exact}'


def date(at: datetime) -> str:
    """Return an instant as HTTP writes it."""
    return format_datetime(at.astimezone(UTC), usegmt=True)


def _unmet(asked: Asked, tag: str, written: datetime) -> int:
    """Return the status of an answer whose condition does not hold; 0: every one holds."""
    if asked.if_match:
        if not _listed(asked.if_match, tag, strong=True):
            return PRECONDITION_FAILED
    elif (limit := _date(asked.if_unmodified_since)) is not None and written > limit:
        return PRECONDITION_FAILED
    if asked.if_none_match:
        unchanged = _listed(asked.if_none_match, tag, strong=False)
    else:
        since = _date(asked.if_modified_since)
        unchanged = since is not None and written <= since
    return NOT_MODIFIED if unchanged else 0


def _listed(header: str, tag: str, *, strong: bool) -> bool:
    if header.strip() == "*":
        return True
    found = header.split(",") if strong else _TAG.findall(header)
    return any(one.strip() == tag for one in found)


def _same(header: str, tag: str, written: datetime) -> bool:
    return header.strip() == tag or _date(header) == written


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return found if found.tzinfo else None
