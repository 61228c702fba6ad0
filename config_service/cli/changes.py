"""Changes of settings as people see them before and after a save."""

import sys
from collections.abc import Sequence

from esoffice.config.v1 import settings_pb2
from esoffice.options.v1 import options_pb2

from config_service.cli import values
from config_service.cli.output import show_table
from config_service.cli.plain import printable

SERVICES = ("config_service", "server_es", "server_business")
_DESCRIPTOR = settings_pb2.Settings.DESCRIPTOR
Change = settings_pb2.SettingChange


def show(changes: Sequence[Change]) -> None:
    """Show what changes, and what has to restart for it."""
    if not changes:
        sys.stdout.write("Nothing changes.\n")
        return
    head = ("SETTING", "BEFORE", "AFTER", "APPLIES")
    show_table(
        head, ((one.path, _shown(one, one.old_value), _shown(one, one.new_value), _applies(one)) for one in changes)
    )
    services = restarted(changes)
    if services:
        sys.stdout.write(f"Restarts {', '.join(services)}, every instance by itself; running calls get their time.\n")


def warn(warnings: Sequence[settings_pb2.SettingWarning]) -> None:
    """Show what is allowed but probably not meant."""
    for one in warnings:
        sys.stderr.write(f"esconfig: warning: {printable(f'{one.path}: {one.description}')}\n")


def restarted(changes: Sequence[Change]) -> list[str]:
    """Return the services that have to restart for these changes."""
    parts = {one.path.partition(".")[0] for one in changes if one.apply == options_pb2.APPLY_RESTART}
    return [service for service in SERVICES if service in parts or "common" in parts]


def _applies(change: Change) -> str:
    services = restarted([change])
    return f"restarts {', '.join(services)}" if services else "at once"


def _shown(change: Change, value: str) -> str:
    return values.shown(_DESCRIPTOR, change.path, value)
