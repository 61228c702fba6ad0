"""What a request goes through until everybody who has to has agreed, and who may decide (Genehmigung). Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from mesh.errors import Conflict, FailedPrecondition, PermissionDenied
from server_es.absences.spans import Span
from server_es.directory.staff import Staff


class State(IntEnum):
    """Where a request stands; the numbers of the contract."""

    CREATED = 1
    PARTLY_APPROVED = 2
    APPROVED = 3
    REJECTED = 4
    REVOKED = 5


class Verdict(IntEnum):
    """What a group has said; the numbers of the contract."""

    OPEN = 1
    APPROVED = 2
    REJECTED = 3


OPEN = frozenset({State.CREATED, State.PARTLY_APPROVED})
IN_FORCE = OPEN | {State.APPROVED}
"""States in which the days are taken, or would be."""

_SAID = {State.APPROVED: "approved", State.REJECTED: "rejected", State.REVOKED: "withdrawn or revoked"}
_VERDICT_SAID = {Verdict.APPROVED: "approved", Verdict.REJECTED: "rejected"}


class AlreadyDecided(Conflict):
    """Somebody else has decided, or the applicant has withdrawn."""

    reason = "ALREADY_DECIDED"


class NotApproved(FailedPrecondition):
    """Only what is approved can be revoked."""

    reason = "ABSENCE_NOT_APPROVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Who has to agree to whose requests.

    Attributes:
        id: of the resource name.
        title: for people.
        members: who decides; any one of them.
        employees: whose requests it decides on.
        teams: whose members' requests it decides on; without employees and teams: everybody's.
        informed: who is told how they end.
    """

    id: str
    title: str
    members: tuple[str, ...]
    employees: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    informed: tuple[str, ...] = ()

    def applies_to(self, employee: str, teams: Collection[str]) -> bool:
        """Say whether it decides on the requests of an employee who is in these teams."""
        return self.everybody or employee in self.employees or not self.teams.isdisjoint(teams)

    def decides_on_team(self, team: str) -> bool:
        """Say whether it decides on the requests of all members of a team."""
        return self.everybody or team in self.teams

    @property
    def everybody(self) -> bool:
        return not self.employees and not self.teams


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one group has said to a request; `by` is who, for people."""

    group: str
    title: str
    verdict: Verdict = Verdict.OPEN
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as a decision needs to see it; `ended_by` is who ended it, for people."""

    name: str
    state: State
    decisions: Sequence[Decision]
    ended_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What follows from a decision: the groups it was made for, and where the request stands now."""

    groups: tuple[str, ...]
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is asked for; a change of it is a change of the request."""

    employee: str
    kind: str
    span: Span
    half_days: int


def changes(old: Content, new: Content) -> tuple[str, ...]:
    """Return which of the five things that make a request have changed, in the words of its readers."""
    pairs = (
        ("Mitarbeiter", old.employee, new.employee),
        ("Art", old.kind, new.kind),
        ("Beginn", old.span.start, new.span.start),
        ("Ende", old.span.end, new.span.end),
        ("Tage", old.half_days, new.half_days),
    )
    return tuple(word for word, before, after in pairs if before != after)


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


def deciders(group: Group, applicant: str, away: Mapping[str, str], *, approve_own: bool) -> dict[str, str]:
    """Return who may decide for a group on a request, each with the absent member he stands in for, "" for members.

    Nobody decides on a request of his own, nor has it decided by his substitute, unless the site says so.
    """
    members = [one for one in group.members if approve_own or one != applicant]
    found = {substitute: member for member in members if (substitute := away.get(member))}
    if not approve_own:
        found.pop(applicant, None)
    return found | dict.fromkeys(members, "")


def decide(request: Request, mine: Collection[str], *, agree: bool, group: str = "") -> Decided:
    """Decide for one's groups, or for the one that is named.

    Args:
        request: what is decided on.
        mine: groups the one who decides may decide for, whatever they have said.
        agree: yes or no.
        group: id of the group meant; empty for all that are open.

    Raises:
        PermissionDenied: none of the groups, or not the named one, is his.
        AlreadyDecided: nothing is open any more that he could decide.
    """
    asked = [one for one in request.decisions if one.group in mine and group in ("", one.group)]
    if not asked:
        whose = f"approvalGroups/{group}" if group else "any of its groups"
        raise PermissionDenied(f"You do not decide on {request.name} for {whose}; its members do.")
    if request.state not in OPEN:
        raise ended(request)
    chosen = tuple(one.group for one in asked if one.verdict is Verdict.OPEN)
    if not chosen:
        said = asked[0]
        raise AlreadyDecided(
            f"{request.name} was already {_VERDICT_SAID[said.verdict]} for {said.title} by {said.by}.",
            by=said.by,
            state=request.state.name,
        )
    if not agree:
        return Decided(groups=chosen, state=State.REJECTED)
    left = [one for one in request.decisions if one.verdict is Verdict.OPEN and one.group not in chosen]
    return Decided(groups=chosen, state=State.PARTLY_APPROVED if left else State.APPROVED)


def check_open(request: Request) -> None:
    """Let a change, a withdrawal or a deletion pass that comes before the request has ended.

    Raises:
        AlreadyDecided: it is approved in full, rejected or revoked.
    """
    if request.state not in OPEN:
        raise ended(request)


def check_approved(request: Request) -> None:
    """Let a revocation pass.

    Raises:
        NotApproved: there is nothing to revoke.
    """
    if request.state is not State.APPROVED:
        raise NotApproved(
            f"{request.name} is not approved, so there is nothing to revoke; reject or withdraw it instead.",
            state=request.state.name,
        )


def ended(request: Request) -> AlreadyDecided:
    """Return the refusal of what comes too late."""
    return AlreadyDecided(
        f"{request.name} was already {_SAID[request.state]} by {request.ended_by}.",
        by=request.ended_by,
        state=request.state.name,
    )
