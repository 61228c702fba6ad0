"""Changes settings by a mask of dotted paths, and fills in the defaults their contracts name."""

import difflib
from collections.abc import Iterable
from typing import Any

from esoffice.config.v1 import business_settings_pb2, settings_pb2
from esoffice.options.v1 import options_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from mesh.errors import Violation
from mesh.setting_paths import is_map, is_secret

WHOLE = "*"
_IMAP, _IMAPS = 143, 993
_MailAccount = business_settings_pb2.MailAccount


class NoSuchSetting(Exception):
    """The path names nothing; its text is the sentence for the caller."""


def merged(
    current: settings_pb2.Settings, wanted: settings_pb2.Settings, paths: Iterable[str]
) -> tuple[settings_pb2.Settings, list[Violation]]:
    """Return `current` with what `paths` name taken from `wanted`, and what is wrong with the paths.

    A path that `wanted` leaves unset goes back to its default; a map entry is deleted.
    """
    result, wrong = settings_pb2.Settings(), []
    result.CopyFrom(current)
    for path in paths:
        if path == WHOLE:
            result.CopyFrom(wanted)
            continue
        try:
            _take(result, wanted, path.split("."))
        except NoSuchSetting as reason:
            wrong.append(Violation("update_mask", f"{path[:200]!r} {reason}"))
    return result, wrong


def completed(settings: settings_pb2.Settings) -> settings_pb2.Settings:
    """Return the settings with every unset one filled with its default: what is in effect."""
    result = settings_pb2.Settings()
    result.CopyFrom(settings)
    _fill(result)
    for account in result.server_business.mail.accounts.values():
        if not account.port and account.kind == _MailAccount.KIND_IMAP:
            account.port = _IMAPS if account.security == _MailAccount.SECURITY_TLS else _IMAP
    return result


def _take(target: Message, wanted: Message | None, parts: list[str]) -> None:
    """Set what `parts` name in `target` to its value in `wanted`; None: there it is unset."""
    field = target.DESCRIPTOR.fields_by_name.get(parts[0])
    if field is None:
        near = difflib.get_close_matches(parts[0], list(target.DESCRIPTOR.fields_by_name), n=1)
        raise NoSuchSetting(f"names no setting{f'; did you mean {near[0]!r}?' if near else ''}")
    if is_map(field) and len(parts) > 1:
        _take_entry(getattr(target, field.name), getattr(wanted, field.name, {}), parts[1:])
    elif len(parts) == 1:
        _replace(target, wanted, field)
    elif field.message_type is None or field.is_repeated or isinstance(getattr(target, field.name), Duration):
        raise NoSuchSetting(f"names no setting: {field.name!r} has none below it")
    else:
        below = getattr(wanted, field.name) if wanted is not None and wanted.HasField(field.name) else None
        _take(getattr(target, field.name), below, parts[1:])


def _take_entry(target: Any, wanted: Any, parts: list[str]) -> None:
    key, *rest = parts
    there = wanted[key] if key in wanted else None  # noqa: SIM401 - a protobuf map's get() makes the entry
    if there is None and (not rest or key not in target):
        target.pop(key, None)
    elif rest:
        _take(target[key], there, rest)
    else:
        target[key].CopyFrom(there)


def _replace(target: Message, wanted: Message | None, field: Any) -> None:
    target.ClearField(field.name)
    if wanted is None:
        return
    value = getattr(wanted, field.name)
    if field.is_repeated:  # maps are, too
        getattr(target, field.name).MergeFrom(value)
    elif field.message_type is None:
        setattr(target, field.name, value)
    elif wanted.HasField(field.name):
        getattr(target, field.name).CopyFrom(value)


def _fill(message: Message) -> None:
    for field in message.DESCRIPTOR.fields:
        default = field.GetOptions().Extensions[options_pb2.default_value]
        if is_map(field):
            for entry in getattr(message, field.name).values():
                _fill(entry)
        elif default:
            _fill_field(message, field, default)
        elif field.message_type is not None and not field.is_repeated and not is_secret(field.message_type):
            below = getattr(message, field.name)
            below.SetInParent()
            _fill(below)


def _fill_field(message: Message, field: Any, default: str) -> None:
    if field.message_type is not None:  # the contracts give defaults to durations only
        if not message.HasField(field.name):
            getattr(message, field.name).FromJsonString(default)
    elif not getattr(message, field.name):
        if field.enum_type is not None:
            setattr(message, field.name, field.enum_type.values_by_name[default].number)
        else:
            setattr(message, field.name, default if field.type == FieldDescriptor.TYPE_STRING else int(default))
