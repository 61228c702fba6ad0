"""What server_es knows in the stories of the mail reception, arranged by its contracts, looked at in its tables."""

from collections import defaultdict
from typing import Any

import grpc
from esoffice.es.v1 import (
    calendars_pb2,
    calendars_pb2_grpc,
    directory_pb2,
    directory_pb2_grpc,
    service_levels_pb2,
    service_levels_pb2_grpc,
    servicecalls_pb2,
    servicecalls_pb2_grpc,
    status_events_pb2,
    status_events_pb2_grpc,
    text_modules_pb2,
    text_modules_pb2_grpc,
)
from sqlalchemy import Table, select

from mesh.database import Database
from server_es.contacts.store import contact
from server_es.inboxes import INBOXES
from server_es.notices.tables import notice
from server_es.servicecalls.tables import servicecall
from tests.builders import directory as build
from tests.builders.office import level, office_hours

CUSTOMERS = ("1", "2", "7", "9", "1001", "2002")


class EsHouse:
    """A real server_es with a small office in it.

    Args:
        database: of server_es, to look at.
        channel: where everybody is the chief.
    """

    def __init__(self, database: Database, channel: grpc.Channel) -> None:
        self.database = database
        wire: Any = channel  # the typed stubs are those of asynchronous channels
        self.directory: Any = directory_pb2_grpc.DirectoryServiceStub(wire)
        self.levels: Any = service_levels_pb2_grpc.ServiceLevelServiceStub(wire)
        self.servicecalls: Any = servicecalls_pb2_grpc.ServicecallServiceStub(wire)
        self._calendars: Any = calendars_pb2_grpc.CalendarServiceStub(wire)
        self._texts: Any = text_modules_pb2_grpc.TextModuleServiceStub(wire)
        self._status_events: Any = status_events_pb2_grpc.StatusEventServiceStub(wire)
        self._mail_addresses: dict[str, set[str]] = defaultdict(set)

    def furnish(self) -> None:
        """Calendar, level and category by default, customers without mail addresses, a team of one."""
        pb = service_levels_pb2
        self._calendars.CreateCalendar(calendars_pb2.CreateCalendarRequest(calendar=office_hours()))
        priority = pb.Priority(name="priorities/1", title="Normal")
        self.levels.CreatePriority(pb.CreatePriorityRequest(priority=priority))
        category = pb.ProblemCategory(name="problemCategories/question", title="Frage")
        self.levels.CreateProblemCategory(pb.CreateProblemCategoryRequest(problem_category=category))
        self.levels.CreateServiceLevel(pb.CreateServiceLevelRequest(service_level=level(5)))
        self._upsert(build.employee("100"), build.team("1", "100"), *(build.address(one) for one in CUSTOMERS))
        self.lacks_defaults(lacks=False)

    def acknowledges(self, text: str) -> None:
        """Who reported a new call gets a mail."""
        module = text_modules_pb2.TextModule(name="textModules/thanks", title="Eingang", text=text)
        self._texts.CreateTextModule(text_modules_pb2.CreateTextModuleRequest(text_module=module))
        event = status_events_pb2.StatusEvent(
            name="statusEvents/thanks",
            title="Eingang",
            new_state="servicecallStates/20",
            text_module=module.name,
            notify_customer=True,
        )
        self._status_events.CreateStatusEvent(status_events_pb2.CreateStatusEventRequest(status_event=event))

    def knows(self, mail_address: str, *addresses: str) -> None:
        """The customers `addresses/…` have this mail address, too."""
        for one in addresses:
            number = one.removeprefix("addresses/")
            self._mail_addresses[number].add(mail_address)
            self._upsert(build.address(number, mail_addresses=sorted(self._mail_addresses[number])))

    def has_system(self, number: str, address: str) -> None:
        """The customer has a system of this number."""
        self._upsert(build.system(number, address.removeprefix("addresses/")))

    def forgets(self, address: str) -> None:
        """The customer is deleted."""
        self.directory.DeleteRecord(directory_pb2.DeleteRecordRequest(name=address))

    def has_call(self, address: str, *, solved: bool = False) -> int:
        """A call made by a person; return its number."""
        call = servicecalls_pb2.Servicecall(title="Heizung kalt", address=address)
        made = self.servicecalls.CreateServicecall(servicecalls_pb2.CreateServicecallRequest(servicecall=call))
        if solved:
            self.servicecalls.SolveServicecall(servicecalls_pb2.SolveServicecallRequest(servicecall=made.name))
        return int(made.name.rpartition("/")[2])

    def lacks_defaults(self, *, lacks: bool = True) -> None:
        defaults = self.levels.GetDefaults(service_levels_pb2.GetDefaultsRequest())
        defaults.service_level = "" if lacks else "serviceLevels/5"
        defaults.problem_category = "problemCategories/question"
        self.levels.SetDefaults(service_levels_pb2.SetDefaultsRequest(defaults=defaults))

    def calls(self) -> list[Any]:
        """Rows of the calls that mails made."""
        return [row for row in self._rows(servicecall) if row.origin]

    def call(self, number: int) -> Any:
        return next(row for row in self._rows(servicecall) if row.number == number)

    def contacts(self) -> list[Any]:
        return self._rows(contact)

    def notices(self) -> list[Any]:
        return self._rows(notice)

    def told(self) -> list[tuple[str, str]]:
        """Recipient and subject of what employees were told."""
        message, content = INBOXES.tables.message.c, INBOXES.tables.content.c
        query = select(message.recipient, content.subject).join_from(INBOXES.tables.message, INBOXES.tables.content)
        with self.database.reading() as unit:
            return [(row.recipient, row.subject) for row in unit.connection.execute(query)]

    def _rows(self, table: Table) -> list[Any]:
        with self.database.reading() as unit:
            return list(unit.connection.execute(select(table).order_by(*table.primary_key)).all())

    def _upsert(self, *records: directory_pb2.Record) -> None:
        answer = self.directory.BatchUpsertRecords(build.upsert(*records))
        assert not [one.status.message for one in answer.results if one.HasField("status")]
