"""Named places where a test may kill the process: `ESMESH_FAILPOINT=mail.imported:2` dies at the second hit.

SIGKILL, not an exception: nothing may be tidied up on the way out, as in a power cut.
"""

import os
import signal
import threading


class _Armed:
    def __init__(self, text: str) -> None:
        self.name, _, count = text.partition(":")
        self.left = int(count or 1)
        self.lock = threading.Lock()

    def hit(self) -> None:
        with self.lock:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


_armed = _Armed(os.environ["ESMESH_FAILPOINT"]) if os.environ.get("ESMESH_FAILPOINT") else None


def arm(text: str) -> None:
    """Arm as the environment would; for a process that was forked after this module was imported."""
    global _armed  # noqa: PLW0603 - one per process, as the environment is
    _armed = _Armed(text) if text else None


def failpoint(name: str) -> None:
    """Do nothing, unless the environment armed `name`."""
    if _armed is not None and _armed.name == name:
        _armed.hit()
