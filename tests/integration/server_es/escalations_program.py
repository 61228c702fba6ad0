"""Escalates what is due, to be killed: `python -m tests.integration.server_es.escalations_program URL INSTANT`."""

import sys
import threading
from datetime import datetime, timedelta

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.workers import Turn
from server_es.escalations.worker import Timekeeper
from server_es.schema import METADATA
from tests.builders.escalations import EscalatingRooms


def main(url: str, instant: str) -> None:
    rooms = EscalatingRooms()
    with Database(url, metadata=METADATA, clock=ManualClock(datetime.fromisoformat(instant))) as database:
        rooms.servicecalls(database)
        keeper = Timekeeper(database, rooms.engine, rooms.choice)
        while not isinstance(keeper.turn(Turn(threading.Event())), timedelta):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
