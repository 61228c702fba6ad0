import pytest

from mesh.errors import InvalidArgument
from server_es.forwarding import rules
from server_es.forwarding.rules import NotForwarded, NotStarted, Staff, Target
from server_es.service_levels.rules import Meaning, State
from server_es.servicecalls.transitions import ServicecallLocked

STAFF = Staff(teams={"technik": ["2", "1"], "leer": []}, employees=frozenset({"1", "2", "3"}))


def state(meaning: Meaning) -> State:
    return State(number=int(meaning) * 10, name=meaning.name, meaning=meaning)


def forward(meaning: Meaning = Meaning.STARTED, *, created_too: bool = False, **target: str) -> tuple[str, ...]:
    said = target or {"team": "technik"}
    return rules.forward(state(meaning), Target(**said), STAFF, created_too=created_too)


def test_everybody_in_the_team_takes_over_also_when_one_of_them_is_named() -> None:
    assert forward() == ("1", "2")
    assert forward(team="technik", employee="2") == ("1", "2")


def test_an_employee_alone_takes_over_alone() -> None:
    assert forward(employee="3") == ("3",)


@pytest.mark.parametrize("meaning", [Meaning.STARTED, Meaning.FORWARDED, Meaning.INTERRUPTED])
def test_a_started_call_is_forwarded(meaning: Meaning) -> None:
    assert forward(meaning)


@pytest.mark.parametrize("meaning", [Meaning.SOLVED, Meaning.DONE])
def test_a_solved_call_stays_where_it_is(meaning: Meaning) -> None:
    with pytest.raises(ServicecallLocked):
        forward(meaning, created_too=True)


def test_a_created_call_is_forwarded_only_if_the_site_wants_it_a_draft_never() -> None:
    assert forward(Meaning.CREATED, created_too=True)
    with pytest.raises(NotStarted, match="once it was started"):
        forward(Meaning.CREATED)
    with pytest.raises(NotStarted, match="once it was created"):
        forward(Meaning.DRAFT, created_too=True)


@pytest.mark.parametrize(
    ("target", "sentences"),
    [
        ({"team": "technik", "employee": "3"}, ["employees/3 is no member of teams/technik"]),
        ({"team": "leer"}, ["teams/leer has no members; nobody would take over"]),
        ({"team": "x", "employee": "9"}, ["employees/9 does not exist", "teams/x does not exist"]),
    ],
)
def test_a_target_that_cannot_take_over_is_named(target: dict[str, str], sentences: list[str]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        forward(**target)
    assert [one.description for one in caught.value.violations] == sentences


def test_the_text_of_the_current_forwarding_goes_along() -> None:
    assert rules.carried("Pumpe prüfen", "Bitte heute") == "Pumpe prüfen\n\nBitte heute"
    assert rules.carried("Pumpe prüfen", "") == "Pumpe prüfen"
    assert len(rules.carried("x" * rules.TEXT_AT_MOST, "Bitte heute")) == rules.TEXT_AT_MOST
    with pytest.raises(NotForwarded):
        rules.carried(None, "Bitte heute")
