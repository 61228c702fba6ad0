"""Which level holds, and what the site's states mean."""

from datetime import timedelta

import pytest

from mesh.errors import InvalidArgument
from server_es.service_levels.rules import (
    CategoryId,
    ChosenLevel,
    Level,
    LevelNumber,
    LevelRule,
    Meaning,
    NoServiceLevel,
    SignificanceId,
    SiteLevels,
    State,
    States,
    UnknownState,
    choose_level,
)

SEVEN = tuple(State(number=meaning * 10, name=meaning.name.title(), meaning=meaning) for meaning in Meaning)
FAULT, QUESTION = CategoryId("fault"), CategoryId("question")
KEY_CUSTOMER = SignificanceId("A")
SITE = SiteLevels(matrix={(FAULT, KEY_CUSTOMER): LevelNumber(4)}, default=LevelNumber(5), default_category=QUESTION)


def level(number: int) -> LevelNumber:
    return LevelNumber(number)


def test_the_component_wins_then_system_contract_matrix_and_default() -> None:
    chosen = [
        choose_level(
            SITE,
            component=level(1),
            system=level(2),
            contract=level(3),
            category=FAULT,
            significance=KEY_CUSTOMER,
        ),
        choose_level(SITE, system=level(2), contract=level(3), category=FAULT, significance=KEY_CUSTOMER),
        choose_level(SITE, contract=level(3), category=FAULT, significance=KEY_CUSTOMER),
        choose_level(SITE, category=FAULT, significance=KEY_CUSTOMER),
        choose_level(SITE, category=QUESTION, significance=KEY_CUSTOMER),
    ]
    assert [one.number for one in chosen] == [1, 2, 3, 4, 5]
    assert [one.rule for one in chosen] == [rule for rule in LevelRule if rule is not LevelRule.MANUAL]


def test_a_call_without_category_gets_the_default_category() -> None:
    site = SiteLevels(matrix={(QUESTION, KEY_CUSTOMER): level(7)}, default_category=QUESTION)
    chosen = choose_level(site, significance=KEY_CUSTOMER)
    assert chosen == ChosenLevel(number=level(7), rule=LevelRule.CATEGORY_SIGNIFICANCE)


def test_a_customer_without_significance_gets_the_default() -> None:
    assert choose_level(SITE, category=FAULT).rule is LevelRule.DEFAULT


def test_without_any_level_no_call_is_made() -> None:
    with pytest.raises(NoServiceLevel) as refused:
        choose_level(SiteLevels(), category=FAULT, significance=KEY_CUSTOMER)
    assert refused.value.reason == "NO_SERVICE_LEVEL"


def test_a_level_says_everything_that_is_wrong_with_it() -> None:
    with pytest.raises(InvalidArgument) as refused:
        Level(number=level(0), language="German", priority=1, reaction=timedelta(0), solution=timedelta(minutes=-5))
    assert [one.field for one in refused.value.violations] == ["number", "language", "reaction", "solution"]


def test_a_level_may_promise_nothing() -> None:
    assert Level(number=level(1), language="de", priority=1).arrival is None


def test_interrupted_stops_the_clock_unless_the_site_says_otherwise() -> None:
    assert [state.meaning for state in SEVEN if state.clock_stands] == [Meaning.INTERRUPTED]
    running = State(number=50, name="Unterbrochen", meaning=Meaning.INTERRUPTED, stops_clock=False)
    waiting = State(number=35, name="Wartet auf Kunden", meaning=Meaning.STARTED, stops_clock=True)
    assert not running.clock_stands
    assert waiting.clock_stands


def test_a_call_is_locked_from_solved_on() -> None:
    assert [state.meaning for state in SEVEN if state.locked] == [Meaning.SOLVED, Meaning.DONE]


def test_inserted_states_are_found_among_the_others() -> None:
    ordered = State(number=35, name="Teil bestellt", meaning=Meaning.STARTED)
    states = States((ordered, *SEVEN))
    assert states.find(35) is ordered
    assert [row.number for row in states.rows] == [10, 20, 30, 35, 40, 50, 60, 70]
    assert states.first(Meaning.STARTED).number == 30


@pytest.mark.parametrize("number", [5, 36, 99])
def test_a_number_without_a_state_is_not_found(number: int) -> None:
    with pytest.raises(UnknownState) as refused:
        States(SEVEN).find(number)
    assert (refused.value.reason, refused.value.metadata) == ("NOT_FOUND", {"resource": f"servicecallStates/{number}"})


def test_a_call_whose_state_was_deleted_stands_in_the_next_lower_one() -> None:
    states = States(SEVEN)
    assert states.standing(36).meaning is Meaning.STARTED
    assert states.standing(99).meaning is Meaning.DONE
    assert states.standing(5).meaning is Meaning.DRAFT


def test_states_say_everything_that_is_wrong_with_them() -> None:
    draft, created, *_, done = SEVEN
    early = State(number=5, name="Zu früh", meaning=Meaning.SOLVED)
    with pytest.raises(InvalidArgument) as refused:
        States((draft, created, created, done, early))
    assert [one.description for one in refused.value.violations] == [
        "number 20 appears 2 times",
        "no state means STARTED",
        "no state means FORWARDED",
        "no state means INTERRUPTED",
        "10 (DRAFT) comes after 5 (SOLVED); meanings rise with the numbers",
    ]
