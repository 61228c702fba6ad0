"""One row per signal of RT, Znuny and Zammad, and the mails of people that must not look like any."""

import pytest

from server_business.mail.automatic import Kind, OwnMarks, automatic_signals, headers_by_name, own_headers

OWN = OwnMarks(site="firma-1", message_id_domain="firma.example")
PERSON = [("From", "Hans <hans@kunde.example>"), ("Subject", "Heizung"), ("Message-ID", "<1@kunde.example>")]


def signals(*headers: tuple[str, str]) -> list[tuple[Kind, str]]:
    given = {name.lower() for name, _ in headers}
    usual = [one for one in PERSON if one[0].lower() not in given]
    return [(one.kind, one.name) for one in automatic_signals(headers_by_name([*usual, *headers]), OWN)]


@pytest.mark.parametrize(
    ("header", "value", "kind"),
    [
        ("Auto-Submitted", "auto-generated", Kind.AUTOMATIC),
        ("Auto-Submitted", "auto-replied", Kind.AUTOMATIC),
        ("Auto-Submitted", "auto-notified; owner-email=a@b.example", Kind.AUTOMATIC),
        ("auto-submitted", "Something-New (comment)", Kind.AUTOMATIC),
        ("Auto-Submitted", "auto-replied (vacation)", Kind.OUT_OF_OFFICE),
        ("Auto-Submitted", 'auto-replied; owner-email="a@b.example"', Kind.OUT_OF_OFFICE),
        ("Precedence", "bulk", Kind.BULK),
        ("Precedence", "Junk", Kind.BULK),
        ("Precedence", "list", Kind.BULK),
        ("Precedence", "auto_reply", Kind.AUTOMATIC),
        ("X-Loop", "yes", Kind.AUTOMATIC),
        ("X-Loop", "true", Kind.AUTOMATIC),
        ("X-Loop", "robot@kunde.example", Kind.AUTOMATIC),
        ("X-No-Loop", "yes", Kind.AUTOMATIC),
        ("X-Esoffice-Loop", "another-site", Kind.AUTOMATIC),
        ("X-Esoffice-Loop", "firma-1", Kind.OWN_LOOP),
        ("X-RT-Loop-Prevention", "rt.example", Kind.AUTOMATIC),
        ("X-OTRS-Loop", "yes", Kind.AUTOMATIC),
        ("X-Auto-Response-Suppress", "All", Kind.AUTOMATIC),
        ("X-Auto-Response-Suppress", "DR, OOF, AutoReply", Kind.AUTOMATIC),
        ("X-FC-Machinegenerated", "true", Kind.AUTOMATIC),
        ("X-Autoreply", "yes", Kind.AUTOMATIC),
        ("X-Autorespond", "Urlaub", Kind.AUTOMATIC),
        ("Return-Path", "<>", Kind.BOUNCE),
        ("Return-Path", " < > ", Kind.BOUNCE),
        ("From", "Mail Delivery System <MAILER-DAEMON@mx.example>", Kind.BOUNCE),
        ("From", "postmaster@mx.example", Kind.BOUNCE),
        ("From", "MAILER-DAEMON", Kind.BOUNCE),
        ("From", "", Kind.BOUNCE),
        ("X-Failed-Recipients", "hans@kunde.example", Kind.BOUNCE),
        ("Content-Type", 'multipart/report; report-type=delivery-status; boundary="x"', Kind.BOUNCE),
        ("Content-Type", 'multipart/report; report-type=disposition-notification; boundary="x"', Kind.AUTOMATIC),
        ("List-Id", "<neues.kunde.example>", Kind.BULK),
        ("List-Unsubscribe", "<mailto:weg@kunde.example>", Kind.BULK),
        ("Feedback-ID", "1:kampagne:kunde", Kind.BULK),
    ],
)
def test_a_machine_gives_itself_away(header: str, value: str, kind: Kind) -> None:
    found = signals((header, value))
    assert found[0][0] is kind
    assert found[0][1].lower() == header.lower()


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Auto-Submitted", "no"),
        ("Auto-Submitted", "NO (a person)"),
        ("Auto-Submitted", "no (not a vacation)"),
        ("Auto-Submitted", ""),
        ("Precedence", "first-class"),
        ("X-Loop", "no"),
        ("X-Loop", ""),
        ("X-Esoffice-Loop", ""),
        ("X-Auto-Response-Suppress", "DR, RN, NRN"),
        ("X-FC-Machinegenerated", "false"),
        ("X-MS-Exchange-Inbox-Rules-Loop", "hans@kunde.example"),
        ("Return-Path", "<hans@kunde.example>"),
        ("From", "the-postmaster@kunde.example"),
        ("From", "Postmaster Paul <paul@kunde.example>"),
        ("Message-ID", "<1@firma.example>"),
        ("Content-Type", "multipart/mixed; boundary=report"),
        ("Subject", "Auto-Submitted: auto-generated"),
    ],
)
def test_a_person_is_no_machine(header: str, value: str) -> None:
    assert signals((header, value)) == []


def test_every_occurrence_of_a_header_counts() -> None:
    assert signals(("Precedence", "first-class"), ("Precedence", "bulk")) == [(Kind.BULK, "Precedence")]


def test_a_missing_from_is_a_bounce() -> None:
    assert [one.kind for one in automatic_signals({}, OWN)] == [Kind.BOUNCE]


def test_exchange_says_out_of_office_by_two_headers() -> None:
    found = signals(("X-Auto-Response-Suppress", "All"), ("X-MS-Exchange-Inbox-Rules-Loop", "hans@kunde.example"))
    assert found[0] == (Kind.OUT_OF_OFFICE, "X-MS-Exchange-Inbox-Rules-Loop")
    assert signals(("X-Auto-Response-Suppress", "OOF"), ("X-MS-Exchange-Inbox-Rules-Loop", "x"))[0][0] is Kind.AUTOMATIC


def test_our_domain_in_the_message_id_counts_only_beside_another_sign() -> None:
    found = signals(("Message-ID", "<call-1@FIRMA.example>"), ("Precedence", "bulk"))
    assert found == [(Kind.OWN_LOOP, "Message-ID"), (Kind.BULK, "Precedence")]


def test_our_own_mails_are_known_again() -> None:
    found = signals(*own_headers(OWN).items())
    assert found[0] == (Kind.OWN_LOOP, "X-Esoffice-Loop")


def test_evidence_is_short() -> None:
    (found,) = automatic_signals(headers_by_name([*PERSON, ("List-Id", "x" * 10_000)]), OWN)
    assert len(found.value) == 120
