"""How the other rooms tell somebody something: in their own transaction, over the channels he prefers."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from mesh.database import UnitOfWork
from mesh.wakeups import Doorbell
from server_es.directory import facts
from server_es.messages.address import Messages
from server_es.messages.rows import Content
from server_es.messages.rules import Kind, Priority
from server_es.notices import rules, store
from server_es.notices.rules import Channel, Notice, Planned, Policy, Situation, State

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
        people = facts.staff(unit).employees if named else {}
        absent = self.absent(unit, named, unit.now) if named else {}
        wanted = store.preferences_of(unit, named | set(absent.values()))
        situation = Situation(people=people, absent=absent, preferences=wanted, policy=self.policy, now=unit.now)
        planned = rules.plan(notices, situation)
        if not planned:
            return
        before = self._pending(unit, planned)
        new = store.add(unit, planned)
        self._deliver(unit, self._fresh(unit, new, before))
        unit.after_commit(self._bell.ring)

    def _pending(self, unit: UnitOfWork, planned: Sequence[Planned]) -> dict[str, int]:
        """Return which notice with the same digest is still unread or unsent."""
        found = store.pending(unit, {one.digest for one in planned}, unit.now - self.policy.identical)
        places = {(row.employee, row.inbox_sequence) for row in found if row.inbox_sequence is not None}
        read = self._messages.read_times(unit, places)
        return {
            row.digest: row.id
            for row in reversed(found)
            if row.inbox_sequence is None or read.get((row.employee, row.inbox_sequence)) is None
        }

    def _fresh(
        self, unit: UnitOfWork, new: Sequence[tuple[int, Planned]], before: Mapping[str, int]
    ) -> list[tuple[int, Planned]]:
        """Suppress what reads the same as something that is pending; return the rest."""
        seen = dict(before)
        fresh, over = [], {}
        for id_, one in new:
            same = seen.setdefault(one.digest, id_) if one.state in (State.SENT, State.WAITING) else id_
            if same == id_:
                fresh.append((id_, one))
            else:
                over[id_] = (State.SUPPRESSED, f"identical to notices/{same}")
        store.end(unit, over)
        return fresh

    def _deliver(self, unit: UnitOfWork, fresh: Sequence[tuple[int, Planned]]) -> None:
        """Put into inboxes what belongs there; the same words to many are kept once."""
        letters: defaultdict[Content, list[tuple[int, str]]] = defaultdict(list)
        for id_, one in fresh:
            if one.state is State.SENT:
                letters[_content(one)].append((id_, one.employee))
        if not letters:
            return
        changes = self._messages.address_all(
            unit, [([employee for _, employee in to], content) for content, to in letters.items()]
        )
        ids = {(employee, content): id_ for content, to in letters.items() for id_, employee in to}
        store.place(unit, {ids[one.recipient, one.content]: one.sequence for change in changes for one in change.told})


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
