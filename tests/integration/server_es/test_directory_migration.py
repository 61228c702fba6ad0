"""What follows from records that were there before: phone numbers and domains are found after the step."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.migrations import differences, upgrade
from server_es.app import definition
from server_es.directory import store

_BEFORE = 12


def test_records_that_were_there_are_found_by_phone_and_domain(database_url: str, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    (earlier / "versions").mkdir(parents=True)
    for step in sorted((definition.migrations / "versions").glob("*.py"))[:_BEFORE]:
        shutil.copy(step, earlier / "versions")
    clock = ManualClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
    with Database(database_url, metadata=definition.metadata, clock=clock) as database:
        upgrade(database, earlier)
        with database.unit() as unit:
            run = unit.connection.execute
            kept = "'', 1, '2026-01-01 00:00:00'"
            run(
                text(
                    "INSERT INTO address (number, matchcode, kind, names, mail_addresses, phones, notes, search,"
                    " revision, update_time) VALUES ('1', 'K', 'customer', '[]', '[]',"
                    f""" '["0201 / 123456-0", "keine"]', '', {kept})"""
                )
            )
            run(text("INSERT INTO mail_identity (mail_address, address) VALUES ('a@kunde.example', '1')"))
        assert upgrade(database, definition.migrations)[0] == "0013"
        assert differences(database) == []
        with database.reading() as unit:
            assert store.of_phones(unit, ["+492011234560"]) == [("+492011234560", "1", "")]
            assert store.of_domains(unit, ["kunde.example"]) == [("kunde.example", "1", "")]
