"""One line of a benchmark's answer, the same words in every benchmark."""

from typing import Any


def line(
    case: str,
    measured: float,
    unit: str,
    *,
    peer: str = "",
    peer_measured: float | None = None,
    ratio: float | None = None,
    goal: str = "",
    met: bool | None = None,
) -> dict[str, Any]:
    """Return a line.

    Args:
        case: what was measured.
        measured: ours, a median where there are rounds.
        unit: of both figures.
        peer: what it stands beside.
        peer_measured: the peer in the same run.
        ratio: how many times as good as the peer ours is; below 1 it is worse.
        goal: what was aimed at, in words; empty when there is no goal.
        met: whether it was reached.
    """
    return {
        "case": case, "measured": _rounded(measured), "unit": unit, "peer": peer,
        "peer_measured": None if peer_measured is None else _rounded(peer_measured),
        "ratio": None if ratio is None else _rounded(ratio), "goal": goal, "met": met,
    }  # fmt: skip


def _rounded(figure: float) -> float:
    return round(figure) if abs(figure) >= 1000 else float(f"{figure:.3g}")
