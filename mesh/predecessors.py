"""Who ran from this data folder before and is certainly dead, so that nobody waits for their leases to run out.

Every process keeps a locked file of its own in the folder. The kernel gives the lock back with the process, whatever
ended it (flock(2)); so a file that nobody holds is that of a dead one. A process that only hangs, or still drains
beside its successor, holds its lock: its leases stay its own.
"""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from mesh import private_files

_SUFFIX = ".alive"


class Predecessors:
    """Those of one folder, and the mark that this process lives.

    Args:
        folder: the service's data folder, which only processes of one machine use.
        owner: this process, as it signs its leases.

    Attributes:
        dead: owners that ended without tidying up.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        private_files.make_folder(folder)
        self._mark = folder / f"{owner}{_SUFFIX}"
        self._files = ExitStack()
        # Locked under another name first: a file that has its name is never seen unlocked while its process lives.
        fresh = folder / f".{owner}{_SUFFIX}.new"
        handle = os.open(fresh, os.O_CREAT | os.O_RDWR, private_files.PRIVATE)
        self._files.callback(os.close, handle)
        fcntl.flock(handle, fcntl.LOCK_EX)
        fresh.rename(self._mark)
        others = (one for one in sorted(folder.glob(f"*{_SUFFIX}")) if one != self._mark)
        self._left = [one for one in others if _is_free(one)]
        self.dead = [one.name.removesuffix(_SUFFIX) for one in self._left]

    def forget(self) -> None:
        """Remove the marks of the dead, once their leases are given back."""
        for one in self._left:
            one.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End in order: the leases were given back by their workers."""
        self._mark.unlink(missing_ok=True)
        self._files.close()


def _is_free(mark: Path) -> bool:
    try:
        handle = os.open(mark, os.O_RDWR)
    except FileNotFoundError:  # another successor was faster
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
