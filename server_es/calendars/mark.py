"""Says whether calendars, levels, states or rules have changed since somebody read them.

Whoever changes them takes the mark first, whoever writes something that was computed from them shares it: a due time is
never written by a reckoning that somebody is just changing.
"""

import secrets
from typing import Final

from sqlalchemy import insert, select, update

from mesh.database import UnitOfWork
from server_es.calendars.tables import site_mark

_ROW: Final = 1
_READ: Final = select(site_mark.c.mark).where(site_mark.c.id == _ROW)
_SHARE: Final = _READ.with_for_update(read=True)
_CHANGE: Final = update(site_mark).where(site_mark.c.id == _ROW)


def read(unit: UnitOfWork) -> int:
    """Return the mark; 0 before the first change."""
    return unit.connection.execute(_READ).scalar() or 0


def share(unit: UnitOfWork) -> int:
    """Return the mark and keep it as it is until the unit ends."""
    return unit.connection.execute(_SHARE).scalar() or 0


def change(unit: UnitOfWork) -> None:
    """Change the mark; whoever else wants to change or share it waits until the unit ends."""
    mark = secrets.randbits(62) + 1
    if not unit.connection.execute(_CHANGE.values(mark=mark)).rowcount:
        unit.connection.execute(insert(site_mark).values(id=_ROW, mark=mark))
