"""Who plans duty: turns that others take over, and turns that are swapped."""

from collections.abc import Callable
from datetime import datetime, timedelta

from esoffice.es.v1 import duty_pb2

from tests.simulation.driver import CHIEF, Driver, person
from tests.simulation.world import Change


class Planners:
    """Those who plan duty, and those who are on it.

    Args:
        driver: of the run.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver, self._rng = driver, driver.rng
        self._company, self._world = driver.company, driver.world

    def does(self) -> dict[Callable[[], None], int]:
        """Return what they do, and how often."""
        return {self._take_over: 3, self._swap: 3}

    def _free_span(self, roster: str) -> tuple[datetime, datetime, str] | None:
        """Return a time of one shift ahead in which nobody has taken over yet, and who is on duty then."""
        start = (self._driver.now + timedelta(hours=self._rng.randint(1, 60))).replace(
            minute=0, second=0, microsecond=0
        )
        end = start + timedelta(hours=self._rng.randint(1, 10))
        crews = {tuple(self._world.on_duty(roster, at)) for at in (start, end - timedelta(seconds=1))}
        taken = any(one.roster == roster and one.start < end and start < one.end for one in self._world.changes)
        if taken or len(crews) != 1:
            return None
        (crew,) = crews
        return (start, end, crew[0]) if crew else None

    def _take_over(self) -> None:
        """The planner puts somebody else on duty."""
        roster = self._rng.choice(sorted(self._company.rosters))
        span = self._free_span(roster)
        if span is None:
            return
        start, end, replaced = span
        employee = self._rng.choice([one for one in sorted(self._company.people) if one != replaced])
        override = duty_pb2.DutyOverride(
            roster=f"rosters/{roster}", change=duty_pb2.DUTY_CHANGE_REPLACE, employee=f"employees/{employee}",
            replaced=f"employees/{replaced}", start_time=start, end_time=end,
        )  # fmt: skip
        request = duty_pb2.CreateDutyOverrideRequest(override=override, request_id=self._driver.new_id())
        if self._driver.ask("CreateDutyOverride", request, CHIEF, must=True)[0]:
            self._world.changes.append(Change(roster, start, end, employee, replaced))

    def _swap(self) -> None:
        """Somebody offers his turn, and a colleague takes it."""
        roster = self._rng.choice(sorted(self._company.rosters))
        span = self._free_span(roster)
        if span is None:
            return
        start, end, replaced = span
        offer = duty_pb2.DutySwap(roster=f"rosters/{roster}", start_time=start, end_time=end)
        request = duty_pb2.RequestDutySwapRequest(swap=offer, request_id=self._driver.new_id())
        done, made = self._driver.ask("RequestDutySwap", request, person(replaced))
        others = [one for one in self._company.rosters[roster].crew if one != replaced]
        if not done or not others:
            return
        taker = self._rng.choice(others)
        take = duty_pb2.TakeDutySwapRequest(name=made.name, request_id=self._driver.new_id())
        if self._driver.ask("TakeDutySwap", take, person(taker))[0]:
            self._world.changes.append(Change(roster, start, end, taker, replaced))
