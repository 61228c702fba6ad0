"""What web users are to see: released versions that a system was given, in a folder that the web's structure has, too.

A fixed folder `documentFolders/systems-{id}` of systems stands for the web folder of the same id.
"""

from typing import Any, Final

from sqlalchemy import func, insert, select, update

from mesh.database import UnitOfWork
from server_business.documents.tables import ASSIGNMENT, DOCUMENT, PUBLICATION

_SYSTEMS: Final = "systems/"
_FOLDERS: Final = "documentFolders/systems-"
_P: Final = PUBLICATION.c
BELL: Final = "documents.web"


def follow(unit: UnitOfWork, document: int) -> bool:
    """Note what is to be shown of a document now; part of every transaction that may change it.

    Returns:
        Whether something changed.
    """
    wanted = _wanted(unit, document)
    rows = unit.connection.execute(select(PUBLICATION).where(_P.document == document)).mappings().all()
    noted = {row["system"]: row for row in rows}
    changed = False
    for system in sorted(wanted.keys() | noted.keys()):
        number, folder = wanted.get(system, (0, ""))
        row = noted.get(system)
        if row is not None and (row["number"], row["folder"]) == (number, folder):
            continue
        # Whoever hands over the old state at this moment loses his claim.
        due = {
            "number": number, "folder": folder, "problem": "", "next_attempt_time": unit.now, "lease_until": None,
            "lease_owner": None,
        }  # fmt: skip
        if row is None:
            first = {"document": document, "system": system, "revision": 1, "lease_token": 0}
            unit.connection.execute(insert(PUBLICATION).values(**first, **due))
        else:
            same = (_P.document == document, _P.system == system)
            unit.connection.execute(update(PUBLICATION).where(*same).values(**due, revision=_P.revision + 1))
        changed = True
    return changed


def _wanted(unit: UnitOfWork, document: int) -> dict[str, tuple[int, str]]:
    """Return version and web folder by system."""
    columns = ASSIGNMENT.c
    released = ASSIGNMENT.join(DOCUMENT, (DOCUMENT.c.id == columns.document) & (DOCUMENT.c.released == columns.number))
    query = (
        select(columns.business_case, columns.number, columns.folder)
        .select_from(released)
        .where(
            columns.document == document,
            DOCUMENT.c.delete_time.is_(None),
            columns.business_case.startswith(_SYSTEMS),
            columns.folder.startswith(_FOLDERS),
        )
    )
    return {row[0]: (row[1], row[2].removeprefix(_FOLDERS)) for row in unit.connection.execute(query)}


def is_current(unit: UnitOfWork, document: int, system: str, revision: int) -> bool:
    """Tell whether nothing later was noted."""
    query = select(_P.revision).where(_P.document == document, _P.system == system)
    return unit.connection.execute(query).scalar_one_or_none() == revision


def counts(unit: UnitOfWork) -> tuple[int, int, Any]:
    """Return how many are shown, how many wait, and the first row that waits for a reason."""
    shown = select(func.count()).where(_P.number > 0, _P.next_attempt_time.is_(None))
    waiting = select(func.count()).where(_P.next_attempt_time.is_not(None))
    first = select(PUBLICATION).where(_P.problem != "").order_by(_P.document).limit(1)
    connection = unit.connection
    numbers = (connection.execute(shown).scalar_one(), connection.execute(waiting).scalar_one())
    return *numbers, connection.execute(first).one_or_none()
