"""What an empty database begins with: the seven states every servicecall knows (Status)."""

from typing import Final

from sqlalchemy import select

from mesh.database import UnitOfWork
from server_es import catalogue_rows
from server_es.calendars import mark
from server_es.service_levels import tables
from server_es.service_levels.catalogues import STATE
from server_es.service_levels.rules import Meaning

TITLES: Final = ("Entwurf", "Angelegt", "Gestartet", "Weitergeleitet", "Unterbrochen", "Gelöst", "Erledigt")


def seed(unit: UnitOfWork) -> None:
    """Make the states 10, 20, … 70, unless there are states already; run by every start, after the migrations."""
    mark.change(unit)
    if unit.connection.execute(select(tables.servicecall_state.c.number).limit(1)).first() is not None:
        return
    for meaning, title in zip(Meaning, TITLES, strict=True):
        row = {"title": title, "meaning": meaning, "stops_clock": meaning is Meaning.INTERRUPTED}
        catalogue_rows.create(unit, STATE, meaning * 10, row)
