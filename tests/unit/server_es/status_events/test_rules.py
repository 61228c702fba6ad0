import pytest

from server_es.status_events import rules
from server_es.status_events.rules import AUTOMATIC, MADE, Customer, Row, StatusEvent

CREATED, STARTED, FORWARDED, SOLVED = 20, 30, 40, 60


def event(**fields: object) -> StatusEvent:
    return StatusEvent(**{"id": "e", "state": SOLVED, "text_module": "t", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("start", "end", "old", "happens"),
    [
        (MADE, MADE, None, True),
        (MADE, MADE, CREATED, False),
        (MADE, STARTED, None, True),
        (MADE, STARTED, STARTED, True),
        (CREATED, STARTED, None, False),
        (CREATED, STARTED, CREATED, True),
        (CREATED, STARTED, FORWARDED, False),
    ],
)
def test_the_state_before_lies_in_the_range_and_both_ends_count(
    start: int, end: int, old: int | None, *, happens: bool
) -> None:
    assert event(start=start, end=end).fits(old, SOLVED) is happens


def test_it_happens_for_its_state_only_and_never_while_the_state_stays() -> None:
    always = event(end=999)
    assert not always.fits(CREATED, STARTED)
    assert not always.fits(SOLVED, SOLVED)


def test_who_reported_the_call_is_written_to_else_the_customers_first_address() -> None:
    house = ["info@kunde.example", "zwei@kunde.example"]
    assert rules.customer("hans@kunde.example", house, suppressed=False) == Customer(mail="hans@kunde.example")
    assert rules.customer("", house, suppressed=False) == Customer(mail="info@kunde.example")
    assert rules.customer("", [], suppressed=False) == Customer(mail="")


def test_an_automatic_mail_is_never_answered() -> None:
    assert rules.customer("robot@kunde.example", [], suppressed=True).withheld == AUTOMATIC


def test_the_mail_over_the_limit_is_the_first_that_is_withheld() -> None:
    assert rules.over("a@b.example", 2, limit=2) == ""
    assert rules.over("a@b.example", 3, limit=2) == "a@b.example has had 2 mails of status-change events today"


def test_everybody_of_the_house_is_told_once() -> None:
    rows = (
        Row(employee="1"),
        Row(team="technik"),
        Row(mail="x@y.example"),
        Row(mobile="+491511"),
        Row(mail="x@y.example"),
    )
    told = rules.recipients(
        event(employee=True, team=True, rows=rows),
        employee="2",
        team=["2", "3"],
        members=[(), ("1", "4"), (), (), ()],
    )
    people = [Row(employee=one) for one in ("2", "3", "1", "4")]
    assert told == [*people, Row(mail="x@y.example"), Row(mobile="+491511")]


def test_only_who_is_switched_on_is_told() -> None:
    assert rules.recipients(event(customer=True), employee="2", team=["3"], members=[]) == []
    assert rules.recipients(event(employee=True), employee="", team=["3"], members=[]) == []


def test_a_subject_names_the_call_however_it_is_written() -> None:
    mark = rules.mark("Call <ServCall.ServicecallNr>", 47)
    assert rules.marked("Call 47 Pumpe steht", mark) == "Call 47 Pumpe steht"
    assert rules.marked("Zu call 47:", mark) == "Zu call 47:"
    assert rules.marked("Ihr Anliegen", mark) == "Call 47: Ihr Anliegen"
    assert rules.marked("Call 471 Pumpe", mark) == "Call 47: Call 471 Pumpe"
    assert rules.marked("Recall 47", mark) == "Call 47: Recall 47"
    assert rules.marked("[Ticket#47] da", rules.mark("[Ticket#<ServCall.ServicecallNr>]", 47)) == "[Ticket#47] da"
