"""Who decides, and what follows."""

from datetime import date

import pytest

from mesh.errors import PermissionDenied
from server_es.absences.rules import (
    AlreadyDecided,
    Content,
    Decided,
    Decision,
    Group,
    NotApproved,
    Request,
    State,
    Verdict,
    changes,
    check_approved,
    check_open,
    decide,
    deciders,
)
from server_es.absences.spans import Span

BOSSES = Group(id="bosses", title="Leitung", members=("1", "2"))
OFFICE = Decision(group="office", title="Büro")
LEAD = Decision(group="lead", title="Leitung")


def request(*decisions: Decision, state: State = State.CREATED) -> Request:
    return Request(name="absences/17", state=state, decisions=decisions or (LEAD, OFFICE), ended_by="Eva")


def said(decision: Decision, verdict: Verdict = Verdict.APPROVED) -> Decision:
    return Decision(group=decision.group, title=decision.title, verdict=verdict, by="Max")


@pytest.mark.parametrize(
    ("group", "applies"),
    [
        (Group(id="g", title="", members=("1",)), True),
        (Group(id="g", title="", members=("1",), employees=frozenset({"7"})), True),
        (Group(id="g", title="", members=("1",), employees=frozenset({"8"})), False),
        (Group(id="g", title="", members=("1",), teams=frozenset({"t"})), True),
        (Group(id="g", title="", members=("1",), teams=frozenset({"x"})), False),
    ],
)
def test_a_group_without_employees_and_teams_decides_on_everybody(group: Group, applies: bool) -> None:  # noqa: FBT001
    assert group.applies_to("7", ("t", "u")) is applies


def test_a_group_decides_on_a_team_that_it_names_or_on_all() -> None:
    assert BOSSES.decides_on_team("t")
    assert Group(id="g", title="", members=("1",), teams=frozenset({"t"})).decides_on_team("t")
    assert not Group(id="g", title="", members=("1",), employees=frozenset({"7"})).decides_on_team("t")


def test_the_substitute_of_an_absent_member_may_decide() -> None:
    assert deciders(BOSSES, "7", {}, approve_own=False) == {"1": "", "2": ""}
    assert deciders(BOSSES, "7", {"1": "5", "2": ""}, approve_own=False) == {"5": "1", "1": "", "2": ""}
    assert deciders(BOSSES, "7", {"1": "2"}, approve_own=False) == {"1": "", "2": ""}


def test_nobody_decides_on_a_request_of_his_own_unless_the_site_says_so() -> None:
    assert deciders(BOSSES, "1", {"1": "5"}, approve_own=False) == {"2": ""}
    assert deciders(BOSSES, "1", {"1": "5"}, approve_own=True) == {"5": "1", "1": "", "2": ""}
    assert deciders(BOSSES, "5", {"1": "5"}, approve_own=False) == {"1": "", "2": ""}


def test_every_group_has_to_agree() -> None:
    first = decide(request(), {"lead"}, agree=True)
    assert first == Decided(groups=("lead",), state=State.PARTLY_APPROVED)
    last = decide(request(said(LEAD), OFFICE, state=State.PARTLY_APPROVED), {"office"}, agree=True)
    assert last == Decided(groups=("office",), state=State.APPROVED)


def test_who_is_in_several_groups_decides_for_all_of_them_or_for_the_one_he_names() -> None:
    assert decide(request(), {"lead", "office"}, agree=True) == Decided(groups=("lead", "office"), state=State.APPROVED)
    assert decide(request(), {"lead", "office"}, agree=True, group="office").state is State.PARTLY_APPROVED


def test_one_no_is_enough() -> None:
    refused = decide(request(said(LEAD), OFFICE), {"office", "lead"}, agree=False)
    assert refused == Decided(groups=("office",), state=State.REJECTED)


def test_who_is_in_none_of_the_groups_decides_nothing() -> None:
    with pytest.raises(PermissionDenied, match="You do not decide on absences/17 for any of its groups"):
        decide(request(), {"other"}, agree=True)
    with pytest.raises(PermissionDenied, match="for approvalGroups/lead"):
        decide(request(), {"office"}, agree=True, group="lead")


@pytest.mark.parametrize(("verdict", "word"), [(Verdict.APPROVED, "approved"), (Verdict.REJECTED, "rejected")])
def test_a_group_decides_once(verdict: Verdict, word: str) -> None:
    with pytest.raises(AlreadyDecided, match=f"already {word} for Leitung by Max") as refused:
        decide(request(said(LEAD, verdict), OFFICE), {"lead"}, agree=True)
    assert refused.value.metadata == {"by": "Max", "state": "CREATED"}


@pytest.mark.parametrize("state", [State.APPROVED, State.REJECTED, State.REVOKED])
def test_what_has_ended_is_not_decided_changed_or_withdrawn_any_more(state: State) -> None:
    with pytest.raises(AlreadyDecided, match="by Eva"):
        decide(request(state=state), {"lead"}, agree=True)
    with pytest.raises(AlreadyDecided, match="by Eva"):
        check_open(request(state=state))


def test_what_is_open_may_be_changed_and_what_is_approved_revoked() -> None:
    check_open(request(state=State.PARTLY_APPROVED))
    check_approved(request(state=State.APPROVED))
    with pytest.raises(NotApproved, match="reject or withdraw it"):
        check_approved(request())


def content(**fields: object) -> Content:
    monday = date(2026, 3, 2)
    return Content(**{"employee": "1", "kind": "u", "span": Span.of(monday, monday), "half_days": 2, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ()),
        ({"employee": "2"}, ("Mitarbeiter",)),
        ({"kind": "k"}, ("Art",)),
        ({"half_days": 1}, ("Tage",)),
        ({"span": Span.of(date(2026, 3, 1), date(2026, 3, 2))}, ("Beginn",)),
        ({"span": Span.of(date(2026, 3, 2), date(2026, 3, 3)), "half_days": 4}, ("Ende", "Tage")),
    ],
)
def test_five_changes_open_a_request_again(fields: dict[str, object], words: tuple[str, ...]) -> None:
    assert changes(content(), content(**fields)) == words
