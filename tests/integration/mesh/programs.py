"""Programs that tests start as processes of their own, to kill or to race them: `python -m … NAME URL [ARGUMENT]`."""

import sys
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, String, Table, insert

from mesh.claims import job_columns
from mesh.clock import SystemClock
from mesh.columns import new_metadata
from mesh.database import Database, UnitOfWork
from mesh.failpoints import failpoint
from mesh.idempotency import Asked, RequestLog
from mesh.leases import Leases
from mesh.migrations import upgrade

TABLES: MetaData = new_metadata()
job = Table("job", TABLES, Column("id", Integer, primary_key=True), Column("kind", String(20)), *job_columns())
effect = Table("effect", TABLES, Column("id", Integer, primary_key=True), Column("text", String(80), nullable=False))
requests = RequestLog(TABLES)
leases = Leases(TABLES)


def asked(number: int, content: str = "") -> Asked:
    return Asked(caller="test", request_id=f"r{number}", method="Do", fingerprint=content.encode())


def do_once(unit: UnitOfWork, number: int, content: str = "") -> bytes:
    def respond() -> bytes:
        key = unit.connection.execute(insert(effect).values(text=f"effect {number}")).inserted_primary_key
        failpoint("effect.written")
        return str(key[0]).encode() if key else b""

    return requests.remember(unit, asked(number, content), respond)


def main() -> None:
    program, url, *rest = sys.argv[1:]
    with Database(url, metadata=TABLES, clock=SystemClock()) as database:
        if program == "effect":
            with database.unit() as unit:
                do_once(unit, int(rest[0]))
            failpoint("effect.committed")
        elif program == "migrate":
            sys.stdout.write(",".join(upgrade(database, Path(rest[0]))))


if __name__ == "__main__":
    main()
