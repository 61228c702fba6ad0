"""Mails of every sort there is trouble with, each under a name: charsets, heads, nesting, broken MIME, bombs.

The same every time; made, not collected, so that each says what it is about.
"""

import base64
import quopri
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.builders import mails

DEMO = Path(__file__).parents[2] / "deploy" / "demo" / "mails"
Case = tuple[str, Callable[[], bytes]]
_SAMPLES = {
    "utf-8": "Grüße – „Störung“ €",
    "iso-8859-1": "Grüße, Störung",
    "iso-8859-15": "Grüße, 5 €",
    "windows-1252": "Grüße „Störung“ €",
    "windows-1250": "Zażółć gęślą",
    "windows-1251": "Отопление",
    "koi8-r": "Отопление",
    "koi8-u": "Опалення",
    "iso-8859-2": "Žluťoučký",
    "iso-8859-9": "Isıtma",
    "gb2312": "暖气",
    "gb18030": "暖气坏了",
    "big5": "暖氣",
    "shift_jis": "暖房",
    "iso-2022-jp": "暖房が冷たい",
    "euc-jp": "暖房",
    "euc-kr": "난방",
    "utf-7": "Grüße",
    "utf-16": "Grüße",
    "mac-roman": "Grüße",
    "cp850": "Grüße",
    "tis-620": "ความร้อน",
    "iso-8859-8": "חימום",
    "windows-1256": "تدفئة",
}
_CLAIMED = (
    "x-unknown",
    "us-ascii",
    "utf8",
    '"utf-8"',
    "UTF-8;",
    "default",
    "unknown-8bit",
    "hex",
    "rot13",
    "",
    "utf-8utf-8",
)


def corpus() -> Iterator[Case]:
    """Yield every mail, made when it is asked for: some are large."""
    for path in sorted(DEMO.glob("*.eml")):
        yield f"demo/{path.stem}", path.read_bytes
    yield from _known()
    yield from _charsets()
    yield from _heads()
    yield from _file_names()
    yield from _nesting()
    yield from _broken()
    yield from _damaged()
    yield from _bombs()


def _known() -> Iterator[Case]:
    makers: dict[str, Callable[[], bytes]] = {
        "plain": mails.plain, "html": mails.html, "attachment": mails.with_attachment,
        "out-of-office": mails.out_of_office, "bounce": mails.bounce, "broken": mails.broken,
        "reply": lambda: mails.reply_to_call(4711),
        "report": lambda: mails.delivery_report("17@firma.example", "hans@kunde.example"),
    }  # fmt: skip
    yield from ((f"known/{name}", make) for name, make in makers.items())


def _charsets() -> Iterator[Case]:
    encoders: dict[str, Callable[[bytes], bytes]] = {
        "8bit": lambda raw: raw, "base64": base64.encodebytes, "quoted-printable": quopri.encodestring,
    }  # fmt: skip
    for charset, text in _SAMPLES.items():
        raw = text.encode(charset)
        for encoding, encode in encoders.items():
            body = encode(raw)
            yield f"charset/{charset}-{encoding}", lambda b=body, c=charset, e=encoding: _text(b, c, e)
        word = f"=?{charset}?B?{base64.b64encode(raw).decode()}?="
        yield f"charset/{charset}-subject", lambda word=word: mails.mail(subject=word)
    for number, claimed in enumerate(_CLAIMED):
        yield f"charset/claimed-{number}", lambda c=claimed: _text("Grüße".encode(), c, "8bit")
        yield f"charset/claimed-latin-{number}", lambda c=claimed: _text("Grüße".encode("latin-1"), c, "8bit")


def _text(body: bytes, charset: str, encoding: str) -> bytes:
    kind = f"text/plain; charset={charset}" if charset else "text/plain"
    return mails.mail(body, headers=[("Content-Type", kind), ("Content-Transfer-Encoding", encoding)])


def _heads() -> Iterator[Case]:
    utf8 = base64.b64encode("Störung".encode()).decode()
    subjects = {
        "encoded-q": "=?utf-8?Q?St=C3=B6rung_im_Keller?=",
        "encoded-two": f"=?utf-8?B?{utf8}?= =?utf-8?B?{utf8}?=",
        "encoded-folded": f"=?utf-8?B?{utf8}?=\r\n =?utf-8?Q?_Keller?=",
        "encoded-split-character": "=?utf-8?Q?St=C3?= =?utf-8?Q?=B6rung?=",
        "encoded-spaces": "=?utf-8?Q?St=C3=B6rung im Keller?=",
        "encoded-unclosed": "=?utf-8?Q?St=C3=B6rung",
        "encoded-unknown": "=?x-unknown?Q?St=C3=B6rung?=",
        "encoded-bad-base64": "=?utf-8?B?U3TDtnJ1bmc?=",
        "encoded-language": "=?utf-8*de?Q?St=C3=B6rung?=",
        "encoded-in-word": "Die=?utf-8?Q?_St=C3=B6rung?=",
        "raw-utf8": "Störung",
        "raw-latin": "St\udcf6rung",
        "folded": "Eine lange\r\n Zeile mit\r\n\tTabulator",
        "empty": "",
        "nul": "Sto\0erung",
        "control": "Sto\x07erung",
        "long": "x" * 5_000,
    }
    for name, subject in subjects.items():
        yield f"subject/{name}", lambda s=subject: mails.mail(subject=s)
    senders = {
        "name": "Hans Müller <hans@kunde.example>",
        "quoted": '"Müller, Hans" <hans@kunde.example>',
        "comma": "Müller, Hans <hans@kunde.example>",
        "comment": "hans@kunde.example (Hans (der Chef))",
        "two": "a@x.example, b@y.example",
        "group": "Chefs: a@x.example, b@y.example;",
        "none": "",
        "nothing": "<>",
        "twice": "hans@kunde.example <hans@kunde.example>",
        "other-in-name": '"boss@firma.example" <hans@kunde.example>',
        "cve-2023-27043": "alice@example.org]<bob@example.org>",
        "encoded-at": "=?utf-8?Q?boss=40firma.example?= <hans@kunde.example>",
        "umlaut-domain": "hans@bücher.example",
        "umlaut-local": "jörg@kunde.example",
        "ip": "hans@[192.0.2.7]",
        "no-domain": "hans",
        "spaces": "  hans@kunde.example  ",
        "quoted-local": '"hans müller"@kunde.example',
        "route": "<@relay.example:hans@kunde.example>",
        "dots": "Hans M. Müller <hans@kunde.example>",
    }
    for name, sender in senders.items():
        yield f"from/{name}", lambda s=sender: mails.mail(sender=s)
    yield "from/twice-headers", lambda: b"From: a@x.example\r\n" + mails.mail()
    yield "from/missing", lambda: mails.mail().replace(b"From: hans@kunde.example\r\n", b"")
    ids = {
        "bare": "1@x",
        "two": "<1@x> <2@x>",
        "space": "<1 @x>",
        "none": "",
        "long": f"<{'x' * 300}@x>",
        "umlaut": "<ü@x>",
    }
    for name, value in ids.items():
        yield f"message-id/{name}", lambda v=value: mails.mail(headers=[("Message-ID", v)])
    dates = (
        "gestern",
        "Tue, 24 Nov 2026 08:00:00",
        "Tue, 99 Nov 2026 08:00:00 +0100",
        "",
        "1",
        "Tue, 24 Nov 10000 08:00 +0100",
    )
    for number, value in enumerate(dates):
        yield f"date/{number}", lambda v=value: mails.mail(headers=[("Date", v)])


def _file_names() -> Iterator[Case]:
    dispositions = {
        "plain": 'attachment; filename="Plan.pdf"',
        "2231": "attachment; filename*=utf-8''St%C3%B6rung.pdf",
        "2231-continued": "attachment; filename*0*=utf-8''St%C3; filename*1*=%B6rung.pdf",
        "2231-continued-plain": 'attachment; filename*0="Sto"; filename*1="erung.pdf"',
        "2231-latin": "attachment; filename*=iso-8859-1'de'St%F6rung.pdf",
        "encoded-word": 'attachment; filename="=?utf-8?Q?St=C3=B6rung.pdf?="',
        "raw-utf8": 'attachment; filename="Störung.pdf"',
        "unquoted-space": "attachment; filename=Mein Plan.pdf",
        "path": 'attachment; filename="../../etc/passwd"',
        "windows-path": 'attachment; filename="C:\\\\Temp\\\\a.pdf"',
        "device": 'attachment; filename="CON.pdf"',
        "override": 'attachment; filename="gpj\u202eexe.pdf"',
        "none": "attachment",
        "inline": 'inline; filename="Plan.pdf"',
        "long": f'attachment; filename="{"ä" * 300}.pdf"',
        "unclosed": 'attachment; filename="Plan.pdf',
        "dot": 'attachment; filename="."',
    }
    for name, disposition in dispositions.items():
        yield f"file-name/{name}", lambda d=disposition: mails.with_attachment(disposition=d)
    same = mails.part(b"%PDF", "application/pdf; name=a.pdf", encoding="base64")
    yield "file-name/same-twice", lambda: mails.multipart_mail("mixed", same, same)


def _nesting() -> Iterator[Case]:
    for depth in (1, 5, 15, 19, 25, 100):
        yield f"nesting/{depth}", lambda d=depth: mails.nested(d)
    text, markup = mails.part(b"plain", "text/plain"), mails.part(b"<p>marked</p>", "text/html")
    picture = mails.part(mails.PNG, "image/png", "Content-ID: <a@b>", encoding="base64")
    inner = mails.multipart("alternative", text, markup, boundary="=_in")
    twice = mails.multipart_mail("mixed", mails.part(mails.mail(), "message/rfc822"))
    trees = {
        "alternative": ("alternative", (text, markup)),
        "alternative-in-mixed": ("mixed", (inner, picture)),
        "related-in-alternative": ("alternative", (text, mails.multipart("related", markup, picture, boundary="=_r"))),
        "two-texts": ("mixed", (text, mails.part(b"more", "text/plain"))),
        "html-only": ("mixed", (markup,)),
        "text-after-picture": ("mixed", (picture, text)),
        "rfc822": ("mixed", (text, mails.part(mails.mail("inside"), "message/rfc822"))),
        "rfc822-in-rfc822": ("mixed", (text, mails.part(twice, "message/rfc822"))),
        "calendar": ("alternative", (text, mails.part(b"BEGIN:VCALENDAR", "text/calendar; method=REQUEST"))),
        "digest": ("digest", (mails.mail("one"), mails.mail("two"))),
        "empty-parts": ("mixed", (b"\r\n", b"\r\n", text)),
        "no-parts": ("mixed", ()),
        "signed": ("signed", (text, mails.part(b"\x30\x80", "application/pkcs7-signature", encoding="base64"))),
    }  # fmt: skip
    for name, (kind, parts) in trees.items():
        yield f"nesting/{name}", lambda k=kind, p=parts: mails.multipart_mail(k, *p)
    yield "nesting/rfc822-alone", lambda: mails.mail(mails.mail("inside"), headers=[("Content-Type", "message/rfc822")])


def _broken() -> Iterator[Case]:
    base = mails.with_attachment()
    coded = "Content-Transfer-Encoding"
    declares = "<meta charset=iso-8859-1><p>Grüße".encode("latin-1")
    texts = {
        "lf-only": base.replace(b"\r\n", b"\n"),
        "cr-only": mails.mail().replace(b"\r\n", b"\r"),
        "mixed-ends": base.replace(b"\r\n", b"\n", 7),
        "no-blank-line": mails.mail().replace(b"\r\n\r\n", b"\r\n", 1),
        "head-only": mails.mail().partition(b"\r\n\r\n")[0],
        "body-only": b"Die Heizung ist kalt.\r\nGruss",
        "blank-first": b"\r\n" + mails.mail(),
        "mbox-line": b"From hans@kunde.example Tue Nov 24\r\n" + mails.mail(),
        "no-colon": b"Received\r\n" + mails.mail(),
        "space-before-colon": mails.mail().replace(b"Subject:", b"Subject :"),
        "no-final-boundary": base[: base.rindex(b"--=_b0--")],
        "no-boundary-parameter": base.replace(b'; boundary="=_b0"', b"", 1),
        "wrong-boundary": base.replace(b'boundary="=_b0"', b'boundary="other"', 1),
        "boundary-spaces": base.replace(b"--=_b0\r\n", b"--=_b0  \r\n"),
        "empty-boundary": base.replace(b'boundary="=_b0"', b'boundary=""', 1),
        "cut": base[: len(base) - 60],
        "cut-in-head": base[:150],
        "bad-base64": mails.mail(b"!!!!R3LDvMOfZQ", headers=[(coded, "base64")]),
        "base64-text-after": mails.mail(b"R3LDvMOfZQ==\r\n--\r\nListe", headers=[(coded, "base64")]),
        "bad-qp": mails.mail(b"Gr=C3=BC=C3=9Fe =ZZ =", headers=[(coded, "quoted-printable")]),
        "unknown-encoding": mails.mail(headers=[(coded, "x-uuencode")]),
        "uuencode": mails.mail(b"begin 644 a.txt\n#0V%T\n`\nend\n", headers=[(coded, "x-uuencode")]),
        "bad-type": mails.mail(headers=[("Content-Type", "irgendwas")]),
        "empty-type": mails.mail(headers=[("Content-Type", "")]),
        "two-types": b"Content-Type: text/html\r\n" + mails.mail(),
        "type-of-multipart-text": mails.mail("just text", headers=[("Content-Type", "multipart/mixed")]),
        "nul-in-body": mails.mail(b"a\0b"),
        "lone-surrogate": mails.mail(b"\xed\xa0\x80"),
        "html-declares": mails.mail(declares, headers=[("Content-Type", "text/html")]),
        "empty": b"",
        "blank": b" \r\n\t",
        "binary": bytes(range(256)) * 20,
    }  # fmt: skip
    yield from ((f"broken/{name}", lambda raw=raw: raw) for name, raw in texts.items())


def _damaged() -> Iterator[Case]:
    """Good mails with a few bytes changed, as by bad memory; the same for the same number."""
    for number in range(40):
        yield f"damaged/{number}", lambda n=number: damaged(n)


def damaged(number: int) -> bytes:
    chosen = random.Random(number)
    makers = (mails.html, mails.with_attachment, mails.bounce, mails.broken, lambda: mails.nested(3))
    raw = bytearray(chosen.choice(makers)())
    for _ in range(chosen.randint(1, 12)):
        at = chosen.randrange(len(raw))
        if chosen.random() < 0.5:
            raw[at] = chosen.randrange(256)
        else:
            del raw[at : at + chosen.randint(1, 20)]
    return bytes(raw)


def _bombs() -> Iterator[Case]:
    makers: dict[str, Callable[[], bytes]] = {
        "parts": lambda: mails.part_bomb(1_000_000),
        "part-headers": lambda: mails.multipart_mail("mixed", b"a:\r\n" * 300_000),
        "headers": lambda: b"a: b\n" * 900_000,
        "one-header": lambda: mails.mail(subject="x" * 10_000_000),
        "no-header": lambda: b"a" * 250_000 + b"\n\nx",
        "folds": lambda: mails.mail(headers=[("X-Long", "\r\n x" * 200_000)]),
        "lines": lambda: mails.mail(b"\n" * 2_000_000),
        "short-lines": lambda: mails.mail(b"x\n" * 900_000),
        "messages": lambda: mails.mail(
            b"Content-Type: message/rfc822\n\n" * 400_000, headers=[("Content-Type", "message/rfc822")]
        ),
        "reports": lambda: mails.mail(b"a: b\n\n" * 400_000, headers=[("Content-Type", "message/delivery-status")]),
        "nested": lambda: mails.nested(2_000),
        "encoded-words": lambda: mails.mail(subject="=?utf-8?Q?a?= " * 15_000),
        "from-comments": lambda: mails.mail(sender="(" * 100_000 + "hans@kunde.example"),
        "from-quotes": lambda: mails.mail(sender='"\\' * 50_000 + "hans@kunde.example"),
        "from-many": lambda: mails.mail(sender="a@b.example, " * 15_000),
        "references": lambda: mails.mail(headers=[("References", "<a@b> " * 40_000)]),
        "parameters": lambda: mails.mail(headers=[("Content-Type", "text/plain" + "; a=b" * 40_000)]),
        "continuations": lambda: mails.with_attachment(
            disposition="attachment" + "".join(f"; filename*{n}*=%41" for n in range(10_000))
        ),
        "html-deep": lambda: mails.html("<div>" * 200_000),
        "html-many": lambda: mails.html("<b>x</b>" * 200_000),
        "html-open": lambda: mails.html("<" * 500_000),
        "html-links": lambda: mails.html("<a href='https://x.example'>x</a>" * 20_000),
        "html-attributes": lambda: mails.html("<p " + "a='b' " * 100_000 + ">x</p>"),
        "boundaries": lambda: mails.mail(b"--" * 2_000_000, headers=[("Content-Type", "multipart/mixed; boundary=-")]),
        "large-text": lambda: mails.mail(b"Heizung kalt " * 1_500_000),
        "large-attachment": lambda: mails.with_attachment(bytes(range(256)) * 80_000),
        "utf-7": lambda: _text(b"+AGE-" * 400_000, "utf-7", "8bit"),
        "quoted-printable": lambda: _text(b"=41" * 3_000_000, "utf-8", "quoted-printable"),
        "oversize": lambda: mails.oversize(60_000_000),
    }
    yield from ((f"bomb/{name}", make) for name, make in makers.items())
