"""Who asks, decides or administers, as absences need to know it."""

from dataclasses import dataclass

from mesh.tokens import Caller, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A caller.

    Attributes:
        name: `employees/{personnel_number}`, `users/{name}` or `services/{name}`.
        employee: personnel number, empty if it is none.
        caller: whose request ids are remembered.
        reads_all: whether absences of everybody may be seen.
        writes_all: whether it may ask for others, and revoke.
    """

    name: str
    employee: str
    caller: str
    reads_all: bool
    writes_all: bool


def asker_of(caller: Caller) -> Asker:
    """Return the asker behind a caller."""
    if caller.employee:
        name = f"employees/{caller.employee}"
    else:
        name = f"{'services' if caller.kind is Kind.SERVICE else 'users'}/{caller.name}"
    return Asker(
        name=name,
        employee=caller.employee,
        caller=caller.name,
        reads_all=caller.may("absences.read"),
        writes_all=caller.may("absences.write"),
    )
