"""Tells one thing, to be killed: `python -m tests.integration.server_es.notices_program URL FOLDER HOURS`.

The other side is a folder: a file for every letter, named by its id, as server_business keeps a row.
"""

import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.failpoints import failpoint
from server_es.notices.post import Letter, Outcome, Refused
from server_es.notices.rules import Channel, State
from server_es.schema import METADATA
from tests.builders.notices import House

BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, letters: Sequence[Letter]) -> list[str | Refused]:
        for letter in letters:
            (self.path / letter.request_id).write_text(f"{letter.address} {letter.text}")
        return [f"sms/{letter.request_id}" for letter in letters]

    def outcomes(self, names: Collection[str]) -> Mapping[str, Outcome]:
        return {one: Outcome(state=State.DELIVERED) for one in names if (self.path / one.removeprefix("sms/")).exists()}


def main(url: str, folder: str, hours: str) -> None:
    clock = ManualClock(BEGIN + timedelta(hours=int(hours)))
    with Database(url, metadata=METADATA, clock=clock) as database:
        METADATA.create_all(database.engine)
        house = House(database, Folder(Path(folder)))
        house.furnish()
        house.tell(channels=frozenset({Channel.SMS}), urgent=True)
        failpoint("notices.told")
        house.turn()
        house.later(minutes=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
