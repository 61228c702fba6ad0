"""Makes calls, many in one transaction: everything they need to know is read by set, and they are written by set."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

from esoffice.es.v1 import servicecalls_pb2 as pb

from mesh.database import UnitOfWork
from mesh.errors import DomainError, InvalidArgument, Violation
from server_es.calendars import mapping
from server_es.directory import names as directory
from server_es.directory.facts import CallFacts
from server_es.directory.rules import Subject
from server_es.directory.subjects import call_facts_of, existing_employees, members_of
from server_es.service_levels.choice import RULES, choose
from server_es.service_levels.rules import Meaning
from server_es.service_levels.site import Site, Sites
from server_es.service_levels.store import existing_categories
from server_es.servicecalls import answers, due_times, logs, store, transitions
from server_es.servicecalls.actors import Actor
from server_es.servicecalls.names import SERVICECALL
from server_es.servicecalls.notices import NEW, Notice, Notices
from server_es.servicecalls.observers import Change, Observer
from server_es.servicecalls.settings import ServicecallSettings

_FIELD: Final = "servicecall"
EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
"""Working time is not known before."""
_CLOCKS_APART: Final = timedelta(minutes=1)  # a mail server's "just now" must not be our future


@dataclass(slots=True)
class _Draft:
    """One call on its way: what was asked, and what is wrong with it."""

    request: pb.CreateServicecallRequest
    wrong: list[Violation] = field(default_factory=list)
    columns: dict[str, Any] = field(default_factory=dict)
    subject: Subject = field(default_factory=Subject)


class Creation:
    """Makes calls.

    Args:
        sites: the catalogues in memory.
        notices: tells the responsible ones.
        settings: the site's choice.
        observers: follow every call that is made.
    """

    def __init__(
        self, sites: Sites, notices: Notices, settings: ServicecallSettings, observers: Sequence[Observer] = ()
    ) -> None:
        self._sites = sites
        self._notices = notices
        self._settings = settings
        self._observers = observers

    def create(
        self, unit: UnitOfWork, requests: Sequence[pb.CreateServicecallRequest], by: Actor, *, names_only: bool = False
    ) -> list[pb.Servicecall | DomainError]:
        """Make the calls that are right; return an answer or a refusal for each, in order.

        With `names_only` an answer holds the call's name alone.
        """
        site = self._sites.share(unit)
        drafts = [_read(request, unit.now) for request in requests]
        _check_people(unit, drafts)
        _check_categories(unit, drafts, site)
        facts = call_facts_of(unit, [draft.subject for draft in drafts])
        made = [_settled(draft, fact, site) for draft, fact in zip(drafts, facts, strict=True)]
        rows = [one for one in made if not isinstance(one, DomainError)]
        if not rows:
            return [one for one in made if isinstance(one, DomainError)]
        numbers = iter(store.take_numbers(unit, len(rows), first=self._settings.first_number))
        results: list[pb.Servicecall | DomainError] = []
        events = []
        changes = []
        for one in made:
            if isinstance(one, DomainError):
                results.append(one)
                continue
            call = SimpleNamespace(**one, number=next(numbers))
            event = _first_event(call, unit.now, by)
            log = logs.log_of(call.number, [SimpleNamespace(**event)])
            if names_only:
                answer = pb.Servicecall(name=SERVICECALL.build(call.number))
                due = due_times.of_call(call, log, site, unit.now)
            else:
                answer = answers.servicecall(call, log, site, unit.now)
                due = due_times.cached(answer)
            one["number"], one["cached_due_time"] = call.number, due
            events.append(event)
            results.append(answer)
            if self._observers:
                changes.append(Change(call=call, log=log, old_state=None, kinds=(event["kind"],), actor=by.name))
        store.create(unit, rows, events)
        new = [SimpleNamespace(**row) for row in rows if row["meaning"] != Meaning.DRAFT]
        self._notices.tell(unit, [Notice(call=call, subject=NEW, text=call.description) for call in new], by)
        for observer in self._observers:
            observer.changed(unit, changes)
        return results


def _read(request: pb.CreateServicecallRequest, now: datetime) -> _Draft:
    """Read what can be judged without the database."""
    call = request.servicecall
    draft = _Draft(request)
    title = call.title
    try:
        title = transitions.title(call.title)
    except InvalidArgument as error:
        draft.wrong += [Violation(f"{_FIELD}.{one.field}", one.description) for one in error.violations]
    if "\0" in call.description or "\0" in call.origin:
        draft.wrong.append(Violation(f"{_FIELD}.description", "contains the character NUL"))
    component = directory.COMPONENT.ids(call.component) or ("", "")
    system = _id(call.system) or component[0]
    if component[0] != system and component[0]:
        text = f"{call.component} is no component of {call.system}"
        draft.wrong.append(Violation(f"{_FIELD}.component", text))
    draft.subject = Subject(
        address=_id(call.address), system=system, component=component[1], contract=_id(call.contract)
    )
    draft.columns = {
        "title": title,
        "search": title.casefold(),
        "problem_category": _id(call.problem_category) or None,
        "responsible_employee": _id(call.responsible_employee) or None,
        "responsible_team": _id(call.responsible_team) or None,
        "published": call.published,
        "description": call.description,
        "receive_time": None if request.draft else _receive_time(draft, now),
        "origin": call.origin,
        "reporter_mail_address": call.reporter_mail_address,
        "suppress_answers": call.suppress_answers,
        "create_time": now,
        "update_time": now,
        "revision": 1,
        "last_sequence": 1,
    }
    return draft


def _id(name: str) -> str:
    return name.rpartition("/")[2]


def _receive_time(draft: _Draft, now: datetime) -> datetime:
    call = draft.request.servicecall
    if not call.HasField("receive_time"):
        return now
    try:
        received = mapping.instant(call.receive_time)
    except (ValueError, OverflowError):
        text = "is no instant between the years 1 and 9999"
    else:
        if EARLIEST <= received <= now + _CLOCKS_APART:
            return min(received, now)
        text = f"{received.isoformat()} is in the future" if received > now else f"lies before {EARLIEST.year}"
    draft.wrong.append(Violation(f"{_FIELD}.receive_time", text))
    return now


def _check_people(unit: UnitOfWork, drafts: Sequence[_Draft]) -> None:
    employees = {one for draft in drafts if (one := draft.columns["responsible_employee"])}
    teams = {one for draft in drafts if (one := draft.columns["responsible_team"])}
    _check(drafts, "responsible_employee", existing_employees(unit, employees), "employees")
    _check(drafts, "responsible_team", members_of(unit, teams), "teams")


def _check_categories(unit: UnitOfWork, drafts: Sequence[_Draft], site: Site) -> None:
    asked = {one for draft in drafts if (one := draft.columns["problem_category"])}
    _check(drafts, "problem_category", existing_categories(unit, asked), "problemCategories")
    for draft in drafts:
        draft.columns["problem_category"] = draft.columns["problem_category"] or site.choice.default_category


def _check(
    drafts: Sequence[_Draft], column: str, there: Collection[str] | Mapping[str, Any] | AbstractSet[str], kind: str
) -> None:
    for draft in drafts:
        value = draft.columns[column]
        if value and value not in there:
            draft.wrong.append(Violation(f"{_FIELD}.{column}", f"{kind}/{value} does not exist"))


def _settled(draft: _Draft, facts: CallFacts | InvalidArgument, site: Site) -> dict[str, Any] | DomainError:
    """Return the columns of a call, or why there will be none."""
    wrong = list(draft.wrong)
    if isinstance(facts, InvalidArgument):
        wrong += [Violation(f"{_FIELD}.{one.field}", one.description) for one in facts.violations]
        return InvalidArgument(wrong)
    if wrong:
        return InvalidArgument(wrong)
    try:
        chosen = choose(site, facts, draft.columns["problem_category"])
    except DomainError as error:
        return error
    state = site.states.first(Meaning.DRAFT if draft.request.draft else Meaning.CREATED)
    subject, columns = facts.subject, draft.columns
    return {
        **columns,
        "address": subject.address,
        "system": subject.system or None,
        "component": subject.component or None,
        "contract": subject.contract or None,
        "significance": facts.significance,
        "state": state.number,
        "meaning": int(state.meaning),
        "service_level": chosen.number,
        "level_rule": int(RULES[chosen.rule]),
        "level_rule_source": chosen.source,
        "last_event_time": columns["receive_time"] or columns["create_time"],
    }


def _first_event(call: Any, now: datetime, by: Actor) -> dict[str, Any]:
    return {
        "servicecall": call.number,
        "sequence": 1,
        "kind": logs.STATE_CHANGED if call.receive_time is None else logs.RECEIVED,
        "event_time": call.last_event_time,
        "record_time": now,
        "actor": by.name,
        "state": call.state,
        "service_level": call.service_level,
        "text": "",
    }
