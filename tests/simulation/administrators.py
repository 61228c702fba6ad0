"""Who changes what holds, while everything runs: points, calendars, levels, maintenance, how somebody is told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from esoffice.es.v1 import calendars_pb2, escalations_pb2, notices_pb2, service_levels_pb2

from tests.simulation import furnish
from tests.simulation.company import MAIL, POPUP, SOLVED, STARTED, wishes
from tests.simulation.deadlines import Window
from tests.simulation.driver import CHIEF, Driver, person

_HOURS = timedelta(hours=1)


class Administrators:
    """Those who may change what holds.

    Args:
        driver: of the run.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver, self._rng = driver, driver.rng
        self._company, self._deadlines = driver.company, driver.deadlines
        self._windows = 0

    def does(self) -> dict[Callable[[], None], int]:
        """Return what they do, and how often."""
        return {
            self._wish: 2, self._hold: 3, self._let_go: 2, self._repoint: 2, self._recalendar: 1, self._relevel: 1
        }  # fmt: skip

    def _hold(self) -> None:
        """Maintenance begins soon, or has begun."""
        self._windows += 1
        start = self._driver.now + timedelta(minutes=self._rng.randint(-60, 600))
        end = start + timedelta(minutes=self._rng.randint(60, 900))
        system = self._rng.choice(("", *self._company.systems))
        address = self._company.systems[system] if system else self._rng.choice(self._company.customers)
        one = Window(f"maintenanceWindows/w{self._windows}", start, end, address, system)
        request = escalations_pb2.CreateMaintenanceWindowRequest(maintenance_window=_window(one, ""))
        done, _ = self._driver.ask("CreateMaintenanceWindow", request, CHIEF, must=True)
        if done:
            self._deadlines.windows[one.name] = one

    def _let_go(self) -> None:
        """Maintenance ends earlier, later, or is called off."""
        if not self._deadlines.windows:
            return
        name = self._rng.choice(sorted(self._deadlines.windows))
        old = self._deadlines.windows[name]
        stored = self._driver.read("GetMaintenanceWindow", escalations_pb2.GetMaintenanceWindowRequest(name=name))
        end = old.start + timedelta(minutes=self._rng.randint(30, 1200))
        if self._rng.random() < 0.4:
            request: Any = escalations_pb2.DeleteMaintenanceWindowRequest(name=name, etag=stored.etag)
            if self._driver.ask("DeleteMaintenanceWindow", request, CHIEF, must=True)[0]:
                del self._deadlines.windows[name]
                self._deadlines.window_changed(old, self._driver.now)
            return
        new = replace(old, end=end)
        request = escalations_pb2.UpdateMaintenanceWindowRequest(maintenance_window=_window(new, stored.etag))
        if self._driver.ask("UpdateMaintenanceWindow", request, CHIEF, must=True)[0]:
            self._deadlines.windows[name] = new
            self._deadlines.window_changed(old, self._driver.now)

    def _repoint(self) -> None:
        number = self._rng.choice(sorted(self._company.points))
        old = self._company.points[number]
        chosen: dict[str, Any] = self._rng.choice(
            [{"percent": self._rng.choice((30, 60, 95, 110))}, {"disabled": not old.disabled},
             {"ceiling": self._rng.choice((0, STARTED, SOLVED))},
             {"event": self._rng.choice(sorted(self._company.events))}]
        )  # fmt: skip
        new = replace(old, **chosen)
        stored = self._driver.read(
            "GetEscalationPoint", escalations_pb2.GetEscalationPointRequest(name=f"escalationPoints/{number}")
        )
        request = escalations_pb2.UpdateEscalationPointRequest(escalation_point=furnish.point(new, stored.etag))
        if self._driver.ask("UpdateEscalationPoint", request, CHIEF, must=True)[0]:
            self._company.points[number] = new
            self._deadlines.points_changed(old, new)

    def _recalendar(self) -> None:
        id_ = self._rng.choice(sorted(self._company.hours))
        old = self._company.hours[id_]
        day = (self._driver.now + timedelta(days=self._rng.randint(0, 6))).date()
        new = replace(old, closed=old.closed ^ {day})
        stored = self._driver.read("GetCalendar", calendars_pb2.GetCalendarRequest(name=f"calendars/{id_}"))
        request = calendars_pb2.UpdateCalendarRequest(calendar=furnish.calendar(id_, new, stored.etag))
        if self._driver.ask("UpdateCalendar", request, CHIEF, must=True)[0]:
            self._company.hours[id_] = new
            self._deadlines.calendar_changed(id_)

    def _relevel(self) -> None:
        number = self._rng.choice(sorted(self._company.levels))
        new = replace(self._company.levels[number], solution=self._rng.choice((2, 6, 10, 20)) * _HOURS)
        name = f"serviceLevels/{number}"
        stored = self._driver.read("GetServiceLevel", service_levels_pb2.GetServiceLevelRequest(name=name))
        request = service_levels_pb2.UpdateServiceLevelRequest(service_level=furnish.level(new, stored.etag))
        if self._driver.ask("UpdateServiceLevel", request, CHIEF, must=True)[0]:
            self._company.levels[number] = new
            self._deadlines.levels_changed(number)

    def _wish(self) -> None:
        number = self._rng.choice(sorted(self._company.people))
        new = wishes(self._rng)
        if not {POPUP, MAIL} & set(new.channels):
            return
        name = f"employees/{number}/notificationPreferences"
        stored = self._driver.read(
            "GetNotificationPreferences", notices_pb2.GetNotificationPreferencesRequest(name=name)
        )
        request = furnish.preferences(number, new, stored.etag)
        if self._driver.ask("UpdateNotificationPreferences", request, person(number), must=True)[0]:
            self._company.wishes[number] = new


def _window(one: Window, etag: str) -> escalations_pb2.MaintenanceWindow:
    return escalations_pb2.MaintenanceWindow(
        name=one.name, title="Wartung", address=f"addresses/{one.address}" if one.address else "",
        system=f"systems/{one.system}" if one.system else "", start_time=one.start, end_time=one.end, etag=etag,
    )  # fmt: skip
