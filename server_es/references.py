"""Who refers to a row, in any room of the service: asked before something is deleted.

A room that refers to another one's table declares a foreign key and `info["name"]`; that is all it takes.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, select

from mesh.database import UnitOfWork
from mesh.errors import FailedPrecondition
from server_es.schema import METADATA


class StillInUse(FailedPrecondition):
    """Something refers to what should be deleted."""

    reason = "STILL_IN_USE"


def check_unused(unit: UnitOfWork, table: Table, key: Mapping[str, Any], name: str) -> None:
    """Let a deletion pass.

    Raises:
        StillInUse: something refers to the row.
    """
    by = referrer(unit, table, key)
    if by is not None:
        raise StillInUse(f"{name} cannot be deleted: {by} refers to it.", by=by)


def referrer(unit: UnitOfWork, table: Table, key: Mapping[str, Any]) -> str | None:
    """Return the name of something that refers to a row, None when nothing does."""
    for other in METADATA.sorted_tables:
        for constraint in other.foreign_key_constraints:
            if constraint.referred_table is not table or constraint.ondelete == "CASCADE":
                continue
            same = [element.parent == key[element.column.name] for element in constraint.elements]
            found = unit.connection.execute(select(other).where(*same).limit(1)).mappings().one_or_none()
            if found is not None:
                name: str = other.info.get("name", other.name)
                return name.format_map(dict(found))
    return None
