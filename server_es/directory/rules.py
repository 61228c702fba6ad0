"""What makes records of the directory right, and what follows from them for a call. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from mesh.errors import InvalidArgument, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a call is about, as numbers; empty where nothing is chosen.

    Attributes:
        address: number of the customer.
        system: number of the system.
        component: id of the component, within `system`.
        contract: number of the contract.
    """

    address: str = ""
    system: str = ""
    component: str = ""
    contract: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectFacts:
    """What the directory says about a `Subject`'s numbers; None where there is no such record.

    Attributes:
        address_exists: whether the chosen address exists.
        system_address: address of the chosen system, or of the contract's system when none is chosen.
        component_exists: whether that system has the chosen component.
        contract_address: address of the chosen contract.
        contract_system: system of the chosen contract; empty when it covers all.
    """

    address_exists: bool = False
    system_address: str | None = None
    component_exists: bool = False
    contract_address: str | None = None
    contract_system: str = ""


def completed(subject: Subject, facts: SubjectFacts) -> Subject:
    """Fill what follows (a contract fills system and address, a system its address); refuse what contradicts itself.

    Raises:
        InvalidArgument: something does not exist or does not belong together; every violation at once.
    """
    wrong = [*_missing(subject, facts)]
    whole = subject
    if subject.contract and facts.contract_address is not None:
        whole = replace(
            whole, system=whole.system or facts.contract_system, address=whole.address or facts.contract_address
        )
        if whole.address != facts.contract_address:
            wrong.append(_foreign("contract", f"contracts/{subject.contract}", facts.contract_address, whole.address))
        if facts.contract_system and whole.system != facts.contract_system:
            text = f"contracts/{subject.contract} covers systems/{facts.contract_system}, not systems/{whole.system}"
            wrong.append(Violation("contract", text))
    if whole.system and facts.system_address is not None:
        whole = replace(whole, address=whole.address or facts.system_address)
        if whole.address != facts.system_address:
            wrong.append(_foreign("system", f"systems/{whole.system}", facts.system_address, whole.address))
    if subject.component and not whole.system:
        wrong.append(Violation("component", "needs the system it belongs to"))
    if not whole.address and not wrong:
        wrong.append(Violation("address", "name an address, a system or a contract"))
    if wrong:
        raise InvalidArgument(wrong)
    return whole


def _missing(subject: Subject, facts: SubjectFacts) -> Iterable[Violation]:
    if subject.address and not facts.address_exists:
        yield Violation("address", f"addresses/{subject.address} does not exist")
    if subject.system and facts.system_address is None:
        yield Violation("system", f"systems/{subject.system} does not exist")
    system = subject.system or facts.contract_system
    if subject.component and system and not facts.component_exists:
        yield Violation("component", f"systems/{system}/components/{subject.component} does not exist")
    if subject.contract and facts.contract_address is None:
        yield Violation("contract", f"contracts/{subject.contract} does not exist")


def _foreign(where: str, name: str, owner: str, chosen: str) -> Violation:
    return Violation(where, f"{name} belongs to addresses/{owner}, not to addresses/{chosen}")


def employee_violations(number: str, substitute: str, start: datetime | None, end: datetime | None) -> list[Violation]:
    """Return what is wrong with an employee beyond the field rules of the contract."""
    wrong = []
    if substitute and substitute == number:
        wrong.append(Violation("employee.substitute", "nobody stands in for himself; name another employee"))
    if start and end and end <= start:
        wrong.append(Violation("employee.absence_end_time", "must be after absence_start_time"))
    return wrong


def contract_violations(address: str, system: str, system_address: str | None) -> list[Violation]:
    """Return what is wrong between a contract and its system; `system_address` None when that is not known."""
    if not system or system_address is None or system_address == address:
        return []
    return [_foreign("contract.system", f"systems/{system}", system_address, address)]
