"""A mailbox in sync: a real server_es, an Exchange server of the tests, and the sync between, turned by hand."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
from esoffice.es.v1 import appointments_pb2 as es_pb
from esoffice.es.v1 import appointments_pb2_grpc, directory_pb2, directory_pb2_grpc

from mesh.channel import connect_blocking
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.instants import timestamp
from mesh.wakeups import Doorbell
from mesh.workers import HealthLine, Turn
from server_business.exchange import store
from server_business.exchange.calendar import Calendar
from server_business.exchange.erp import ErpCalendar
from server_business.exchange.items import Kind
from server_business.exchange.mailboxes import Desk, Mailbox
from server_business.exchange.rules import Brake, Direction, Place
from server_business.exchange.worker import Board, Sync
from server_business.schema import LEASES
from tests.builders.exchange_server import ExchangeServer, exchange_server
from tests.builders.graph_server import graph_server
from tests.servers import es

MAILBOX = Mailbox(
    employee="101",
    address="eva101@firma.example",
    directions=dict.fromkeys(Kind, Direction.BOTH),
    brake=Brake(minimum=5, percent=20),
)
SOON = (SystemClock().now() + timedelta(days=7)).replace(hour=8, minute=0, second=0, microsecond=0)


@dataclass
class Office:
    """Eva's calendar and her mailbox.

    Attributes:
        exchange: the server with her mailbox.
        channel: to server_es, as server_business.
        chief: to server_es, as somebody who may do everything.
        desk: what works on the mailbox.
        mailbox: how it is kept.
        theirs: the database of server_es.
        running: the worker, which keeps its connections from round to round.
        line: how it says it is.
    """

    exchange: ExchangeServer
    channel: grpc.Channel
    chief: Any
    database: Database
    mailbox: Mailbox
    theirs: Database
    running: tuple[Mailbox, Sync] | None = None
    line: HealthLine = field(default_factory=lambda: HealthLine("exchange"))

    @property
    def employee(self) -> str:
        return f"employees/{self.mailbox.employee}"

    @property
    def desk(self) -> Desk:
        return Desk(self.database, self.sides)

    def sides(self, mailbox: Mailbox) -> Mapping[Place, Calendar]:
        return {
            Place.ERP: ErpCalendar(self.channel, f"employees/{mailbox.employee}", "Europe/Berlin"),
            Place.EXCHANGE: self.exchange.calendar(),
        }

    def sync(self, rounds: int = 1) -> str:
        """Do what the worker does; return how the mailbox is."""
        if self.running is None or self.running[0] is not self.mailbox:
            self.running = (self.mailbox, self.worker())
        worker = self.running[1]
        for _ in range(rounds):
            worker.turn(Turn(threading.Event()))
        with self.database.reading() as unit:
            row = store.state(unit, self.mailbox.employee)
            assert row is not None
            status: str = row.status
            return status

    def worker(self) -> Sync:
        return Sync(self.desk, LEASES, self.mailbox, Doorbell("x", lambda _: None), Board(self.line, [self.mailbox]))

    def titles_in_erp(self) -> list[str]:
        return sorted(self.appointments())

    # -- the ERP ------------------------------------------------------------------------------------------------------

    def write(self, *writes: es_pb.CalendarWrite) -> list[es_pb.CalendarWriteResult]:
        return list(
            self.chief.BatchWriteCalendar(
                es_pb.BatchWriteCalendarRequest(employee=self.employee, writes=writes)
            ).results
        )

    def make(self, title: str, hours: int = 0, **more: Any) -> es_pb.Appointment:
        start = SOON + timedelta(hours=hours)
        said = es_pb.Appointment(
            title=title, start_time=timestamp(start), end_time=timestamp(start + timedelta(hours=1)), **more
        )
        return self.write(es_pb.CalendarWrite(appointment=said))[0].appointment

    def appointments(self) -> dict[str, es_pb.Appointment]:
        """Return what is in the ERP, by title."""
        listed = self.chief.ListAppointments(es_pb.ListAppointmentsRequest(employee=self.employee, page_size=1000))
        return {one.title: one for one in listed.appointments}

    def rename(self, title: str, to: str) -> None:
        said = self.appointments()[title]
        said.title = to
        self.write(es_pb.CalendarWrite(appointment=said))

    def delete(self, *titles: str) -> None:
        there = self.appointments()
        self.write(*(es_pb.CalendarWrite(deleted=there[title].name) for title in titles))

    # -- Exchange -----------------------------------------------------------------------------------------------------

    def items(self, folder: str = "calendar") -> dict[str, dict[str, str]]:
        """Return what is in the mailbox, by title."""
        return {one["Subject"]: one for one in self.exchange.order("list", folder=folder)}

    def titles(self) -> tuple[list[str], list[str]]:
        """Return all titles of both sides, as often as they are there."""
        listed = self.chief.ListAppointments(es_pb.ListAppointmentsRequest(employee=self.employee, page_size=1000))
        there = self.exchange.order("list", folder="calendar")
        return sorted(one.title for one in listed.appointments), sorted(one["Subject"] for one in there)


@dataclass
class House:
    """Both servers, for as many employees as there are tests."""

    exchange: ExchangeServer
    channel: grpc.Channel
    chief: grpc.Channel
    theirs: Database
    services: int
    employees: int = 100

    def office(self, database: Database) -> Office:
        """Let somebody new work here, with an empty calendar and an empty mailbox."""
        self.employees += 1
        number, address = str(self.employees), f"eva{self.employees}@firma.example"
        wire: Any = self.chief
        engage(wire, number)
        exchange = type(self.exchange)(self.exchange.port, address)
        exchange.order("mailbox")
        return Office(
            exchange=exchange,
            channel=self.channel,
            chief=appointments_pb2_grpc.AppointmentServiceStub(wire),
            database=database,
            mailbox=replace(MAILBOX, employee=number, address=address),
            theirs=self.theirs,
        )


@contextmanager
def exchange_house(folder: Path, protocol: str = "ews") -> Iterator[House]:
    """Open both sides until the block ends."""
    mailboxes = graph_server if protocol == "graph" else exchange_server
    certs = es.make_certificates(folder)
    with ExitStack() as stack:
        theirs = stack.enter_context(es.opened(f"sqlite:///{folder / 'es.db'}", SystemClock()))
        doors = stack.enter_context(es.serving_in_a_thread(certs, theirs))
        yield House(
            exchange=stack.enter_context(mailboxes()),
            channel=stack.enter_context(es.channel(certs, doors.services)),
            chief=stack.enter_context(connect_blocking(f"127.0.0.1:{doors.chief}", None)),
            theirs=theirs,
            services=doors.services,
        )


def engage(chief: Any, number: str) -> None:
    """Let Eva work here."""
    eva = directory_pb2.Employee(name=f"employees/{number}", matchcode="eva", family_name="Ems")
    record = directory_pb2.Record(employee=eva)
    directory_pb2_grpc.DirectoryServiceStub(chief).BatchUpsertRecords(
        directory_pb2.BatchUpsertRecordsRequest(records=[record])
    )
