"""Who else must know that a call was made or changed: told in the same transaction, many calls at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mesh.database import UnitOfWork
from server_es.servicecalls.events import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened to one call.

    Attributes:
        call: its row after the change; the columns of its table as attributes.
        log: its whole log after the change.
        old_state: number of the state before; None when the call was made just now.
        kinds: the kinds of the new entries of its log, in order; numbers of `ServicecallEventKind`.
        actor: who did it, as in the log.
    """

    call: Any
    log: Log
    old_state: int | None
    kinds: tuple[int, ...]
    actor: str

    @property
    def created(self) -> bool:
        return self.old_state is None


class Observer(Protocol):
    """Something that follows calls."""

    def changed(self, unit: UnitOfWork, changes: Sequence[Change]) -> None:
        """Follow what happened to these calls, written already and locked until the unit ends; each stands once."""
