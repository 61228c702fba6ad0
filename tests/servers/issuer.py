"""An issuer of OAuth 2 tokens: client credentials, device flow (RFC 8628) and refresh, in a thread of the test.

What a test may say: `secret`; `answers`, what the next looks for the sign-in of a person get, such as
`authorization_pending`, and when none are left the person has signed in; `seconds`, how long tokens hold; `interval`;
`suffix` of every access token; `refreshes`, whoever signs in may stay; `rotates`, a refresh token holds once;
`revoked`, none holds any more; `down`.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs

DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
CLIENT: Final = "es"


class Issuer:
    """The state; the address of both endpoints."""

    def __init__(self, port: int) -> None:
        self.token_url = f"http://127.0.0.1:{port}/firma/oauth2/v2.0/token"
        self.device_url = f"http://127.0.0.1:{port}/firma/oauth2/v2.0/devicecode"
        self.secret = "geheim"
        self.answers: list[str] = []
        self.seconds: Any = 3600
        self.interval: float = 0.01
        self.revoked = False
        self.rotates = False
        self.refreshes = True
        self.down = False
        self.asked: list[dict[str, str]] = []
        self.suffix = ""
        self._codes: set[str] = set()
        self._refresh: set[str] = set()
        self._count = 0

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.asked.append(asked)
        if self.down:
            return 503, {}
        if asked.get("client_id") != CLIENT:
            return refused("unauthorized_client", "AADSTS700016: no such application")
        if path == "/firma/oauth2/v2.0/devicecode":
            return 200, self._begun()
        answers = {
            "client_credentials": self._as_itself,
            "refresh_token": self._again,
            DEVICE: self._by_person,
        }
        return answers[asked["grant_type"]](asked)

    def _begun(self) -> dict[str, Any]:
        self._codes.add(code := f"device-{len(self._codes)}")
        page = "https://issuer.example/device"
        return {
            "device_code": code, "user_code": "ABCD-EFGH", "verification_uri": page, "expires_in": 900,
            "interval": self.interval, "verification_uri_complete": f"{page}?code=ABCD-EFGH",
        }  # fmt: skip

    def _as_itself(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if asked.get("client_secret") != self.secret:
            return refused("invalid_client", "AADSTS7000215: Invalid client secret")
        return 200, self._tokens(refresh=False)

    def _by_person(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if self.answers:
            said = self.answers.pop(0)
            return refused(said, f"AADSTS: {said}")
        if asked["device_code"] not in self._codes:
            return refused("bad_verification_code", "AADSTS: unknown code")
        self._codes.discard(asked["device_code"])
        return 200, self._tokens(refresh=self.refreshes)

    def _again(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        given = asked["refresh_token"]
        if self.revoked or given not in self._refresh:
            return refused("invalid_grant", "AADSTS700082: The refresh token has expired")
        if self.rotates:
            self._refresh.discard(given)
        return 200, self._tokens(refresh=self.rotates)

    def _tokens(self, *, refresh: bool) -> dict[str, Any]:
        self._count += 1
        token = f"token-{self._count}{self.suffix}"
        said = {"access_token": token, "token_type": "Bearer", "expires_in": self.seconds}
        if refresh:
            self._refresh.add(fresh := f"refresh-{self._count}")
            said["refresh_token"] = fresh
        return said


def refused(error: str, text: str) -> tuple[int, dict[str, Any]]:
    return 400, {"error": error, "error_description": text}


@contextmanager
def issuer() -> Iterator[Issuer]:
    """Run one until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, said = made.answer(self.path, {key: values[0] for key, values in parse_qs(body).items()})
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Issuer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
