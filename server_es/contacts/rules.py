"""Where a contact belongs, and what the servicecalls room says about it. Pure."""

from dataclasses import dataclass
from datetime import datetime

from mesh.errors import InvalidArgument, Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContact:
    """What the servicecalls room needs to know about a contact that is to be written on one of its calls.

    Attributes:
        activity_type: id, such as `mail`.
        inbound: the customer turned to us.
        subject: what it is about.
        text: what was said, plain.
        happened_time: when it happened.
        employee: personnel number of who took part; empty if nobody did.
        creator: `users/{name}` or `services/{name}`.
    """

    activity_type: str
    inbound: bool
    subject: str
    text: str
    happened_time: datetime
    employee: str
    creator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCall:
    """What became of the call.

    Attributes:
        address: number of the call's address.
        addendum: the call is solved or done and stays so; the contact is an addendum to it.
    """

    address: str
    addendum: bool


def place(address: str, contact_person: tuple[str, str] | None, call: OnCall | None, servicecall: int | None) -> str:
    """Return the number of the address a contact belongs to.

    Args:
        address: number the request names; empty if it names none.
        contact_person: address number and id of the contact person, None if there is none.
        call: what the servicecalls room said; None without a servicecall.
        servicecall: number of the call; None without.

    Raises:
        InvalidArgument: address, contact person and servicecall do not belong together; every violation at once.
    """
    where = address or (call.address if call else "")
    wrong = []
    if call and where != call.address:
        text = f"servicecalls/{servicecall} belongs to addresses/{call.address}, not to addresses/{where}"
        wrong.append(Violation("contact.servicecall", text))
    if contact_person and contact_person[0] != where:
        name = "addresses/{}/contactPersons/{}".format(*contact_person)
        wrong.append(Violation("contact.contact_person", f"{name} does not belong to addresses/{where}"))
    if wrong:
        raise InvalidArgument(wrong)
    return where
