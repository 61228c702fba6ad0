"""How the C library keeps memory of large messages: by default it gives every MiB back and faults it in again."""

import ctypes
from typing import Final

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT: Final = 32 << 20
_FROM_THE_HEAP: Final = 8 << 20


def keep_large_blocks() -> bool:
    """Let freed blocks of a message's size be used again; return whether the C library can do that (glibc).

    Without it, half of the CPU of a download is the kernel clearing pages. The price is at most `_KEPT` for each arena.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _FROM_THE_HEAP)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT))
