"""Settings as dotted paths, through map keys where there are any: `server_business.mail.accounts.inbox.folder`.

Works on every message by its descriptor, so a new setting needs no code here. What a setting may be read as, and
whether
a running service takes it, stands in its contract: `(secret)` and `(apply)` of `esoffice.options.v1`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from esoffice.options.v1 import options_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message


class Apply(Enum):
    """How a changed setting reaches the running service."""

    LIVE = options_pb2.APPLY_LIVE
    RESTART = options_pb2.APPLY_RESTART


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting that is set: its value in JSON; of a secret, which one it is."""

    value: str
    apply: Apply
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs. Values in JSON, empty when not set; of a secret only `set` and `changed`."""

    path: str
    old: str
    new: str
    apply: Apply


def leaves(settings: Message) -> dict[str, Leaf]:
    """Return every setting that is set, by path, in the contract's order."""
    return dict(_leaves(settings, "", Apply.RESTART))


def diff(old: Message, new: Message) -> list[Change]:
    """Return in what `new` differs from `old`, by path."""
    before, after = leaves(old), leaves(new)
    return [
        _change(path, before.get(path), after.get(path))
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    ]


def needs_restart(changes: list[Change]) -> list[str]:
    """Return the paths of those changes that a running service cannot take."""
    return [one.path for one in changes if one.apply is Apply.RESTART]


def secrets(settings: Message) -> Iterator[tuple[str, Any]]:
    """Yield every `Secret` that is there, with its path; changing it changes `settings`."""
    for field, value in settings.ListFields():
        if is_map(field):
            for key in sorted(value):
                yield from _below(f"{field.name}.{key}", value[key])
        elif field.message_type is not None and not field.is_repeated:
            yield from _below(field.name, value)


def own_part(settings: Message, service: str) -> Any:
    """Return a service's own part of `Settings`: the field that has its name.

    Raises:
        AttributeError: there are no settings for such a service.
    """
    return getattr(settings, service)


def is_map(field: Any) -> bool:
    """Tell whether the field is a map of messages, whose entries have settings below them."""
    return is_table(field) and field.message_type.fields_by_name["value"].message_type is not None


def is_table(field: Any) -> bool:
    """Tell whether the field is a map, of messages or of plain values; one of plain values is one setting."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def is_secret(message: Any) -> bool:
    """Tell whether a message is a secret: the one that has a field marked `(secret)`."""
    return message is not None and any(one.GetOptions().Extensions[options_pb2.secret] for one in message.fields)


def _below(path: str, message: Message) -> Iterator[tuple[str, Any]]:
    if is_secret(message.DESCRIPTOR):
        yield path, message
    else:
        yield from ((f"{path}.{deeper}", secret) for deeper, secret in secrets(message))


def _leaves(message: Message, prefix: str, inherited: Apply) -> Iterator[tuple[str, Leaf]]:
    for field, value in message.ListFields():
        path, apply = prefix + field.name, _apply(field, inherited)
        if is_map(field):
            for key in sorted(value):
                yield f"{path}.{key}", Leaf("{}", apply)  # an entry is there even when nothing in it is set
                yield from _leaves(value[key], f"{path}.{key}.", apply)
        elif field.message_type is None or field.is_repeated or isinstance(value, Duration):
            yield path, Leaf(_json(field, value), apply)
        elif is_secret(field.message_type):
            yield path, Leaf(value.value or value.stored, apply, secret=True)
        else:
            yield from _leaves(value, f"{path}.", apply)


def _apply(field: FieldDescriptor, inherited: Apply) -> Apply:
    said = field.GetOptions().Extensions[options_pb2.apply]
    return Apply(said) if said else inherited


def _change(path: str, old: Leaf | None, new: Leaf | None) -> Change:
    there = new or old
    assert there is not None
    if there.secret:
        before = "set" if old and old.value else ""
        after = "" if not (new and new.value) else "changed" if before else "set"
        return Change(path, before, after, there.apply)
    return Change(path, old.value if old else "", new.value if new else "", there.apply)


def _json(field: FieldDescriptor, value: Any) -> str:
    plain: Any
    if is_table(field):
        of: Any = field.message_type
        plain = {key: _plain(of.fields_by_name["value"], value[key]) for key in sorted(value)}
    else:
        plain = [_plain(field, one) for one in value] if field.is_repeated else _plain(field, value)
    return json.dumps(plain, ensure_ascii=False)


def _plain(field: FieldDescriptor, value: Any) -> Any:
    if isinstance(value, Duration):
        return value.ToJsonString()
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    return value
