"""How much leave is left."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_es.absences.balance import Balance, Entitlement, Taken, balance, carried_over, own_left

MARCH_31 = date(2026, 3, 31)
YEAR = Entitlement(half_days=60, carried=10, carried_until=MARCH_31)


def early(half_days: int, *, approved: bool = True) -> Taken:
    return Taken(half_days=half_days, early=half_days, approved=approved)


def late(half_days: int, *, approved: bool = True) -> Taken:
    return Taken(half_days=half_days, early=0, approved=approved)


def test_what_was_carried_over_is_taken_first_and_what_is_left_of_it_expires() -> None:
    taken = [early(6), late(8), late(4, approved=False)]
    assert balance(YEAR, taken, MARCH_31) == Balance(
        entitled=60, carried=10, expired=0, approved=14, requested=4, remaining=56, remaining_after_requests=52
    )
    assert balance(YEAR, taken, date(2026, 4, 1)) == Balance(
        entitled=60, carried=10, expired=4, approved=14, requested=4, remaining=52, remaining_after_requests=48
    )


def test_more_than_was_carried_over_is_taken_from_the_years_own_leave() -> None:
    assert own_left(YEAR, [early(14)]) == 56
    assert balance(YEAR, [early(14)], date(2026, 12, 31)).remaining == 56


def test_carried_leave_cannot_be_taken_after_it_has_expired() -> None:
    assert own_left(YEAR, [late(61)]) == -1
    assert balance(YEAR, [], MARCH_31).remaining == 70


def test_without_an_entitlement_every_day_is_one_too_many() -> None:
    assert own_left(Entitlement(), [late(1)]) == -1


@pytest.mark.parametrize(("most", "carried"), [(100, 52), (20, 20), (0, 0)])
def test_what_is_left_at_the_end_of_the_year_goes_into_the_next(most: int, carried: int) -> None:
    assert carried_over(YEAR, [early(2), late(8, approved=False)], 2026, most) == min(most, carried)


def test_nobody_takes_debts_into_the_next_year() -> None:
    assert carried_over(YEAR, [late(80)], 2026, 100) == 0


def test_carried_leave_without_an_end_does_not_expire() -> None:
    assert balance(Entitlement(half_days=60, carried=10), [early(4)], date(2026, 12, 31)).remaining == 66


takens = st.lists(
    st.builds(
        lambda half_days, before, approved: Taken(half_days=half_days, early=min(half_days, before), approved=approved),
        st.integers(0, 40),
        st.integers(0, 40),
        st.booleans(),
    ),
    max_size=6,
)
entitlements = st.builds(
    lambda own, carried: Entitlement(half_days=own, carried=carried, carried_until=MARCH_31),
    st.integers(0, 80),
    st.integers(0, 40),
)


@given(year=entitlements, taken=takens, more=takens, on=st.dates(date(2026, 1, 1), date(2026, 12, 31)))
def test_what_is_left_is_what_there_was_less_what_was_taken_and_expired(
    year: Entitlement, taken: list[Taken], more: list[Taken], on: date
) -> None:
    stands = balance(year, taken, on)
    assert stands.remaining == stands.entitled + stands.carried - stands.expired - stands.approved
    assert balance(year, [*taken, *more], on).remaining <= stands.remaining
    assert stands.remaining_after_requests <= stands.remaining
