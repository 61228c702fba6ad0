"""The door for gateways: receipts and received messages over HTTP. Answered when they are durable."""

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mesh.database import Database, UnitOfWork
from mesh.wakeups import Doorbell
from server_business.sms import inbox, store, templates
from server_business.sms.providers import Received
from server_business.sms.templates import Gateway

_MOST_BYTES: Final = 64 * 1024
_REFERENCE: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A gateway's webhook.

    Attributes:
        gateway: what it sends.
        secret: it must show.
        signed_url: our address as Twilio knows it; empty: nothing need be signed.
        key: what Twilio signs with.
    """

    gateway: Gateway
    secret: str
    signed_url: str = ""
    key: str = ""


def app(database: Database, hooks: Mapping[str, Hook], bell_of: Callable[[str], Doorbell]) -> Starlette:
    """Return the ASGI application: `/sms/{provider}`, with GET or POST."""

    async def hook(request: Request) -> Response:
        name = request.path_params["provider"]
        known = hooks.get(name)
        shown = request.headers.get("x-webhook-secret") or request.query_params.get("secret", "")
        expected = known.secret if known else ""
        # Compared also for a provider that is unknown: how long it takes tells nothing.
        if not hmac.compare_digest(shown.encode(), expected.encode()) or known is None or not expected:
            return PlainTextResponse("not allowed", 403)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _MOST_BYTES:
                return PlainTextResponse("too large", 413)
        if known.signed_url and not _is_signed(known, request, body):
            return PlainTextResponse("not allowed", 403)
        data: Any = templates.read(body, request.headers.get("content-type", "")) if body else {}
        if not isinstance(data, dict) or not data:
            data = {key: value for key, value in request.query_params.items() if key != "secret"}
        await database.run(_keep, name, known.gateway, data, bell_of)
        return Response(status_code=204)

    return Starlette(routes=[Route("/sms/{provider}", hook, methods=["GET", "POST"])])


def _is_signed(hook: Hook, request: Request, body: bytes) -> bool:
    """Tell whether a request carries Twilio's signature over the address and the fields of its form."""
    query = f"?{request.url.query}" if request.url.query else ""
    form = "urlencoded" in request.headers.get("content-type", "")
    fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True) if form else []
    signed = hook.signed_url + query + "".join(name + value for name, value in sorted(fields))
    expected = base64.b64encode(hmac.digest(hook.key.encode(), signed.encode("utf-8", "replace"), "sha1"))
    return hmac.compare_digest(request.headers.get("x-twilio-signature", "").encode(), expected)


def _keep(unit: UnitOfWork, provider: str, gateway: Gateway, data: Any, bell_of: Callable[[str], Doorbell]) -> None:
    """Keep what a webhook brings; what it may bring besides is of no use to us."""
    receipt = templates.receipt(gateway, data)
    if receipt is not None:
        store.receive(unit, provider, [receipt])
        return
    text, sender = templates.at(data, gateway.inbound_text_path), templates.first(data, gateway.inbound_from_path)
    if text and sender and not templates.first(data, gateway.receipt_state_path):
        said = Received(
            sender=sender,
            recipient=templates.first(data, gateway.inbound_to_path),
            text=text[0],
            reference=templates.first(data, gateway.inbound_id_path)[:_REFERENCE],
        )
        inbox.keep(unit, provider, said)
        bell_of(inbox.BELL).ring_after(unit)
