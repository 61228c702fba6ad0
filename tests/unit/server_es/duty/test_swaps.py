"""Who may offer a shift, and who may take it."""

from typing import Any

import pytest

from server_es.duty.rosters import OnDuty, Origin
from server_es.duty.shifts import Watch
from server_es.duty.swaps import (
    State,
    Swap,
    SwapNotOpen,
    SwapNotPossible,
    check_on_duty,
    check_open,
    check_taker,
)

OFFER = Swap(employee="1", start=100, end=200)


def watches(*crews: str) -> list[Watch]:
    return [Watch(at, at + 1, tuple(OnDuty(one, Origin.LAYER, "") for one in crew)) for at, crew in enumerate(crews)]


def test_an_offer_that_nobody_took_expires_with_its_time() -> None:
    assert [OFFER.state_at(now) for now in (0, 199, 200)] == [State.OPEN, State.OPEN, State.EXPIRED]
    check_open(OFFER, 150, name="dutySwaps/1")
    with pytest.raises(SwapNotOpen, match="dutySwaps/1 is not open any more: expired"):
        check_open(OFFER, 200, name="dutySwaps/1")
    taken = Swap(employee="1", start=100, end=200, state=State.TAKEN)
    with pytest.raises(SwapNotOpen, match="taken"):
        check_open(taken, 300, name="dutySwaps/1")


def test_only_who_is_on_duty_all_the_time_offers_it() -> None:
    check_on_duty("1", watches("1", "21"))
    with pytest.raises(SwapNotPossible, match="not on duty in all of this time"):
        check_on_duty("1", watches("1", "2"))


def take(taker: str = "2", **fields: Any) -> None:
    said: dict[str, Any] = {"members": {"1", "2", "3"}, "watches": watches("1"), "away": "", "swap": OFFER, **fields}
    check_taker(said.pop("swap"), taker, **said)


def test_a_colleague_of_the_roster_takes_it() -> None:
    take("2")
    take("2", swap=Swap(employee="1", start=100, end=200, asked="2"))


@pytest.mark.parametrize(
    ("taker", "fields", "said"),
    [
        ("1", {}, "cannot take his own shift"),
        ("3", {"swap": Swap(employee="1", start=1, end=2, asked="2")}, "Only employees/2 was asked"),
        ("9", {}, "does not stand in the roster"),
        ("2", {"away": "absences/4"}, "is away in this time: absences/4"),
        ("2", {"watches": watches("1", "12")}, "is on duty himself"),
    ],
)
def test_who_may_not_take_it_hears_why(taker: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(SwapNotPossible, match=said):
        take(taker, **fields)
