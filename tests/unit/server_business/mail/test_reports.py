"""Reports on the delivery of our own mails (RFC 3464)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_business.mail.parsing import ParsedMail, parse
from server_business.mail.reports import Recipient, Report, read_report
from tests.builders import mails


def report(raw: bytes) -> Report | None:
    mail: ParsedMail = parse(raw)
    return read_report(mail.attachments, mail.thread, mail.text)


def test_a_report_names_the_mail_and_its_recipients() -> None:
    found = report(mails.delivery_report("17@firma.example", "hans@kunde.example"))
    assert found is not None
    assert found.message_ids[0] == "17@firma.example"
    assert found.recipients == (
        Recipient(
            addresses=("hans@kunde.example",), action="failed", status="5.1.1",
            reason="550 5.1.1 <hans@kunde.example>: no such user",
        ),
    )  # fmt: skip


def test_what_no_database_takes_does_not_get_out_of_a_report() -> None:
    fields = "Final-Recipient: rfc822; a@x.example\r\nAction: failed\r\nDiagnostic-Code: smtp; 550\0 no\r\n"
    found = report(mails.delivery_report("17\0@firma.example", "a@x.example", fields=fields))
    assert found is not None
    assert found.recipients[0].reason == "550 no"
    assert "\0" not in "".join(found.message_ids)


def test_several_recipients_are_told_apart() -> None:
    fields = (
        "Final-Recipient: rfc822; a@x.example\r\nAction: failed\r\nStatus: 5.0.0\r\n"
        "Diagnostic-Code: smtp; 550\r\n 5.1.1 unknown\r\n\r\n"
        "Original-Recipient: rfc822;b@x.example\r\nFinal-Recipient: rfc822;c@y.example\r\nAction: delayed (again)\r\n"
        "Status: 4.4.1 (timeout)\r\n"
    )
    found = report(mails.delivery_report("17@firma.example", "a@x.example", fields=fields))
    assert found is not None
    first, second = found.recipients
    assert (first.addresses, first.status, first.reason) == (("a@x.example",), "5.0.0", "550 5.1.1 unknown")
    assert (second.addresses, second.action, second.status) == (("b@x.example", "c@y.example"), "delayed", "4.4.1")


def test_a_server_that_returns_nothing_names_the_mail_in_the_thread() -> None:
    raw = mails.delivery_report("17@firma.example", "hans@kunde.example", returned=False)
    found = report(raw.replace(b"Subject:", b"References: <17@firma.example>\r\nSubject:", 1))
    assert found is not None
    assert found.message_ids == ("17@firma.example",)


def test_what_a_server_says_only_in_the_text_is_found_below_the_address() -> None:
    fields = "Action: failed\r\nFinal-Recipient: rfc822;hans@kunde.example\r\nStatus: 5.0.0\r\n"
    raw = mails.delivery_report("17@firma.example", "hans@kunde.example", fields=fields)
    told = b"The following failed:\r\n\r\n  hans@kunde.example\r\n    host said:\r\n    mailbox full\r\n\r\nBye"
    found = report(raw.replace(b"Your mail could not be delivered.", told))
    assert found is not None
    assert found.recipients[0].reason == "host said: mailbox full"


@pytest.mark.parametrize("raw", [mails.plain(), mails.html(), mails.out_of_office(), mails.with_attachment()])
def test_other_mails_are_no_reports(raw: bytes) -> None:
    assert report(raw) is None


class Part:
    def __init__(self, kind: str, content: bytes) -> None:
        self.content_type, self.content = kind, content


@given(st.binary(max_size=2_000), st.binary(max_size=500))
def test_whatever_stands_in_a_report_it_is_read(status: bytes, returned: bytes) -> None:
    found = read_report([Part("message/delivery-status", status), Part("message/rfc822", returned)], [])
    assert found is not None
    assert len(found.recipients) <= 100
