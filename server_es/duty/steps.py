"""Values that hold from an instant until the next: looked up by bisection."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
Lasting = TypeVar("Lasting", bound="_Span")


class _Span(Protocol):
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class Steps(Generic[T]):
    """A value for every instant.

    Args:
        before: the value before the first step.
        steps: from when on which value holds, in ascending order.
    """

    __slots__ = ("_starts", "_values")

    def __init__(self, before: T, steps: Iterable[tuple[int, T]] = ()) -> None:
        self._starts: list[int] = []
        self._values: list[T] = [before]
        for start, value in steps:
            self._starts.append(start)
            self._values.append(value)

    def at(self, instant: int) -> T:
        return self._values[bisect_right(self._starts, instant)]

    def changes(self, start: int, end: int) -> Sequence[int]:
        """Return the instants after `start` and before `end` at which another value may hold."""
        return self._starts[bisect_right(self._starts, start) : bisect_left(self._starts, end)]

    def between(self, start: int, end: int) -> list[tuple[int, int, T]]:
        """Return the values that hold between two instants, each with its span, cut at both."""
        if not self._starts:
            return [(start, end, self._values[0])]
        bounds = [start, *self.changes(start, end), end]
        return [(bounds[at], bounds[at + 1], self.at(bounds[at])) for at in range(len(bounds) - 1)]

    def spans(self) -> Iterator[tuple[int, int, T]]:
        """Return each step with its span; that of the last, which holds for ever, is empty."""
        for at, start in enumerate(self._starts):
            end = self._starts[at + 1] if at + 1 < len(self._starts) else start
            yield start, end, self._values[at + 1]


def active(spans: Iterable[Lasting]) -> Steps[tuple[Lasting, ...]]:
    """Return which of the spans hold at an instant, in the order in which they were given."""
    kept = [one for one in spans if one.start < one.end]
    begun, ended = defaultdict[int, list[int]](list), defaultdict[int, list[int]](list)
    for number, one in enumerate(kept):
        begun[one.start].append(number)
        ended[one.end].append(number)
    holding = set[int]()
    steps = []
    for at in sorted(begun.keys() | ended.keys()):
        holding.update(begun.get(at, ()))
        holding.difference_update(ended.get(at, ()))
        steps.append((at, tuple(kept[number] for number in sorted(holding))))
    return Steps((), steps)
