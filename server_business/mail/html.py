"""HTML of mails: made harmless, and turned into text where a mail has no text of its own."""

import html
import re

import nh3

MAX_LINKS = 5_000  # above it, showing the mail hangs clients; Zammad draws the line here too
MAX_LENGTH = 1_000_000
# nh3's time grows with tags × depth: 200,000 nested divs took it 285 s, 20,000 take 3 s.
MAX_DEPTH = 400
MAX_TAGS = 20_000  # holds even where the depth is hidden from `_deep`, by end tags inside comments or attributes

_TAGS = frozenset(nh3.ALLOWED_TAGS) | {"font"}
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "font": {"color", "size", "face"},
    "td": nh3.ALLOWED_ATTRIBUTES.get("td", set()) | {"width", "valign", "bgcolor"},
}
_SCHEMES = {"http", "https", "mailto", "tel", "cid"}
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li|/h[1-6]|/table|/blockquote)>")
_TAG = re.compile(r"""<(?:[^>"]|"[^"]*")*+>""")
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_OPENED = re.compile(r"<(/?)([a-zA-Z][^\s/>]{0,40})")
# What holds nothing, or ends by itself when its like begins.
_FLAT = frozenset(
    ("area", "base", "br", "col", "dd", "dt", "hr", "img", "input", "li", "link", "meta", "p", "td", "th", "tr", "wbr")
)
_GAP = re.compile(r"\n{3,}")
_CID = re.compile(r"cid:([^\"'\s>)]{1,250})", re.IGNORECASE)


def refusal(text: str) -> str:
    """Say why this HTML is not shown, or return an empty string. Asked before the real parser sees a byte."""
    if len(text) > MAX_LENGTH:
        return f"HTML of {len(text)} characters is kept as an attachment; at most {MAX_LENGTH} are shown"
    links = text.lower().count("href")
    if links > MAX_LINKS:
        return f"HTML with {links} links is kept as an attachment; at most {MAX_LINKS} are shown"
    tags = _OPENED.findall(text)
    if len(tags) > 2 * MAX_TAGS:  # start and end
        return f"HTML with more than {MAX_TAGS} elements is kept as an attachment"
    if _deep(tags):
        return f"HTML nested deeper than {MAX_DEPTH} is kept as an attachment"
    return ""


def sanitised(text: str) -> str:
    """Return HTML without script, style, forms, handlers and anything loaded from outside.

    A remote picture tells its sender who read the mail and when; pictures of the mail itself (`cid:`) stay.
    """
    return _CLEANER.clean(text)


def as_text(clean: str) -> str:
    """Return what a person reads in HTML, a line per block; exact if it is sanitised."""
    bare = _TAG.sub("", _BREAK.sub("\n", " ".join(clean.split())))
    lines = (" ".join(line.split()) for line in html.unescape(bare).split("\n"))
    return _GAP.sub("\n\n", "\n".join(lines)).strip()


def content_ids(text: str) -> frozenset[str]:
    """Return the Content-IDs the HTML shows."""
    return frozenset(html.unescape(one) for one in _CID.findall(text))


def declared_charset(content: bytes) -> str | None:
    """Return the charset an HTML document names in its own head, for mails that name none."""
    hit = _META.search(content[:1024])
    return hit[1].decode("ascii") if hit else None


def _deep(tags: list[tuple[str, str]]) -> bool:
    """Bound the nesting from above: an end tag counts only against a start tag of its name."""
    opened: dict[str, int] = {}
    depth = 0
    for slash, name in tags:
        tag = name.lower()
        if tag in _FLAT:
            continue
        if not slash:
            opened[tag] = opened.get(tag, 0) + 1
            depth += 1
        elif opened.get(tag):
            opened[tag] -= 1
            depth -= 1
        if depth > MAX_DEPTH:
            return True
    return False


def _only_own_pictures(tag: str, attribute: str, value: str) -> str | None:
    if tag == "img" and attribute == "src" and not value.lower().startswith("cid:"):
        return None
    return value


_CLEANER = nh3.Cleaner(  # made once: that costs as much as to clean a short mail
    tags=set(_TAGS),
    clean_content_tags={"script", "style", "title"},
    attributes=_ATTRIBUTES,
    attribute_filter=_only_own_pictures,
    url_schemes=_SCHEMES,
    link_rel="noopener noreferrer nofollow",
)
