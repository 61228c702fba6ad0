"""Settings in a file, YAML or JSON, whole or in part; what it does not name stays as it is."""

import json
import sys
from pathlib import Path
from typing import Any

from esoffice.config.v1 import settings_pb2
from google.protobuf.message import Message

from config_service.cli import values
from config_service.cli.exits import WrongUsage
from mesh.setting_paths import Leaf, is_map, is_secret, leaves


def read(path: str) -> tuple[settings_pb2.Settings, list[str]]:
    """Return the settings a file holds, and the dotted paths that it names; `-` is standard input.

    Raises:
        WrongUsage: it cannot be read as settings; names the first setting that is wrong.
    """
    import yaml

    text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise WrongUsage(f"{path}: is neither YAML nor JSON{where}.") from wrong
    if not isinstance(content, dict):
        raise WrongUsage(f"{path}: holds no settings; `esconfig settings export` shows how they look.")
    settings = settings_pb2.Settings()
    paths: list[str] = []
    _take(settings, content, "", paths)
    return settings, paths


def written(settings: settings_pb2.Settings) -> dict[str, Any]:
    """Return the settings as a file holds them: the names of the paths, no secrets, not even which there are."""
    content: dict[str, Any] = {}
    for path, leaf in leaves(settings).items():
        if leaf.secret:
            continue
        *above, last = path.split(".")
        below = content
        for name in above:
            below = below.setdefault(name, {})
        below[last] = json.loads(leaf.value)
    return content


def left_out(current: settings_pb2.Settings, paths: list[str]) -> list[str]:
    """Return what `current` has and a file does not name: what `--replace` puts back to defaults, or deletes.

    A secret stays while the entry it belongs to does: files hold none.
    """
    known = leaves(current)
    gone = [path for path, leaf in known.items() if _is_entry(leaf) and not _named(path, paths)]
    single = [
        path
        for path, leaf in known.items()
        if not leaf.secret and not _is_entry(leaf) and path not in paths and not _named(path, gone, below=False)
    ]
    return [*gone, *single]


def _is_entry(leaf: Leaf) -> bool:
    return leaf.value == "{}" and not leaf.secret


def _named(path: str, paths: list[str], *, below: bool = True) -> bool:
    """Tell whether one of the paths is `path` or lies below it; or, without `below`, above it."""
    if below:
        return any(one == path or one.startswith(f"{path}.") for one in paths)
    return any(path == one or path.startswith(f"{one}.") for one in paths)


def _take(message: Any, content: dict[str, Any], prefix: str, paths: list[str]) -> None:
    for name, value in content.items():
        path = f"{prefix}{name}"
        field = values.named(message.DESCRIPTOR, str(name), path)
        path = f"{prefix}{field.name}"
        if is_map(field):
            for key, entry in _below(value, path).items():
                made = getattr(message, field.name)[str(key)]
                _take_entry(made, entry, f"{path}.{key}", paths)
        elif is_secret(field.message_type):
            paths.extend(_take_secret(getattr(message, field.name), value, path))
        elif field.message_type is not None and not field.is_repeated and not _is_duration(field):
            _take(getattr(message, field.name), _below(value, path), f"{path}.", paths)
        else:
            if value is not None:
                values.put(message, field, path, value, _no_secret)
            paths.append(path)


def _take_entry(entry: Message, content: Any, path: str, paths: list[str]) -> None:
    before = len(paths)
    _take(entry, _below(content, path), f"{path}.", paths)
    if len(paths) == before:
        paths.append(path)  # an entry in which nothing is set is there all the same


def _take_secret(secret: Any, value: Any, path: str) -> list[str]:
    """Take `{value: …}` or `{stored: …}`; a file is the place for it that no list of processes shows."""
    content = _below(value, path)
    if not set(content) <= {"value", "stored"}:
        raise WrongUsage(f"{path}: is a secret; write `value:` below it.")
    secret.value, secret.stored = str(content.get("value", "")), str(content.get("stored", ""))
    return [path] if content else []


def _below(value: Any, path: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise WrongUsage(f"{path}: has settings below it; a single value cannot stand here.")
    return value


def _is_duration(field: Any) -> bool:
    return bool(field.message_type.full_name == "google.protobuf.Duration")


def _no_secret(path: str, _: str) -> str:
    raise WrongUsage(f"{path}: is a secret; write `value:` below it.")
