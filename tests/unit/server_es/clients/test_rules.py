"""Who may connect, and who makes room."""

from datetime import UTC, datetime, timedelta

import pytest

from mesh.errors import Exhausted
from server_es.clients.rules import (
    AlreadyConnected,
    Connected,
    Policy,
    TooOld,
    UpdateInProgress,
    admit,
    silent_since,
    version_key,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TWO = [Connected("b", "17", NOON), Connected("a", "17", NOON - timedelta(hours=1)), Connected("c", "18", NOON)]


def test_without_limits_everybody_comes_in_and_nobody_goes() -> None:
    assert admit("17", "1", TWO, Policy(), updating=False) == ()


def test_nobody_comes_in_while_an_update_is_initiated() -> None:
    with pytest.raises(UpdateInProgress):
        admit("17", "1", [], Policy(), updating=True)


@pytest.mark.parametrize(("version", "minimum"), [("24.9", "24.10"), ("9", "10"), ("24.1.9", "24.2")])
def test_an_old_program_is_refused(version: str, minimum: str) -> None:
    with pytest.raises(TooOld, match=f"needed is at least {minimum}"):
        admit("17", version, [], Policy(minimum_version=minimum), updating=False)


@pytest.mark.parametrize(("version", "minimum"), [("24.10", "24.9"), ("24", "24.0.0"), ("24.0", "24"), ("25", "24.9")])
def test_a_program_that_is_new_enough_comes_in(version: str, minimum: str) -> None:
    assert admit("17", version, [], Policy(minimum_version=minimum), updating=False) == ()


def test_one_client_too_many_of_an_employee_is_refused() -> None:
    with pytest.raises(AlreadyConnected, match="connected 2 times"):
        admit("17", "1", TWO, Policy(clients_per_employee=2), updating=False)
    assert admit("18", "1", TWO, Policy(clients_per_employee=2), updating=False) == ()


def test_the_oldest_makes_room_if_the_site_wants_it_so() -> None:
    assert admit("17", "1", TWO, Policy(clients_per_employee=2, replace_oldest=True), updating=False) == ("a",)
    assert admit("17", "1", TWO, Policy(clients_per_employee=1, replace_oldest=True), updating=False) == ("a", "b")


def test_the_last_seat_is_the_last() -> None:
    with pytest.raises(Exhausted, match="All 3 seats"):
        admit("19", "1", TWO, Policy(seats=3), updating=False)
    assert admit("19", "1", TWO, Policy(seats=4), updating=False) == ()


def test_who_replaces_himself_needs_no_further_seat() -> None:
    policy = Policy(seats=3, clients_per_employee=2, replace_oldest=True)
    assert admit("17", "1", TWO, policy, updating=False) == ("a",)


def test_versions_compare_by_number() -> None:
    assert version_key("24.10.0") == (24, 10)
    assert version_key("0") == ()


def test_three_heartbeats_are_too_many() -> None:
    assert silent_since(NOON, timedelta(seconds=20)) == NOON - timedelta(minutes=1)
