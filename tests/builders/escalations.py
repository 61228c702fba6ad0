"""An office that escalates: the rooms of the office, text modules and escalations, and hands that turn the engine."""

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from esoffice.es.v1 import escalations_pb2 as pb
from esoffice.es.v1 import status_events_pb2, text_modules_pb2
from esoffice.es.v1.escalations_pb2_grpc import EscalationServiceStub
from esoffice.es.v1.text_modules_pb2_grpc import TextModuleServiceStub

from mesh.database import Database, UnitOfWork
from mesh.wakeups import Doorbell
from mesh.workers import Turn
from server_es.escalations import following, retiming, timers
from server_es.escalations.engine import Engine
from server_es.escalations.entries import PlanEntries
from server_es.escalations.following import Following
from server_es.escalations.notified import Notified
from server_es.escalations.outlook import Outlook
from server_es.escalations.plans import Plans
from server_es.escalations.recipients import Channel
from server_es.escalations.retiming import Retiming
from server_es.escalations.service import Escalations
from server_es.escalations.settings import EscalationSettings
from server_es.escalations.telling import Delivery, Teller, Tiding
from server_es.escalations.verbs import Verbs
from server_es.escalations.worker import Retimer, Timekeeper
from server_es.notices.rules import Policy
from server_es.notices.telling import BELL as NOTICES_BELL
from server_es.notices.telling import Notices
from server_es.status_events.service import StatusEvents
from server_es.text_modules.call_texts import CallTexts
from server_es.text_modules.service import TextModules
from tests.builders.office import Office, Rooms, open_office

ES_MESSAGE = pb.ESCALATION_CHANNEL_ES_MESSAGE
MAIL = pb.ESCALATION_CHANNEL_MAIL
ADDITIONAL_MAIL = pb.ESCALATION_CHANNEL_ADDITIONAL_MAIL
SMS = pb.ESCALATION_CHANNEL_SMS


def doorbell(name: str) -> Doorbell:
    return Doorbell(name, lambda _: None)


@dataclass
class House:
    """Who is away and who is on duty, as the test says; and a book of who was told what."""

    away: dict[str, str] = field(default_factory=dict)
    duty: dict[str, list[str]] = field(default_factory=dict)
    told: list[Tiding] = field(default_factory=list)
    notified: Teller | None = None
    channels: frozenset[Channel] = Notified.channels

    def absent(self, unit: UnitOfWork, employees: Collection[str], at: datetime) -> Mapping[str, str]:
        del unit, at
        return {one: self.away[one] for one in employees if one in self.away}

    def on_duty(self, unit: UnitOfWork, roster: str, at: datetime, system: str | None) -> Sequence[str]:
        del unit, at, system
        return self.duty.get(roster, [])

    def existing_rosters(self, unit: UnitOfWork, rosters: Collection[str]) -> Collection[str]:
        del unit
        return [one for one in rosters if one in self.duty]

    def tell(self, unit: UnitOfWork, tidings: Sequence[Tiding]) -> None:
        assert self.notified is not None
        self.notified.tell(unit, tidings)
        unit.after_commit(lambda: self.told.extend(tidings))

    def withdraw(self, unit: UnitOfWork, causes: Collection[str], reason: str) -> None:
        assert self.notified is not None
        self.notified.withdraw(unit, causes, reason)

    def deliveries(self, unit: UnitOfWork, cause: str) -> Sequence[Delivery]:
        assert self.notified is not None
        return self.notified.deliveries(unit, cause)

    def told_by_sms(self, unit: UnitOfWork, number: str, since: datetime) -> Sequence[str]:
        assert self.notified is not None
        return self.notified.told_by_sms(unit, number, since)


class EscalatingRooms(Rooms):
    """The rooms, wired as the service wires them."""

    def __init__(self, house: House | None = None) -> None:
        self.retiming: Retiming | None = None
        super().__init__(retimed=self)
        self.house = house or House()
        notices = Notices(self.messages, lambda *_: {}, Policy(), doorbell(NOTICES_BELL))
        self.house.notified = Notified(notices, self.messages)
        self.plans = Plans()
        self.choice = EscalationSettings()
        self.channels = set(Channel)
        self.due_bell, self.retime_bell = doorbell(following.BELL), doorbell(retiming.BELL)
        self.retiming = Retiming(self.sites, self.plans, self.retime_bell, self.due_bell)
        self.observers = [Following(self.sites, self.plans, self.due_bell)]
        self.texts = CallTexts(self.sites, "Europe/Berlin")
        self.engine: Any = None

    def ask(self, unit: UnitOfWork, levels: Any, *, from_log: bool) -> None:
        assert self.retiming is not None
        self.retiming.ask(unit, levels, from_log=from_log)

    def asked(self, unit: UnitOfWork) -> bool:
        assert self.retiming is not None
        return self.retiming.asked(unit)

    def all(self) -> list[Any]:
        return [
            *super().all(),
            (text_modules_pb2.DESCRIPTOR, lambda database: TextModules(database, self.texts)),
            (status_events_pb2.DESCRIPTOR, StatusEvents),
            (pb.DESCRIPTOR, self.escalations),
        ]

    def servicecalls(self, database: Database) -> Any:
        made = super().servicecalls(database)
        self.engine = Engine(
            sites=self.sites,
            plans=self.plans,
            call_texts=self.texts,
            reach=self.house,
            teller=self.house,
            states=made.states,
            settings=self.choice,
        )
        return made

    def escalations(self, database: Database) -> Escalations:
        assert self.retiming is not None
        room = Escalations(
            database,
            entries=PlanEntries(self.sites, self.retiming, self.house.existing_rosters, self.channels),
            verbs=Verbs(self.engine),
            outlook=Outlook(self.engine),
            teller=self.house,
        )
        room.offer(self.actions)
        return room


@dataclass
class Escalating:
    """A served office that escalates."""

    office: Office
    rooms: EscalatingRooms
    stub: Any
    texts: Any

    @property
    def house(self) -> House:
        return self.rooms.house

    @property
    def database(self) -> Database:
        database: Database = self.office.served.database
        return database

    def retime(self) -> None:
        """Do what the worker that times calls anew does until nothing is left."""
        assert self.rooms.retiming is not None
        retimer = Retimer(self.database, self.rooms.retiming)
        while retimer.turn(Turn(threading.Event())):
            pass

    def timekeeper(self) -> Timekeeper:
        return Timekeeper(self.database, self.rooms.engine, self.rooms.choice)

    def turn(self, timekeeper: Timekeeper | None = None) -> timedelta:
        """Do what is due now; return how long the timer sleeps."""
        self.retime()
        keeper = timekeeper or self.timekeeper()
        while True:
            said = keeper.turn(Turn(threading.Event()))
            if isinstance(said, timedelta):
                return said

    def go_to(self, at: datetime, timekeeper: Timekeeper | None = None) -> None:
        """Fast-forward to an instant as the engine lives it: from one due time to the next."""
        keeper = timekeeper or self.timekeeper()
        clock = self.office.clock
        while True:
            sleeps = self.turn(keeper)
            left = at - clock.now()
            if left <= timedelta(0):
                return
            clock.advance(min(left, max(self._until_next(sleeps), timedelta(milliseconds=1))))

    def _until_next(self, sleeps: timedelta) -> timedelta:
        """Return how long nothing happens: the worker looks every few seconds, the test does not need to."""
        with self.database.reading() as unit:
            upcoming = timers.next_due_time(unit, after=unit.now)
            waiting = timers.next_due_time(unit)
            late = waiting is not None and waiting <= unit.now
            rest = timedelta(days=365) if upcoming is None else upcoming - unit.now
        return min(sleeps, rest) if late else rest

    def subjects(self) -> list[tuple[str, str]]:
        """Return who was told what, in order."""
        return [(one.told.employee or next(iter(one.told.channels.values())), one.subject) for one in self.house.told]

    async def escalations(self, call: str = "") -> list[pb.Escalation]:
        """Return what has escalated, the oldest first."""
        answer = await self.stub.ListEscalations(pb.ListEscalationsRequest(servicecall=call, page_size=1000))
        return list(reversed(answer.escalations))

    async def event(self, id_: str = "warn", **fields: Any) -> pb.EscalationEvent:
        said = {
            "title": id_,
            "message_text_module": "textModules/warning",
            "channels": [ES_MESSAGE],
            "notify_by_forwarding": True,
            **fields,
        }
        request = pb.CreateEscalationEventRequest(
            escalation_event=pb.EscalationEvent(name=f"escalationEvents/{id_}", **said)
        )
        made: pb.EscalationEvent = await self.stub.CreateEscalationEvent(request)
        return made

    async def point(self, number: int, percent: int, **fields: Any) -> pb.EscalationPoint:
        said = {
            "title": f"{percent} %",
            "event": "escalationEvents/warn",
            "percent": percent,
            "assignments": [pb.EscalationAssignment(service_level="serviceLevels/5")],
            **fields,
        }
        request = pb.CreateEscalationPointRequest(
            escalation_point=pb.EscalationPoint(name=f"escalationPoints/{number}", **said)
        )
        made: pb.EscalationPoint = await self.stub.CreateEscalationPoint(request)
        return made


async def open_escalating(serve: Any, *, house: House | None = None) -> Escalating:
    """Serve an office with one text module and one event; who is responsible is told by esMessage."""
    rooms = EscalatingRooms(house)
    office = await open_office(serve, rooms=rooms)
    opened = Escalating(
        office=office,
        rooms=rooms,
        stub=EscalationServiceStub(office.served.channel),
        texts=TextModuleServiceStub(office.served.channel),
    )
    await furnish(opened)
    return opened


async def furnish(opened: Escalating) -> None:
    """Make a text module, and an event that tells who is responsible."""
    module = text_modules_pb2.TextModule(
        name="textModules/warning",
        title="Warnung",
        text="<Escalation.Percent> % Call <ServCall.ServicecallNr>\nLösung bis <Deadline.Solution>",
    )
    await opened.texts.CreateTextModule(text_modules_pb2.CreateTextModuleRequest(text_module=module))
    await opened.event()
