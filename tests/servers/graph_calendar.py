"""Microsoft Graph as far as a calendar and To Do are concerned, with its token endpoint: JSON over HTTP.

Written from Microsoft's published description: delta queries of a calendar view, which expand series and tell of what
has left the view as removed; events with `$select` and `$expand`, occurrences, `If-Match`, `$batch`; tasks in lists.
A lenient one still reads what was thrown away by its immutable id. `POST /control` with JSON lets a
test put, look, and order faults.

    python -m tests.servers.graph_calendar PORT
"""

import base64
import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.servers import graph_mail
from tests.servers.graph_mail import Refusal
from tests.servers.graph_series import expand, instant, text
from tests.servers.graph_series import zone as graph_zone

LIST: Final = "AQMkTasks"
_PLAIN: Final = {
    "subject": "", "body": {"contentType": "text", "content": ""}, "location": {"displayName": ""}, "isAllDay": False,
    "showAs": "busy", "sensitivity": "normal", "recurrence": None, "attendees": [], "isOrganizer": True,
    "cancelledOccurrences": [], "singleValueExtendedProperties": [],
}  # fmt: skip
_PATTERN: Final = {"interval": 1, "month": 0, "dayOfMonth": 0, "firstDayOfWeek": "sunday", "index": "first"}
_RANGE: Final = {"endDate": "0001-01-01", "numberOfOccurrences": 0, "recurrenceTimeZone": "UTC"}
_TASK: Final = {
    "title": "", "body": {"contentType": "text", "content": ""}, "status": "notStarted", "importance": "normal",
    "isReminderOn": False, "linkedResources": [],
}  # fmt: skip
# What a test calls it, who speaks of EWS alike.
_NAMES: Final = {"Subject": "subject", "Status": "status"}
Json = dict[str, Any]


@dataclass
class Box:
    """One user's. `log` says which items have changed, in order; `sent` to whom mails went out for that."""

    events: dict[str, Json] = field(default_factory=dict)
    deleted: dict[str, Json] = field(default_factory=dict)
    exceptions: dict[str, dict[str, Json | None]] = field(default_factory=dict)
    tasks: dict[str, Json] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    epoch: int = 1
    counter: int = 0

    def touch(self, kind: str, id_: str) -> Json:
        """Give an item a new version."""
        self.counter += 1
        self.log.append((kind, id_))
        item = (self.events if kind == "event" else self.tasks)[id_]
        return self.stamp(item)

    def stamp(self, item: Json) -> Json:
        item["@odata.etag"] = f'W/"{base64.b64encode(f"ck{self.counter}".encode()).decode()}"'
        item["lastModifiedDateTime"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")  # noqa: TID251
        if item.get("attendees"):
            self.sent += [one["emailAddress"]["address"] for one in item["attendees"]]
        return item

    def make_event(self, said: Json) -> Json:
        id_ = f"AAkALg{uuid.uuid4().hex}"
        event = {**_PLAIN, **said, "id": id_, "iCalUId": uuid.uuid4().hex.upper()}
        event["originalStartTimeZone"] = said["start"]["timeZone"]
        self.events[id_] = spelled(event)
        return self.touch("event", id_)

    def make_task(self, said: Json) -> Json:
        id_ = f"AAkTask{uuid.uuid4().hex}"
        self.tasks[id_] = spelled_task({**_TASK, **said, "id": id_})
        return self.touch("task", id_)

    def remove(self, kind: str, id_: str) -> None:
        self.counter += 1
        self.log.append((kind, id_))
        if kind == "task":
            del self.tasks[id_]
        else:
            self.deleted[id_] = self.stamp(self.events.pop(id_))


def spelled(event: Json) -> Json:
    """Spell values as the server does, whichever way they were sent in."""
    for name in ("start", "end"):
        if event["isAllDay"]:
            event[name] = {"dateTime": event[name]["dateTime"][:10] + "T00:00:00.0000000", "timeZone": "UTC"}
        else:
            event[name] = {"dateTime": text(instant(event[name])), "timeZone": "UTC"}
    if event["recurrence"]:
        pattern = {**_PATTERN, "daysOfWeek": [], **event["recurrence"]["pattern"]}
        event["recurrence"] = {"pattern": pattern, "range": {**_RANGE, **event["recurrence"]["range"]}}
    event["type"] = "seriesMaster" if event["recurrence"] else "singleInstance"
    return event


def spelled_task(task: Json) -> Json:
    for name in ("startDateTime", "dueDateTime"):
        if task.get(name):
            task[name] = {"dateTime": text(instant(task[name])), "timeZone": "UTC"}
    return {name: value for name, value in task.items() if value is not None}


class Graph(graph_mail.Graph):
    """The server's state."""

    def __init__(self) -> None:
        super().__init__()
        self.calendars: dict[str, Box] = {}
        self.refused: set[str] = set()
        self.corrupt: set[str] = set()
        self.lenient = False
        self.busy: list[str] = []
        self.calls: dict[str, int] = {}

    def calendar(self, address: str) -> Box:
        if address not in self.calendars:
            raise Refusal(404, "ErrorInvalidUser")
        return self.calendars[address]


class Handler(graph_mail.Handler):
    """One connection."""

    graph: Graph

    def _controlled(self, order: Json) -> Any:
        return control(self.graph, order)

    def _of_batch(self, one: Json) -> Json:
        headers: Json = {}
        try:
            self._check_busy(one["method"])
            match = one["headers"].get("If-Match", "")
            status, said = self._done(one["method"], "/v1.0" + one["url"], one.get("body"), one["headers"], match)
        except Refusal as error:
            status, said, headers = error.status, {"error": {"code": error.code, "message": error.code}}, error.headers
        return {"id": one["id"], "status": status, "headers": headers, "body": said}

    def _check_busy(self, method: str) -> None:
        if method in self.graph.busy:
            self.graph.busy.remove(method)
            raise Refusal(429, "ApplicationThrottled", **{"Retry-After": "3"})

    def _asked(self, method: str, path: str, body: Any, prefer: str) -> tuple[int, Any]:
        return self._done(method, path, body, {"Prefer": prefer}, self.headers.get("If-Match", ""))

    def _done(self, method: str, path: str, body: Any, headers: Json, match: str) -> tuple[int, Any]:
        url = urlsplit(path)
        found = re.fullmatch(r"/v1\.0/users/([^/]+)/(calendarView/delta|calendar/events|todo/lists)(.*)", url.path)
        if not found or 'IdType="ImmutableId"' not in headers["Prefer"]:
            raise Refusal(400, "BadRequest")
        address, place, rest = unquote(found[1]), found[2], [unquote(one) for one in found[3].split("/")[1:]]
        box, query = self.graph.calendar(address), dict(parse_qsl(url.query))
        word = "delta" if url.path.endswith("/delta") else place
        self.graph.calls[f"{method} {word}"] = self.graph.calls.get(f"{method} {word}", 0) + 1
        if place == "todo/lists":
            return self._todo(box, method, rest, body, headers, match, query)
        if place == "calendarView/delta":
            return 200, self._view(box, query, headers["Prefer"])
        if not rest:
            if method == "POST":
                self._check_title(body)
                return 201, shown(box, box.make_event(body), {}, headers)
            wanted = re.search(r"ep/value eq '((?:[^']|'')*)'", query["$filter"])
            uid = wanted[1].replace("''", "'") if wanted else ""
            there = [
                one for one in box.events.values() if uid in [x["value"] for x in one["singleValueExtendedProperties"]]
            ]
            return 200, {"value": [{"id": one["id"]} for one in there]}
        if rest[1:] == ["instances"]:
            start, end = (datetime.fromisoformat(query[name]) for name in ("startDateTime", "endDateTime"))
            found_ = occurrences(box, self._event(box, rest[0]), start, end)
            return 200, {"value": found_[: int(query["$top"])]}
        return self._one(box, method, rest[0], body, headers, match, query)

    def _event(self, box: Box, id_: str) -> Json:
        event = box.events.get(id_) or (box.deleted.get(id_) if self.graph.lenient else None)
        if event is None:
            raise Refusal(404, "ErrorItemNotFound")
        return event

    def _check_title(self, body: Json) -> None:
        if body.get("subject") in self.graph.refused:
            raise Refusal(500, "ErrorItemSave")

    def _one(  # noqa: PLR0917
        self, box: Box, method: str, id_: str, body: Any, headers: Json, match: str, query: Json
    ) -> tuple[int, Any]:
        master, _, original = id_.partition("_")
        event = self._event(box, master)
        if id_ in self.graph.corrupt:
            raise Refusal(500, "ErrorItemCorrupt")
        if original:
            return self._occurrence(box, method, master, original, body)
        if method == "GET":
            return 200, shown(box, event, query, headers)
        if match and match != event["@odata.etag"]:
            raise Refusal(412, "ErrorIrresolvableConflict")
        if master not in box.events:
            raise Refusal(404, "ErrorItemNotFound")
        if method == "DELETE":
            box.remove("event", id_)
            return 204, {}
        self._check_title(body)
        if {"start", "recurrence"} & body.keys():
            box.exceptions.pop(id_, None)  # a changed pattern takes its exceptions away
            event["originalStartTimeZone"] = body.get("start", {}).get("timeZone", event["originalStartTimeZone"])
        event.update(body)
        spelled(event)
        return 200, shown(box, box.touch("event", id_), {}, headers)

    def _occurrence(self, box: Box, method: str, master: str, original: str, body: Any) -> tuple[int, Any]:
        there = box.exceptions.setdefault(master, {})
        if original in there and there[original] is None:
            raise Refusal(404, "ErrorItemNotFound")
        day = datetime.fromisoformat(original).replace(tzinfo=UTC)
        span = (day - timedelta(days=1), day + timedelta(days=2))
        found = there.get(original) or next(
            one for one in occurrences(box, box.events[master], *span) if one["id"] == f"{master}_{original}"
        )
        if method == "GET":
            return 200, found
        if method == "DELETE":
            there[original] = None
        else:
            self._check_title(body)
            whole = {**box.events[master], **found, **body, "recurrence": None}
            there[original] = {**spelled(whole), "type": "exception"}
            box.stamp(there[original] or {})
        box.touch("event", master)
        return 200, there[original] or {}

    # -- delta --------------------------------------------------------------------------------------------------------

    def _view(self, box: Box, query: Json, prefer: str) -> Json:
        state = query.get("$deltatoken") or query.get("$skiptoken")
        if state:
            said = json.loads(base64.urlsafe_b64decode(state))
        else:
            said = {
                "epoch": box.epoch,
                "place": 0,
                "span": [query["startDateTime"], query["endDateTime"]],
                "first": True,
            }
        start, end = (datetime.fromisoformat(one) for one in said["span"])

        def told(id_: str) -> list[Json]:
            event = box.events.get(id_)
            if event is None or not (within := occurrences(box, event, start, end)):
                return [] if said["first"] else [{"id": id_, "@removed": {"reason": "deleted"}}]
            return [shown(box, event, {}, {}), *([] if event["type"] == "singleInstance" else within)]

        return self._page(box, "event", said, prefer, told)

    def _page(self, box: Box, kind: str, said: Json, prefer: str, told: Any) -> Json:
        if said["epoch"] != box.epoch:
            raise Refusal(410, "syncStateNotFound")
        size = re.search(r"odata\.maxpagesize=(\d+)", prefer)
        most = int(size[1]) if size else 10
        last = {entry: at for at, entry in enumerate(box.log)}
        left = sorted((at, id_) for (what, id_), at in last.items() if what == kind and at >= said["place"])
        value: list[Json] = []
        while left and len(value) < most:
            value += told(left.pop(0)[1])
        more, place = bool(left), left[0][0] if left else len(box.log)
        said = {**said, "place": place, "first": said["first"] and more}
        state = base64.urlsafe_b64encode(json.dumps(said).encode()).decode()
        key, link = ("$skiptoken", "@odata.nextLink") if more else ("$deltatoken", "@odata.deltaLink")
        return {"value": value, link: f"http://{self.headers['Host']}{self.path.partition('?')[0]}?{key}={state}"}

    # -- To Do --------------------------------------------------------------------------------------------------------

    def _todo(  # noqa: PLR0917
        self, box: Box, method: str, rest: list[str], body: Any, headers: Json, match: str, query: Json
    ) -> tuple[int, Any]:
        if not rest:
            others = {"id": "AQMkOther", "displayName": "Einkauf", "wellknownListName": "none"}
            return 200, {"value": [others, {"id": LIST, "displayName": "Tasks", "wellknownListName": "defaultList"}]}
        if rest[:2] != [LIST, "tasks"]:
            raise Refusal(404, "ErrorItemNotFound")
        linked = "linkedResources" in query.get("$expand", "")
        if rest[2:] == ["delta"]:
            return 200, self._tasks(box, query, headers["Prefer"], linked=linked)
        if len(rest) == 2 and method == "POST":
            return 201, shown_task(box.make_task(body), linked=True)
        if len(rest) == 2:
            return 200, {"value": [shown_task(one, linked=linked) for one in box.tasks.values()]}
        if (task := box.tasks.get(rest[2])) is None:
            raise Refusal(404, "ErrorItemNotFound")
        if method == "DELETE":
            box.remove("task", rest[2])
            return 204, {}
        if method == "PATCH":
            if match and match != task["@odata.etag"]:
                raise Refusal(412, "ErrorIrresolvableConflict")
            box.tasks[rest[2]] = spelled_task({**task, **body})
            box.touch("task", rest[2])
        return 200, shown_task(box.tasks[rest[2]], linked=linked)

    def _tasks(self, box: Box, query: Json, prefer: str, *, linked: bool) -> Json:
        state = query.get("$deltatoken") or query.get("$skiptoken")
        said = {"epoch": box.epoch, "place": 0, "first": True, "linked": linked}
        said = json.loads(base64.urlsafe_b64decode(state)) if state else said

        def told(id_: str) -> list[Json]:
            if id_ in box.tasks:
                return [shown_task(box.tasks[id_], linked=said["linked"])]
            return [] if said["first"] else [{"id": id_, "@removed": {"reason": "deleted"}}]

        return self._page(box, "task", said, prefer, told)


def shown(box: Box, event: Json, query: Json, headers: Json) -> Json:
    """Return an event with what was asked for of it."""
    wanted = query.get("$select", "").split(",") if query.get("$select") else list(event)
    made = {name: event[name] for name in event if name in {*wanted, "id", "@odata.etag"}}
    there = box.exceptions.get(event["id"], {})
    made.pop("cancelledOccurrences", None)
    made.pop("singleValueExtendedProperties", None)
    if "cancelledOccurrences" in query.get("$select", ""):
        gone = sorted(at for at, one in there.items() if one is None)
        made["cancelledOccurrences"] = [f"OID.{event['id']}.{at}" for at in gone]
    if "exceptionOccurrences" in query.get("$expand", "") and event["type"] == "seriesMaster":
        made["exceptionOccurrences"] = [one for one in there.values() if one]
    if "singleValueExtendedProperties" in query.get("$expand", ""):
        made["singleValueExtendedProperties"] = event["singleValueExtendedProperties"]
    if "body" in made and 'body-content-type="text"' not in headers.get("Prefer", ""):
        made["body"] = {"contentType": "html", "content": f"<html><body>{made['body']['content']}</body></html>"}
    return made


def shown_task(task: Json, *, linked: bool) -> Json:
    return {name: value for name, value in task.items() if linked or name != "linkedResources"}


def occurrences(box: Box, event: Json, start: datetime, end: datetime) -> list[Json]:
    """Return what of an event lies in a span: itself, or its occurrences with little more than their times."""
    begins, ends = instant(event["start"]), instant(event["end"])
    if event["type"] == "singleInstance":
        return [event] if begins < end and ends > start else []
    there = box.exceptions.get(event["id"], {})
    found = [one for one in there.values() if one and instant(one["start"]) < end and instant(one["end"]) > start]
    zone = event["recurrence"]["range"]["recurrenceTimeZone"]
    for at in expand(event, start, end):
        day = at.date() if event["isAllDay"] else at.astimezone(graph_zone(zone)).date()
        if day.isoformat() in there:
            continue
        found.append({
            "id": f"{event['id']}_{day}", "type": "occurrence", "seriesMasterId": event["id"],
            "@odata.etag": event["@odata.etag"], "occurrenceId": f"OID.{event['id']}.{day}",
            "originalStart": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "isAllDay": event["isAllDay"],
            "start": {"dateTime": text(at), "timeZone": "UTC"},
            "end": {"dateTime": text(at + (ends - begins)), "timeZone": "UTC"},
        })  # fmt: skip
    return found


def control(graph: Graph, order: Json) -> Any:
    """Do what a test wants."""
    do = order["do"]
    if do == "mailbox":
        graph.calendars[order["address"]] = Box()
    elif do == "depart":
        del graph.calendars[order["address"]]
    elif do == "fault":
        graph.faults.append(order)
    elif do == "refuse":
        graph.refused.add(order["title"])
    elif do == "corrupt":
        graph.corrupt.add(order["id"])
    elif do == "busy_item":
        graph.busy.append(order["method"])
    elif do == "lenient":
        graph.lenient = order["on"]
    elif do == "expire":
        graph.tokens.clear()
    elif do == "calls":
        return graph.calls
    else:
        return _on_mailbox(graph.calendar(order["address"]), do, order)
    return None


def _on_mailbox(box: Box, do: str, order: Json) -> Any:
    tasks = order.get("folder") == "tasks" or order.get("id") in box.tasks
    if do == "tell_again":
        box.log += [("event", id_) for id_ in box.events] + [("task", id_) for id_ in box.tasks]
    elif do == "vanish":
        del (box.tasks if tasks else box.events)[order["id"]]
    elif do == "lose_tokens":
        box.epoch += 1
        box.log = [one for one in box.log if one[1] in {*box.events, *box.tasks}]
    elif do == "put":
        return (box.make_task if tasks else box.make_event)(order["item"])["id"]
    elif do == "set":
        item = (box.tasks if tasks else box.events)[order["id"]]
        for name, value in order["fields"].items():
            item |= {"location": {"displayName": value}} if name == "Location" else {_NAMES.get(name, name): value}
        (spelled_task if tasks else spelled)(item)
        box.touch("task" if tasks else "event", order["id"])
    elif do == "remove":
        box.remove("task" if tasks else "event", order["id"])
    elif do == "sent":
        return box.sent
    elif do == "list":
        where = {"tasks": box.tasks, "deleteditems": box.deleted}.get(order["folder"], box.events)
        return [
            {**one, "Sensitivity": one.get("sensitivity", ""), "Subject": one.get("subject") or one.get("title"),
             "Location": (one.get("location") or {}).get("displayName", "")}
            for one in where.values()
        ]  # fmt: skip
    return None


def main() -> None:
    Handler.graph = Graph()
    graph_mail.serve(Handler)


if __name__ == "__main__":
    main()
