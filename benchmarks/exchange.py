"""The sync of a mailbox over EWS: how fast, and with how many calls beside the fewest there can be."""

import math
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.lines import line
from mesh.clock import SystemClock
from mesh.database import Database
from server_business.app import definition
from server_business.ews_services import MOST_CHANGES as AT_ONCE
from server_business.exchange.engine import BATCH
from tests.builders.exchange import Office, exchange_house

COUNT = 500
TIMES = 1.1
_FETCHED_AT_ONCE = 100
_KINDS = 2


def measure(count: int = COUNT) -> list[dict[str, Any]]:
    """Return lines for new appointments on both sides, and for a mailbox in which nothing has changed."""
    with tempfile.TemporaryDirectory() as name, exchange_house(Path(name)) as house:
        url = f"sqlite:///{Path(name) / 'business.db'}"
        with Database(url, metadata=definition.metadata, clock=SystemClock()) as database:
            definition.metadata.create_all(database.engine)
            office = house.office(database)
            office.sync()  # opens the connections
            for number in range(count):
                office.make(f"ERP {number}", number % 48)
                office.exchange.appointment(f"Exchange {number}", "2026-12-01T08:00:00Z", "2026-12-01T09:00:00Z")
            seconds, calls = _round(office)
            assert all(len(one) == 2 * count for one in office.titles())
            _, echo = _round(office)
            _, rest = _round(office)
    fewest = _fewest(count)
    return [
        line(f"changes of {count} new on each side", 2 * count / seconds, "1/s"),
        line(
            "calls for them",
            calls,
            "calls",
            peer="the fewest",
            peer_measured=fewest,
            ratio=fewest / calls,
            goal=f"at most {TIMES} x the fewest",
            met=calls <= TIMES * fewest,
        ),
        line("calls to see them come back", echo, "calls"),
        line("calls of a round at rest", rest, "calls"),
    ]


def _fewest(count: int) -> int:
    """Tokens of two kinds, each item read once and written once, as many at once as can be."""
    read = math.ceil(count / AT_ONCE) + math.ceil(count / _FETCHED_AT_ONCE)
    return read + (_KINDS - 1) + math.ceil(count / BATCH)


def _round(office: Office) -> tuple[float, int]:
    before, started = office.exchange.calls(), time.perf_counter()
    office.sync()
    return time.perf_counter() - started, office.exchange.calls() - before
