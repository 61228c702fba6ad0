"""One turn of the worker that tells of handoffs, to be killed: `python -m … URL INSTANT`."""

import sys
import threading
from datetime import datetime

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.workers import Turn
from server_es.schema import METADATA
from tests.builders.duty import handover


def main(url: str, now: str) -> None:
    clock = ManualClock(datetime.fromisoformat(now))
    with Database(url, metadata=METADATA, clock=clock) as database:
        handover(database).turn(Turn(threading.Event()))
    print("told")


if __name__ == "__main__":
    main(*sys.argv[1:])
