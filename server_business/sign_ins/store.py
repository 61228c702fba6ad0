"""The queries of sign-ins. What was kept meanwhile by another replica, or by a new sign-in, is not overwritten."""

from typing import Any

from sqlalchemy import delete, insert, select, update

from mesh.database import UnitOfWork
from server_business.sign_ins.tables import SIGN_INS

_C = SIGN_INS.c


def get(unit: UnitOfWork, account: str) -> Any:
    """Return the row of an account; None: nobody has ever signed in."""
    return unit.connection.execute(select(SIGN_INS).where(_C.account == account)).one_or_none()


def put(unit: UnitOfWork, account: str, client: str, sealed: bytes) -> None:
    """Keep a new sign-in."""
    unit.connection.execute(delete(SIGN_INS).where(_C.account == account))
    row = {"account": account, "client": client, "sealed": sealed, "sign_in_time": unit.now, "refused": ""}
    unit.connection.execute(insert(SIGN_INS).values(row))


def renew(unit: UnitOfWork, account: str, before: bytes, sealed: bytes) -> None:
    """Keep what the issuer has given in the place of the one before."""
    unit.connection.execute(
        update(SIGN_INS).where(_C.account == account, _C.sealed == before).values(sealed=sealed, refused="")
    )


def refuse(unit: UnitOfWork, account: str, before: bytes, why: str) -> None:
    """Note that a sign-in does not hold any more."""
    unit.connection.execute(
        update(SIGN_INS).where(_C.account == account, _C.sealed == before).values(refused=why[:300])
    )
