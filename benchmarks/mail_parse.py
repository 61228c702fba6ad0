"""How many mails one core reads per second: ours, beside what the standard library offers.

The peers do less: both only split the mail and decode text and headers; ours also reads the sender strictly, sanitises
HTML, names and hashes attachments, rescues charsets, and keeps a budget.
"""

import email
import email.policy
from collections.abc import Callable
from email.header import decode_header
from itertools import cycle, islice
from time import process_time
from typing import Any

from benchmarks.lines import line
from server_business.mail.parsing import parse
from server_business.mail.problems import UnreadableMail
from tests.builders import mails


def _modern(raw: bytes) -> object:
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    body = mail.get_body(("plain", "html"))
    files = [one.get_content() for one in mail.iter_attachments()]
    return dict(mail.items()), body and body.get_content(), files


def _compat32(raw: bytes) -> object:
    mail = email.message_from_bytes(raw)
    heads = [decode_header(str(value)) for _, value in mail.items()]
    return heads, [one.get_payload(decode=True) for one in mail.walk() if not one.is_multipart()]


def _bare(raw: bytes) -> object:
    return email.message_from_bytes(raw)


def _rate(read: Callable[[bytes], object], raws: list[bytes], seconds: float) -> tuple[float, float]:
    """Return mails and megabytes per second of CPU."""
    source = cycle(raws)
    count = size = 0
    started = process_time()
    while (spent := process_time() - started) < seconds:
        for raw in islice(source, 20):
            read(raw)
            count += 1
            size += len(raw)
    return count / spent, size / spent / 1e6


def measure(seconds: float = 1.5) -> list[dict[str, Any]]:
    """Measure every kind of mail with every reader; a line per pair, rates per second of CPU on one core."""
    kinds = {
        "plain 5 kB": [mails.plain()],
        "text, HTML and picture": [mails.html()],
        "corpus of 300": [raw for raw in mails.corpus(300) if b"gestern" not in raw],
        "attachment 2 MB": [mails.with_attachment(bytes(range(256)) * 8_000)],
    }
    readers = {
        "ours": parse,
        "stdlib modern policy": _modern,
        "stdlib compat32": _compat32,
        "stdlib compat32, tree only": _bare,
    }
    lines: list[dict[str, Any]] = []
    for kind, raws in kinds.items():
        rates = {reader: _rate(read, raws, seconds) for reader, read in readers.items()}
        ours, _ = rates.pop("ours")
        lines.extend(
            line(kind, ours, "mails/s", peer=peer, peer_measured=rate, ratio=ours / rate)
            for peer, (rate, _) in rates.items()
        )
    return [*lines, *_bombs()]


def _bombs() -> list[dict[str, Any]]:
    raw = mails.part_bomb(1_000_000)
    started = process_time()
    try:
        parse(raw)
    except UnreadableMail as refused:
        problem = refused.problem.value
    return [line(f"a mail of a million parts is refused ({problem})", (process_time() - started) * 1e3, "ms")]
