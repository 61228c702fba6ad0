"""The mail folders of an Exchange server: what `tests.servers.ews` has, and mails, folders, moves, NTLM and OAuth.

Every user has the mailbox `USER@firma.example`. `POST /control` with JSON lets a test deliver, look, and order faults.

    python -m tests.servers.ews_mail PORT [CERTIFICATE KEY]
"""

import base64
import contextlib
import copy
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any, Final

import spnego
from lxml import etree

from tests.servers import ews
from tests.servers.ews import Element, Mailbox, Refusal, child, m, message, refusal, t

PASSWORD: Final = "correct-horse"
TOKEN: Final = "token-of-the-day"
DOMAIN: Final = "firma.example"
ROOT: Final = "msgfolderroot"


class MailMailbox(Mailbox):
    """With a tree of folders: their names and parents by id."""

    def __init__(self) -> None:
        super().__init__()
        self.tree: dict[str, tuple[str, str]] = {"inbox": ("Inbox", ROOT)}

    def child_of(self, parent: str, name: str) -> str:
        return next((id_ for id_, one in self.tree.items() if one == (name, parent)), "")

    def make(self, parent: str, name: str) -> str:
        id_ = base64.b64encode(uuid.uuid4().bytes * 3).decode()
        self.tree[id_] = (name, parent)
        return id_

    def path(self, folder: str, *, make: bool) -> str:
        levels = folder.split("/")
        here = ROOT
        if levels[0].upper() == "INBOX":
            here, levels = "inbox", levels[1:]
        for level in levels:
            here = self.child_of(here, level) or (self.make(here, level) if make else "?")
        return here


class MailExchange(ews.Exchange):
    """The further operations."""

    def box(self, address: str) -> Mailbox:
        if address.endswith("@" + DOMAIN):
            return self.boxes.setdefault(address, MailMailbox())
        return super().box(address)

    def FindFolder(self, box: MailMailbox, asked: Element) -> list[Element]:
        parent = asked.find(m("ParentFolderIds"))[0].get("Id")
        found = [id_ for id_, (_, above) in box.tree.items() if above == parent]
        made = message("FindFolder")
        root = child(made, m("RootFolder"), TotalItemsInView=str(len(found)), IncludesLastItemInRange="true",
                     IndexedPagingOffset=str(len(found)))  # fmt: skip
        folders = child(root, t("Folders"))
        for id_ in found:
            folder = child(folders, t("Folder"))
            child(folder, t("FolderId"), Id=id_, ChangeKey="AQ==")
            child(folder, t("FolderClass"), "IPF.Note")
            child(folder, t("DisplayName"), box.tree[id_][0])
        return [made]

    def CreateFolder(self, box: MailMailbox, asked: Element) -> list[Element]:
        parent = asked.find(m("ParentFolderId"))[0].get("Id")
        return [self._answered("CreateFolder", self._made, box, parent, one) for one in asked.find(m("Folders"))]

    def _made(self, box: MailMailbox, parent: str, folder: Element) -> Element:
        name = folder.findtext(t("DisplayName"))
        if box.child_of(parent, name):
            raise Refusal("ErrorFolderExists", "A folder with the specified name already exists.")
        made = message("CreateFolder")
        child(child(child(made, m("Folders")), t("Folder")), t("FolderId"), Id=box.make(parent, name), ChangeKey="AQ==")
        return made

    def SyncFolderItems(self, box: Mailbox, asked: Element) -> list[Element]:
        shape = asked.find(m("ItemShape")).find(t("AdditionalProperties"))
        wanted = {ews.key_of(path) for path in shape} if shape is not None else set()
        answers = super().SyncFolderItems(box, asked)
        for one in answers[0].iter(t("Message")):
            item = box.items[one.find(t("ItemId")).get("Id")]
            for part in item:
                if ews.key_of_child(part) in wanted:
                    one.append(copy.deepcopy(part))
        return answers

    def MoveItem(self, box: MailMailbox, asked: Element) -> list[Element]:
        to = asked.find(m("ToFolderId"))[0].get("Id")
        if to not in box.tree:
            raise Refusal("ErrorToFolderNotFound")
        return [self._answered("MoveItem", self._moved, box, one, to) for one in asked.find(m("ItemIds"))]

    def _moved(self, box: Mailbox, ident: Element, to: str) -> Element:
        item = self._item(box, ident)
        box.remove(ident.get("Id"), to=to)
        return ews.saved("MoveItem", item.tag, item.find(t("ItemId")))


class Handler(ews.Handler):
    """One connection. By NTLM it is the connection that is signed in."""

    exchange: MailExchange
    disable_nagle_algorithm = True
    user = ""

    def _controlled(self, order: dict[str, Any]) -> Any:
        return control(self.exchange, order)

    def _is_signed_in(self) -> bool:
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            user, _, password = base64.b64decode(given).decode().partition(":")
            self.user = user.rpartition("\\")[2] if password == PASSWORD else ""
        elif kind == "Bearer":
            token, _, user = given.rpartition(".")
            self.user = user if token in {TOKEN, *self.exchange.tokens} else ""
        elif kind == "NTLM":
            return self._handshake(base64.b64decode(given))
        if self.user:
            return True
        self.send_response(401)
        for way in ("NTLM", 'Basic realm="ews"', "Bearer"):
            self.send_header("WWW-Authenticate", way)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def _handshake(self, token: bytes) -> bool:
        if token[8:12] == b"\x01\x00\x00\x00":  # NEGOTIATE_MESSAGE, [MS-NLMP] 2.2.1.1
            self.ntlm = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        try:
            answer = self.ntlm.step(token)
        except spnego.exceptions.SpnegoError:
            self._send(401, b"", "text/html", {"WWW-Authenticate": "NTLM"})
            return False
        if not self.ntlm.complete:
            self._send(401, b"", "text/html", {"WWW-Authenticate": "NTLM " + base64.b64encode(answer).decode()})
            return False
        self.user = self.ntlm.client_principal.rpartition("\\")[2].lower()
        return True

    def _answers(self, operation: str, asked: Element, address: str) -> list[Element]:
        mine = f"{self.user.partition('@')[0]}@{DOMAIN}"
        box = address or next((one.text for one in asked.iter(t("EmailAddress"))), mine)
        if box != mine and not address:
            return [refusal(operation, Refusal("ErrorAccessDenied", "Access is denied."))]
        return super()._answers(operation, asked, box)


def control(exchange: MailExchange, order: dict[str, Any]) -> Any:
    """Do what a test wants."""
    do = order["do"]
    if do not in ("deliver", "contents", "renew", "categories"):
        return ews.control(exchange, order)
    box = exchange.box(order["address"])
    assert isinstance(box, MailMailbox)
    with box.lock:
        folder = box.path(order["folder"], make=do in ("deliver", "renew"))
        items = [box.items[id_] for id_, where in box.folders.items() if where == folder]
        if do == "deliver":
            box.add(folder, mail_item(base64.b64decode(order["raw"])))
        elif do == "contents":
            return [one.findtext(t("MimeContent")) for one in items]
        elif do == "categories":
            return [[name.text for name in one.iter(t("String"))] for one in items]
        elif do == "renew":
            for id_ in [id_ for id_, where in box.folders.items() if where == folder]:
                box.remove(id_)
            name, parent = box.tree.pop(folder)
            box.make(parent, name)
    return None


def mail_item(raw: bytes) -> Element:
    item = etree.Element(t("Message"))
    child(item, t("MimeContent"), base64.b64encode(raw).decode(), CharacterSet="UTF-8")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251
    child(item, t("DateTimeReceived"), now)
    child(item, t("Size"), str(len(raw) + 2_000))
    headers = child(item, t("InternetMessageHeaders"))
    for name, value in message_from_bytes(raw).items():
        with contextlib.suppress(ValueError):
            child(headers, t("InternetMessageHeader"), str(value), HeaderName=name)
    child(item, t("IsRead"), "false")
    return item


@dataclass(frozen=True, slots=True)
class EwsServer:
    """A running server."""

    port: int
    tls_port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/EWS/Exchange.asmx"

    def order(self, do: str, **what: Any) -> Any:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/control", json.dumps({"do": do, **what}).encode(), method="POST"
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)


@contextlib.contextmanager
def running(certificate: Path | None = None, key: Path | None = None) -> Iterator[EwsServer]:
    """Run the server in a process of its own until the block ends; with a certificate at a port with TLS too."""
    pair = [str(certificate), str(key)] if certificate else []
    with subprocess.Popen(
        [sys.executable, "-m", "tests.servers.ews_mail", "0", *pair], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            ports = [int(process.stdout.readline()) for _ in range(2 if pair else 1)]
            yield EwsServer(*ports)
        finally:
            process.stdin.close()


def main() -> None:
    Handler.exchange = MailExchange()
    with tempfile.TemporaryDirectory() as folder:
        users = Path(folder) / "users"
        users.write_text("".join(f"FIRMA:user{number}:{PASSWORD}\n" for number in range(1_000)))
        os.environ["NTLM_USER_FILE"] = str(users)
        ews.serve(Handler)


if __name__ == "__main__":
    main()
