"""What a command shows: tables and facts for people, JSON with the contract's names for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any

from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mesh.instants import instant

_PIPED_WIDTH = 10_000


class Output(StrEnum):
    """The forms a command's answer may have."""

    TABLE = "table"
    JSON = "json"


def plain(message: Message) -> dict[str, Any]:
    """Return a message as JSON data: the contract's JSON names, every field that is not a message always there."""
    return json_format.MessageToDict(message, always_print_fields_with_no_presence=True)


def show_data(data: Any) -> None:
    """Show data as JSON."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def show_line(line: str) -> None:
    """Show one line."""
    sys.stdout.write(printable(line) + "\n")


def show_facts(facts: Mapping[str, str]) -> None:
    """Show one thing, a line for each fact that is known."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        if value:
            show_line(f"{name:<{width}}  {value}")


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


def printable(text: str) -> str:
    """Return the text in one line and without control characters, which could make a terminal do things."""
    return "".join(
        one if one.isprintable() else " " if one in "\r\n\t" else "\N{REPLACEMENT CHARACTER}" for one in text
    )


def local_time(moment: Timestamp) -> str:
    """Return an instant in the machine's time zone, such as `Mo 2027-03-01 09:00`; empty for none."""
    if not (moment.seconds or moment.nanos):
        return ""
    return f"{instant(moment).astimezone():%Y-%m-%d %H:%M}"


def hours(span: Duration) -> str:
    """Return a working time such as `7:30 h`, `-0:40 h` when it is over."""
    minutes = round(span.ToTimedelta() / timedelta(minutes=1))
    return f"{'-' if minutes < 0 else ''}{abs(minutes) // 60}:{abs(minutes) % 60:02} h"


def short(name: str) -> str:
    """Return the last part of a resource name: `employees/17` is `17`."""
    return name.rpartition("/")[2]


def word(enum: Any, value: int, prefix: str) -> str:
    """Return an enum's value as people write it: `MILESTONE_KIND_REACTION` is `reaction`."""
    return str(enum.Name(value)).removeprefix(prefix).lower().replace("_", " ")
