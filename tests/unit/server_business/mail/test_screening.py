"""What is found out about a mail before it is decided, and kept with it."""

from typing import Any

import pytest

from server_business.mail.filters import HeaderPattern, Outcome, Rule, SenderPatterns
from server_business.mail.parsing import parse
from server_business.mail.screening import EVERYDAY, NOTHING, Policy, Source, Verdicts, screen
from server_business.mail.sender import Mailbox
from tests.builders import mails

MX = "mx.firma.example"
ANNA = "anna@firma.example"


def screened(raw: bytes, policy: Policy) -> tuple[Any, Verdicts]:
    return screen(parse(raw, wanted=policy.wanted), "INBOX", policy)


@pytest.mark.parametrize("raw", [mails.plain(), mails.html(), mails.with_attachment(), mails.out_of_office()])
def test_an_everyday_mail_has_nothing_to_keep(raw: bytes) -> None:
    sender, verdicts = screened(raw, EVERYDAY)
    assert (sender.address, verdicts, verdicts.stored()) == ("hans@kunde.example", NOTHING, {})


def test_only_headers_that_somebody_asks_for_are_wanted() -> None:
    rule = Rule(name="10", outcome=Outcome.IGNORE, headers=(HeaderPattern.of("X-Fax: *"),))
    policy = Policy(rules=(rule,), authentication_server=MX, reply_to_senders=SenderPatterns.of(["a@b"]))
    assert policy.wanted == {"x-fax", "authentication-results", "reply-to"}
    assert EVERYDAY.wanted == frozenset()


def test_a_mail_passed_on_as_a_file_is_of_whoever_wrote_it() -> None:
    policy = Policy(forwarding_senders=SenderPatterns.of(["@firma.example"]))
    attached = mails.part(mails.mail("innen", sender="Hans <hans@kunde.example>"), "message/rfc822")
    raw = mails.multipart_mail("mixed", mails.part(b"siehe Anhang", "text/plain"), attached, sender=ANNA)
    sender, verdicts = screened(raw, policy)
    assert sender == Mailbox("hans@kunde.example", "Hans")
    assert (verdicts.source, verdicts.from_address) == (Source.FORWARDED, ANNA)


@pytest.mark.parametrize(
    "raw",
    [
        mails.mail("Von: hans@kunde.example\r\nAn: x\r\n", sender=ANNA, subject="Heizung"),
        mails.mail("nichts", sender=ANNA, subject="WG: Heizung"),
        mails.multipart_mail("mixed", mails.part(mails.mail(sender=""), "message/rfc822"), sender=ANNA),
        mails.multipart_mail("mixed", mails.part(b"", "message/rfc822"), sender=ANNA),
        mails.mail(sender=ANNA, headers=[("Reply-To", "a@x.example, b@x.example")]),
        mails.mail(sender=ANNA, headers=[("Reply-To", "hans@kunde.example")] * 2),
    ],
)
def test_where_nobody_is_named_the_sender_stays(raw: bytes) -> None:
    colleagues = SenderPatterns.of(["@firma.example"])
    sender, verdicts = screened(raw, Policy(forwarding_senders=colleagues, reply_to_senders=colleagues))
    assert (sender.address, verdicts.source) == (ANNA, Source.FROM)


def test_a_forged_mail_speaks_for_nobody_else() -> None:
    policy = Policy(authentication_server=MX, reply_to_senders=SenderPatterns.of([ANNA]))
    failed = ("Authentication-Results", f"{MX}; dmarc=fail")
    raw = mails.mail(sender=ANNA, headers=[failed, ("Reply-To", "hans@kunde.example")])
    sender, verdicts = screened(raw, policy)
    assert (sender.address, verdicts.forged, verdicts.source) == (ANNA, True, Source.FROM)


def test_verdicts_are_kept_and_restored() -> None:
    policy = Policy(
        rules=(Rule(name="10", outcome=Outcome.CONTINUE),), authentication_server=MX,
        spam_signs=(HeaderPattern.of("X-Spam-Flag: YES*"),), reply_to_senders=SenderPatterns.of(["@*"]),
    )  # fmt: skip
    headers = [
        ("Authentication-Results", f"{MX}; dmarc=pass"), ("X-Spam-Flag", "NO"), ("X-Spam-Flag", "YES, " + "x" * 500),
        ("Reply-To", "form@kunde.example"),
    ]  # fmt: skip
    _, verdicts = screened(mails.mail(headers=headers), policy)
    assert (len(verdicts.spam), verdicts.outcome, verdicts.authentication) == (200, Outcome.CONTINUE, "dmarc=pass")
    assert Verdicts.restored(verdicts.stored()) == verdicts
    _, report = screened(mails.delivery_report("17@firma.example", "hans@kunde.example"), EVERYDAY)
    assert report.report is not None
    assert Verdicts.restored(report.stored()) == report
