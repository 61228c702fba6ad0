"""One run from its seed: a company, weeks, disasters, an end in which everything is judged."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from pathlib import Path

from mesh import failpoints
from tests.simulation import laws
from tests.simulation.deadlines import Broken
from tests.simulation.driver import Driver
from tests.simulation.people import People

_WEEK = 7 * 24 * 3600


@dataclass(frozen=True)
class Size:
    """How large a run is.

    Attributes:
        weeks: how long; a part of one is possible.
        employees: of the company.
        calls: that come in; a half of them before the first day begins.
        acts: what people do besides, in all.
    """

    weeks: float = 2
    employees: int = 24
    calls: int = 60
    acts: int = 250


@dataclass
class Report:
    """What happened in a run."""

    digest: str
    figures: dict[str, int] = field(default_factory=dict)


def run(seed: int, size: Size, url: str, folder: Path) -> Report:
    """Run.

    Raises:
        Broken: a law does not hold; the message says how to see it again.
    """
    driver = Driver(seed, url, folder, employees=size.employees, days=ceil(7 * size.weeks) + 3)
    try:
        _live(driver, size)
        laws.hold(driver)
    except Exception as error:
        last = "\n".join(driver.lines[-40:])
        said = f"seed {seed} at {driver.now:%Y-%m-%d %H:%M:%S} UTC: {error}\nagain: {replay(seed, size)}\n{last}"
        raise Broken(said) from error
    finally:
        failpoints.watch(None)
        if driver.house.is_open:
            driver.house.close()
    return Report(driver.digest, figures(driver))


def replay(seed: int, size: Size) -> str:
    """Return the command that runs the same again."""
    return (
        f"make simulation SEED={seed} WEEKS={size.weeks} EMPLOYEES={size.employees} CALLS={size.calls} ACTS={size.acts}"
    )


def figures(driver: Driver) -> dict[str, int]:
    deadlines = driver.deadlines
    return {
        **driver.counts,
        "servicecalls": len(deadlines.calls),
        "open": sum(not one.closed for one in deadlines.calls.values()),
        "escalations": deadlines.count,
        "late": deadlines.late,
        "letters": len(driver.business.letters),
        "absences": len(driver.world.absences),
    }


def _live(driver: Driver, size: Size) -> None:
    driver.start()
    people = People(driver)
    people.many(size.calls // 2)
    start, rng = driver.now, driver.rng
    steps = [(start + timedelta(seconds=at), kind) for kind, at in sorted(_plan(driver, size), key=lambda one: one[1])]
    for at, kind in steps:
        if driver.now < at:
            driver.go_to(at)
        match kind:
            case "act":
                people.act()
            case "report":
                people.report(max(1, (size.calls - size.calls // 2) // _reports(size)))
            case "crash":
                if rng.random() < 0.5:  # in the middle of a call, so that its answer is lost
                    driver.light_a_fuse(rng.randint(1, 4))
                    people.act()
                else:
                    driver.light_a_fuse(rng.randint(1, 40))
            case "down":
                driver.downtime(timedelta(hours=8))
            case "jump":
                driver.jump(timedelta(minutes=rng.choice((-15, -7, -2, 3, 11, 25))))
            case "away":
                driver.business.away_until = driver.now + timedelta(minutes=rng.randint(5, 180))
        driver.settle()
    failpoints.watch(None)
    driver.business.trouble = 0
    driver.go_to(driver.now + laws.LONGEST + timedelta(hours=2))


def _reports(size: Size) -> int:
    """Return how often calls come in after the first day; in large companies several at once."""
    return min(size.calls - size.calls // 2, ceil(60 * size.weeks))


def _plan(driver: Driver, size: Size) -> Iterator[tuple[str, int]]:
    """Return what happens at which second; most of it by day."""
    rng = driver.rng
    lasts = int(size.weeks * _WEEK)
    kinds = {
        "act": size.acts, "report": _reports(size), "crash": ceil(6 * size.weeks),
        "down": ceil(size.weeks / 2), "jump": ceil(3 * size.weeks), "away": ceil(2 * size.weeks),
    }  # fmt: skip
    for kind, count in kinds.items():
        for _ in range(count):
            at = rng.randrange(lasts)
            if kind == "act" and rng.random() < 0.7:
                at = at // 86400 * 86400 + rng.randrange(1 * 3600, 12 * 3600)
            yield kind, at
