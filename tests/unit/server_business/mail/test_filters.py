"""Rules that are asked before the action of an account."""

import time

import pytest

from server_business.mail.filters import HeaderPattern, Outcome, Rule, SenderPatterns, first_fitting
from server_business.mail.sender import Mailbox, NoSender, SenderProblem

HANS = Mailbox("hans@kunde.example")
NOBODY = NoSender(SenderProblem.INVALID, "the mail has no From header")


def rule(name: str = "10", **conditions: object) -> Rule:
    return Rule(name=name, outcome=Outcome.IGNORE, **conditions)  # type: ignore[arg-type]


def fits(
    one: Rule, *, sender: Mailbox | NoSender = HANS, folder: str = "INBOX", size: int = 5_000, **headers: str
) -> bool:
    return one.fits({name.replace("_", "-"): [value] for name, value in headers.items()}, sender, folder, size)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("Subject: *Rechnung*", "Ihre RECHNUNG 17", True),
        ("Subject: Rechnung", "Ihre Rechnung 17", False),
        ("Subject: Rechnung ??", "Rechnung 17", True),
        ("subject:[Ticket] *", "[Ticket] 17", True),
        ("Subject: [TE]*", "Ticket", False),
        ("Subject: *a.b*", "axb", False),
    ],
)
def test_a_pattern_is_text_with_two_wildcards(pattern: str, value: str, *, expected: bool) -> None:
    assert HeaderPattern.of(pattern).fits({"subject": ["something else", value]}) is expected


def test_a_header_that_is_not_there_fits_nothing() -> None:
    assert not HeaderPattern.of("X-Priority: *").fits({})


def test_no_pattern_costs_more_than_it_is_worth() -> None:
    pattern = HeaderPattern.of("Subject: " + "*a" * 90 + "*b")
    started = time.perf_counter()
    assert not pattern.fits({"subject": ["a" * 2_000]})
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("hans@kunde.example", True), ("HANS@Kunde.Example", True), ("@kunde.example", True), ("@example", False),
        ("*@kunde.example", True), ("@*.example", True), ("@kunde.de", False), ("h?ns@*", True),
    ],
)  # fmt: skip
def test_a_sender_is_named_by_address_domain_or_pattern(listed: str, *, expected: bool) -> None:
    assert SenderPatterns.of([listed]).fits(HANS) is expected
    assert not SenderPatterns.of([listed]).fits(NOBODY)


def test_all_kinds_of_conditions_must_hold() -> None:
    one = rule(
        headers=(HeaderPattern.of("Subject: *Fax*"), HeaderPattern.of("X-Fax: *")),
        senders=SenderPatterns.of(["@kunde.example"]), folders=frozenset({"Fax"}), min_bytes=10, max_bytes=100,
    )  # fmt: skip
    said = {"subject": "Neues Fax", "x_fax": "1"}
    assert fits(one, folder="Fax", size=10, **said)
    assert fits(one, folder="Fax", size=100, **said)
    assert not fits(one, folder="INBOX", size=50, **said)
    assert not fits(one, folder="Fax", size=9, **said)
    assert not fits(one, folder="Fax", size=101, **said)
    assert not fits(one, folder="Fax", size=50, subject="Neues Fax")
    assert not fits(one, folder="Fax", size=50, sender=Mailbox("a@b.example"), **said)


def test_a_rule_without_conditions_fits_every_mail() -> None:
    assert fits(rule(), sender=NOBODY)


def test_the_first_rule_that_fits_decides() -> None:
    rules = [rule("10", folders=frozenset({"Fax"})), rule("20"), rule("30")]
    found = first_fitting(rules, {}, HANS, "INBOX", 1)
    assert found is not None
    assert found.name == "20"
    assert first_fitting(rules[:1], {}, HANS, "INBOX", 1) is None
