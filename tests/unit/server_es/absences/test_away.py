"""Who is away, and who stands in."""

from datetime import UTC, datetime

from server_es.absences.rules import away
from server_es.directory.staff import Employee, Staff

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def staff(*employees: Employee) -> Staff:
    return Staff(now=NOW, employees={one.number: one for one in employees})


def test_the_first_in_the_chain_who_is_there_stands_in() -> None:
    chain = staff(
        Employee(number="1", substitute="2"),
        Employee(number="2", substitute="3", absent=True),
        Employee(number="3"),
    )
    assert away(chain, {"1"}) == {"1": "3", "2": "3"}
    assert away(chain, ()) == {"2": "3"}


def test_nobody_stands_in_when_everybody_in_the_chain_is_away_or_there_is_none() -> None:
    ring = staff(Employee(number="1", substitute="2"), Employee(number="2", substitute="1"), Employee(number="3"))
    assert away(ring, {"1", "2", "3"}) == {"1": "", "2": "", "3": ""}
