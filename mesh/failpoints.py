"""Named places where a test may kill the process: `ESMESH_FAILPOINT=mail.imported:2` dies at the second hit.

SIGKILL, not an exception: nothing may be tidied up on the way out, as in a power cut.
"""

import os
import signal
import threading
from collections.abc import Callable


class _Armed:
    def __init__(self, text: str) -> None:
        self._name, _, count = text.partition(":")
        self._left = int(count or 1)
        self._lock = threading.Lock()

    def __call__(self, name: str) -> None:
        if name != self._name:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


_armed: Callable[[str], None] | None = None


def arm(text: str) -> None:
    """Arm as the environment would; for a process that was forked after this module was imported."""
    watch(_Armed(text) if text else None)


def watch(passing: Callable[[str], None] | None) -> None:
    """Call back at every failpoint, or at none any more.

    For simulations that live in one process: what is raised here, a BaseException, is how that process would have died;
    whoever raises it throws everything away that was open then.
    """
    global _armed  # noqa: PLW0603 - one per process, as the environment is
    _armed = passing


def failpoint(name: str) -> None:
    """Do nothing, unless somebody waits for `name`."""
    if _armed is not None:
        _armed(name)


arm(os.environ.get("ESMESH_FAILPOINT", ""))
