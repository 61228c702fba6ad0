"""What a report on a mail of ours means, for the mail and for the addresses it went to."""

import pytest

from server_business.mail.reports import Recipient
from server_business.outgoing_mail.rules import Bounce, Delivery, Judgement, judge, merged

HANS = "hans@kunde.example"


def told(action: str = "failed", status: str = "5.1.1", reason: str = "550 no such user", *addresses: str) -> Recipient:
    return Recipient(addresses=addresses or (HANS,), action=action, status=status, reason=reason)


@pytest.mark.parametrize(
    ("status", "reason", "marked"),
    [
        ("5.1.1", "550 no such user", True),
        ("5.0.0", "550 5.1.10 recipient not found", True),
        ("5.0.0", "unknown", True),
        ("", "", True),
        ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied", True),
        ("4.4.7", "delivery time expired", False),
        ("5.0.0", "host said 450 4.2.2 mailbox full", False),
        ("5.2.2", "mailbox full", False),
        ("5.7.1", "looks like spam", False),
        ("5.3.4", "too large", False),
        ("5.1.8", "bad sender", False),
    ],
)
def test_only_an_address_that_is_no_good_is_marked(status: str, reason: str, *, marked: bool) -> None:
    found = judge([told(status=status, reason=reason)], [HANS])
    assert found is not None
    assert (found.delivery, found.bounces[0].marked) == (Delivery.BOUNCED, marked)


def test_a_delay_is_no_bounce_and_success_is_none() -> None:
    assert judge([told("delayed", "4.4.1")], [HANS]) == Judgement(delivery=Delivery.DELAYED)
    assert judge([told("relayed", "2.0.0")], [HANS]) == Judgement(delivery=Delivery.DELIVERED)
    assert judge([told("delivered"), told("failed")], [HANS]).delivery is Delivery.BOUNCED  # type: ignore[union-attr]


@pytest.mark.parametrize("recipients", [[], [told("invented")]])
def test_a_report_without_a_word_on_a_recipient_says_nothing(recipients: list[Recipient]) -> None:
    assert judge(recipients, [HANS]) is None


def test_the_recipient_is_the_one_we_sent_to() -> None:
    passed_on = told("failed", "5.1.1", "no", "HANS@Kunde.example", "other@else.example")
    (bounce,) = judge([passed_on], [HANS, "b@x.example"]).bounces  # type: ignore[union-attr]
    assert (bounce.recipient, bounce.marked) == (HANS, True)
    (only,) = judge([told("failed", "5.1.1", "no", "alias@else.example")], [HANS]).bounces  # type: ignore[union-attr]
    assert (only.recipient, only.marked) == (HANS, True)


def test_an_address_we_did_not_send_to_is_never_marked() -> None:
    foreign = told("failed", "5.1.1", "no", "victim@else.example")
    (bounce,) = judge([foreign], [HANS, "b@x.example"]).bounces  # type: ignore[union-attr]
    assert (bounce.recipient, bounce.marked) == ("victim@else.example", False)
    nameless = Recipient(addresses=(), action="failed", status="5.1.1", reason="")
    (bounce,) = judge([nameless], [HANS, "b@x.example"]).bounces  # type: ignore[union-attr]
    assert (bounce.recipient, bounce.marked) == ("an address that is not named", False)


def test_a_bounce_is_never_forgotten() -> None:
    first = judge([told()], [HANS])
    assert first is not None
    later = merged(first.delivery, first.bounces, Judgement(delivery=Delivery.DELIVERED))
    assert later == first
    other = Bounce(recipient="b@x.example", status="5.1.1", reason="", marked=True)
    both = merged(Delivery.DELAYED, (), Judgement(delivery=Delivery.BOUNCED, bounces=(other,)))
    assert merged(both.delivery, both.bounces, first).bounces == (other, *first.bounces)
    assert merged(Delivery.UNKNOWN, (), Judgement(delivery=Delivery.DELAYED)).delivery is Delivery.DELAYED


def test_it_is_said_in_one_sentence() -> None:
    name = "outgoingMails/5"
    bounced = judge([told(), told("failed", "5.2.2", "", "b@x.example")], [HANS, "b@x.example"])
    assert bounced is not None
    assert bounced.sentence(name) == (
        f"{name} could not be delivered to {HANS}: 550 no such user; the address is marked | b@x.example: 5.2.2"
    )
    assert Judgement(delivery=Delivery.DELAYED).sentence(name).startswith(f"{name} is on its way")
    assert Judgement(delivery=Delivery.DELIVERED).sentence(name) == f"{name} was delivered"
    silent = Bounce(recipient=HANS, status="", reason="", marked=False)
    assert "no reason was given" in Judgement(delivery=Delivery.BOUNCED, bounces=(silent,)).sentence(name)
