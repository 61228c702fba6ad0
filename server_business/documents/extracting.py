"""The text in bytes: plain text here, PDF by pypdf in a process of its own, whose time and memory are limited."""

import resource
import subprocess
import sys
from typing import Final

LARGEST: Final = 32 << 20
"""Larger contents are found by their title, name and comment alone."""
_SECONDS: Final = 20
_MEMORY: Final = 1 << 30
_LONGEST: Final = 4_000_000
_PDF: Final = "application/pdf"
_TEXTS: Final = frozenset({"application/json", "application/xml", "message/rfc822"})


class Unreadable(Exception):
    """No text was found; the message says why."""


def is_read(mime_type: str, size: int) -> bool:
    """Tell whether there may be text in a content."""
    return size <= LARGEST and (mime_type == _PDF or mime_type.startswith("text/") or mime_type in _TEXTS)


def text_of(data: bytes, mime_type: str) -> str:
    """Return the text of a content. Raises Unreadable."""
    if mime_type != _PDF:
        return _decoded(data)[:_LONGEST]
    command = [sys.executable, "-m", "server_business.documents.extracting"]
    try:
        done = subprocess.run(  # noqa: S603 - ourselves
            command, input=data, capture_output=True, timeout=2 * _SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unreadable(f"the PDF could not be read within {2 * _SECONDS} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Unreadable(f"the PDF cannot be read: {said[-1] if said else f'ended by signal {-done.returncode}'}")
    return done.stdout.decode(errors="replace")[:_LONGEST]


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    import io
    import logging

    from pypdf import PdfReader

    logging.disable(logging.WARNING)  # what it finds odd in a PDF
    room = _LONGEST
    for page in PdfReader(io.BytesIO(sys.stdin.buffer.read())).pages:
        text = page.extract_text()[:room]
        sys.stdout.buffer.write(text.encode(errors="replace") + b"\n")
        room -= len(text)
        if room <= 0:
            return


if __name__ == "__main__":
    _main()
