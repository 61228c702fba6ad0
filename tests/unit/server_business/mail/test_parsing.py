import time
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from server_business.mail.automatic import Kind, OwnMarks, automatic_signals, headers_by_name
from server_business.mail.budget import Budget
from server_business.mail.parsing import parse
from server_business.mail.parts import plain_content
from server_business.mail.sender import Mailbox, NoSender
from server_business.mail.tree import read_tree
from tests.builders import mails


def test_a_plain_mail_says_who_what_and_when() -> None:
    raw = mails.plain()
    mail = parse(raw)
    assert mail.sender == Mailbox("hans@kunde.example", "Hans Müller")
    assert mail.subject == "Heizung kalt – bitte um Rückruf"
    assert mail.date == datetime(2026, 11, 24, 7, tzinfo=UTC)
    assert mail.message_id == "1@kunde.example"
    assert mail.text.count("\n") > 50
    assert (mail.html, mail.attachments, mail.problems) == ("", (), ())
    assert (mail.size, mail.sha256) == (len(raw), sha256(raw).hexdigest())


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Transfer-Encoding", "base64")],
        [("Content-Type", "text/html; charset=utf-8")],
        [("Content-Type", 'text/plain; name="a.txt"')],
        [("Content-Disposition", "attachment")],
    ],
)
def test_what_is_encoded_or_a_file_does_not_go_the_short_way(headers: list[tuple[str, str]]) -> None:
    assert plain_content(read_tree(mails.mail(headers=headers), Budget())) is None


def test_a_reply_names_its_thread_nearest_first() -> None:
    mail = parse(mails.reply_to_call(4711))
    assert mail.in_reply_to == ("call-4711@mesh.firma.example",)
    assert mail.references == ("0@kunde.example", "call-4711@mesh.firma.example")
    assert mail.thread == ("call-4711@mesh.firma.example", "0@kunde.example")


def test_html_is_harmless_and_its_own_pictures_are_inline() -> None:
    mail = parse(mails.html())
    assert mail.text == "Die Heizung ist kalt"
    assert "<b>kalt</b>" in mail.html
    assert 'src="cid:bild@1"' in mail.html
    assert "x.example" not in mail.html
    (picture,) = mail.attachments
    assert (picture.name, picture.content_type, picture.content_id, picture.inline) == (
        "bild.png",
        "image/png",
        "bild@1",
        True,
    )
    assert picture.content == mails.PNG
    assert picture.sha256 == sha256(mails.PNG).hexdigest()


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<iframe src='http://evil.example'></iframe>",
        "<form action='http://evil.example'><input name=p></form>",
        "<style>@import 'http://evil.example'</style>",
        "<svg onload=alert(1)></svg>",
        "<a href='data:text/html,x'>x</a>",
    ],
)
def test_nothing_in_html_can_act(evil: str) -> None:
    html = parse(mails.html(f"<p>gut</p>{evil}")).html
    assert "<p>gut</p>" in html
    assert all(word not in html for word in ("alert", "evil", "script", "onerror", "data:", "<form", "<input"))


def test_html_alone_is_also_read_as_text() -> None:
    raw = mails.mail(
        "<head><title>weg</title><style>p {}</style></head><p>Erste&nbsp;Zeile</p>Zweite<br>Dritte &lt;3 &amp; mehr",
        headers=[("Content-Type", "text/html; charset=utf-8")],
    )
    assert parse(raw).text == "Erste Zeile\nZweite\nDritte <3 & mehr"


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ("<a href='x'>x</a>" * 5_001, "HTML with 5001 links"),
        ("x" * 1_000_001, "HTML of 1000001 characters"),
        ("<div>" * 401, "HTML nested deeper than 400"),
        ("<div></b>" * 401, "HTML nested deeper than 400"),
        ("<i>x</i>" * 20_001, "HTML with more than 20000 elements"),
    ],
)
def test_html_that_would_hang_a_client_is_kept_as_a_file(html: str, problem: str) -> None:
    mail = parse(mails.mail(html, headers=[("Content-Type", "text/html")]))
    assert mail.html == ""
    assert [one.name for one in mail.attachments] == ["message.html"]
    assert mail.problems[0].startswith(problem)


def test_of_html_that_is_not_shown_the_text_still_is() -> None:
    raw = mails.mail("<p>Heizung kalt</p>" + "<a href='x'>x</a>" * 5_001, headers=[("Content-Type", "text/html")])
    assert parse(raw).text.startswith("Heizung kalt\nxxx")


def test_hidden_nesting_is_bounded_too() -> None:
    started = time.thread_time()
    assert parse(mails.html('<div a="</div>">' * 19_000)).text == "Die Heizung ist kalt"
    assert time.thread_time() - started < 15


def test_ordinary_unclosed_html_is_not_nested() -> None:
    raw = mails.mail("<p>x<br><li>y" * 2_000 + "<div>a</div>" * 2_000, headers=[("Content-Type", "text/html")])
    assert parse(raw).attachments == ()


@pytest.mark.parametrize(
    ("content", "charset", "text"),
    [
        ("Grüße €".encode("cp1252"), "iso-8859-1", "Grüße €"),
        ("Grüße".encode("latin-1"), None, "Grüße"),
        ("Grüße".encode(), None, "Grüße"),
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("Grüße".encode(), "iso-8859-15", "Grüße"),
        ("Grüße".encode("latin-1"), "utf-8", "Grüße"),
        ("Grüße".encode(), "x-unknown", "Grüße"),
        ("Grüße".encode(), "base64", "Grüße"),
        ("Привет, мир".encode("koi8-r"), "KOI8-R", "Привет, мир"),
        ("暖气坏了".encode("gb18030"), "gb2312", "暖气坏了"),
        ("暖气坏了".encode("gb18030"), '"GB18030"', "暖气坏了"),
        ("暖房".encode("iso2022_jp"), "iso-2022-jp", "暖房"),
        ("난방".encode("cp949"), "ks_c_5601-1987", "난방"),
        ("Grüße".encode("utf-7"), "utf-7", "Grüße"),
        ("Grüße".encode("utf-7"), "unicode-1-1-utf-7", "Grüße"),
        ("Grüße".encode("utf-16"), "utf-16", "Grüße"),
        (b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9fe", "us-ascii", "Grüße"),
        (b"a\x00b", "utf-8", "ab"),
        (b"+2AA-x", "utf-7", "\ufffdx"),
        (b"\x81\x8d", None, "\ufffd\ufffd"),
    ],
)
def test_text_is_rescued_from_its_charset(content: bytes, charset: str | None, text: str) -> None:
    label = f"; charset={charset}" if charset else ""
    raw = mails.multipart_mail("mixed", mails.part(content, f"text/plain{label}"))
    assert parse(raw).text == text


def test_what_was_guessed_is_said() -> None:
    raw = mails.mail("Grüße".encode("latin-1"), headers=[("Content-Type", "text/plain; charset=utf-8")])
    assert parse(raw).problems == ("labelled 'utf-8', read as cp1252",)


def test_html_may_name_its_charset_itself() -> None:
    body = b'<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">' + "<p>Привет".encode("koi8-r")
    assert parse(mails.mail(body, headers=[("Content-Type", "text/html")])).text == "Привет"


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        ("=?utf-8?B?R3LDvMOfZQ==?=", "Grüße"),
        ("=?UTF-8?q?Gr=C3=BC=C3=9Fe_aus?= =?utf-8?Q?_K=C3=B6ln?=", "Grüße aus Köln"),
        ("=?utf-8?Q?Gr=C3?= =?utf-8?Q?=BC=C3=9Fe?=", "Grüße"),
        ("=?utf-8?B?R3LD?=\r\n\t=?utf-8?B?vMOfZQ==?=", "Grüße"),
        ("=?utf-8?B?R3LDvMOfZQ?=", "Grüße"),
        ("=?utf-8?B?R3LDvMOfZQ==x?=", "Grüße"),
        ("=?utf-8?B?R3LDvMOfZ?=", "Grüß"),
        ("=?iso-8859-1?Q?Gr=FC=DFe?= von =?koi8-r?B?8NLJ18XU?=", "Grüße von Привет"),
        ("=?iso-8859-1*de?Q?Gr=FC=DFe?=", "Grüße"),
        ("=?windows-1252?Q?Gr=FC=DFe  ?=", "Grüße"),
        ("=?nonsense?Q?Gr=FC=DFe?=", "Grüße"),
        ("=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        ("Gr\udcfc\udcdfe", "Grüße"),
        ("Grüße", "Grüße"),
        ("a\r\n b\r\n\tc", "a b c"),
        ("x" * 5_000, "x" * 1_000),
    ],
)
def test_a_subject_is_read_however_it_is_written(header: str, subject: str) -> None:
    assert parse(mails.mail(headers=[("Subject", header)])).subject == subject


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="Plan.pdf"', "Plan.pdf"),
        ("attachment; filename=Plan.pdf", "Plan.pdf"),
        ("attachment; FileName=\"Der 'Plan'; neu.pdf\"", "Der 'Plan'; neu.pdf"),
        ("attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf", "Größe.pdf"),
        ("attachment; filename*=iso-8859-1'de'Gr%F6%DFe.pdf; filename=x.pdf", "Größe.pdf"),
        ("attachment; filename*0*=utf-8''Gr%C3; filename*1*=%B6%C3%9Fe; filename*2=\".pdf\"", "Größe.pdf"),
        ('attachment; filename*1="e.pdf"; filename*0="Groess"', "Groesse.pdf"),
        ('attachment; filename="=?utf-8?Q?Gr=C3=B6=C3=9Fe.pdf?="', "Größe.pdf"),
        ('attachment; filename="Größe.pdf"', "Größe.pdf"),
        ('attachment; filename="Gro\u0308\u00dfe.pdf"', "Größe.pdf"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\Windows\\\\a.pdf"', "a.pdf"),
        ('attachment; filename="..\\..\\a.pdf"', "a.pdf"),
        ('attachment; filename=".."', "attachment-1.pdf"),
        ('attachment; filename=".htaccess"', "htaccess"),
        ('attachment; filename="a\x07b\x7f.pdf"', "ab.pdf"),
        ('attachment; filename="Rechnung\u202efdp.exe"', "Rechnungfdp.exe"),
        ('attachment; filename="a<b>:|?*.pdf"', "a_b_____.pdf"),
        ('attachment; filename="CON.pdf"', "_CON.pdf"),
        ('attachment; filename="Konto.pdf"', "Konto.pdf"),
        ('attachment; filename="a.pdf. . "', "a.pdf"),
        ("attachment", "attachment-1.pdf"),
        ("attachment; filename*=utf-8''%", "%"),
        ('attachment; filename="' + "ä" * 200 + '.pdf"', "ä" * 88 + ".pdf"),
        ('attachment; filename="' + "a" * 200 + '"', "a" * 180),
        ('attachment; filename="' + "a." + "b" * 200 + '"', "a." + "b" * 178),
    ],
)
def test_a_file_keeps_its_name_without_its_tricks(disposition: str, name: str) -> None:
    (file,) = parse(mails.with_attachment(disposition=disposition)).attachments
    assert file.name == name
    assert file.content == b"%PDF-1.4"


def test_files_of_one_name_are_told_apart() -> None:
    files = [
        mails.part(b"x", "text/plain", f'Content-Disposition: attachment; filename="{name}"')
        for name in ("a.txt", "A.TXT", "a.txt", "b", "b")
    ]
    mail = parse(mails.multipart_mail("mixed", *files))
    assert [one.name for one in mail.attachments] == ["a.txt", "A (2).TXT", "a (3).txt", "b", "b (2)"]


def test_a_name_may_stand_at_the_content_type() -> None:
    mail = parse(
        mails.multipart_mail("mixed", mails.part(b"x", 'application/ms-tnef; name="winmail.dat"', encoding="base64"))
    )
    assert [(one.name, one.content_type, one.content) for one in mail.attachments] == [
        ("winmail.dat", "application/ms-tnef", b"x")
    ]


def test_text_between_pictures_stays_in_order() -> None:
    mail = parse(
        mails.multipart_mail(
            "mixed",
            mails.part(b"vorher", "text/plain"),
            mails.part(mails.PNG, "image/png", "Content-Disposition: inline", encoding="base64"),
            mails.part(b"<p>nachher</p>", "text/html"),
            mails.part(b"Fu\xdfzeile <hier>", "text/plain; charset=latin-1"),
        )
    )
    assert mail.text == "vorher\n\nnachher\n\nFußzeile <hier>"
    assert mail.html == "<pre>vorher</pre><p>nachher</p><pre>Fußzeile &lt;hier&gt;</pre>"
    assert [(one.name, one.inline) for one in mail.attachments] == [("attachment-1.png", False)]


def test_a_calendar_invitation_is_a_file() -> None:
    mail = parse(
        mails.multipart_mail(
            "alternative",
            mails.part(b"Termin", "text/plain"),
            mails.part(b"BEGIN:VCALENDAR", "text/calendar; method=REQUEST"),
        )
    )
    assert mail.text == "Termin"
    assert [one.content_type for one in mail.attachments] == ["text/calendar"]


def test_a_mail_in_the_mail_is_a_file_as_it_was() -> None:
    inner = mails.mail(
        "From hier\r\nund weiter", subject="=?utf-8?Q?Gr=C3=BC=C3=9Fe/neu?=", headers=[("X-Long", "y" * 300)]
    )
    mail = parse(
        mails.multipart_mail("mixed", mails.part(b"siehe unten", "text/plain"), mails.part(inner, "message/rfc822"))
    )
    (file,) = mail.attachments
    assert file.name == "Grüße-neu.eml"
    assert file.content == inner + b"\r\n" or file.content == inner
    assert mail.text == "siehe unten"


def test_a_bounce_keeps_its_report() -> None:
    mail = parse(mails.bounce())
    assert mail.text == "The mail could not be delivered."
    assert [one.content_type for one in mail.attachments] == ["message/delivery-status", "message/rfc822"]
    assert b"Final-Recipient" in mail.attachments[0].content
    assert b"Heizung" in mail.attachments[1].content
    own = OwnMarks(site="firma-1", message_id_domain="mesh.firma.example")
    assert automatic_signals(headers_by_name(mail.headers), own)[0].kind is Kind.BOUNCE


def test_out_of_office_is_seen_in_the_parsed_headers() -> None:
    mail = parse(mails.out_of_office())
    own = OwnMarks(site="firma-1", message_id_domain="mesh.firma.example")
    assert automatic_signals(headers_by_name(mail.headers), own)[0].kind is Kind.OUT_OF_OFFICE


@pytest.mark.parametrize(
    ("encoded", "encoding", "content"),
    [
        (b"aGFsbG8=", "base64", b"hallo"),
        (b"aGFsbG8", "base64", b"hallo"),
        (b"aGFs\r\nbG8=\r\n", "Base64", b"hallo"),
        (b"aG!Fsb*G8=", "base64", b"hallo"),
        (b"aGFsbG8hI", "base64", b"hallo!"),
        (b"aGFsbG8=\r\n-- \r\nVerteiler", "base64", b"hallo"),
        (b"hall=6F=", "quoted-printable", b"hallo"),
        (b"100=% =ZZ hallo", "quoted-printable", b"100=% =ZZ hallo"),
        (b"begin 644 x\r\n%:&%L;&\\\r\n`\r\nend\r\n", "x-uuencode", b"hallo"),
        (b"hallo", "x-unbekannt", b"hallo"),
    ],
)
def test_broken_encodings_give_what_they_still_hold(encoded: bytes, encoding: str, content: bytes) -> None:
    raw = mails.mail(
        encoded, headers=[("Content-Type", "application/octet-stream"), ("Content-Transfer-Encoding", encoding)]
    )
    (file,) = parse(raw).attachments
    assert file.content == content


def test_a_mail_with_everything_broken_is_still_read() -> None:
    mail = parse(mails.broken())
    assert mail.subject == "Störung"
    assert mail.date is None
    assert mail.text == "Kälte"
    assert [(one.name, one.content) for one in mail.attachments] == [("a.pdf", b"%PDF-1")]
    assert "no boundary in multipart" in mail.problems
    assert "the date 'gestern' is none" in mail.problems


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"From: a@b.example\n\nhallo", "hallo"),
        (b"From: a@b.example\r\rhallo\rwelt", "hallo\nwelt"),
        (b"From: a@b.example\nSubject: x", ""),
        (b"From: a@b.example\nkein Kopf mehr\n\nhallo", "kein Kopf mehr\n\nhallo"),
        (b"hallo", "hallo"),
        (b"\n\nhallo", "hallo"),
        (b"From: a@b.example\nContent-Type: text\n\nhallo", "hallo"),
        (b"From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\nhallo", "hallo"),
        (b"From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nhallo", "hallo"),
        (b"From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n--falsch\n\nhallo\n--falsch--\n", "hallo"),
    ],
)
def test_a_mail_without_proper_structure_is_text(raw: bytes, text: str) -> None:
    assert parse(raw).text == text


@pytest.mark.parametrize(
    "value",
    [
        "",
        "gestern",
        "Tue, 99 Nov 2026 08:00:00 +0100",
        "Tue, 24 Nov 99999 08:00:00 +0100",
        "Fri, 31 Dec 9999 23:59:00 -2300",
        "()",
    ],
)
def test_a_date_that_is_none_is_none(value: str) -> None:
    mail = parse(mails.mail(headers=[("Date", value)]))
    assert mail.date is None
    assert mail.problems


def test_a_date_without_zone_is_taken_for_utc() -> None:
    assert parse(mails.mail(headers=[("Date", "24 Nov 2026 08:00:00 -0000")])).date == datetime(
        2026, 11, 24, 8, tzinfo=UTC
    )


def test_two_from_headers_leave_no_sender() -> None:
    assert isinstance(parse(mails.mail(headers=[("From", "a@b.example"), ("From", "c@d.example")])).sender, NoSender)


def test_a_media_type_of_raw_bytes_is_one_that_every_database_keeps() -> None:
    raw = mails.with_attachment().replace(b"application/pdf", b"application/\xfddf")
    assert [one.content_type for one in parse(raw).attachments] == ["application/octet-stream"]
