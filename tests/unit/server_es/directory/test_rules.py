from typing import Any

import pytest

from mesh.errors import InvalidArgument
from server_es.directory.rules import (
    Subject,
    SubjectFacts,
    completed,
    contract_violations,
)

KNOWN = SubjectFacts(
    address_exists=True, system_address="1", component_exists=True, contract_address="1", contract_system="A"
)


def wrong(subject: Subject, facts: SubjectFacts) -> list[str]:
    with pytest.raises(InvalidArgument) as caught:
        completed(subject, facts)
    return [f"{one.field}: {one.description}" for one in caught.value.violations]


def test_a_contract_fills_system_and_address() -> None:
    filled = completed(Subject(contract="V"), KNOWN)
    assert filled == Subject(address="1", system="A", contract="V")


def test_a_contract_about_all_systems_fills_the_address_only() -> None:
    facts = SubjectFacts(contract_address="1")
    assert completed(Subject(contract="V"), facts) == Subject(address="1", contract="V")


def test_a_system_fills_its_address() -> None:
    facts = SubjectFacts(system_address="1")
    assert completed(Subject(system="A"), facts) == Subject(address="1", system="A")


def test_what_belongs_together_stays_as_it_is() -> None:
    whole = Subject(address="1", system="A", component="k", contract="V")
    assert completed(whole, KNOWN) == whole


def test_a_component_of_the_contracts_system_needs_no_system() -> None:
    assert completed(Subject(contract="V", component="k"), KNOWN).system == "A"


def test_everything_that_does_not_exist_is_named_at_once() -> None:
    assert wrong(Subject(address="9", system="X", component="k", contract="V"), SubjectFacts()) == [
        "address: addresses/9 does not exist",
        "system: systems/X does not exist",
        "component: systems/X/components/k does not exist",
        "contract: contracts/V does not exist",
    ]


def test_a_foreign_contract_and_a_foreign_system_are_named_with_their_owners() -> None:
    facts = SubjectFacts(address_exists=True, system_address="2", contract_address="3", contract_system="B")
    assert wrong(Subject(address="1", system="A", contract="V"), facts) == [
        "contract: contracts/V belongs to addresses/3, not to addresses/1",
        "contract: contracts/V covers systems/B, not systems/A",
        "system: systems/A belongs to addresses/2, not to addresses/1",
    ]


def test_a_component_alone_and_nothing_at_all_are_refused() -> None:
    facts = SubjectFacts(address_exists=True)
    assert wrong(Subject(address="1", component="k"), facts) == ["component: needs the system it belongs to"]
    assert wrong(Subject(), SubjectFacts()) == ["address: name an address, a system or a contract"]


@pytest.mark.parametrize(("system", "owner", "count"), [("", None, 0), ("A", None, 0), ("A", "1", 0), ("A", "2", 1)])
def test_a_contract_covers_only_its_own_customers_system(system: Any, owner: Any, count: Any) -> None:
    assert len(contract_violations("1", system, owner)) == count
