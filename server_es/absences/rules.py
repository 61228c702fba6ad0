"""What an absence goes through until everybody who has to has agreed, and who may decide (Genehmigung). Pure."""

from collections.abc import Collection, Mapping
from enum import IntEnum

from server_es.directory.staff import Staff


class State(IntEnum):
    """Where a request stands; the numbers of the contract."""

    CREATED = 1
    PARTLY_APPROVED = 2
    APPROVED = 3
    REJECTED = 4
    REVOKED = 5


OPEN = frozenset({State.CREATED, State.PARTLY_APPROVED})
IN_FORCE = OPEN | {State.APPROVED}
"""States in which the days are taken, or would be."""


def away(staff: Staff, approved: Collection[str]) -> Mapping[str, str]:
    """Return who is away and who stands in for him: the first in the chain of substitutes who is there, else "".

    Args:
        staff: everybody, and the absences the directory itself knows.
        approved: employees with an approved absence at that instant.
    """
    absent = {number: one for number, one in staff.employees.items() if number in approved or one.is_absent(staff.now)}
    return {number: _stands_in(staff, number, absent) for number in absent}


def _stands_in(staff: Staff, number: str, absent: Collection[str]) -> str:
    seen = {number}
    while True:
        number = staff.employees[number].substitute
        if number not in staff.employees or number in seen:
            return ""
        if number not in absent:
            return number
        seen.add(number)
