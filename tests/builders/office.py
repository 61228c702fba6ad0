"""An office that takes calls: the rooms of directory, calendars, levels and servicecalls behind one door."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from esoffice.es.v1 import (
    absences_pb2,
    appointments_pb2,
    calendars_pb2,
    directory_pb2,
    duty_pb2,
    forwarding_pb2,
    notices_pb2,
    service_levels_pb2,
    servicecalls_pb2,
    visits_pb2,
)
from esoffice.es.v1.calendars_pb2_grpc import CalendarServiceStub
from esoffice.es.v1.directory_pb2_grpc import DirectoryServiceStub
from esoffice.es.v1.service_levels_pb2_grpc import ServiceLevelServiceStub
from esoffice.es.v1.servicecalls_pb2_grpc import ServicecallServiceStub
from sqlalchemy import select

from mesh.database import Database
from mesh.wakeups import Doorbell
from server_es.absences import facts as absence_facts
from server_es.absences.service import Absences
from server_es.absences.settings import AbsenceSettings
from server_es.absences.surroundings import Shifts
from server_es.appointments.service import Appointments
from server_es.calendars.compiled import Compiled
from server_es.calendars.service import Calendars
from server_es.directory.service import Directory
from server_es.duty.service import Duty
from server_es.forwarding.service import Forwardings
from server_es.inboxes import INBOXES
from server_es.messages.actions import Actions
from server_es.messages.address import BELL, Messages
from server_es.notices.rules import Policy
from server_es.notices.service import Notifications
from server_es.notices.telling import BELL as NOTICES_BELL
from server_es.notices.telling import Notices
from server_es.schema import REQUESTS
from server_es.service_levels.seed import seed
from server_es.service_levels.service import ServiceLevels
from server_es.service_levels.site import Sites
from server_es.service_levels.store import existing_levels
from server_es.servicecalls.due_times import DueTimes, Retimed
from server_es.servicecalls.observers import Observer
from server_es.servicecalls.refreshing import BELL as REFRESH_BELL
from server_es.servicecalls.refreshing import Refreshing
from server_es.servicecalls.service import Servicecalls
from server_es.servicecalls.settings import ServicecallSettings
from server_es.visits.service import Visits
from tests.builders import directory as build

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
DRAFT, CREATED, STARTED, FORWARDED, INTERRUPTED, SOLVED, DONE = range(10, 80, 10)


def berlin(text: str) -> datetime:
    """Return an instant as the office's wall clock shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def state(number: int) -> str:
    return f"servicecallStates/{number}"


def request_id() -> str:
    return str(uuid.uuid4())


class Rooms:
    """The rooms, wired as the service wires them."""

    def __init__(self, settings: ServicecallSettings | None = None, retimed: Retimed | None = None) -> None:
        self.compiled = Compiled()
        self.sites = Sites(self.compiled)
        self.refreshing = Refreshing(self.sites, Doorbell(REFRESH_BELL, lambda _: None))
        self.due_times = DueTimes(self.sites, self.refreshing, retimed)
        self.messages = Messages(INBOXES, Doorbell(BELL, lambda _: None), lambda _: None)
        self.notice_policy = Policy()
        self.notices = Notices(
            self.messages, absence_facts.absent, self.notice_policy, Doorbell(NOTICES_BELL, lambda _: None)
        )
        self.settings = settings
        self.observers: list[Observer] = []
        self.absences = AbsenceSettings(calendar="calendars/office")
        self.shifts: Shifts | None = None
        self.actions = Actions()

    def all(self) -> list[Any]:
        return [
            (directory_pb2.DESCRIPTOR, lambda database: Directory(database, existing_levels)),
            (
                calendars_pb2.DESCRIPTOR,
                lambda database: Calendars(database, self.due_times, compiled=self.compiled),
            ),
            (service_levels_pb2.DESCRIPTOR, lambda database: ServiceLevels(database, self.sites, self.due_times)),
            (servicecalls_pb2.DESCRIPTOR, self.servicecalls),
            (appointments_pb2.DESCRIPTOR, Appointments),
            (absences_pb2.DESCRIPTOR, self._offering_absence_room),
            (duty_pb2.DESCRIPTOR, self.duty),
            (forwarding_pb2.DESCRIPTOR, self.forwarding_room),
            (visits_pb2.DESCRIPTOR, lambda database: Visits(database, self.calls.cases, self.notices)),
            (notices_pb2.DESCRIPTOR, lambda database: Notifications(database, self.messages)),
        ]

    def forwarding_room(self, database: Database) -> Forwardings:
        """After the room of servicecalls, whose cases it opens."""
        self.forwarding = Forwardings(database, self.calls.cases, self.notices)
        return self.forwarding

    def duty(self, database: Database) -> Duty:
        return Duty(database, REQUESTS, absences=absence_facts, tell=self.notices.tell)

    def absence_room(self, database: Database) -> Absences:
        return Absences(
            database, compiled=self.compiled, notices=self.notices, settings=self.absences, shifts=self.shifts
        )

    def _offering_absence_room(self, database: Database) -> Absences:
        room = self.absence_room(database)
        room.offer(self.actions)
        return room

    def servicecalls(self, database: Database) -> Servicecalls:
        self.calls = Servicecalls(
            database,
            sites=self.sites,
            messages=self.messages,
            absent=absence_facts.absent,
            settings=self.settings,
            observers=self.observers,
        )
        return self.calls


@dataclass
class Office:
    """A served office and its stubs."""

    served: Any
    rooms: Rooms
    directory: Any
    calendars: Any
    levels: Any
    calls: Any

    @property
    def clock(self) -> Any:
        return self.served.database.clock

    def go_to(self, at: datetime) -> None:
        """Fast-forward to an instant."""
        self.clock.advance(at - self.clock.now())

    def inbox(self, employee: str) -> list[str]:
        """Return the subjects of what an employee was told."""
        with self.served.database.reading() as unit:
            message, content = INBOXES.tables.message.c, INBOXES.tables.content.c
            query = select(content.subject).join_from(INBOXES.tables.message, INBOXES.tables.content)
            rows = unit.connection.execute(query.where(message.recipient == employee).order_by(message.sequence))
            return list(rows.scalars())

    async def call(self, title: str = "Pumpe steht", **fields: Any) -> servicecalls_pb2.Servicecall:
        """Make a call of customer 1001, or of whom the fields say."""
        draft, id_ = fields.pop("draft", False), fields.pop("request_id", "")
        said = {"address": "addresses/1001", **fields}
        made: servicecalls_pb2.Servicecall = await self.calls.CreateServicecall(
            servicecalls_pb2.CreateServicecallRequest(
                servicecall=servicecalls_pb2.Servicecall(title=title, **said), draft=draft, request_id=id_
            )
        )
        return made

    async def get(self, name: str) -> servicecalls_pb2.Servicecall:
        found: servicecalls_pb2.Servicecall = await self.calls.GetServicecall(
            servicecalls_pb2.GetServicecallRequest(name=name)
        )
        return found

    async def do(self, verb: str, call: str, **fields: Any) -> servicecalls_pb2.Servicecall:
        """Do something to a call: `await office.do("AcceptServicecall", call.name)`."""
        request = getattr(servicecalls_pb2, f"{verb}Request")(servicecall=call, **fields)
        changed: servicecalls_pb2.Servicecall = await getattr(self.calls, verb)(request)
        return changed


def office_hours(**fields: Any) -> calendars_pb2.Calendar:
    """Monday to Friday 08:00-17:00 in Berlin."""
    windows = [weekday(day, "08:00-17:00") for day in range(1, 6)]
    return calendars_pb2.Calendar(**{"name": "calendars/office", "title": "Büro", "windows": windows, **fields})


def weekday(day: int, text: str) -> calendars_pb2.WeekdayWindow:
    return calendars_pb2.WeekdayWindow(weekday=day, window=window(text))  # type: ignore[arg-type]


def window(text: str) -> calendars_pb2.TimeWindow:
    start, end = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
    return calendars_pb2.TimeWindow(start_minute=start, end_minute=end)


def level(number: int, **fields: Any) -> service_levels_pb2.ServiceLevel:
    """A level that promises a reaction in 1, an arrival in 4, a solution in 8 hours, in office hours."""
    said = {
        "title": f"Level {number}",
        "priority": "priorities/1",
        "calendar": "calendars/office",
        "reaction_working_duration": 1 * HOUR,
        "arrival_working_duration": 4 * HOUR,
        "solution_working_duration": 8 * HOUR,
        **fields,
    }
    return service_levels_pb2.ServiceLevel(name=f"serviceLevels/{number}", **said)


async def open_office(serve: Any, *, rooms: Rooms | None = None, more: Sequence[Any] = ()) -> Office:
    """Serve the rooms, with the seven states and the catalogues of a small office."""
    rooms = rooms or Rooms()
    served = await serve(*rooms.all(), *more)
    with served.database.unit() as unit:
        seed(unit)
    return await office_at(served.channel, served=served, rooms=rooms)


async def office_at(channel: Any, *, served: Any = None, rooms: Any = None) -> Office:
    """Furnish an office that is served already."""
    office = Office(
        served=served,
        rooms=rooms,
        directory=DirectoryServiceStub(channel),
        calendars=CalendarServiceStub(channel),
        levels=ServiceLevelServiceStub(channel),
        calls=ServicecallServiceStub(channel),
    )
    await furnish(office)
    return office


async def furnish(office: Office) -> None:
    pb = service_levels_pb2
    await office.calendars.CreateCalendar(calendars_pb2.CreateCalendarRequest(calendar=office_hours()))
    for number, title in ((1, "Hoch"), (2, "Normal")):
        priority = pb.Priority(name=f"priorities/{number}", title=title)
        await office.levels.CreatePriority(pb.CreatePriorityRequest(priority=priority))
    for id_ in ("fault", "question"):
        category = pb.ProblemCategory(name=f"problemCategories/{id_}", title=id_.title())
        await office.levels.CreateProblemCategory(pb.CreateProblemCategoryRequest(problem_category=category))
    for number in range(1, 6):
        await office.levels.CreateServiceLevel(pb.CreateServiceLevelRequest(service_level=level(number)))
    answer = await office.directory.BatchUpsertRecords(
        build.upsert(
            build.significance("a"),
            *(build.employee(number) for number in ("100", "101", "102", "103")),
            build.team("technik", "100", "101", "102"),
            build.address("1001", significance="significances/a"),
            build.address("1002"),
            build.system("A-1", "1001", service_level="serviceLevels/2"),
            build.system("A-2", "1001"),
            build.component("A-1", "1", service_level="serviceLevels/1"),
            build.contract("V-1", "1001", system="systems/A-2", service_level="serviceLevels/3"),
        )
    )
    assert not [one.status.message for one in answer.results if one.HasField("status")]
    defaults = await office.levels.GetDefaults(pb.GetDefaultsRequest())
    defaults.service_level, defaults.problem_category = "serviceLevels/5", "problemCategories/question"
    await office.levels.SetDefaults(pb.SetDefaultsRequest(defaults=defaults))
    row = pb.LevelAssignment(
        problem_category="problemCategories/fault",
        significance="significances/a",
        service_level="serviceLevels/4",
    )
    await office.levels.SetLevelAssignment(pb.SetLevelAssignmentRequest(level_assignment=row))
