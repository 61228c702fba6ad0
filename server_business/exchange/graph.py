"""A mailbox of Exchange Online by Microsoft Graph. Blocking; one thread at a time.

The delta query of a calendar view tells which events have changed within a span of time; what they say, and which
occurrences of a series differ, each is asked for. Our own name of an item is a property of it, as over EWS.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from server_business.exchange import graph_items
from server_business.exchange.calendar import Item, Missing, Outcome, Page, Refused, Stale, TokenLost, Write, Written
from server_business.exchange.graph_items import KEY, TASK_FIELDS, instant, uid_of
from server_business.exchange.graph_wire import Answer, Request, Server, Wire, part
from server_business.exchange.items import (
    CARRIED,
    DELETED,
    EXCEPTION,
    SERIES,
    Kind,
    When,
    moment,
    moment_text,
    occurrence,
)
from server_business.exchange.rules import Verb

AT_ONCE: Final = 512
_MARK: Final = "graph"
_AHEAD: Final = timedelta(days=30)
"""So much further ahead than needed is read, and all is read anew when it is used up."""
_FIELDS: Final = (
    "subject,body,location,start,end,isAllDay,showAs,sensitivity,recurrence,type,seriesMasterId,iCalUId,"
    "lastModifiedDateTime,attendees,isOrganizer,originalStartTimeZone,cancelledOccurrences,exceptionOccurrences"
)
_EXPANDED: Final = f"singleValueExtendedProperties($filter=id eq '{KEY}'),exceptionOccurrences"
_OCCURRENCE: Final = ("occurrence", "exception")
Json = Mapping[str, Any]


class GraphCalendar:
    """A mailbox.

    Args:
        server: where it is.
        address: of the mailbox.
        zone: in which whole days are written.
        past: how long ago an appointment may have ended to be told of.
        future: how far ahead it may begin.
        now: the clock.
    """

    def __init__(
        self,
        server: Server,
        address: str,
        zone: str,
        *,
        past: timedelta,
        future: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self._wire = Wire(server, address)
        self._zone = zone
        self._past = past
        self._future = future
        self._now = now
        self._list = ""
        # What we have written ourselves comes back as a change; with the same version there is nothing to be read.
        self._echoes: dict[str, str] = {}

    def carried(self, kind: Kind) -> frozenset[str]:
        return CARRIED[kind] if kind is Kind.APPOINTMENT else TASK_FIELDS

    def changes(self, kind: Kind, token: str) -> Page:
        begins, ends, link = self._place(kind, token)
        said = self._wire.get(link, page_size=AT_ONCE)
        told = said.get("value", [])
        more = self._wire.next_of(said)
        if not token:
            self._echoes.clear()  # who reads everything anew must find everything, on the later pages too
        elif not (told or more) and kind is Kind.APPOINTMENT and self._now() + self._future > ends:
            raise TokenLost  # what lies further ahead by now was never told
        told = [one for one in told if self._echoes.pop(one["id"], "") != one.get("@odata.etag", "?")]
        unreadable: dict[str, str] = {}
        if kind is Kind.TASK:
            items = [_gone(one) or self._task(one) for one in told]
        else:
            items, unreadable = self._appointments(told, begins, ends)
        place = more or self._wire.next_of(said, "@odata.deltaLink")
        mark = f"{_MARK}|{begins.isoformat()}|{ends.isoformat()}|{place}"
        return Page(items=items, token=mark, more=bool(more), unreadable=unreadable)

    def look(self, kind: Kind, ids: Sequence[str]) -> Sequence[Item]:
        if kind is Kind.TASK or not ids:
            return ()
        begins, ends = self._span()
        return [one for one in self._read(ids, frozenset(ids), begins, ends)[0] if one.fields is not None]

    def find(self, kind: Kind, uids: Sequence[str], /) -> Sequence[Item]:
        if kind is Kind.TASK:
            listed = self._wire.every(f"{self._tasks()}?$expand=linkedResources&$top=100")
            found = [self._task(one) for one in listed]
        else:
            lists = self._wire.batch(
                [Request(url=f"{self._events()}?$select=id&$filter={_named(uid)}") for uid in uids]
            )
            ids = [one["id"] for answer in lists for one in answer.said.get("value", [])]
            found = self._read(ids, frozenset(), *self._span())[0]
        return [one for one in found if one.uid in uids]

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        outcomes: dict[int, Outcome] = {}
        requests: dict[int, Request] = {}
        there = self._there(writes)
        for at, one in enumerate(writes):
            now = there.get(at)
            judged = _judged(one, now) if now is not None else None
            try:
                asked = judged or self._request(one, str(now.said["@odata.etag"]) if now is not None else "")
            except ValueError as error:
                asked = Refused(str(error))
            if isinstance(asked, Request):
                requests[at] = asked
            else:
                outcomes[at] = asked
        for at, answer in zip(requests, self._wire.batch(list(requests.values())), strict=True):
            outcomes[at] = _outcome(writes[at], answer)
        for at, one in enumerate(writes):
            outcome = outcomes[at]
            if isinstance(outcome, Written) and one.verb is not Verb.DELETE and one.kind is Kind.APPOINTMENT:
                outcomes[at] = self._with_exceptions(one, outcome)
        for at, done in outcomes.items():
            if isinstance(done, Written) and done.id and not writes[at].target.get("recurrence"):
                self._echoes[done.id] = done.version
        return [outcomes[at] for at in range(len(writes))]

    # -- reading ------------------------------------------------------------------------------------------------------

    def _span(self) -> tuple[datetime, datetime]:
        now = self._now()
        return now - self._past - timedelta(days=1), now + self._future + _AHEAD

    def _place(self, kind: Kind, token: str) -> tuple[datetime, datetime, str]:
        """Return which span is told of, and where."""
        if token:
            mark, _, said = token.partition("|")
            link = said.rpartition("|")[2]
            if mark != _MARK or not self._wire.is_ours(link):
                raise TokenLost
            begins, ends = map(datetime.fromisoformat, said.split("|")[:2])
            return begins, ends, link
        begins, ends = self._span()
        if kind is Kind.TASK:
            return begins, ends, f"{self._tasks()}/delta?$expand=linkedResources"
        view = f"{self._wire.user}/calendarView/delta"
        return begins, ends, f"{view}?startDateTime={_utc(begins)}&endDateTime={_utc(ends)}"

    def _events(self) -> str:
        return f"{self._wire.user}/calendar/events"

    def _event(self, id_: str) -> str:
        return f"{self._events()}/{part(id_)}"

    def _tasks(self) -> str:
        if not self._list:
            lists = self._wire.every(f"{self._wire.user}/todo/lists")
            self._list = next(one["id"] for one in lists if one.get("wellknownListName") == "defaultList")
        return f"{self._wire.user}/todo/lists/{part(self._list)}/tasks"

    def _appointments(
        self, told: Iterable[Json], begins: datetime, ends: datetime
    ) -> tuple[list[Item], dict[str, str]]:
        gone: set[str] = set()
        ids: dict[str, None] = {}
        for one in told:
            if "@removed" in one:
                gone.add(one["id"])
            ids[one["seriesMasterId"] if one.get("type") in _OCCURRENCE else one["id"]] = None
        return self._read(list(ids), gone, begins, ends)

    def _read(
        self, ids: Sequence[str], gone: Iterable[str], begins: datetime, ends: datetime
    ) -> tuple[list[Item], dict[str, str]]:
        """Return what events say, and of those that cannot be read why not, by id.

        Args:
            ids: which.
            gone: of which it was said that they are not within the span any more.
            begins: of the span.
            ends: likewise.
        """
        items, unreadable = [], {}
        gone = set(gone)
        for id_, answer in zip(ids, self._fetched(ids), strict=True):
            if answer.missing or (not answer.fine and id_ in gone):
                items.append(Item(id=id_))
            elif not answer.fine:
                # It must not hold up the others, for it will not become readable by being asked for again.
                unreadable[id_] = answer.reason
            elif answer.said.get("type") in _OCCURRENCE:
                continue  # one that differed and does so no more; its series is told of
            elif id_ in gone and self._lies_within(answer.said, begins, ends):
                items.append(Item(id=id_))  # it was thrown away: nobody has moved it elsewhere
            else:
                items.append(self._appointment(answer.said))
        return items, unreadable

    def _fetched(self, ids: Sequence[str]) -> list[Answer]:
        query = f"?$select={_FIELDS}&$expand={_EXPANDED}"
        return self._wire.batch([Request(url=self._event(one) + query) for one in ids])

    def _lies_within(self, event: Json, begins: datetime, ends: datetime) -> bool:
        if event.get("type") == "seriesMaster":
            return bool(self._instances(event["id"], begins, ends, 1))
        start, end = graph_items.span_of(event)
        return start < ends and end > begins

    def _instances(self, master: str, begins: datetime, ends: datetime, most: int) -> Sequence[Json]:
        span = f"startDateTime={_utc(begins)}&endDateTime={_utc(ends)}"
        select = "$select=id,start,end,isAllDay,originalStart,occurrenceId,type"
        listed: Sequence[Json] = self._wire.batch(
            [Request(url=f"{self._event(master)}/instances?{span}&{select}&$top={most}")]
        )[0].said.get("value", [])
        return listed

    def _appointment(self, event: Json) -> Item:
        conference = graph_items.is_conference(event)
        return Item(
            id=event["id"],
            uid=uid_of(event),
            version=_version(event),
            modified=instant(event["lastModifiedDateTime"]),
            fields=graph_items.appointment_fields(event, self._zone),
            conference=conference,
            fixed=conference,  # whatever is written to a conference Graph sends to everybody who is invited
        )

    def _task(self, task: Json) -> Item:
        return Item(
            id=task["id"],
            uid=uid_of(task),
            version=task["@odata.etag"],
            modified=instant(task["lastModifiedDateTime"]),
            fields=graph_items.task_fields(task, self._zone),
        )

    # -- writing ------------------------------------------------------------------------------------------------------

    def _there(self, writes: Sequence[Write]) -> dict[int, Answer]:
        """Return what is there of what is to be changed: not every request looks at the version it is given."""
        found: dict[int, Answer] = {}
        changes = [at for at, one in enumerate(writes) if one.verb is not Verb.CREATE]
        events = [at for at in changes if writes[at].kind is Kind.APPOINTMENT]
        found.update(zip(events, self._fetched([writes[at].id for at in events]), strict=True))
        tasks = [at for at in changes if writes[at].kind is Kind.TASK]
        asked = [Request(url=f"{self._tasks()}/{part(writes[at].id)}") for at in tasks]
        found.update(zip(tasks, self._wire.batch(asked), strict=True))
        return found

    def _request(self, one: Write, match: str) -> Request | Outcome:
        event = one.kind is Kind.APPOINTMENT
        home = self._events() if event else self._tasks()
        url = home if one.verb is Verb.CREATE else self._event(one.id) if event else f"{home}/{part(one.id)}"
        if one.verb is Verb.DELETE:
            return Request(method="DELETE", url=url, match=match)
        names = set(one.target) if one.verb is Verb.CREATE else _names(one)
        if event:
            values = graph_items.event_values(one.target, names, self._zone)
        else:
            values = graph_items.task_values(one.target, names & TASK_FIELDS, self._zone)
        if one.verb is Verb.UPDATE:
            return Request(method="PATCH", url=url, body=values, match=match) if values else _kept(one)
        if event:
            values["singleValueExtendedProperties"] = [{"id": KEY, "value": one.uid}]
        else:
            name = graph_items.APPLICATION
            values["linkedResources"] = [{"applicationName": name, "displayName": name, "externalId": one.uid}]
        return Request(method="POST", url=url, body=values)

    def _with_exceptions(self, one: Write, outcome: Written) -> Outcome:
        """Write the occurrences that differ or are left out, each by itself: there is no way to write them together."""
        anew = one.verb is Verb.CREATE or not SERIES.isdisjoint(_names(one))
        fields = one.target if anew else one.changes
        said = {name.removeprefix(EXCEPTION): value for name, value in fields.items() if name.startswith(EXCEPTION)}
        refused: dict[str, str] = {}
        when = When.of(one.target["when"])
        for original, value in sorted((at, value) for at, value in said.items() if value):
            there = self._occurrence(outcome.id, original, when)
            if there is None:
                continue  # the pattern has no such occurrence
            answer = self._put_occurrence(there, value)
            if not answer.fine and not (value == DELETED and answer.missing):
                refused[EXCEPTION + original] = f"Exchange does not take the occurrence of {original}: {answer.reason}"
        return replace(outcome, lacking=frozenset(refused), reason="; ".join(refused.values()))

    def _put_occurrence(self, id_: str, value: str) -> Answer:
        """Leave an occurrence out, or write what differs in it."""
        if value == DELETED:
            return self._wire.batch([Request(method="DELETE", url=self._event(id_))])[0]
        values = graph_items.occurrence_values(occurrence(value), self._zone)
        return self._wire.batch([Request(method="PATCH", url=self._event(id_), body=values)])[0]

    def _occurrence(self, master: str, original: str, when: When) -> str | None:
        """Return the occurrence of a series that begins then by its pattern, wherever it was moved to."""
        for one in self._fetched([master])[0].said.get("exceptionOccurrences") or ():
            if graph_items.original(one, when) == original:
                return str(one["id"])
        start = _day(moment(original, when.zone))
        for one in self._instances(master, start - timedelta(days=1), start + timedelta(days=2), 10):
            if graph_items.original({"originalStart": one["start"]["dateTime"], **one}, when) == original:
                return str(one["id"])
        return None


def _named(uid: str) -> str:
    name = uid.replace("'", "''")
    return part(f"singleValueExtendedProperties/Any(ep: ep/id eq '{KEY}' and ep/value eq '{name}')")


def _utc(moment_: datetime) -> str:
    return moment_.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(moment_: datetime | date) -> datetime:
    text = moment_text(moment_)
    return datetime.fromisoformat(f"{text[:10]}T00:00:00+00:00")


def _gone(one: Json) -> Item | None:
    return Item(id=one["id"]) if "@removed" in one else None


def _version(event: Json) -> str:
    """Return what changes with the event and with every occurrence of it that differs."""
    etag = str(event["@odata.etag"])
    parts = [str(one.get("@odata.etag", one["id"])) for one in event.get("exceptionOccurrences") or ()]
    parts += event.get("cancelledOccurrences") or ()
    return f"{etag}#{hashlib.sha256(' '.join(sorted(parts)).encode()).hexdigest()[:16]}" if parts else etag


def _judged(one: Write, there: Answer) -> Outcome | None:
    """Return what becomes of a change that need not be asked for: it is gone, or was changed meanwhile."""
    if there.missing:
        return Written() if one.verb is Verb.DELETE else Missing()
    if not there.fine:
        return Refused(there.reason)
    version = _version(there.said) if one.kind is Kind.APPOINTMENT else there.said["@odata.etag"]
    return Stale() if version != one.version else None


def _names(one: Write) -> set[str]:
    """Return what is written; Exchange takes an exception back only when the whole series is written anew."""
    names = set(one.changes)
    if any(name.startswith(EXCEPTION) and not value for name, value in one.changes.items()):
        names.add("recurrence")
    return names


def _kept(one: Write) -> Written:
    return Written(id=one.id, version=one.version)


def _outcome(one: Write, answer: Answer) -> Outcome:
    if answer.missing:
        return Written() if one.verb is Verb.DELETE else Missing()
    if answer.stale:
        return Stale()
    if not answer.fine:
        return Refused(answer.reason)
    if one.verb is Verb.DELETE:
        return Written()
    said = answer.said
    return Written(id=said["id"], version=_version(said), modified=instant(said["lastModifiedDateTime"]))
