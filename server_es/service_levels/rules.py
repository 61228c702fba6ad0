"""Which service level (Servicelevel) a servicecall gets and why, and what the site's numbered states mean."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum, StrEnum
from itertools import pairwise
from typing import NewType

from mesh import errors
from server_es.calendars.hours import Calendar

LevelNumber = NewType("LevelNumber", int)
CategoryId = NewType("CategoryId", str)
SignificanceId = NewType("SignificanceId", str)

LANGUAGE_LETTERS = 2


class Meaning(IntEnum):
    """What a state means, whatever the site calls it and however it numbers it."""

    DRAFT = 1
    CREATED = 2
    STARTED = 3
    FORWARDED = 4
    INTERRUPTED = 5
    SOLVED = 6
    DONE = 7


class UnknownState(errors.NotFound):
    """The site has no state of that number."""


class NoServiceLevel(errors.FailedPrecondition):
    """Neither a rule nor the default names a level; no call is created without one."""

    reason = "NO_SERVICE_LEVEL"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One of the site's states (Status): numbers leave gaps, so that a site can put its own between.

    `stops_clock`: time in this state does not count; None is the default, Interrupted only.
    """

    number: int
    name: str
    meaning: Meaning
    stops_clock: bool | None = None

    @property
    def clock_stands(self) -> bool:
        return self.meaning is Meaning.INTERRUPTED if self.stops_clock is None else self.stops_clock

    @property
    def locked(self) -> bool:
        """From Solved on a call takes an addendum only."""
        return self.meaning >= Meaning.SOLVED


@dataclass(frozen=True, slots=True)
class States:
    """All states of a site, in order of their numbers.

    Raises:
        InvalidArgument: a number twice, a meaning without a state, or meanings that fall while the numbers rise.
    """

    rows: tuple[State, ...]
    _numbers: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _by_number: dict[int, State] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = tuple(sorted(self.rows, key=lambda row: row.number))
        violations = list(_state_violations(rows))
        if violations:
            raise errors.InvalidArgument(violations)
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "_numbers", tuple(row.number for row in rows))
        object.__setattr__(self, "_by_number", {row.number: row for row in rows})

    def find(self, number: int) -> State:
        """Return the state of that number, or raise `UnknownState`."""
        state = self.standing(number)
        if state.number != number:
            name = f"servicecallStates/{number}"
            raise UnknownState(f"{name} does not exist", resource=name)
        return state

    def standing(self, number: int) -> State:
        """Return the highest state up to `number`: how an old call stands whose state has been deleted since."""
        return self._by_number.get(number) or self.rows[max(0, bisect_right(self._numbers, number) - 1)]

    def first(self, meaning: Meaning) -> State:
        """Return the lowest state of that meaning."""
        return next(row for row in self.rows if row.meaning is meaning)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What was promised. Durations are working time in `calendar`; None promises nothing, no calendar is 24x7.

    Number and language together are unique; the languages of a number differ in their texts only.
    """

    number: LevelNumber
    language: str
    priority: int
    calendar: Calendar | None = None
    reaction: timedelta | None = None
    arrival: timedelta | None = None
    solution: timedelta | None = None

    def __post_init__(self) -> None:
        violations = list(_level_violations(self))
        if violations:
            raise errors.InvalidArgument(violations)


class LevelRule(StrEnum):
    """What chose the level, the strongest first; stored with the call. MANUAL: a person did, later on."""

    COMPONENT = "component"
    SYSTEM = "system"
    CONTRACT = "contract"
    CATEGORY_SIGNIFICANCE = "category_significance"
    DEFAULT = "default"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenLevel:
    """The level and the rule that chose it."""

    number: LevelNumber
    rule: LevelRule


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLevels:
    """The site's own rules: problem category x customer significance, and what holds where nothing else does."""

    matrix: Mapping[tuple[CategoryId, SignificanceId], LevelNumber] = field(default_factory=dict)
    default: LevelNumber | None = None
    default_category: CategoryId | None = None


def choose_level(
    site: SiteLevels,
    *,
    component: LevelNumber | None = None,
    system: LevelNumber | None = None,
    contract: LevelNumber | None = None,
    category: CategoryId | None = None,
    significance: SignificanceId | None = None,
) -> ChosenLevel:
    """Choose by precedence: component, system, contract, category x significance, default.

    Args:
        site: the site's matrix and defaults.
        component: the level set on the component concerned, if any.
        system: the level set on the system (Anlage), if any.
        contract: the level set on the contract (Vertrag), if any.
        category: the call's problem category; the site's default category if None.
        significance: the customer's (Bedeutsamkeit).

    Raises:
        NoServiceLevel: nothing applies.
    """
    category = category or site.default_category
    by_matrix = site.matrix.get((category, significance)) if category and significance else None
    candidates = (
        (component, LevelRule.COMPONENT),
        (system, LevelRule.SYSTEM),
        (contract, LevelRule.CONTRACT),
        (by_matrix, LevelRule.CATEGORY_SIGNIFICANCE),
        (site.default, LevelRule.DEFAULT),
    )
    for number, rule in candidates:
        if number is not None:
            return ChosenLevel(number=number, rule=rule)
    raise NoServiceLevel(
        "no service level applies: set one for category and significance, or a default level", missing="default"
    )


def _state_violations(rows: tuple[State, ...]) -> Iterator[errors.Violation]:
    for number, count in Counter(row.number for row in rows).items():
        if count > 1:
            yield errors.Violation("states", f"number {number} appears {count} times")
    for meaning in Meaning:
        if all(row.meaning is not meaning for row in rows):
            yield errors.Violation("states", f"no state means {meaning.name}")
    for lower, higher in pairwise(rows):
        if higher.meaning < lower.meaning:
            yield errors.Violation(
                "states",
                f"{higher.number} ({higher.meaning.name}) comes after {lower.number} ({lower.meaning.name}); "
                "meanings rise with the numbers",
            )


def _level_violations(level: Level) -> Iterable[errors.Violation]:
    if level.number < 1:
        yield errors.Violation("number", f"{level.number}; the first number is 1")
    if len(level.language) != LANGUAGE_LETTERS or not level.language.islower():
        yield errors.Violation("language", f"{level.language!r} is no two-letter code such as de")
    for name in ("reaction", "arrival", "solution"):
        promised: timedelta | None = getattr(level, name)
        if promised is not None and promised <= timedelta(0):
            yield errors.Violation(name, f"{promised} is not longer than nothing")
