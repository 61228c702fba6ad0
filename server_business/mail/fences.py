"""Whoever works on an account must still be the one who may: looked at in the transaction that writes."""

from collections.abc import Callable

from mesh.database import UnitOfWork

Fence = Callable[[UnitOfWork], None]
"""Raises when somebody else has taken over; then nothing of the transaction is saved."""


def free(_: UnitOfWork) -> None:
    """Fence nothing: rows are changed only as long as nobody else decided on them."""
