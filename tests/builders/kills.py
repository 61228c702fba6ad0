"""How many kills a test of faults lives through: each place once in the suite, many times by `make kill-test`."""

import itertools
import os
from collections.abc import Sequence

WANTED = int(os.environ.get("ESMESH_KILLS", "0"))


def places(all_places: Sequence[str], share: float) -> list[str]:
    """Return where to kill: every place once, and again until this share of `ESMESH_KILLS` is reached."""
    count = max(len(all_places), int(WANTED * share))
    return list(itertools.islice(itertools.cycle(all_places), count))
