"""Mails as they come: raw bytes, built by hand where the standard library would be too tidy."""

import base64
import quopri
import random
from collections.abc import Iterator, Sequence

FROM = '"Müller, Hans" <hans@kunde.example>'
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_WORDS = (
    "die",
    "Heizung",
    "im",
    "Stock",
    "bleibt",
    "kalt",
    "seit",
    "gestern",
    "bitte",
    "um",
    "Rückruf",
    "Fehler",
    "E42",
)
_RELAY = (
    "from mx.kunde.example (mx.kunde.example [192.0.2.7]) by mail.example with ESMTPS; Tue, 24 Nov 2026 08:00:00 +0100"
)


def mail(
    body: bytes | str = "Die Heizung bleibt kalt.\r\n",
    *,
    sender: str = "hans@kunde.example",
    subject: str = "Heizung kalt",
    message_id: str = "1@kunde.example",
    headers: Sequence[tuple[str, str]] = (),
) -> bytes:
    """A mail with the usual head; `headers` come before and replace what is usual."""
    usual = {
        "Received": _RELAY,
        "From": sender,
        "To": "service@firma.example",
        "Subject": subject,
        "Date": "Tue, 24 Nov 2026 08:00:00 +0100",
        "Message-ID": f"<{message_id}>",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
    }
    given = {name.lower() for name, _ in headers}
    lines = [*headers, *((name, value) for name, value in usual.items() if name.lower() not in given)]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return head.encode("utf-8", "surrogateescape") + b"\r\n" + (body.encode() if isinstance(body, str) else body)


def part(content: bytes, content_type: str, *headers: str, encoding: str = "8bit") -> bytes:
    """One part with its headers, encoded as it says."""
    if encoding == "base64":
        content = base64.encodebytes(content).replace(b"\n", b"\r\n")
    elif encoding == "quoted-printable":
        content = quopri.encodestring(content).replace(b"\n", b"\r\n")
    head = [f"Content-Type: {content_type}", f"Content-Transfer-Encoding: {encoding}", *headers]
    return "\r\n".join(head).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + content


def multipart(kind: str, *parts: bytes, boundary: str = "=_b1") -> bytes:
    """A multipart entity with its own Content-Type header, to nest in another."""
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    return head + joined(*parts, boundary=boundary)


def joined(*parts: bytes, boundary: str) -> bytes:
    lines = b"".join(b"--" + boundary.encode() + b"\r\n" + one + b"\r\n" for one in parts)
    return lines + b"--" + boundary.encode() + b"--\r\n"


def multipart_mail(kind: str, *parts: bytes, boundary: str = "=_b0", **rest: str) -> bytes:
    headers = [("Content-Type", f'multipart/{kind}; boundary="{boundary}"')]
    return mail(joined(*parts, boundary=boundary), headers=headers, **rest)  # type: ignore[arg-type]


def plain(size: int = 5_000) -> bytes:
    """The everyday mail of about `size` bytes, with the head a relay leaves."""
    lines, length = [], 0
    chosen = random.Random(size)
    while length < size - 900:
        lines.append(" ".join(chosen.choices(_WORDS, k=10)))
        length += len(lines[-1]) + 2
    return mail(
        "\r\n".join(lines) + "\r\n",
        sender="=?utf-8?Q?Hans_M=C3=BCller?= <hans@kunde.example>",
        subject="=?utf-8?B?SGVpenVuZyBrYWx0IOKAkyBiaXR0ZSB1bSBSw7xja3J1Zg==?=",
        headers=[
            ("Return-Path", "<hans@kunde.example>"),
            ("DKIM-Signature", "v=1; a=rsa-sha256; d=kunde.example;\r\n\th=from:to:subject;\r\n\tb=" + "Ab3" * 60),
            ("X-Mailer", "Microsoft Outlook 16.0"),
            ("Thread-Index", "AQHaXYZ" + "b" * 40),
            ("X-Spam-Score", "-1.2"),
        ],
    )


def html(
    body: str = "<p>Die Heizung ist <b>kalt</b></p><img src='cid:bild@1'><img src='http://x.example/t.gif'>",
) -> bytes:
    """Text and HTML with a picture inside."""
    related = multipart(
        "related",
        part(body.encode(), "text/html; charset=utf-8", encoding="quoted-printable"),
        part(PNG, 'image/png; name="bild.png"', "Content-ID: <bild@1>", encoding="base64"),
        boundary="=_rel",
    )
    return multipart_mail("alternative", part(b"Die Heizung ist kalt", "text/plain"), related, boundary="=_alt")


def with_attachment(content: bytes = b"%PDF-1.4", disposition: str = 'attachment; filename="Plan.pdf"') -> bytes:
    return multipart_mail(
        "mixed",
        part("Siehe Anhang, Grüße".encode(), "text/plain; charset=utf-8"),
        part(content, "application/pdf", f"Content-Disposition: {disposition}", encoding="base64"),
    )


def reply_to_call(number: int, title: str = "Heizung kalt", message_id: str = "call-4711@mesh.firma.example") -> bytes:
    return mail(
        subject=f"AW: Call {number} {title}",
        headers=[("In-Reply-To", f"<{message_id}>"), ("References", f"<0@kunde.example>\r\n <{message_id}>")],
    )


def out_of_office(call: int = 4711) -> bytes:
    return mail(
        "Ich bin bis Montag nicht im Haus.",
        subject=f"Automatische Antwort: Call {call} Heizung kalt",
        headers=[("Auto-Submitted", "auto-replied (vacation)"), ("X-Auto-Response-Suppress", "All")],
    )


def bounce() -> bytes:
    return multipart_mail(
        "report",
        part(b"The mail could not be delivered.", "text/plain"),
        part(
            b"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; hans@kunde.example\r\nAction: failed",
            "message/delivery-status",
        ),
        part(mail(subject="Call 4711 Heizung kalt"), "message/rfc822"),
        sender="Mail Delivery System <MAILER-DAEMON@mx.example>",
        subject="Undelivered Mail Returned to Sender",
    )


def delivery_report(message_id: str, recipient: str, *, fields: str = "", returned: bool = True) -> bytes:
    """A report (RFC 3464) that a mail of ours could not be delivered; `fields` replace those of the recipients."""
    usual = (
        f"Original-Recipient: rfc822;{recipient}\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: failed\r\n"
        f"Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 <{recipient}>: no such user\r\n"
    )
    parts = [
        part(b"Your mail could not be delivered.", "text/plain"),
        part(f"Reporting-MTA: dns; mx.example\r\n\r\n{fields or usual}".encode(), "message/delivery-status"),
    ]
    if returned:
        original = mail(sender="service@firma.example", subject="Ihr Anruf", message_id=message_id)
        parts.append(part(original, "message/rfc822"))
    return multipart_mail(
        'report; report-type="delivery-status"',
        *parts,
        sender="Mail Delivery System <MAILER-DAEMON@mx.example>",
        subject="Undelivered Mail Returned to Sender",
        message_id=f"report-{message_id}",
    )


def broken() -> bytes:
    """Everything a bad script does: no boundary, no charset, raw bytes in the head, half a base64."""
    return (
        b"From: kaputt@kunde.example\nSubject: St\xf6rung\nDate: gestern\nContent-Type: multipart/mixed\n\n"
        b"--weg\nContent-Type: text/plain\n\nK\xe4lte\n"
        b"--weg\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0xL\n--weg--\n"
    )


def part_bomb(parts: int = 1_000_000) -> bytes:
    return mail(b"--x\r\n\r\n" * parts, headers=[("Content-Type", "multipart/mixed; boundary=x")])


def nested(depth: int) -> bytes:
    inner = part(b"innen", "text/plain")
    for level in range(depth):
        inner = multipart("mixed", inner, boundary=f"=_{level}")
    return mail(joined(inner, boundary="=_out"), headers=[("Content-Type", 'multipart/mixed; boundary="=_out"')])


def oversize(size: int) -> bytes:
    return mail(b"x" * 76 + b"\r\n" + b"x" * size)


def corpus(count: int, seed: int = 1) -> Iterator[bytes]:
    """A day's mailbox, the same for the same seed: mostly plain, some of each kind, each with its own Message-ID."""
    chosen = random.Random(seed)
    kinds = [plain, html, with_attachment, out_of_office, bounce, broken]
    for number in range(count):
        (kind,) = chosen.choices(kinds, weights=[60, 20, 12, 4, 2, 2])
        raw = kind()
        yield raw.replace(b"<1@kunde.example>", b"<%d.%d@kunde.example>" % (seed, number), 1)
