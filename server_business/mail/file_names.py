"""File names of attachments: kept as people know them, harmless on every file system."""

import re
import unicodedata
from mimetypes import guess_extension

_FORBIDDEN = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|\Z)", re.IGNORECASE)
_LONGEST = 180  # bytes in UTF-8: with a number in front it still fits the 255 of ext4 and NTFS
_LONGEST_EXTENSION = 16


def safe_name(name: str, content_type: str, number: int) -> str:
    """Return a plain file name without path, control or direction characters.

    Args:
        name: what the mail calls it; may be empty, a path, or an attempt at one.
        content_type: gives a nameless attachment its extension.
        number: gives a nameless attachment its name, such as `attachment-2.pdf`.
    """
    last = re.split(r"[/\\]", name[-4096:])[-1]
    # Cf holds the right-to-left override that makes "gpj.exe" look like "exe.jpg".
    visible = "".join(one for one in unicodedata.normalize("NFC", last) if unicodedata.category(one)[0] != "C")
    plain = " ".join(_FORBIDDEN.sub("_", visible).split()).strip(". ")
    if not plain:
        return f"attachment-{number}{guess_extension(content_type) or '.bin'}"
    if _RESERVED.match(plain):  # Windows opens the device, whatever the extension
        plain = f"_{plain}"
    return _shortened(plain)


def distinct(name: str, taken: set[str]) -> str:
    """Return the name, numbered if a mail has it twice (case does not tell files apart on Windows), and note it."""
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    chosen, count = name, 1
    while chosen.casefold() in taken:
        count += 1
        chosen = f"{stem} ({count}){dot}{extension}"
    taken.add(chosen.casefold())
    return chosen


def _shortened(name: str) -> str:
    if len(name.encode()) <= _LONGEST:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > _LONGEST_EXTENSION:
        stem, dot, extension = name, "", ""
    kept = stem.encode()[: _LONGEST - len((dot + extension).encode())].decode("utf-8", "ignore")
    return f"{kept.rstrip()}{dot}{extension}"
