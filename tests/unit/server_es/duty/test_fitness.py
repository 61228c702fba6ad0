"""Who is fit for a system, and who is called when nobody is."""

import pytest

from server_es.duty.fitness import Qualification, SystemFacts, called, fit_for, is_fit
from server_es.duty.rosters import OnDuty, Origin

LIFT = SystemFacts(postal_code="26121", models=("KONE MonoSpace 500", ""))


def crew(*employees: str) -> tuple[OnDuty, ...]:
    return tuple(OnDuty(one, Origin.LAYER, "") for one in employees)


@pytest.mark.parametrize(
    ("qualification", "system", "fit"),
    [
        (None, LIFT, True),
        (Qualification(), LIFT, True),
        (Qualification(postal_codes=("28", "261")), LIFT, True),
        (Qualification(postal_codes=("28",)), LIFT, False),
        (Qualification(postal_codes=("28",)), SystemFacts(), True),
        (Qualification(models=("kone",)), LIFT, True),
        (Qualification(models=("Otis",)), LIFT, False),
        (Qualification(models=("Otis",)), SystemFacts(postal_code="26121"), True),
        (Qualification(models=("kone",), postal_codes=("28",)), LIFT, False),
    ],
)
def test_region_and_skill_decide_and_what_is_not_known_lets_pass(
    qualification: Qualification | None, system: SystemFacts, *, fit: bool
) -> None:
    assert is_fit(qualification, system) is fit


def test_the_first_level_with_somebody_fit_is_called_first() -> None:
    known = {"1": Qualification(models=("Otis",)), "3": Qualification(models=("Kone",))}
    found = called([crew("1"), crew("2", "1"), crew("3")], fit_for(known, LIFT))
    assert [(one.on_duty.employee, one.level, one.qualified) for one in found] == [("2", 1, True), ("3", 2, True)]


def test_when_nobody_is_fit_everybody_is_called_all_the_same() -> None:
    known = {one: Qualification(models=("Otis",)) for one in "12"}
    found = called([crew("1"), crew("2")], fit_for(known, LIFT))
    assert [(one.on_duty.employee, one.level, one.qualified) for one in found] == [("1", 1, False), ("2", 2, False)]


def test_without_a_system_everybody_is_fit() -> None:
    assert [one.qualified for one in called([crew("1")], fit_for({"1": Qualification(models=("x",))}, None))] == [True]
