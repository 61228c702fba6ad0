"""The mailboxes of the settings, and what is needed to keep one in sync."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.database import Database
from mesh.exchange_online import EWS_ENDS, is_online
from server_business.exchange.calendar import Calendar
from server_business.exchange.engine import Book, Engine
from server_business.exchange.items import Kind
from server_business.exchange.rules import Brake, Direction, Place, Policy, Winner
from server_business.exchange.store import Fence, SqlBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A mailbox.

    Attributes:
        employee: personnel number.
        address: mail address.
        directions: of each kind.
        winner: whose change counts when both have changed the same.
        past: how long ago something may have ended to be written to the other side.
        future: how far ahead it may begin.
        brake: when an administrator is asked.
        poll: how often it is looked at.
        warning: what will go wrong with it; empty: nothing is known.
    """

    employee: str
    address: str
    directions: Mapping[Kind, Direction]
    winner: Winner = Winner.NEWEST
    past: timedelta = timedelta(days=30)
    future: timedelta = timedelta(days=730)
    brake: Brake
    poll: timedelta = timedelta(seconds=30)
    warning: str = ""


def mailboxes(said: settings.ExchangeSettings) -> dict[str, Mailbox]:
    """Return the mailboxes by personnel number; none while the sync is off."""
    if not said.active:
        return {}
    warning = _warning(said)
    return {
        employee: Mailbox(
            employee=employee,
            address=one.address,
            directions={
                Kind.APPOINTMENT: Direction(one.appointments or said.appointments or Direction.BOTH),
                Kind.TASK: Direction(one.tasks or said.tasks or Direction.BOTH),
            },
            winner=Winner(said.winner or Winner.NEWEST),
            past=timedelta(days=said.past_days or 30),
            future=timedelta(days=said.future_days or 730),
            brake=Brake(minimum=said.brake_minimum_count or 10, percent=said.brake_percent or 20),
            poll=said.poll_duration.ToTimedelta() or timedelta(seconds=30),
            warning=warning,
        )
        for employee, one in sorted(said.mailboxes.items())
    }


def _warning(said: settings.ExchangeSettings) -> str:
    by_graph = said.protocol == said.PROTOCOL_GRAPH
    return f"{EWS_ENDS}: change `protocol` to PROTOCOL_GRAPH" if not by_graph and is_online(said.url) else ""


class Desk:
    """Puts together what works on a mailbox.

    Args:
        database: of server_business.
        sides: opens both sides of a mailbox.
    """

    def __init__(self, database: Database, sides: Callable[[Mailbox], Mapping[Place, Calendar]]) -> None:
        self.database = database
        self._sides = sides

    def sides(self, mailbox: Mailbox) -> Mapping[Place, Calendar]:
        return self._sides(mailbox)

    def book(self, mailbox: Mailbox, fence: Fence | None = None) -> SqlBook:
        return SqlBook(self.database, mailbox.employee, fence) if fence else SqlBook(self.database, mailbox.employee)

    def engine(self, mailbox: Mailbox, book: Book, sides: Mapping[Place, Calendar]) -> Engine:
        """Return the engine of a mailbox."""
        carried = {kind: sides[Place.ERP].carried(kind) & sides[Place.EXCHANGE].carried(kind) for kind in Kind}
        policy = Policy(
            directions=mailbox.directions,
            winner=mailbox.winner,
            carried=carried,
            past=mailbox.past,
            future=mailbox.future,
        )
        return Engine(book, sides, policy, mailbox.brake, self.database.clock.now)
