"""Who does something to a call, as its log names them."""

from dataclasses import dataclass

from mesh.tokens import Caller, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts.

    Attributes:
        name: `employees/{personnel_number}`, `users/{name}` or `services/{name}`.
        employee: personnel number, empty if it is none.
        caller: whose request ids are remembered.
        may_close: whether it may close calls, and open closed ones.
        person: whether it is a person, not a service.
    """

    name: str
    employee: str = ""
    caller: str = ""
    may_close: bool = False
    person: bool = False


def actor_of(caller: Caller) -> Actor:
    """Return the actor behind a caller."""
    if caller.employee:
        name = f"employees/{caller.employee}"
    else:
        name = f"{'services' if caller.kind is Kind.SERVICE else 'users'}/{caller.name}"
    return Actor(
        name=name,
        employee=caller.employee,
        caller=caller.name,
        may_close=caller.may("servicecalls.close"),
        person=caller.kind is Kind.PERSON,
    )
