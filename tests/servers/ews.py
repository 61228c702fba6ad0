"""An Exchange server as far as a mailbox is concerned: SOAP over HTTP, in a process of its own.

Written from Microsoft's published description of the operations: it keeps items as the elements that were sent, with
ids and change keys of its own, tells their changes by sync states and streaming subscriptions, expands series, and
signs people in by Basic and by tokens. `POST /control` with JSON lets a test put, look, and order faults.

    python -m tests.servers.ews PORT [CERTIFICATE KEY]

With a certificate it listens at a second port too, by TLS. It says its ports, one a line.
"""

import base64
import copy
import json
import ssl
import sys
import threading
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from lxml import etree

from tests.servers.ews_series import expand
from tests.servers.ews_streaming import Subscriptions

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
M: Final = "http://schemas.microsoft.com/exchange/services/2006/messages"
T: Final = "http://schemas.microsoft.com/exchange/services/2006/types"
A: Final = "http://schemas.microsoft.com/exchange/2010/Autodiscover"
E: Final = "http://schemas.microsoft.com/exchange/services/2006/errors"
USER, PASSWORD = "FIRMA\\esexchange", "geheim"
MOST_CHANGES: Final = 512
_FOLDERS: Final = {
    "root": ("Folder", "Root"),
    "msgfolderroot": ("Folder", "Top of Information Store"),
    "calendar": ("CalendarFolder", "Calendar"),
    "tasks": ("TasksFolder", "Tasks"),
    "inbox": ("Folder", "Inbox"),
    "deleteditems": ("Folder", "Deleted Items"),
}
Element = Any


def t(name: str) -> str:
    return f"{{{T}}}{name}"


def m(name: str) -> str:
    return f"{{{M}}}{name}"


def child(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    made = etree.SubElement(parent, tag, attributes)
    made.text = text
    return made


class Refusal(Exception):
    """A response code other than NoError."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.text = text or code


class Mailbox:
    """Folders of items. An item is the element its maker has sent, with what the server adds."""

    def __init__(self) -> None:
        self.items: dict[str, Element] = {}
        self.folders: dict[str, str] = {}
        self.changed: dict[str, int] = {}
        self.born: dict[str, int] = {}
        self.gone: dict[tuple[str, str], int] = {}
        self.exceptions: dict[str, dict[str, Element | None]] = {}
        self.counter = 0
        self.epoch = 1
        self.lock = threading.RLock()
        self.news = threading.Condition(self.lock)

    def touch(self, id_: str) -> Element:
        """Give an item a new change key."""
        self.counter += 1
        self.changed[id_] = self.counter
        item = self.items[id_]
        set_text(item, "LastModifiedTime", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))  # noqa: TID251
        ident = item.find(t("ItemId"))
        ident.set("ChangeKey", base64.b64encode(f"ck{self.counter:08d}".encode()).decode())
        self.news.notify_all()
        return ident

    def add(self, folder: str, item: Element) -> Element:
        """Keep a new item and return its id."""
        id_ = base64.b64encode(uuid.uuid4().bytes * 4).decode()
        item.insert(0, etree.Element(t("ItemId"), Id=id_, ChangeKey=""))
        if item.tag == t("CalendarItem"):
            if item.find(t("UID")) is None:
                child(item, t("UID"), uuid.uuid4().hex.upper())
            series = item.find(t("Recurrence")) is not None
            set_text(item, "CalendarItemType", "RecurringMaster" if series else "Single")
            if item.find(t("IsMeeting")) is None:
                set_text(item, "IsMeeting", "false")
                set_text(item, "MyResponseType", "Organizer")
        self.items[id_] = item
        self.folders[id_] = folder
        ident = self.touch(id_)
        self.born[id_] = self.counter
        return ident

    def remove(self, id_: str, *, to: str = "") -> None:
        """Delete an item, or move it to another folder, where it has another id."""
        item, folder = self.items.pop(id_), self.folders.pop(id_)
        self.changed.pop(id_)
        self.counter += 1
        self.gone[folder, id_] = self.counter
        self.news.notify_all()
        if to:
            item.remove(item.find(t("ItemId")))
            self.add(to, item)


def set_text(item: Element, name: str, text: str) -> None:
    found = item.find(t(name))
    if found is None:
        found = child(item, t(name))
    found.text = text


def spelled(item: Element) -> Element:
    """Spell values as the server does, whichever way of XML Schema they were sent in."""
    for one in item:
        name = etree.QName(one).localname
        if name in ("IsAllDayEvent", "ReminderIsSet"):
            one.text = {"1": "true", "0": "false"}.get(one.text, one.text)
        elif name in ("Start", "End"):
            one.text = datetime.fromisoformat(one.text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return item


def key_of(path: Element) -> tuple[str, ...]:
    """Return what a path names: a child element, or an extended property."""
    if path.tag == t("ExtendedFieldURI"):
        return ("ExtendedProperty", path.get("PropertySetId").lower(), path.get("PropertyName"))
    return (path.get("FieldURI").partition(":")[2],)


def key_of_child(one: Element) -> tuple[str, ...]:
    if one.tag == t("ExtendedProperty"):
        return key_of(one.find(t("ExtendedFieldURI")))
    return (etree.QName(one).localname,)


class Exchange:
    """The server's state, and its operations by name."""

    def __init__(self) -> None:
        self.boxes: dict[str, Mailbox] = {}
        self.faults: list[dict[str, Any]] = []
        self.calls: dict[str, int] = {}
        self.refused_titles: set[str] = set()
        self.corrupt: set[str] = set()
        self.tokens: set[str] = set()
        self.subscriptions = Subscriptions()
        self.published_url = ""
        self.lock = threading.Lock()

    def box(self, address: str) -> Mailbox:
        if address not in self.boxes:
            raise Refusal("ErrorNonExistentMailbox", f"No mailbox with such guid: {address}")
        return self.boxes[address]

    # -- operations ---------------------------------------------------------------------------------------------------

    def GetFolder(self, box: Mailbox, asked: Element) -> list[Element]:
        return [self._folder(one) for one in asked.find(m("FolderIds"))]

    def FindFolder(self, box: Mailbox, asked: Element) -> list[Element]:
        made = message("FindFolder")
        root = child(made, m("RootFolder"), TotalItemsInView="0", IncludesLastItemInRange="true")
        child(root, t("Folders"))
        return [made]

    def _folder(self, wanted: Element) -> Element:
        name = wanted.get("Id")
        if name not in _FOLDERS:
            return refusal("GetFolder", Refusal("ErrorFolderNotFound"))
        tag, display = _FOLDERS[name]
        made = message("GetFolder")
        folder = child(child(made, m("Folders")), t(tag))
        child(folder, t("FolderId"), Id=name, ChangeKey="AQ==")
        child(folder, t("DisplayName"), display)
        child(folder, t("TotalCount"), "0")
        child(folder, t("ChildFolderCount"), "0")
        return made

    def ResolveNames(self, box: Mailbox, asked: Element) -> list[Element]:
        raise Refusal("ErrorNameResolutionNoResults", "No results were found.")

    def Subscribe(self, box: Mailbox, asked: Element) -> list[Element]:
        made = message("Subscribe")
        child(made, m("SubscriptionId"), self.subscriptions.subscribe(box, asked, asked.get("anchor") or ""))
        return [made]

    def Unsubscribe(self, box: Mailbox, asked: Element) -> list[Element]:
        if self.subscriptions.known.pop(asked.findtext(m("SubscriptionId")), None) is None:
            raise Refusal("ErrorSubscriptionNotFound")
        return [message("Unsubscribe")]

    def SyncFolderItems(self, box: Mailbox, asked: Element) -> list[Element]:
        folder = asked.find(m("SyncFolderId"))[0].get("Id")
        state = asked.findtext(m("SyncState")) or ""
        most = int(asked.findtext(m("MaxChangesReturned")))
        if most > MOST_CHANGES:
            raise Refusal("ErrorInvalidArgument", f"MaxChangesReturned must be 1 to {MOST_CHANGES}")
        after = 0
        if state:
            epoch, _, place = base64.b64decode(state).decode().partition(":")
            if int(epoch) != box.epoch:
                raise Refusal(
                    "ErrorInvalidSyncStateData", "Synchronization state data is corrupt or otherwise invalid."
                )
            after = int(place)
        told = [(number, id_, False) for id_, number in box.changed.items() if box.folders[id_] == folder]
        told += [(number, id_, True) for (where, id_), number in box.gone.items() if where == folder and state]
        told = sorted(one for one in told if one[0] > after)
        part = told[:most]
        made = message("SyncFolderItems")
        last = part[-1][0] if len(part) < len(told) else box.counter
        child(made, m("SyncState"), base64.b64encode(f"{box.epoch}:{last}".encode()).decode())
        child(made, m("IncludesLastItemInRange"), "true" if len(part) == len(told) else "false")
        changes = child(made, m("Changes"))
        for _, id_, gone in part:
            if gone:
                child(child(changes, t("Delete")), t("ItemId"), Id=id_)
            else:
                item = box.items[id_]
                one = child(child(changes, t("Update" if state else "Create")), item.tag)
                one.append(copy.deepcopy(item.find(t("ItemId"))))
        return [made]

    def GetItem(self, box: Mailbox, asked: Element) -> list[Element]:
        shape = asked.find(m("ItemShape")).find(t("AdditionalProperties"))
        wanted = {key_of(path) for path in shape} if shape is not None else set()
        return [self._answered("GetItem", self._got, box, one, wanted) for one in asked.find(m("ItemIds"))]

    def _got(self, box: Mailbox, ident: Element, wanted: set[tuple[str, ...]]) -> Element:
        if ident.get("Id") in self.corrupt:
            raise Refusal("ErrorItemCorrupt", "The item is corrupt.")
        made = message("GetItem")
        child(made, m("Items")).append(shaped(box, self._item(box, ident), wanted))
        return made

    def _item(self, box: Mailbox, ident: Element) -> Element:
        id_ = ident.get("Id")
        master, _, original = id_.partition("|")
        if master not in box.items:
            raise Refusal("ErrorItemNotFound", "The specified object was not found in the store.")
        item = box.items[master]
        return occurrence(box, item, original) if original else item

    def CreateItem(self, box: Mailbox, asked: Element) -> list[Element]:
        folder = asked.find(m("SavedItemFolderId"))[0].get("Id")
        return [self._answered("CreateItem", self._created, box, folder, one) for one in asked.find(m("Items"))]

    def _created(self, box: Mailbox, folder: str, item: Element) -> Element:
        if item.findtext(t("Subject")) in self.refused_titles:
            raise Refusal("ErrorItemSave", "The item save operation did not succeed.")
        return saved("CreateItem", item.tag, box.add(folder, spelled(copy.deepcopy(item))))

    def UpdateItem(self, box: Mailbox, asked: Element) -> list[Element]:
        careful = asked.get("ConflictResolution") == "NeverOverwrite"
        changes = asked.find(m("ItemChanges"))
        return [self._answered("UpdateItem", self._updated, box, one, careful) for one in changes]

    def _updated(self, box: Mailbox, change: Element, careful: bool) -> Element:  # noqa: FBT001
        ident = change.find(t("ItemId"))
        item = self._item(box, ident)
        given, now = ident.get("ChangeKey"), item.find(t("ItemId")).get("ChangeKey")
        if careful and given != now:
            raise Refusal("ErrorIrresolvableConflict", "The change key does not match the current one of the item.")
        master, _, original = ident.get("Id").partition("|")
        item = copy.deepcopy(item) if original else item
        for one in change.find(t("Updates")):
            key = key_of(one[0])
            for old in [there for there in item if key_of_child(there) == key]:
                item.remove(old)
            if one.tag == t("SetItemField"):
                value = one[1][0]
                if value.tag == t("Subject") and value.text in self.refused_titles:
                    raise Refusal("ErrorItemSave", "The item save operation did not succeed.")
                item.append(copy.deepcopy(value))
            if key[0] in ("Recurrence", "Start") and not original:
                box.exceptions.pop(master, None)  # a changed pattern takes its exceptions away
        spelled(item)
        if original:
            box.exceptions.setdefault(master, {})[original] = item
        elif item.tag == t("CalendarItem"):
            series = item.find(t("Recurrence")) is not None
            set_text(item, "CalendarItemType", "RecurringMaster" if series else "Single")
        return saved("UpdateItem", item.tag, box.touch(master))

    def DeleteItem(self, box: Mailbox, asked: Element) -> list[Element]:
        to = "deleteditems" if asked.get("DeleteType") == "MoveToDeletedItems" else ""
        return [self._answered("DeleteItem", self._deleted, box, one, to) for one in asked.find(m("ItemIds"))]

    def _deleted(self, box: Mailbox, ident: Element, to: str) -> Element:
        self._item(box, ident)
        master, _, original = ident.get("Id").partition("|")
        if original:
            box.exceptions.setdefault(master, {})[original] = None
            box.touch(master)
        else:
            box.remove(master, to=to)
        return message("DeleteItem")

    def FindItem(self, box: Mailbox, asked: Element) -> list[Element]:
        folder = asked.find(m("ParentFolderIds"))[0].get("Id")
        shape = asked.find(m("ItemShape")).find(t("AdditionalProperties"))
        wanted = {key_of(path) for path in shape} if shape is not None else set()
        there = [box.items[id_] for id_ in box.items if box.folders[id_] == folder]
        view, restriction = asked.find(m("CalendarView")), asked.find(m("Restriction"))
        if view is not None:
            start, end = (datetime.fromisoformat(view.get(name)) for name in ("StartDate", "EndDate"))
            there = [one for item in there for one in self._between(box, item, start, end)]
        elif restriction is not None:
            equal = restriction.find(f".//{t('IsEqualTo')}")
            key, value = key_of(equal[0]), equal.find(f".//{t('Constant')}").get("Value")
            there = [one for one in there if any(key_of_child(a) == key and a[-1].text == value for a in one)]
        made = message("FindItem")
        root = child(made, m("RootFolder"), TotalItemsInView=str(len(there)), IncludesLastItemInRange="true",
                     IndexedPagingOffset=str(len(there)))  # fmt: skip
        items = child(root, t("Items"))
        for one in there:
            items.append(shaped(box, one, wanted))
        return [made]

    def _between(self, box: Mailbox, item: Element, start: datetime, end: datetime) -> list[Element]:
        if item.find(t("Recurrence")) is None:
            return [item] if start <= datetime.fromisoformat(item.findtext(t("Start"))) < end else []
        id_ = item.find(t("ItemId")).get("Id")
        changed = box.exceptions.get(id_, {})
        originals = [one for one in expand(item, start, end) if one not in changed]
        return [occurrence(box, item, one) for one in originals]

    def _answered(self, operation: str, work: Any, *arguments: Any) -> Element:
        try:
            return work(*arguments)
        except Refusal as error:
            return refusal(operation, error)


def message(operation: str) -> Element:
    made = etree.Element(m(operation + "ResponseMessage"), ResponseClass="Success")
    child(made, m("ResponseCode"), "NoError")
    return made


def refusal(operation: str, error: Refusal) -> Element:
    made = etree.Element(m(operation + "ResponseMessage"), ResponseClass="Error")
    child(made, m("MessageText"), error.text)
    child(made, m("ResponseCode"), error.code)
    child(made, m("DescriptiveLinkKey"), "0")
    return made


def saved(operation: str, tag: str, ident: Element) -> Element:
    made = message(operation)
    child(child(made, m("Items")), tag).append(copy.deepcopy(ident))
    return made


def shaped(box: Mailbox, item: Element, wanted: set[tuple[str, ...]]) -> Element:
    """Return an item with its id and what was asked for."""
    made = etree.Element(item.tag)
    made.append(copy.deepcopy(item.find(t("ItemId"))))
    id_ = item.find(t("ItemId")).get("Id")
    for one in item:
        if one.tag == t("Body") and ("TextBody",) in wanted:
            child(made, t("TextBody"), one.text, BodyType="Text")
        elif one.tag != t("ItemId") and key_of_child(one) in wanted:
            made.append(copy.deepcopy(one))
    for name, list_, of in (
        ("ModifiedOccurrences", "Occurrence", True),
        ("DeletedOccurrences", "DeletedOccurrence", False),
    ):
        those = {at: one for at, one in box.exceptions.get(id_, {}).items() if (one is not None) is of}
        if those and (name,) in wanted:
            listed = child(made, t(name))
            for at, one in sorted(those.items()):
                entry = child(listed, t(list_))
                if one is None:
                    child(entry, t("Start"), at)
                    continue
                child(entry, t("ItemId"), Id=f"{id_}|{at}", ChangeKey="AQ==")
                child(entry, t("Start"), one.findtext(t("Start")))
                child(entry, t("End"), one.findtext(t("End")))
                child(entry, t("OriginalStart"), at)
    return made


def occurrence(box: Mailbox, item: Element, original: str) -> Element:
    """Return one occurrence of a series as an item."""
    id_ = item.find(t("ItemId")).get("Id")
    there = box.exceptions.get(id_, {})
    if original in there:
        found = there[original]
        if found is None:
            raise Refusal("ErrorItemNotFound", "The occurrence was deleted.")
        return found
    length = datetime.fromisoformat(item.findtext(t("End"))) - datetime.fromisoformat(item.findtext(t("Start")))
    made = copy.deepcopy(item)
    made.remove(made.find(t("Recurrence")))
    made.find(t("ItemId")).set("Id", f"{id_}|{original}")
    set_text(made, "Start", original)
    set_text(made, "End", (datetime.fromisoformat(original) + length).strftime("%Y-%m-%dT%H:%M:%SZ"))
    set_text(made, "CalendarItemType", "Occurrence")
    return made


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    exchange: Exchange

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/control":
            self._send(200, json.dumps(self._controlled(json.loads(body))).encode(), "application/json")
        elif not self._is_signed_in():
            return
        elif self.path == "/autodiscover/autodiscover.svc":
            self._discover(etree.fromstring(body))
        else:
            self._serve(etree.fromstring(body))

    def _controlled(self, order: dict[str, Any]) -> Any:
        return control(self.exchange, order)

    def do_GET(self) -> None:
        if self._is_signed_in():
            self._send(200, b"", "text/html")

    def _is_signed_in(self) -> bool:
        given = self.headers.get("Authorization", "")
        if given == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
            return True
        if given.removeprefix("Bearer ") in self.exchange.tokens:
            return True
        self._send(401, b"", "text/html", {"WWW-Authenticate": 'Basic realm="ews"'})
        return False

    def _serve(self, envelope: Element) -> None:
        asked = envelope.find(f"{{{SOAP}}}Body")[0]
        operation = etree.QName(asked).localname
        address = envelope.findtext(f".//{t('ConnectingSID')}/{t('PrimarySmtpAddress')}") or ""
        exchange = self.exchange
        with exchange.lock:
            exchange.calls[operation] = exchange.calls.get(operation, 0) + 1
            fault = next((one for one in exchange.faults if one.get("operation", operation) == operation), None)
            if fault is not None:
                exchange.faults.remove(fault)
        what = fault["what"] if fault else ""
        if what == "cut_before":
            self.close_connection = True
            self.connection.close()
            return
        if what == "unavailable":
            self._send(503, b"busy", "text/plain")
            return
        if what == "busy":
            self._send(500, busy(), "text/xml; charset=utf-8")
            return
        anchor = self.headers.get("X-AnchorMailbox", "")
        if operation == "GetStreamingEvents":
            self._stream(asked, anchor, cut=what == "cut_middle")
            return
        asked.set("anchor", anchor)
        answers = self._answers(operation, asked, address)
        if what == "cut_after":
            self.close_connection = True
            self.connection.close()
            return
        body = enveloped(operation, answers)
        if what == "cut_middle":
            self.close_connection = True
            self._send(200, body[: len(body) // 2], "text/xml; charset=utf-8", {"Content-Length": str(len(body))})
            return
        self._send(200, body, "text/xml; charset=utf-8")

    def _stream(self, asked: Element, anchor: str, *, cut: bool) -> None:
        """Send one envelope after the other, in chunks."""
        subscriptions = self.exchange.subscriptions
        self.send_response(200)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        subscriptions.open += 1
        told = subscriptions.stream(
            asked, anchor, cut=cut, refusal=lambda code: refusal("GetStreamingEvents", Refusal(code))
        )
        try:
            for one in told:
                part = enveloped("GetStreamingEvents", one)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            if not cut:
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass  # nobody listens any more
        finally:
            subscriptions.open -= 1

    def _discover(self, envelope: Element) -> None:
        """Autodiscover by SOAP, [MS-OXWSADISC]: say where the service is."""
        ns = f"{{{A}}}"
        address = envelope.findtext(f".//{ns}Mailbox")
        answer = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP, "a": A})
        told = child(child(answer, f"{{{SOAP}}}Body"), f"{ns}GetUserSettingsResponseMessage")
        response = child(told, f"{ns}Response")
        child(response, f"{ns}ErrorCode", "NoError")
        user = child(child(response, f"{ns}UserResponses"), f"{ns}UserResponse")
        child(user, f"{ns}ErrorCode", "NoError")
        settings = child(user, f"{ns}UserSettings")
        for name, value in (
            ("AutoDiscoverSMTPAddress", address),
            ("ExternalEwsUrl", self.exchange.published_url),
            ("InternalEwsUrl", self.exchange.published_url),
        ):
            setting = child(settings, f"{ns}UserSetting")
            child(setting, f"{ns}Name", name)
            child(setting, f"{ns}Value", value)
        self._send(200, etree.tostring(answer, xml_declaration=True, encoding="utf-8"), "text/xml; charset=utf-8")

    def _answers(self, operation: str, asked: Element, address: str) -> list[Element]:
        try:
            box = self.exchange.box(address)
            with box.lock:
                found: list[Element] = getattr(self.exchange, operation)(box, asked)
                return found
        except Refusal as error:
            return [refusal(operation, error)]

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def busy() -> bytes:
    """Ask to be left alone for a while: a fault, not an answer of the operation."""
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP, "t": T})
    fault = child(child(envelope, f"{{{SOAP}}}Body"), f"{{{SOAP}}}Fault")
    child(fault, "faultcode", "a:ErrorServerBusy")
    child(fault, "faultstring", "The server cannot service this request right now. Try again later.")
    detail = child(fault, "detail")
    child(detail, f"{{{E}}}ResponseCode", "ErrorServerBusy")
    child(detail, f"{{{E}}}Message", "The server cannot service this request right now. Try again later.")
    child(child(detail, t("MessageXml")), t("Value"), "1500", Name="BackOffMilliseconds")
    made: bytes = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    return made


def enveloped(operation: str, answers: list[Element]) -> bytes:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP, "m": M, "t": T})
    header = child(envelope, f"{{{SOAP}}}Header")
    child(header, t("ServerVersionInfo"), MajorVersion="15", MinorVersion="1", MajorBuildNumber="2507",
          MinorBuildNumber="6", Version="V2017_07_11")  # fmt: skip
    response = child(child(envelope, f"{{{SOAP}}}Body"), m(operation + "Response"))
    messages = child(response, m("ResponseMessages"))
    for one in answers:
        messages.append(one)
    made: bytes = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    return made


def control(exchange: Exchange, order: dict[str, Any]) -> Any:
    """Do what a test wants."""
    do = order["do"]
    if do == "mailbox":
        exchange.boxes[order["address"]] = Mailbox()
    elif do == "depart":
        del exchange.boxes[order["address"]]
    elif do == "fault":
        exchange.faults.append(order)
    elif do == "refuse":
        exchange.refused_titles.add(order["title"])
    elif do == "corrupt":
        exchange.corrupt.add(order["id"])
    elif do == "calls":
        return exchange.calls
    elif do == "tokens":
        exchange.tokens = set(order["tokens"])
    elif do == "publish":
        exchange.published_url = order["url"]
    elif do == "streaming":
        return _on_streaming(exchange.subscriptions, order)
    else:
        box = exchange.boxes[order["address"]]
        with box.lock:
            return _on_mailbox(box, do, order)
    return None


def _on_streaming(subscriptions: Subscriptions, order: dict[str, Any]) -> Any:
    subscriptions.minute = order.get("minute", subscriptions.minute)
    subscriptions.deaf = order.get("deaf", subscriptions.deaf)
    if order.get("forget"):
        subscriptions.known.clear()
    return {"open": subscriptions.open, "known": len(subscriptions.known)}


def _on_mailbox(box: Mailbox, do: str, order: dict[str, Any]) -> Any:
    if do == "lose_tokens":
        box.epoch += 1
        box.gone.clear()
    elif do == "put":
        return box.add(order["folder"], etree.fromstring(order["xml"])).get("Id")
    elif do == "set":
        for name, text in order["fields"].items():
            set_text(box.items[order["id"]], name, text)
        box.touch(order["id"])
    elif do == "remove":
        box.remove(order["id"], to=order.get("to", ""))
    elif do == "list":
        return [
            {"id": id_, **{etree.QName(one).localname: "".join(one.itertext()) for one in item}}
            for id_, item in box.items.items()
            if box.folders[id_] == order["folder"]
        ]
    return None


def serve(handler: type[Handler]) -> None:
    """Serve at the ports of the command line for as long as the parent holds the pipe."""
    port, *pair = sys.argv[1:]
    for at, protected in ((int(port), False), *(((0, True),) if pair else ())):
        server = ThreadingHTTPServer(("127.0.0.1", at), handler)
        if protected:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*pair)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        print(server.server_address[1], flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


def main() -> None:
    Handler.exchange = Exchange()
    serve(Handler)


if __name__ == "__main__":
    main()
