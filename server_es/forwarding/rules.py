"""Who a servicecall may be forwarded to, and who is told (Weiterleitung). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mesh import errors
from server_es.service_levels.rules import Meaning, State
from server_es.servicecalls.transitions import check_editable

TEXT_AT_MOST: Final = 20_000


class NotStarted(errors.FailedPrecondition):
    """The site forwards started calls only."""

    reason = "SERVICECALL_NOT_STARTED"


class NotForwarded(errors.FailedPrecondition):
    """There is no forwarding whose text could be carried along."""

    reason = "NOT_FORWARDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who takes over: a team by id, an employee by personnel number, or both; empty where not chosen."""

    team: str = ""
    employee: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """What is known of a target: its members by team, and which employees exist."""

    teams: Mapping[str, Sequence[str]]
    employees: frozenset[str]


def forward(state: State, target: Target, staff: Staff, *, created_too: bool) -> tuple[str, ...]:
    """Decide a forwarding; return the personnel numbers of those who take over.

    Who forwards and who stands in for absent ones is the notices' business.

    Raises:
        ServicecallLocked: the call is solved or done.
        NotStarted: it has not been started, and the site does not forward created calls.
        InvalidArgument: the target does not exist, has nobody in it, or does not fit together; every violation at once.
    """
    check_editable(state)
    if state.meaning < (Meaning.CREATED if created_too else Meaning.STARTED):
        started = "created" if created_too else "started"
        raise NotStarted(f"the call is {state.name}; it can be forwarded once it was {started}")
    wrong = list(_violations(target, staff))
    if wrong:
        raise errors.InvalidArgument(wrong)
    return tuple(sorted(staff.teams[target.team])) if target.team else (target.employee,)


def _violations(target: Target, staff: Staff) -> list[errors.Violation]:
    wrong = []
    members = staff.teams.get(target.team)
    if target.employee and target.employee not in staff.employees:
        wrong.append(errors.Violation("employee", f"employees/{target.employee} does not exist"))
    elif target.employee and members and target.employee not in members:
        text = f"employees/{target.employee} is no member of teams/{target.team}"
        wrong.append(errors.Violation("employee", text))
    if target.team and members is None:
        wrong.append(errors.Violation("team", f"teams/{target.team} does not exist"))
    elif target.team and not members:
        wrong.append(errors.Violation("team", f"teams/{target.team} has no members; nobody would take over"))
    return wrong


def carried(before: str | None, text: str) -> str:
    """Return the text of a forwarding that takes the current one's along; what is too much is cut from the oldest.

    Raises:
        NotForwarded: `before` is None, there is no current one.
    """
    if before is None:
        raise NotForwarded("the call was not forwarded before; there is no text to carry along")
    return f"{before}\n\n{text}".strip()[-TEXT_AT_MOST:]
