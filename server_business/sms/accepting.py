"""Takes messages in: checks them, chooses a provider for each and puts them into the queue."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from esoffice.business.v1 import sms_pb2 as pb
from sqlalchemy import Row

from mesh import validation
from mesh.database import UnitOfWork
from mesh.errors import DomainError, FailedPrecondition, InvalidArgument, Violation
from mesh.instants import instant
from mesh.wakeups import Doorbell
from server_business.sending.store import Order
from server_business.sms import rules, store
from server_business.sms.numbers import international
from server_business.sms.routing import Quiet, Way, chosen, quiet_until
from server_business.sms.rules import Priority
from server_business.sms.tables import SMS


class RecipientOptedOut(FailedPrecondition):
    """The number has said STOP."""

    reason = "RECIPIENT_OPTED_OUT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The site's choice.

    Attributes:
        country: whose dialling rules count for numbers without +.
        give_up: how long a message is tried.
        ways: the providers; none while sending is off: then everything waits.
        quiet: quiet hours.
        transliterate: typographic characters may be written plainly.
    """

    country: str
    give_up: timedelta
    ways: tuple[Way, ...] = ()
    quiet: Quiet | None = None
    transliterate: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message in the queue, and until when quiet hours hold it."""

    row: Row[Any]
    held_until: datetime | None = None


class Accepting:
    """Accepts messages.

    Args:
        bell_of: returns the bell that wakes what sends over a provider.
        terms: the site's choice.
    """

    def __init__(self, bell_of: Callable[[str], Doorbell], terms: Terms) -> None:
        self._bell_of = bell_of
        self._terms = terms

    def accept(
        self, unit: UnitOfWork, requests: Sequence[pb.SendSmsRequest], caller: str
    ) -> list[Accepted | DomainError]:
        """Put messages into the queue, with a handful of statements however many.

        Returns:
            For each in order what stands in the queue, or why it is refused.
        """
        known = SMS.of_requests(unit, requests, caller=caller)
        away = store.away(unit)
        orders: dict[int, Order] = {}
        answers: dict[int, Accepted | DomainError] = {}
        for at, (request, earlier) in enumerate(zip(requests, known, strict=True)):
            try:
                if isinstance(earlier, DomainError):
                    raise earlier
                if earlier is not None:  # whatever holds today: it was accepted then
                    answers[at] = Accepted(earlier)
                else:
                    orders[at] = self._order(unit, request, away)
            except DomainError as error:
                answers[at] = error
        stopped = store.opted_out(unit, {order.content["to"] for order in orders.values()}) if orders else set()
        for at in [at for at, order in orders.items() if order.content["to"] in stopped]:
            number = orders.pop(at).content["to"]
            answers[at] = RecipientOptedOut(f"{number} has said STOP and gets no short messages.", number=number)
        made = SMS.accept_all(unit, list(orders.values()), caller=caller)
        for (at, order), row in zip(orders.items(), made, strict=True):
            held = quiet_until(self._terms.quiet, Priority(order.content["priority"]), unit.now)
            answers[at] = row if isinstance(row, DomainError) else Accepted(row, held)
        for provider in {order.content["provider"] for order in orders.values()} - {""}:
            self._bell_of(provider).ring_after(unit)
        return [answers[at] for at in range(len(requests))]

    def _order(self, unit: UnitOfWork, request: pb.SendSmsRequest, away: set[str]) -> Order:
        """Return what is to be put into the queue. Raises InvalidArgument."""
        wrong: list[Violation] = list(validation.violations(request))
        if wrong:
            raise InvalidArgument(wrong)
        number, text = "", request.text
        if request.transliterate or self._terms.transliterate:
            text = rules.transliterated(text) or text
        written = rules.write(text)
        try:
            number = international(request.to, self._terms.country)
        except InvalidArgument as error:
            wrong += error.violations
        provider = chosen(number, self._terms.ways, away) if number else ""
        if number and self._terms.ways and not provider:
            wrong.append(Violation("to", f"no provider of this site serves {number}"))
        if len(written.parts) > rules.MOST_PARTS:
            wrong.append(Violation("text", f"needs {len(written.parts)} parts; at most {rules.MOST_PARTS} are sent"))
        expire_time = instant(request.expire_time) if request.HasField("expire_time") else None
        if expire_time is not None and expire_time <= unit.now:
            wrong.append(Violation("expire_time", "must lie in the future"))
        if wrong:
            raise InvalidArgument(wrong)
        content = {
            "to": number, "text": text, "alphabet": written.alphabet, "parts": len(written.parts),
            "about": request.about, "priority": Priority(request.priority or Priority.NORMAL), "flash": request.flash,
            "provider": provider, "delivery": 0,
        }  # fmt: skip
        give_up_time = unit.now + self._terms.give_up
        return Order(request=request, give_up_time=give_up_time, expire_time=expire_time, content=content)
