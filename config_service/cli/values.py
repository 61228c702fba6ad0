"""Settings as people write them: `30s`, `yes`, `info`, `a,b`; the field's type says how to read them."""

import difflib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from config_service.cli.exits import WrongUsage
from config_service.cli.plain import enum_prefix, enum_word
from mesh.setting_paths import is_map, is_secret, is_table

_YES = frozenset({"true", "yes", "on", "1", "ja", "an"})
_NO = frozenset({"false", "no", "off", "0", "nein", "aus"})
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)\s*")
_DURATION = "google.protobuf.Duration"
_INTEGERS = (
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
)
_FLOATS = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)
ReadSecret = Callable[[str, str], str]
"""Gets path and text of a secret, `@-` or `@`, and returns the secret."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads: the field, or the entry of a map field, of the message that `walk` returns."""

    field: Any  # FieldDescriptor; the two kinds there are have no common type
    key: str | None = None


def place_of(descriptor: Any, path: str) -> Place:
    """Return where a path leads, through map keys where there are any.

    Raises:
        WrongUsage: it leads nowhere; says what was probably meant.
    """
    parts = path.split(".")
    while True:
        field = named(descriptor, parts.pop(0), path)
        key = parts.pop(0) if is_map(field) and parts else None
        if not parts:
            return Place(field, key)
        below = field.message_type.fields_by_name["value"].message_type if is_map(field) else field.message_type
        if below is None or field.message_type.full_name == _DURATION or is_secret(below):
            raise WrongUsage(f"{path}: {field.name} has no settings below it.")
        descriptor = below


def named(descriptor: Any, name: str, path: str) -> Any:
    """Return the field of that name, in the contract's or in JSON's spelling.

    Raises:
        WrongUsage: there is none; says what was probably meant.
    """
    for field in descriptor.fields:
        if name in (field.name, field.json_name):
            return field
    near = difflib.get_close_matches(name, [field.name for field in descriptor.fields], n=1)
    there = f"did you mean {near[0]}?" if near else f"there are {', '.join(one.name for one in descriptor.fields)}."
    raise WrongUsage(f"{path}: there is no setting {name!r}; {there}")


def assign(message: Message, path: str, text: str, read_secret: ReadSecret) -> None:
    """Set what a path leads to, making map entries on the way. An empty text leaves it unset.

    Raises:
        WrongUsage: no such setting, or no such value.
    """
    place = place_of(message.DESCRIPTOR, path)
    if text == "":
        return
    if is_map(place.field) or (place.field.message_type is not None and not _is_leaf(place.field)):
        raise WrongUsage(f"{path}: has settings below it; name one of them, or use `esconfig settings apply FILE`.")
    *above, _ = path.split(".")
    target: Any = message
    while above:
        field = named(target.DESCRIPTOR, above.pop(0), path)
        target = getattr(target, field.name)
        if is_map(field):
            target = target[above.pop(0)]
    put(target, place.field, path, text, read_secret)


def put(target: Any, field: Any, path: str, value: Any, read_secret: ReadSecret) -> None:
    """Set a field to a value: a text as people write it, or what a file holds.

    Raises:
        WrongUsage: no such value.
    """
    if is_table(field):
        of = field.message_type.fields_by_name["value"]
        for key, each in _entries(value, path):
            getattr(target, field.name)[key] = one_of(of, path, each)
    elif field.is_repeated:
        getattr(target, field.name).extend(one_of(field, path, each) for each in _items(value, path))
    elif is_secret(field.message_type):
        getattr(target, field.name).value = _secret(path, value, read_secret)
    elif field.message_type is not None:
        getattr(target, field.name).FromTimedelta(duration(path, str(value)))
    else:
        setattr(target, field.name, one_of(field, path, value))


def one_of(field: Any, path: str, value: Any) -> Any:
    """Return one value of a field's type.

    Raises:
        WrongUsage: no such value.
    """
    text = str(value).strip()
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return _boolean(path, text.lower())
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return _enum(path, field.enum_type, text)
    if field.cpp_type in _INTEGERS:
        return _number(path, text, int, "a whole number")
    if field.cpp_type in _FLOATS:
        return _number(path, text, float, "a number")
    if isinstance(value, bool):
        raise WrongUsage(f"{path}: is a text; put it in quotes.")
    return str(value)


def duration(path: str, text: str) -> timedelta:
    """Read a duration such as `30s`, `1h30m`, `2d`, `500ms`.

    Raises:
        WrongUsage: it is none.
    """
    total, end = timedelta(), 0
    for part in _PART.finditer(text):
        if part.start() != end:
            break
        total += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    if end == 0 or end != len(text):
        raise WrongUsage(f"{path}: {text!r} is no duration; write 30s, 5m, 1h30m or 2d.")
    return total


def shown(descriptor: Descriptor, path: str, value: str) -> str:
    """Return a value, given in JSON, as people write it."""
    if not value or value in ("set", "changed"):
        return value
    plain = json.loads(value)
    field = place_of(descriptor, path).field
    enum = (field.message_type.fields_by_name["value"] if is_table(field) else field).enum_type

    def said(one: Any) -> str:
        return enum_word(enum.name, one) if enum is not None and isinstance(one, str) else _word(one)

    if isinstance(plain, dict):
        return ",".join(f"{key}={said(one)}" for key, one in plain.items())
    return ",".join(map(said, plain if isinstance(plain, list) else [plain]))


def _word(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _is_leaf(field: Any) -> bool:
    return field.is_repeated or field.message_type.full_name == _DURATION or is_secret(field.message_type)


def _items(value: Any, path: str) -> list[Any]:
    if isinstance(value, list):
        return value
    text = str(value).strip()
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except json.JSONDecodeError as wrong:
            raise WrongUsage(f"{path}: is no JSON list: {wrong.msg} at character {wrong.pos + 1}.") from wrong
        return list(listed)
    return [one.strip() for one in text.split(",") if one.strip()]


def _entries(value: Any, path: str) -> list[tuple[str, Any]]:
    """Return the entries of a map of plain values: `{a: x, b: y}` of a file, a JSON object, or `a=x,b=y`."""
    if isinstance(value, str) and value.strip().startswith("{"):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as wrong:
            raise WrongUsage(f"{path}: is no JSON object: {wrong.msg} at character {wrong.pos + 1}.") from wrong
    if isinstance(value, dict):
        return [(str(key), each) for key, each in value.items()]
    pairs = [one.partition("=") for one in _items(value, path)]
    if any(not (key.strip() and sign) for key, sign, _ in pairs):
        raise WrongUsage(f"{path}: write its entries as name=value,name=value, or as a JSON object.")
    return [(key.strip(), each.strip()) for key, _, each in pairs]


def _secret(path: str, value: Any, read_secret: ReadSecret) -> str:
    if value in ("@-", "@"):
        return read_secret(path, str(value))
    raise WrongUsage(
        f"{path}: is a secret and does not belong on a command line; write {path}=@- to give it on standard input, "
        f"or {path}=@ to be asked for it."
    )


def _boolean(path: str, text: str) -> bool:
    if text in _YES or text in _NO:
        return text in _YES
    raise WrongUsage(f"{path}: {text!r} is neither yes nor no.")


def _enum(path: str, enum: EnumDescriptor, text: str) -> int:
    word = text.upper().replace("-", "_")
    for name in (word, f"{enum_prefix(enum.name)}_{word}"):
        if name in enum.values_by_name:
            return int(enum.values_by_name[name].number)
    known = ", ".join(enum_word(enum.name, one.name) for one in enum.values if one.number)
    raise WrongUsage(f"{path}: {text!r} is not one of {known}.")


def _number(path: str, text: str, kind: Callable[[str], Any], words: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise WrongUsage(f"{path}: {text!r} is not {words}.") from None
