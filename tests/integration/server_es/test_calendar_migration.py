"""Appointments that were there before calendars could be in sync."""

import shutil
from pathlib import Path

from sqlalchemy import MetaData, text

from mesh import migrations
from mesh.clock import SystemClock
from mesh.database import Database
from server_es.app import definition
from server_es.appointments import store


def test_what_an_absence_had_written_is_told_like_any_other(database_url: str, tmp_path: Path) -> None:
    before = tmp_path / "before"
    shutil.copytree(definition.migrations, before)
    for one in before.glob("versions/0015*.py"):
        one.unlink()
    for later in before.glob("versions/001[6-9]*.py"):
        later.unlink()
    with Database(database_url, metadata=definition.metadata, clock=SystemClock()) as database:
        with Database(database_url, metadata=MetaData(), clock=SystemClock()) as older:
            migrations.upgrade(older, before)
        furnish(database)
        migrations.upgrade(database, definition.migrations)

        assert not migrations.differences(database)
        with database.unit() as unit:
            told = store.changes(unit, "101", 1, 0, 10)
            rows = store.several(unit, store.TABLES[1], [one.item for one in told])
            assert [(one.item, one.revision) for one in told] == [(7, 1), (9, 2)]
            assert [(row.uid, row.origin, row.availability) for row in rows.values()] == [
                ("appointment-7", "absences/7", 4),
                ("appointment-9", "absences/9", 4),
            ]
            store.remove(unit, "absences/7")
            assert store.revision_of(unit, "101") == 3
            store.remove(unit, "absences/9")
            made = store.create(unit, store.TABLES[2], "101", "", dict.fromkeys(
                ("status", "percent_complete", "importance"), 1) | {"title": "t", "description": "", "private": False,
                "start_date": None, "due_date": None})  # fmt: skip
            assert made.id == 1


def furnish(database: Database) -> None:
    with database.unit() as unit:
        columns = unit.connection.execute(text("SELECT * FROM employee")).keys()
        values = dict.fromkeys(columns, "''") | {
            "personnel_number": "'101'", "substitute": "NULL", "absent": "false", "service_user": "false",
            "absence_start_time": "NULL", "absence_end_time": "NULL", "revision": "1",
        }  # fmt: skip
        now = "0" if unit.connection.dialect.name == "sqlite" else "now()"
        values["update_time"] = now
        unit.connection.execute(
            text(f"INSERT INTO employee ({', '.join(values)}) VALUES ({', '.join(values.values())})")
        )
        for number in (7, 9):
            unit.connection.execute(
                text(
                    "INSERT INTO appointment "
                    "(id, employee, title, activity_type, start_time, end_time, origin, create_time) "
                    f"VALUES ({number}, '101', 'Urlaub', 'U', {now}, {now}, 'absences/{number}', {now})"
                )
            )
