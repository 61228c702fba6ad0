"""The way to the outside, as the sender sees it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from server_business.sending.rules import Outcome

Mark = Callable[[], None]
"""To be called right before the other side can take what is handed over; raises if somebody else may do it now."""


class Away(Exception):
    """The other side cannot be reached at all; says why. Nothing was handed over."""


class Carrier(Protocol):
    """One way to the outside."""

    def carry(self, row: Mapping[str, Any], mark: Mark) -> Outcome:
        """Hand a row over.

        Raises:
            Away: nobody is there.
        """

    def find(self, row: Mapping[str, Any]) -> Outcome | None:
        """Say what became of a row that was being handed over when a worker died; None when nobody can tell."""

    def close(self) -> None:
        """Let go of what is open."""
