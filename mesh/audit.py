"""What the pipeline tells the audit log: every call, once its outcome is known."""

from typing import Protocol

from mesh.call import Call


class AuditLog(Protocol):
    """Keeps writes and refusals."""

    def after(self, call: Call) -> None:
        """Take a finished call; must not block the event loop."""
