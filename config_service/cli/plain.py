"""Texts from elsewhere, such as subjects of mails, made safe for a terminal."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from mesh.instants import instant


def printable(text: str) -> str:
    """Return the text in one line and without control characters, which could make a terminal do things."""
    return "".join(
        one if one.isprintable() else " " if one in "\r\n\t" else "\N{REPLACEMENT CHARACTER}" for one in text
    )


def local_time(moment: Timestamp | datetime | None) -> str:
    """Return an instant in the machine's time zone, such as `2027-03-01 09:00:00`; `-` for none."""
    if isinstance(moment, Timestamp):
        moment = instant(moment) if moment.seconds or moment.nanos else None
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "-"


def yes(condition: bool) -> str:
    """Return `yes` or nothing, which is easier to see in a column than yes and no."""
    return "yes" if condition else ""


def short(name: str) -> str:
    """Return the last part of a resource name or an enum's value: `users/anna` is `anna`."""
    return name.rpartition("/")[2]


def enum_word(type_name: str, value_name: str) -> str:
    """Return an enum's value as people write it: `LOG_LEVEL_INFO` of `LogLevel` is `info`."""
    return value_name.removeprefix(f"{enum_prefix(type_name)}_").lower()


def enum_prefix(type_name: str) -> str:
    """Return what the values of an enum start with: `LOG_LEVEL` for `LogLevel`."""
    return "".join(f"_{one}" if one.isupper() and place else one for place, one in enumerate(type_name)).upper()
