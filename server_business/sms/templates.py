"""Requests to gateways as the settings describe them, and what their answers say. Pure."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote, quote_plus

from server_business.sms.delivery import Delivery, Receipt

_LONGEST: Final = 64
_PLACE: Final = re.compile(r"\{(to|digits|text|sender|reference|user|password)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """How a gateway is spoken to; the fields are those of the contract's `SmsGatewaySettings`."""

    url: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    basic: bool = False
    success_path: str = ""
    success_values: tuple[str, ...] = ()
    later_values: tuple[str, ...] = ()
    id_path: str = ""
    idempotent: bool = False
    receipt_id_path: str = ""
    receipt_state_path: str = ""
    receipt_states: Mapping[str, Delivery] = field(default_factory=dict)
    inbound_from_path: str = ""
    inbound_to_path: str = ""
    inbound_text_path: str = ""
    inbound_id_path: str = ""


def filled(template: str, values: Mapping[str, str], escape: Callable[[str], str]) -> str:
    """Return a template with its placeholders filled in."""
    return _PLACE.sub(lambda found: escape(values[found[1]]), template)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent to a gateway."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def request(gateway: Gateway, values: Mapping[str, str]) -> Request:
    """Return the request that hands a message over."""
    is_json = gateway.body.lstrip()[:1] in ("{", "[")
    headers = {name: filled(text, values, str) for name, text in gateway.headers.items()}
    if gateway.body:
        kind = "application/json" if is_json else "application/x-www-form-urlencoded"
        headers = {"content-type": kind, **headers}
    escape: Callable[[str], str] = (lambda text: json.dumps(text)[1:-1]) if is_json else quote_plus
    return Request(
        method=gateway.method,
        url=filled(gateway.url, values, lambda text: quote(text, safe="")),
        headers=headers,
        body=filled(gateway.body, values, escape).encode(),
    )


def read(content: bytes, content_type: str) -> Any:
    """Return an answer or a webhook as data: JSON, a form, or its text; whatever else as text, too."""
    text = content.decode("utf-8", "replace").strip()
    if "urlencoded" in content_type:
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def at(data: Any, path: str) -> list[str]:
    """Return what stands at a path, as texts; several where it holds `*`, none where nothing stands."""
    return [_text(one) for one in _walk(data, path.split("/"))] if path else []


def first(data: Any, path: str) -> str:
    """Return what stands at a path, empty for nothing."""
    return next(iter(at(data, path)), "")


def _walk(data: Any, steps: Sequence[str]) -> Iterator[Any]:
    if not steps:
        yield data
    elif isinstance(data, dict):
        if steps[0] in data:
            yield from _walk(data[steps[0]], steps[1:])
    elif isinstance(data, list):
        if steps[0] == "*":
            for one in data:
                yield from _walk(one, steps[1:])
        elif steps[0].isdecimal() and int(steps[0]) < len(data):
            yield from _walk(data[int(steps[0])], steps[1:])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means: taken, refused or later (neither), in the gateway's words.

    `partly`: it has taken a part of the message and not the rest; nobody can send the rest alone.
    """

    taken: bool
    later: bool
    reason: str
    partly: bool = False
    references: tuple[str, ...] = ()


def verdict(gateway: Gateway, data: Any) -> Verdict:
    """Return what an answer with status 2xx means. One whose answer has several entries is taken when all say so."""
    said = at(data, gateway.success_path)
    references = tuple(one for one in at(data, gateway.id_path) if one)
    if not gateway.success_path:
        return Verdict(taken=True, later=False, reason="taken", references=references)
    wrong = [one for one in said if one not in gateway.success_values]
    if said and not wrong:
        return Verdict(taken=True, later=False, reason="taken", references=references)
    reason = f"the gateway says {', '.join(wrong) or 'nothing we know'}"
    partly = 0 < len(wrong) < len(said)
    later = bool(wrong) and not partly and set(wrong) <= set(gateway.later_values)
    return Verdict(taken=False, later=later, reason=reason, partly=partly)


def receipt(gateway: Gateway, data: Any) -> Receipt | None:
    """Return the receipt a webhook brings; None when it brings none, or a state that says nothing yet."""
    reference = first(data, gateway.receipt_id_path)
    state = gateway.receipt_states.get(first(data, gateway.receipt_state_path).casefold())
    return Receipt(reference=reference[:_LONGEST], state=state) if reference and state is not None else None
