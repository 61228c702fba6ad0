"""Follows calls: what a change of the state tells is written in its transaction, as notices about the call."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from mesh.database import UnitOfWork
from server_es.directory import facts
from server_es.notices.rules import Channel, Notice, Recipient
from server_es.servicecalls.names import SERVICECALL
from server_es.servicecalls.observers import Change
from server_es.status_events import rules, store
from server_es.status_events.names import STATUS_EVENT
from server_es.status_events.rules import Customer, StatusEvent
from server_es.status_events.settings import StatusEventSettings
from server_es.text_modules.call_texts import CallTexts
from server_es.text_modules.catalogue import templates
from server_es.text_modules.placeholders import Facts, Values
from server_es.text_modules.rules import Rendered, Template, render

_PEOPLE: Final = "employees/"


class Teller(Protocol):
    """Tells people; the notices in telling."""

    def tell(self, unit: UnitOfWork, notices: Sequence[Notice]) -> None:
        """Tell each exactly once, when the unit is committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Happening:
    """An event that happens to a call, with what it says."""

    event: StatusEvent
    change: Change
    facts: Facts
    said: Rendered

    @property
    def cause(self) -> str:
        call = self.change.call
        return f"{STATUS_EVENT.build(self.event.id)}/{SERVICECALL.build(call.number)}/events/{call.last_sequence}"


class StatusFollowing:
    """Observes calls.

    Args:
        texts: reads what texts say about calls.
        teller: tells people.
        settings: the site's choice.
    """

    def __init__(self, texts: CallTexts, teller: Teller, settings: StatusEventSettings) -> None:
        self._texts = texts
        self._teller = teller
        self._settings = settings

    def changed(self, unit: UnitOfWork, changes: Sequence[Change]) -> None:
        """Tell what the events say. A change of nothing but texts and times costs nothing."""
        moved = [one for one in changes if one.old_state != one.call.state]
        if not moved:
            return
        events = store.events_of(unit, {one.call.state for one in moved})
        fitting = [(event, one) for one in moved for event in events if event.fits(one.old_state, one.call.state)]
        if not fitting:
            return
        found = templates(unit, {event.text_module for event, _ in fitting})
        known = self._texts.of(unit, [change.call for change in {id(one): one for _, one in fitting}.values()])
        happenings = [
            _happening(event, one, known[one.call.number], found[event.text_module]) for event, one in fitting
        ]
        self._teller.tell(unit, [*self._customers(unit, happenings), *_staff(unit, happenings)])

    def _customers(self, unit: UnitOfWork, happenings: Iterable[_Happening]) -> Iterator[Notice]:
        """Write to customers, to one address no more than so many mails a day."""
        concerned = [(one, _customer(one)) for one in happenings if one.event.customer]
        leaving = Counter(to.mail.lower() for _, to in concerned if to.mail and not to.withheld)
        limit = self._settings.mails_per_day
        had = store.count_mails(unit, leaving, unit.now.astimezone(self._settings.zone).date())
        sent = Counter({mail: had[mail] - count for mail, count in leaving.items()})
        for one, to in concerned:
            if not to.mail:
                continue
            withheld = to.withheld
            if not withheld:
                sent[to.mail.lower()] += 1
                withheld = rules.over(to.mail, sent[to.mail.lower()], limit=limit)
            mark = rules.mark(self._settings.call_mark, one.change.call.number)
            yield Notice(
                cause=one.cause,
                about=SERVICECALL.build(one.change.call.number),
                recipient=Recipient(mail=to.mail),
                subject=rules.marked(one.said.subject, mark),
                text=one.said.body,
                urgent=True,  # leaves alone: bundled with others, its subject would name no call
                withheld=withheld,
            )


def _happening(event: StatusEvent, change: Change, known: Facts, template: Template) -> _Happening:
    said = render(template, Values(known, template.language))
    return _Happening(event=event, change=change, facts=known, said=said)


def _customer(one: _Happening) -> Customer:
    call = one.change.call
    addresses = one.facts.address.mail_addresses if one.facts.address is not None else ()
    return rules.customer(call.reporter_mail_address, addresses, suppressed=call.suppress_answers)


def _staff(unit: UnitOfWork, happenings: Iterable[_Happening]) -> Iterator[Notice]:
    """Tell the house, and free addresses and numbers; never who did it."""
    teams: Mapping[str, Sequence[str]] | None = None
    for one in happenings:
        event, call = one.event, one.change.call
        if teams is None and (event.team or any(row.team for row in event.rows)):
            teams = facts.staff(unit).teams
        members = teams or {}
        told = rules.recipients(
            event,
            employee=call.responsible_employee or "",
            team=members.get(call.responsible_team or "", ()),
            members=[members.get(row.team, ()) for row in event.rows],
        )
        for row in told:
            yield Notice(
                cause=one.cause,
                about=SERVICECALL.build(call.number),
                recipient=Recipient(employee=row.employee, mail=row.mail, mobile=row.mobile),
                subject=one.said.subject,
                text=one.said.body,
                channels=frozenset(map(Channel, event.channels)) or None,
                by=one.change.actor.removeprefix(_PEOPLE) if one.change.actor.startswith(_PEOPLE) else "",
            )
