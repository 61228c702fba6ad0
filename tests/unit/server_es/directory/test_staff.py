from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server_es.directory.rules import employee_violations
from server_es.directory.staff import Employee, Staff

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("employee", "away"),
    [
        (Employee(number="1"), False),
        (Employee(number="1", absent=True), True),
        (Employee(number="1", absence_start=NOW), True),
        (Employee(number="1", absence_start=NOW + HOUR), False),
        (Employee(number="1", absence_end=NOW), False),
        (Employee(number="1", absence_end=NOW + HOUR), True),
        (Employee(number="1", absence_start=NOW - HOUR, absence_end=NOW + HOUR), True),
    ],
)
def test_an_absence_starts_inclusive_and_ends_exclusive(employee: Any, away: Any) -> None:
    assert employee.is_absent(NOW) is away


def staff(*employees: Employee) -> Staff:
    return Staff(now=NOW, employees={one.number: one for one in employees}, teams={"t": ("2", "1"), "a": ("1",)})


def test_a_team_has_its_members_in_its_order() -> None:
    assert staff().members("t") == ("2", "1")
    assert staff().members("x") == ()
    assert staff().teams_of("1") == ("a", "t")


def test_the_first_in_the_chain_who_is_there_stands_in() -> None:
    chain = staff(
        Employee(number="1", absent=True, substitute="2"),
        Employee(number="2", absent=True, substitute="3"),
        Employee(number="3"),
    )
    assert chain.substitute("1") == "3"
    assert chain.substitute("3") is None
    assert chain.substitute("9") is None


def test_a_circle_of_absent_employees_ends() -> None:
    circle = staff(Employee(number="1", absent=True, substitute="2"), Employee(number="2", absent=True, substitute="1"))
    assert circle.substitute("1") is None


def test_an_employee_does_not_stand_in_for_himself_nor_end_before_he_starts() -> None:
    assert employee_violations("1", "2", NOW, NOW + HOUR) == []
    assert employee_violations("1", "", None, NOW) == []
    found = employee_violations("1", "1", NOW, NOW)
    assert [one.field for one in found] == ["employee.substitute", "employee.absence_end_time"]
