"""A mailbox over Exchange Web Services, by exchangelib. Blocking; one thread at a time.

SyncFolderItems tells which items have changed (at most 512 at once, and no bodies), GetItem what they say. Our own name
of an item is an extended property of it: what was made just before a crash is found by it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import requests
from exchangelib import Account, CalendarItem, EWSDateTime, Task
from exchangelib import errors as ews_errors
from exchangelib.fields import FieldPath
from exchangelib.items import MOVE_TO_DELETED_ITEMS, SEND_TO_NONE
from exchangelib.properties import ItemId

from server_business.ews_access import Access
from server_business.ews_services import Create, Delete, Get, StateLost, Sync, Update
from server_business.exchange import ews_items
from server_business.exchange.calendar import (
    Away,
    Departed,
    Item,
    Missing,
    Outcome,
    Page,
    Refused,
    Stale,
    TokenLost,
    Write,
    Written,
)
from server_business.exchange.items import CARRIED, DELETED, EXCEPTION, SERIES, Fields, Kind, moment, occurrence
from server_business.exchange.rules import NEVER, Verb
from server_business.oauth2 import NoToken

_APPOINTMENT: Final = (
    "subject", "text_body", "location", "start", "end", "is_all_day", "legacy_free_busy_status", "sensitivity",
    "recurrence", "modified_occurrences", "deleted_occurrences", "uid", "last_modified_time", "is_meeting",
    "my_response_type", "_start_timezone", "_end_timezone", ews_items.KEY,
)  # fmt: skip
_TASK: Final = (
    "subject", "text_body", "start_date", "due_date", "status", "percent_complete", "importance", "sensitivity",
    "last_modified_time", ews_items.KEY,
)  # fmt: skip
# These say nothing about what was written: the same may be written later.
_PASSING: Final = (
    ews_errors.ErrorServerBusy,
    ews_errors.ErrorInternalServerTransientError,
    ews_errors.ErrorMailboxStoreUnavailable,
    ews_errors.ErrorTimeoutExpired,
    ews_errors.ErrorTooManyObjectsOpened,
    ews_errors.ErrorConnectionFailed,
)
# These say nothing about an item either, but about the whole mailbox.
_WHOLE_MAILBOX: Final = (ews_errors.ErrorNonExistentMailbox, ews_errors.ErrorImpersonateUserDenied)
T = TypeVar("T")


class EwsCalendar:
    """A mailbox.

    Args:
        server: where it is, and how to sign in; with the right of impersonation.
        address: of the mailbox.
        zone: in which whole days are written.
    """

    def __init__(self, server: Access, address: str, zone: str) -> None:
        self._server = server
        self._address = address
        self._zone = zone
        self._opened: Account | None = None
        # What we have written ourselves comes back as a change; with the same version there is nothing to be read.
        self._echoes: dict[str, str] = {}

    def carried(self, kind: Kind) -> frozenset[str]:
        return CARRIED[kind]

    def changes(self, kind: Kind, token: str) -> Page:
        return self._asked(lambda: self._changes(kind, token))

    def look(self, _kind: Kind, _ids: Sequence[str], /) -> Sequence[Item]:
        """Nothing has to be looked at: whoever reads everything is told of everything."""
        return ()

    def find(self, kind: Kind, uids: Sequence[str]) -> Sequence[Item]:
        return self._asked(lambda: [one for uid in uids for one in self._found(kind, uid)])

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        return self._asked(lambda: self._written(writes))

    def _asked(self, call: Callable[[], T]) -> T:
        """Ask, and say in our words what went wrong."""
        try:
            return call()
        except (ews_errors.ErrorServerBusy, ews_errors.RateLimitError) as error:
            pause = getattr(error, "back_off", None) or getattr(error, "wait", None) or 10
            raise Away(f"Exchange asks to be left alone for {pause:g} s.", timedelta(seconds=pause)) from error
        except (ews_errors.ErrorNonExistentMailbox, ews_errors.ErrorMailboxStoreUnavailable) as error:
            raise Departed(f"Exchange has no mailbox {self._address}: {error}") from error
        except (ews_errors.UnauthorizedError, ews_errors.ErrorImpersonateUserDenied) as error:
            self._server.refused()
            self._opened = None
            raise Away(f"Exchange does not let {self._server.user or 'us'} into {self._address}: {error}") from error
        except NoToken as error:
            raise Away(error.message) from error
        except (ews_errors.TransportError, ews_errors.AutoDiscoverError, requests.RequestException, OSError) as error:
            self._opened = None
            self._server.lost(self._address)
            raise Away(f"Exchange does not answer: {error}") from error

    def _account(self) -> Account:
        if self._opened is None:
            ews_items.register()
            self._opened = self._server.account(self._address, impersonate=True, zone=self._zone)
        return self._opened

    def _folder(self, kind: Kind) -> Any:
        return self._account().calendar if kind is Kind.APPOINTMENT else self._account().tasks

    # -- reading ------------------------------------------------------------------------------------------------------

    def _changes(self, kind: Kind, token: str) -> Page:
        service = Sync(account=self._account())
        try:
            told = service.told(self._folder(kind), token)
        except StateLost as error:
            raise TokenLost from error
        gone = [one.id for change, one in told if change == service.DELETE]
        changed = [one for change, one in told if change in (service.CREATE, service.UPDATE)]
        if not token:
            self._echoes.clear()  # who reads everything anew must find everything, on the later pages too
        changed = [one for one in changed if self._echoes.pop(one.id, "") != one.changekey]
        fetched, unreadable = self._fetched(kind, changed)
        items = [*(Item(id=id_) for id_ in gone), *fetched]
        more = not service.includes_last_item_in_range
        return Page(items=items, token=service.sync_state, more=more, unreadable=unreadable)

    def _fetched(self, kind: Kind, ids: Sequence[Any]) -> tuple[list[Item], dict[str, str]]:
        """Return what the items say, and of those that Exchange cannot read why not, by id."""
        if not ids:
            return [], {}
        wanted = _APPOINTMENT if kind is Kind.APPOINTMENT else _TASK
        found = self._get([one.id for one in ids], kind, wanted)
        differing = self._occurrences([one for one in found if getattr(one, "modified_occurrences", None)])
        items, unreadable = [], {}
        for asked, one in zip(ids, found, strict=True):
            if isinstance(one, ews_errors.ErrorItemNotFound):
                items.append(Item(id=asked.id))
            elif isinstance(one, (*_PASSING, *_WHOLE_MAILBOX)):
                raise one
            elif isinstance(one, Exception):
                # It must not hold up the others, for it will not become readable by being asked for again.
                unreadable[asked.id] = f"{type(one).__name__}: {one}"
            else:
                items.append(_item(kind, one, differing))
        return items, unreadable

    def _occurrences(self, masters: Sequence[CalendarItem]) -> Mapping[str, CalendarItem]:
        ids = [one.id for master in masters for one in master.modified_occurrences]
        found = self._get(ids, Kind.APPOINTMENT, ("subject", "location"))
        return {one.id: one for one in found if not isinstance(one, Exception)}

    def _get(self, ids: Sequence[str], kind: Kind, fields: Sequence[str]) -> list[Any]:
        """Return what was asked for of each item, or why not."""
        if not ids:
            return []
        model = CalendarItem if kind is Kind.APPOINTMENT else Task
        paths = {FieldPath(field=model.get_field_by_fieldname(name)) for name in fields}
        service = Get(account=self._account())
        asked = [ItemId(id_, None) for id_ in ids]
        return list(service.call(items=asked, additional_fields=paths, shape="IdOnly"))

    def _found(self, kind: Kind, uid: str) -> list[Item]:
        ids = list(self._folder(kind).filter(**{ews_items.KEY: uid}).only("id", "changekey"))
        return self._fetched(kind, ids)[0]

    # -- writing ------------------------------------------------------------------------------------------------------

    def _written(self, writes: Sequence[Write]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        for verb, act in ((Verb.CREATE, self._create), (Verb.UPDATE, self._update), (Verb.DELETE, self._delete)):
            for kind in Kind:
                some = [at for at, one in enumerate(writes) if one.verb is verb and one.kind is kind]
                if some:
                    outcomes.update(zip(some, act(kind, [writes[at] for at in some]), strict=True))
        self._echoes.update((one.id, one.version) for one in outcomes.values() if isinstance(one, Written) and one.id)
        return [outcomes[at] for at in range(len(writes))]

    def _create(self, kind: Kind, writes: Sequence[Write]) -> list[Outcome]:
        folder = self._folder(kind)
        model = CalendarItem if kind is Kind.APPOINTMENT else Task
        made: list[Any] = []
        wrong: dict[int, Outcome] = {}
        for at, one in enumerate(writes):
            try:
                values = ews_items.values_of(one.target, one.target)
                made.append(model(account=self._account(), folder=folder, **values, **{ews_items.KEY: one.uid}))
            except ValueError as error:
                wrong[at] = Refused(str(error))
        answers = iter(
            Create(account=self._account()).call(
                items=made, folder=folder, message_disposition="SaveOnly", send_meeting_invitations=SEND_TO_NONE
            )
            if made
            else ()
        )
        outcomes = []
        for at, one in enumerate(writes):
            outcome = wrong.get(at) or _outcome(next(answers))
            outcomes.append(self._with_exceptions(one, outcome, one.target))
        return outcomes

    def _update(self, kind: Kind, writes: Sequence[Write]) -> list[Outcome]:
        model = CalendarItem if kind is Kind.APPOINTMENT else Task
        asked: list[tuple[Any, tuple[str, ...]]] = []
        wrong: dict[int, Outcome] = {}
        only_exceptions: set[int] = set()
        for at, one in enumerate(writes):
            try:
                values = ews_items.values_of(one.target, self._names(one))
            except ValueError as error:
                wrong[at] = Refused(str(error))
                continue
            if not values:
                only_exceptions.add(at)
                continue
            item = model(account=self._account(), folder=self._folder(kind), id=one.id, changekey=one.version)
            for name, value in values.items():
                setattr(item, name, value)
            asked.append((item, tuple(values)))
        answers = iter(self._updates(asked, "NeverOverwrite"))
        outcomes = []
        for at, one in enumerate(writes):
            outcome = wrong.get(at)
            if at in only_exceptions:
                outcome = Written(id=one.id, version=one.version)
            outcome = outcome or _outcome(next(answers))
            anew = not SERIES.isdisjoint(self._names(one))
            outcomes.append(self._with_exceptions(one, outcome, one.target if anew else one.changes))
        return outcomes

    def _updates(self, asked: Sequence[tuple[Any, tuple[str, ...]]], conflict_resolution: str) -> list[Any]:
        if not asked:
            return []
        return list(
            Update(account=self._account()).call(
                items=asked,
                conflict_resolution=conflict_resolution,
                message_disposition="SaveOnly",
                send_meeting_invitations_or_cancellations=SEND_TO_NONE,
                suppress_read_receipts=True,
            )
        )

    def _deletes(self, ids: Sequence[str]) -> list[Any]:
        if not ids:
            return []
        return list(
            Delete(account=self._account()).call(
                items=[ItemId(id_, None) for id_ in ids],
                delete_type=MOVE_TO_DELETED_ITEMS,
                send_meeting_cancellations=SEND_TO_NONE,
                affected_task_occurrences="AllOccurrences",
                suppress_read_receipts=True,
            )
        )

    def _names(self, one: Write) -> set[str]:
        """Return what is written; Exchange takes an exception back only when the whole series is written anew."""
        names = set(one.changes)
        if any(name.startswith(EXCEPTION) and not value for name, value in one.changes.items()):
            names.add("recurrence")
        return names

    def _with_exceptions(self, one: Write, outcome: Outcome, fields: Fields) -> Outcome:
        """Write the occurrences that differ or are left out, one by one: there is no way to write them together."""
        said = {name.removeprefix(EXCEPTION): value for name, value in fields.items() if name.startswith(EXCEPTION)}
        said = {original: value for original, value in said.items() if value}
        if not said or not isinstance(outcome, Written):
            return outcome
        zone = one.target["when"].partition(" ")[2] or None
        refused: dict[str, str] = {}
        for original, value in sorted(said.items()):
            there = self._occurrence(outcome.id, moment(original, zone))
            if there is None:
                continue  # the pattern has no such occurrence
            answer = self._put_occurrence(there.id, value)
            if isinstance(answer, _PASSING):
                raise answer
            if isinstance(answer, Exception):
                refused[EXCEPTION + original] = f"Exchange does not take the occurrence of {original}: {answer}"
        return replace(outcome, lacking=frozenset(refused), reason="; ".join(refused.values()))

    def _put_occurrence(self, id_: str, value: str) -> Any:
        """Leave an occurrence out, or write what differs in it; return what Exchange answers."""
        if value == DELETED:
            answer = self._deletes([id_])[0]
            return True if isinstance(answer, ews_errors.ErrorItemNotFound) else answer
        values = ews_items.occurrence_values(occurrence(value))
        item = CalendarItem(account=self._account(), folder=self._account().calendar, _id=ItemId(id_, None))
        for name, one in values.items():
            setattr(item, name, one)
        return self._updates([(item, tuple(values))], "AlwaysOverwrite")[0]

    def _occurrence(self, master: str, original: Any) -> Any:
        """Return the occurrence of a series that begins then by its pattern, wherever it was moved to."""
        wanted = ("modified_occurrences", "uid")
        series = self._get([master], Kind.APPOINTMENT, wanted)[0]
        if isinstance(series, _PASSING):
            raise series
        if isinstance(series, Exception):
            return None
        start = original if isinstance(original, datetime) else datetime.fromisoformat(f"{original}T00:00:00+00:00")
        for one in series.modified_occurrences or ():
            if ews_items.instant(one.original_start) == start:
                return one
        around = self._account().calendar.view(
            start=EWSDateTime.from_datetime(start - timedelta(days=1)),
            end=EWSDateTime.from_datetime(start + timedelta(days=2)),
        )
        for one in around.only("id", "changekey", "start", "uid", "is_all_day"):
            whole = not isinstance(one.start, datetime)
            if one.uid == series.uid and (one.start == original if whole else ews_items.instant(one.start) == start):
                return one
        return None

    def _delete(self, kind: Kind, writes: Sequence[Write]) -> list[Outcome]:
        # DeleteItem does not look at the version; who has changed the item meanwhile must not lose it.
        now = self._get([one.id for one in writes], kind, ("subject",))
        outcomes: dict[int, Outcome] = {}
        asked = []
        for at, (one, there) in enumerate(zip(writes, now, strict=True)):
            if isinstance(there, ews_errors.ErrorItemNotFound):
                outcomes[at] = Written()
            elif isinstance(there, Exception):
                outcomes[at] = _outcome(there)
            elif there.changekey != one.version:
                outcomes[at] = Stale()
            else:
                asked.append(at)
        answers = self._deletes([writes[at].id for at in asked])
        for at, answer in zip(asked, answers, strict=True):
            gone = answer is True or isinstance(answer, ews_errors.ErrorItemNotFound)
            outcomes[at] = Written() if gone else _outcome(answer)
        return [outcomes[at] for at in range(len(writes))]


def _item(kind: Kind, one: Any, differing: Mapping[str, CalendarItem]) -> Item:
    uid = getattr(one, ews_items.KEY) or getattr(one, "uid", None) or one.id
    conference = kind is Kind.APPOINTMENT and ews_items.is_conference(one)
    return Item(
        id=one.id,
        uid=uid[-255:],
        version=one.changekey,
        modified=ews_items.instant(one.last_modified_time) if one.last_modified_time else NEVER,
        fields=ews_items.appointment_fields(one, differing) if kind is Kind.APPOINTMENT else ews_items.task_fields(one),
        conference=conference,
        fixed=conference and ews_items.is_invitation(one),
    )


def _outcome(answer: Any) -> Outcome:
    if isinstance(answer, tuple):
        return Written(id=answer[0], version=answer[1])
    if not isinstance(answer, Exception):
        return Written(id=answer.id, version=answer.changekey)
    if isinstance(answer, ews_errors.ErrorIrresolvableConflict | ews_errors.ErrorChangeKeyRequired):
        return Stale()
    if isinstance(answer, ews_errors.ErrorItemNotFound):
        return Missing()
    if isinstance(answer, _PASSING):
        raise answer
    return Refused(f"{type(answer).__name__}: {answer}")
