"""Microsoft Graph as far as mail folders are concerned, with its token endpoint: JSON over HTTP.

Written from Microsoft's published description: delta queries with `nextLink` and `deltaLink`, `$value`, `$batch`,
moves, immutable ids for those who prefer them, and for the others ids that change with the folder. `POST /control`
with JSON lets a test deliver, look, and order faults.

    python -m tests.servers.graph_mail PORT
"""

import base64
import contextlib
import json
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.ews_mail import EwsServer

SECRET: Final = "geheim"
DOMAIN: Final = "firma.example"
Answer = tuple[int, dict[str, Any]]


class Refusal(Exception):
    def __init__(self, status: int, code: str, **headers: str) -> None:
        super().__init__(code)
        self.status, self.code, self.headers = status, code, headers


@dataclass
class Mail:
    raw: bytes
    folder: str
    received: str
    categories: list[str] = field(default_factory=list)
    is_read: bool = False


@dataclass
class Box:
    """One user's: folders as (name, parent) and mails by immutable id; `log` says which changed where, in order."""

    folders: dict[str, tuple[str, str]] = field(default_factory=lambda: {"AAinbox": ("Inbox", "")})
    mails: dict[str, Mail] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    epoch: int = 1

    def make(self, name: str, parent: str) -> str:
        if self.named(name, parent):
            raise Refusal(409, "ErrorFolderExists")
        id_ = f"AA{uuid.uuid4().hex}"
        self.folders[id_] = (name, parent)
        return id_

    def named(self, name: str, parent: str) -> str:
        return next((id_ for id_, one in self.folders.items() if one == (name, parent)), "")

    def path(self, folder: str, *, make: bool = False) -> str:
        levels = folder.split("/")
        here = ""
        if levels[0].upper() == "INBOX":
            here, levels = "AAinbox", levels[1:]
        for level in levels:
            here = self.named(level, here) or (self.make(level, here) if make else "?")
        return here

    def put(self, raw: bytes, folder: str) -> None:
        id_ = f"AAkALg-{uuid.uuid4().hex}"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251
        self.mails[id_] = Mail(raw, folder, now)
        self.log.append((folder, id_))

    def move(self, id_: str, to: str) -> None:
        mail = self.mails[id_]
        self.log += [(mail.folder, id_), (to, id_)]
        mail.folder = to


class Graph:
    def __init__(self) -> None:
        self.boxes: dict[str, Box] = {}
        self.faults: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.lock = threading.RLock()

    def box(self, address: str) -> Box:
        if not address.endswith("@" + DOMAIN):
            raise Refusal(404, "ErrorInvalidUser")
        return self.boxes.setdefault(address, Box())


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    graph: Graph

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/control":
            with self.graph.lock:
                return self._send(200, self._controlled(json.loads(body)))
        if self.path.endswith("/oauth2/v2.0/token"):
            return self._send(*self._token(parse_qs(body.decode())))
        what = self._fault(body.decode())
        if what in ("cut_before", "unavailable", "busy"):
            self.close_connection = what == "cut_before"
            if what == "unavailable":
                self._send(503, {})
            elif what == "busy":
                self._send(429, {"error": {"code": "TooManyRequests"}}, {"Retry-After": "2"})
            return None
        status, said, headers = self._answered(self.command, self.path, json.loads(body or b"null"))
        if what == "cut_after":
            self.close_connection = True
            return None
        return self._send(status, said, headers, half=what == "cut_middle")

    def _controlled(self, order: dict[str, Any]) -> Any:
        return control(self.graph, order)

    def _fault(self, body: str) -> str:
        with self.graph.lock:
            for one in self.graph.faults:
                if one.get("path", "") in self.path and one.get("body", "") in body:
                    self.graph.faults.remove(one)
                    return str(one["what"])
        return ""

    def _token(self, asked: dict[str, list[str]]) -> Answer:
        if asked.get("grant_type") != ["client_credentials"] or asked.get("client_secret") != [SECRET]:
            return 401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."}
        token = uuid.uuid4().hex
        self.graph.tokens.add(token)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 3599}

    def _answered(self, method: str, path: str, body: Any) -> tuple[int, Any, dict[str, str]]:
        try:
            if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.graph.tokens:
                return 401, {"error": {"code": "InvalidAuthenticationToken"}}, {}
            with self.graph.lock:
                if path == "/v1.0/$batch":
                    return 200, {"responses": [self._of_batch(one) for one in body["requests"]]}, {}
                return *self._asked(method, path, body, self.headers.get("Prefer", "")), {}
        except Refusal as error:
            return error.status, {"error": {"code": error.code, "message": error.code}}, error.headers

    def _of_batch(self, one: dict[str, Any]) -> dict[str, Any]:
        prefer = one.get("headers", {}).get("Prefer", "")
        try:
            status, said = self._asked(one["method"], "/v1.0" + one["url"], one.get("body"), prefer)
        except Refusal as error:
            status, said = error.status, {"error": {"code": error.code}}
        return {"id": one["id"], "status": status, "body": said}

    def _asked(self, method: str, path: str, body: Any, prefer: str) -> tuple[int, Any]:
        url = urlsplit(path)
        found = re.fullmatch(r"/v1\.0/users/([^/]+)/(mailFolders|messages)(?:/([^/]+))?(?:/(.+))?", url.path)
        if not found:
            raise Refusal(400, "BadRequest")
        address, kind, id_, rest = (unquote(one or "") for one in found.groups())
        box = self.graph.box(address)
        if kind == "mailFolders":
            return self._folder(box, method, id_, rest, body, prefer, parse_qs(url.query))
        return self._message(box, method, self._known(box, id_, prefer), rest, body, prefer)

    def _folder(  # noqa: PLR0917
        self, box: Box, method: str, id_: str, rest: str, body: Any, prefer: str, query: dict[str, list[str]]
    ) -> tuple[int, Any]:
        id_ = "AAinbox" if id_ == "inbox" else id_
        if id_ and id_ not in box.folders:
            raise Refusal(404, "ErrorItemNotFound")
        if rest == "messages/delta":
            return 200, self._delta(box, id_, prefer, query)
        if id_ and not rest:
            return 200, {"id": id_}
        if method == "POST":
            return 201, {"id": box.make(body["displayName"], id_), "displayName": body["displayName"]}
        inside = [(one, name) for one, (name, parent) in box.folders.items() if parent == id_]
        return 200, {"value": [{"id": one, "displayName": name} for one, name in inside]}

    def _delta(self, box: Box, folder: str, prefer: str, query: dict[str, list[str]]) -> dict[str, Any]:
        token = (query.get("$deltatoken") or query.get("$skiptoken") or [""])[0]
        epoch, _, place = token.partition(".")
        if token and int(epoch) != box.epoch:
            raise Refusal(410, "syncStateNotFound")
        size = re.search(r"odata\.maxpagesize=(\d+)", prefer)
        changed = list(dict.fromkeys(id_ for where, id_ in box.log[int(place or 0) :] if where == folder))
        if not token:
            changed = [one for one in changed if one in box.mails and box.mails[one].folder == folder]
        most = int(size[1]) if size else 10
        told = [self._entry(box, folder, id_, prefer) for id_ in changed[:most]]
        if len(changed) > most:
            at = box.log.index((folder, changed[most]), int(place or 0))
            key, link = "$skiptoken", "@odata.nextLink"
        else:
            at, key, link = len(box.log), "$deltatoken", "@odata.deltaLink"
        base = f"http://{self.headers['Host']}{self.path.partition('?')[0]}"
        return {"value": told, link: f"{base}?{key}={box.epoch}.{at}"}

    def _entry(self, box: Box, folder: str, id_: str, prefer: str) -> dict[str, Any]:
        mail = box.mails.get(id_)
        shown = self._shown(id_, folder, prefer)
        if mail is None or mail.folder != folder:
            return {"id": shown, "@removed": {"reason": "deleted"}}
        return {"id": shown, "receivedDateTime": mail.received, "categories": mail.categories}

    @staticmethod
    def _shown(id_: str, folder: str, prefer: str) -> str:
        return id_ if 'IdType="ImmutableId"' in prefer else f"AAMk{folder}.{id_}"

    def _known(self, box: Box, id_: str, prefer: str) -> str:
        found = next((one for one, mail in box.mails.items() if self._shown(one, mail.folder, prefer) == id_), "")
        if not found:
            raise Refusal(404, "ErrorItemNotFound")
        return found

    def _message(  # noqa: PLR0917
        self, box: Box, method: str, id_: str, rest: str, body: Any, prefer: str
    ) -> tuple[int, Any]:
        mail = box.mails[id_]
        if rest == "$value":
            return 200, mail.raw
        if rest == "move":
            if body["destinationId"] not in box.folders:
                raise Refusal(404, "ErrorFolderNotFound")
            box.move(id_, body["destinationId"])
        elif method == "PATCH":
            mail.categories, mail.is_read = body["categories"], body["isRead"]
            box.log.append((mail.folder, id_))
        return 201, {"id": self._shown(id_, mail.folder, prefer)}

    def _send(self, status: int, said: Any, headers: dict[str, str] | None = None, *, half: bool = False) -> None:
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):  # who has read enough of a mail hangs up
            self.wfile.write(body[: len(body) // 2] if half else body)
        self.close_connection |= half

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def control(graph: Graph, order: dict[str, Any]) -> Any:
    """Do what a test wants."""
    do = order["do"]
    if do == "fault":
        graph.faults.append(order)
        return None
    if do == "expire":
        return graph.tokens.clear()
    box = graph.box(order["address"])
    if do == "lose_tokens":
        box.epoch += 1
        return None
    folder = box.path(order["folder"], make=do in ("deliver", "renew"))
    here = [id_ for id_, one in box.mails.items() if one.folder == folder]
    if do == "deliver":
        box.put(base64.b64decode(order["raw"]), folder)
    elif do == "contents":
        return [base64.b64encode(box.mails[one].raw).decode() for one in here]
    elif do == "renew":
        for one in here:
            del box.mails[one]
        box.make(*box.folders.pop(folder))
    return None


@contextlib.contextmanager
def running() -> Iterator[EwsServer]:
    """Run the server in a process of its own until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.servers.graph_mail", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield EwsServer(int(process.stdout.readline()))
        finally:
            process.stdin.close()


def main() -> None:
    Handler.graph = Graph()
    serve(Handler)


def serve(handler: type[BaseHTTPRequestHandler]) -> None:
    """Serve until the parent lets go of the pipe."""
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
