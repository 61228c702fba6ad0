"""What a change of a call's state tells, and to whom (Status-Ereignisse). Pure.

>>> marked("Wir kümmern uns darum", mark("Call <ServCall.ServicecallNr>", 4711))
'Call 4711: Wir kümmern uns darum'
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

NUMBER: Final = "<ServCall.ServicecallNr>"
MADE: Final = 0
"""What stands for the state before, of a call that is made."""
AUTOMATIC: Final = "the call was made of an automatic mail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A further recipient: an employee, a team, a mail address or a number; the others are empty."""

    employee: str = ""
    team: str = ""
    mail: str = ""
    mobile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEvent:
    """What is told when a call gets a state.

    Attributes:
        id: of the event.
        start: lowest number of the state before; `MADE`: also when a call is made.
        end: highest number of the state before, inclusive.
        state: number of the state a call gets.
        text_module: id of what is said.
        customer: tells the customer.
        employee: tells the responsible employee.
        team: tells the members of the responsible team.
        channels: numbers of the channels employees are told over; empty: as each prefers.
        rows: further recipients.
    """

    id: str
    start: int = MADE
    end: int = MADE
    state: int
    text_module: str
    customer: bool = False
    employee: bool = False
    team: bool = False
    channels: frozenset[int] = frozenset()
    rows: tuple[Row, ...] = ()

    def fits(self, old: int | None, new: int) -> bool:
        """Return whether it happens when a call changes from a state (None: it is made) to another."""
        before = MADE if old is None else old
        return old != new == self.state and self.start <= before <= self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Where a customer is written to.

    Attributes:
        mail: address; empty when none is known.
        withheld: why no mail leaves; empty if it does.
    """

    mail: str
    withheld: str = ""


def customer(reporter: str, addresses: Sequence[str], *, suppressed: bool) -> Customer:
    """Say where the customer of a call is written to.

    Args:
        reporter: mail address of who reported the call; may be empty.
        addresses: those of the customer, the first one counts.
        suppressed: nobody must answer.
    """
    mail = reporter or next(iter(addresses), "")
    return Customer(mail=mail, withheld=AUTOMATIC if suppressed else "")


def over(mail: str, sent: int, *, limit: int) -> str:
    """Return why an address gets no further mail today; empty if it does. `sent` counts this one."""
    return f"{mail} has had {limit} mails of status-change events today" if sent > limit else ""


def recipients(
    event: StatusEvent, *, employee: str, team: Sequence[str], members: Sequence[Sequence[str]]
) -> list[Row]:
    """Return who of the house and beside it is told, each once; the customer is not among them.

    Args:
        event: what happens.
        employee: who is responsible for the call; may be empty.
        team: members of the team that is.
        members: of the team of each row, in their order; empty for a row without a team.
    """
    people = [employee] if event.employee and employee else []
    people += team if event.team else ()
    for row, others in zip(event.rows, members, strict=True):
        people += [row.employee] if row.employee else others
    free = [row for row in event.rows if row.mail or row.mobile]
    return [*(Row(employee=one) for one in dict.fromkeys(people)), *dict.fromkeys(free)]


def mark(text: str, number: int) -> str:
    """Return how the subject of a mail names a call."""
    return text.replace(NUMBER, str(number))


def marked(subject: str, mark_: str) -> str:
    """Return a subject that holds the mark; one that does not gets it in front, so that an answer finds the call."""
    words = r" ?".join(map(re.escape, mark_.split()))
    if re.search(rf"(?<!\w){words}(?!\w)", subject, re.IGNORECASE):
        return subject
    return f"{mark_}: {subject}"
