"""Where a contact belongs, and what the servicecalls room is told about it. Pure."""

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


def place(address: str, contact_person: tuple[str, str] | None, servicecall: tuple[int, str] | None) -> str:
    """Return the number of the address a contact belongs to.

    Args:
        address: number the request names; empty if it names none.
        contact_person: address number and id of the contact person, None if there is none.
        servicecall: number and address of the servicecall, None without one.

    Raises:
        InvalidArgument: address, contact person and servicecall do not belong together; every violation at once.
    """
    where = address or (servicecall[1] if servicecall else "")
    wrong = []
    if servicecall and where != servicecall[1]:
        text = "servicecalls/{} belongs to addresses/{}, not to addresses/{}".format(*servicecall, where)
        wrong.append(Violation("contact.servicecall", text))
    if contact_person and contact_person[0] != where:
        name = "addresses/{}/contactPersons/{}".format(*contact_person)
        wrong.append(Violation("contact.contact_person", f"{name} does not belong to addresses/{where}"))
    if wrong:
        raise InvalidArgument(wrong)
    return where
