"""How the other rooms tell somebody something: in their own transaction, over the channels he prefers."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from mesh.database import UnitOfWork
from mesh.wakeups import Doorbell
from server_es.directory import facts
from server_es.messages.address import Messages
from server_es.messages.rows import Content
from server_es.messages.rules import Kind, Priority
from server_es.notices import rules, store
from server_es.notices.rules import Channel, Key, Notice, Planned, Policy, Situation, State

BELL: Final = "notices.told"
_SUBJECT, _TEXT = 200, 4000


class Absences(Protocol):
    """Who is away; the part of the absences in telling."""

    def __call__(self, unit: UnitOfWork, employees: Collection[str], at: datetime) -> Mapping[str, str]:
        """Return which of the employees are away at `at`, each with who stands in for him; empty for nobody."""


class Notices:
    """Tells people.

    Args:
        messages: the inboxes.
        absent: who is away.
        policy: the site's choice.
        bell: wakes the worker after the commit.
    """

    def __init__(self, messages: Messages, absent: Absences, policy: Policy, bell: Doorbell) -> None:
        self._messages = messages
        self.absent: Final = absent
        self._bell = bell
        self.policy: Final = policy

    def tell(self, unit: UnitOfWork, notices: Sequence[Notice]) -> None:
        """Tell, with a handful of statements however many; exactly when the unit is committed.

        Nobody is told twice over one channel because of the same cause, whoever calls how often.

        Args:
            unit: the transaction of what they are told about.
            notices: what, and to whom.
        """
        named = {one.recipient.employee for one in notices if one.recipient.employee}
        people = {one.recipient.employee: one.recipient.person for one in notices if one.recipient.person}
        replaced = {one.recipient.employee for one in notices if one.recipient.employee and one.substitutes}
        absent = self.absent(unit, replaced, unit.now) if replaced else {}
        concerned = named | set(absent.values())
        situation = Situation(
            people=people | facts.employees(unit, concerned - people.keys()),
            absent=absent,
            preferences=store.preferences_of(unit, concerned) if concerned else {},
            policy=self.policy,
            now=unit.now,
        )
        planned = sorted(rules.plan(notices, situation), key=lambda one: one.key)  # two transactions do not cross
        if not planned:
            return
        known, pending = store.standing(unit, planned, unit.now - self.policy.identical)
        new = [one for one in planned if one.key not in known]
        if not new:
            return
        same = self._same(unit, new, pending)
        places = self._deliver(unit, [one for one in new if one.key not in same])
        ids = store.add(unit, new, places)
        by_key = {one.key: id_ for one, id_ in zip(new, ids, strict=True)}
        over = {by_key[key]: first if isinstance(first, int) else by_key[first] for key, first in same.items()}
        store.end(unit, {id_: (State.SUPPRESSED, f"identical to notices/{first}") for id_, first in over.items()})
        if any(one.next_time is not None and one.next_time <= unit.now for one in new):
            unit.after_commit(self._bell.ring)  # for the rest the worker comes round in time

    def _same(self, unit: UnitOfWork, new: Sequence[Planned], pending: Sequence[Any]) -> dict[Key, int | Key]:
        """Return what reads the same as something that is still unread or unsent, or comes before it in `new`."""
        places = {(row.employee, row.inbox_sequence) for row in pending if row.inbox_sequence is not None}
        read = self._messages.read_times(unit, places) if places else {}
        first: dict[str, int | Key] = {
            row.digest: row.id
            for row in reversed(pending)
            if row.inbox_sequence is None or read.get((row.employee, row.inbox_sequence)) is None
        }
        same = {}
        for one in new:
            if one.state in (State.SENT, State.WAITING):
                before = first.setdefault(one.digest, one.key)
                if before != one.key:
                    same[one.key] = before
        return same

    def _deliver(self, unit: UnitOfWork, fresh: Sequence[Planned]) -> Mapping[Key, int]:
        """Put into inboxes what belongs there, the same words to many once; return the messages' numbers."""
        letters: defaultdict[Content, list[Planned]] = defaultdict(list)
        for one in fresh:
            if one.state is State.SENT:
                letters[_content(one)].append(one)
        if not letters:
            return {}
        changes = self._messages.address_all(
            unit, [([one.employee for one in to], content) for content, to in letters.items()]
        )
        keys = {(one.employee, id(content)): one.key for content, to in letters.items() for one in to}
        return {keys[one.recipient, id(one.content)]: one.sequence for change in changes for one in change.told}


def _content(one: Planned) -> Content:
    said = one.notice
    return Content(
        subject=said.subject[:_SUBJECT],
        text=said.text[:_TEXT],
        kind=Kind.POPUP if one.channel is Channel.POPUP else Kind.MESSAGE,
        priority=Priority.HIGH if said.urgent else Priority.NORMAL,
        about=said.about,
        sender=said.sender,
        expire_time=said.expire_time,
        actions=said.actions,
    )
