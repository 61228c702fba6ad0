"""What a command shows: a table for people, JSON or YAML with the contract's JSON names for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table
from rich.text import Text

from config_service.cli.plain import printable

T = TypeVar("T")
Columns = Mapping[str, Callable[[T], str]]
_PIPED_WIDTH = 10_000


class Output(StrEnum):
    """The forms a command's answer may have."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def plain(message: Message) -> dict[str, Any]:
    """Return a message as JSON data: the contract's JSON names, every field that is not a message always there."""
    return json_format.MessageToDict(message, always_print_fields_with_no_presence=True)


def show_list(output: Output, messages: Sequence[Message], columns: Columns[Any]) -> None:
    """Show messages: a table, or a list."""
    if output is Output.TABLE:
        show_table(list(columns), ([cell(one) for cell in columns.values()] for one in messages))
    else:
        show_data(output, [plain(one) for one in messages])


def show_one(output: Output, message: Message, rows: Columns[Any]) -> None:
    """Show a message: a line for each of its facts, or an object."""
    if output is Output.TABLE:
        show_facts({name: cell(message) for name, cell in rows.items()})
    else:
        show_data(output, plain(message))


def show_data(output: Output, data: Any) -> None:
    """Show data as JSON or YAML."""
    if output is Output.YAML:
        import yaml

        sys.stdout.write(yaml.safe_dump(data, allow_unicode=True, sort_keys=False))
    else:
        sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def show_facts(facts: Mapping[str, str]) -> None:
    """Show one thing, a line for each fact."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        sys.stdout.write(f"{name:<{width}}  {printable(value)}".rstrip() + "\n")


def show_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Show rows below their column heads; in a pipe nothing is cut or wrapped."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))  # Text: brackets in it are no markup
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        sys.stdout.write(line.rstrip() + "\n")
