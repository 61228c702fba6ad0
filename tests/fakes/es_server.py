"""server_es by its contract, with a memory that survives a kill: senders, calls, contacts, messages, request ids.

It holds what the mail reception needs, and refuses what the real one refuses. `python -m tests.fakes.es_server FILE PORT`
runs it as a process of its own, with the failpoints `es.asked` and `es.committed` around every write.
"""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from esoffice.es.v1 import (
    contacts_pb2,
    contacts_pb2_grpc,
    directory_pb2,
    directory_pb2_grpc,
    messages_pb2,
    messages_pb2_grpc,
    service_levels_pb2,
    service_levels_pb2_grpc,
    servicecalls_pb2,
    servicecalls_pb2_grpc,
)
from google.rpc import error_details_pb2, status_pb2
from sqlalchemy import Column, Integer, String, Table, Text, func, insert, select, update

from mesh.clock import SystemClock
from mesh.columns import new_metadata
from mesh.database import Database, UnitOfWork
from mesh.failpoints import failpoint
from mesh.idempotency import Asked, RequestLog
from mesh.validation import violations

METADATA = new_metadata()
REQUESTS = RequestLog(METADATA)
SENDER = Table(
    "sender", METADATA, Column("mail_address", String, primary_key=True), Column("address", String, primary_key=True)
)
CALL = Table(
    "call",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("address", String),
    Column("title", Text),
    Column("description", Text),
    Column("origin", String),
    Column("meaning", Integer),
    Column("responsible_team", String, default=""),
)
CONTACT = Table(
    "contact",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("address", String),
    Column("servicecall", String),
    Column("subject", Text),
    Column("text", Text),
    Column("message_id", String),
    Column("attachments", Text),
    Column("activity_type", String),
    Column("reopen", Integer),
    Column("happened", String),
)
MESSAGE = Table(
    "message", METADATA, Column("id", Integer, primary_key=True), Column("team", String), Column("subject", Text)
)
DEFAULT = Table("default_level", METADATA, Column("valid", Integer, primary_key=True))

_CALLER = "server_business"
_NOT_FOUND, _FAILED_PRECONDITION = 5, 9


class Refused(Exception):
    def __init__(self, code: int, reason: str, sentence: str) -> None:
        self.status = status_pb2.Status(code=code, message=sentence)
        self.status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="esoffice"))


class EsServer(
    directory_pb2_grpc.DirectoryServiceServicer,
    service_levels_pb2_grpc.ServiceLevelServiceServicer,
    servicecalls_pb2_grpc.ServicecallServiceServicer,
    contacts_pb2_grpc.ContactServiceServicer,
    messages_pb2_grpc.MessageServiceServicer,
):
    """All rooms in one. `database` has the tables of `METADATA`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.asked: list[str] = []

    # -- what a test arranges and looks at ----------------------------------------------------------------------------

    def knows(self, mail_address: str, *addresses: str) -> None:
        with self.database.unit() as unit:
            for one in addresses:
                unit.connection.execute(insert(SENDER).values(mail_address=mail_address.lower(), address=one))

    def has_call(self, number: int, address: str, *, meaning: int = service_levels_pb2.STATE_MEANING_STARTED) -> None:
        with self.database.unit() as unit:
            unit.connection.execute(
                insert(CALL).values(number=number, address=address, title="alt", origin="", meaning=meaning)
            )

    def lacks_defaults(self, *, lacks: bool = True) -> None:
        with self.database.unit() as unit:
            unit.connection.execute(DEFAULT.delete())
            if lacks:
                unit.connection.execute(insert(DEFAULT).values(valid=0))

    def rows(self, table: Table) -> list[Any]:
        with self.database.reading() as unit:
            return list(unit.connection.execute(select(table).order_by(*table.primary_key)).all())

    # -- the contract -------------------------------------------------------------------------------------------------

    def GetDefaults(self, request: Any, context: Any) -> Any:
        if self.rows(DEFAULT):
            return service_levels_pb2.ServicecallDefaults(problem="the default service level is missing")
        return service_levels_pb2.ServicecallDefaults(
            service_level="serviceLevels/1", problem_category="problemCategories/1", valid=True
        )

    def BatchIdentifySenders(self, request: Any, context: Any) -> Any:
        with self.database.reading() as unit:
            asked = [one.lower() for one in request.mail_addresses]
            rows = unit.connection.execute(select(SENDER).where(SENDER.c.mail_address.in_(asked))).all()
        answer = directory_pb2.BatchIdentifySendersResponse()
        for one in request.mail_addresses:
            found = sorted(row.address for row in rows if row.mail_address == one.lower())
            sender = answer.senders.add(mail_address=one, match=min(len(found), 2) + 1)
            if len(found) == 1:
                sender.address = found[0]
            else:
                sender.candidates.extend(found)
        return answer

    def BatchGetServicecalls(self, request: Any, context: Any) -> Any:
        numbers = [int(name.rpartition("/")[2]) for name in request.names]
        with self.database.reading() as unit:
            rows = unit.connection.execute(select(CALL).where(CALL.c.number.in_(numbers))).all()
        return servicecalls_pb2.BatchGetServicecallsResponse(
            servicecalls=[
                servicecalls_pb2.Servicecall(
                    name=f"servicecalls/{row.number}", address=row.address, meaning=row.meaning
                )
                for row in rows
            ]
        )

    def BatchCreateServicecalls(self, request: Any, context: Any) -> Any:
        self.asked.append("calls")
        _checked(request, context)
        results = self._write(request.requests, self._create_calls, servicecalls_pb2.ServicecallResult)
        return servicecalls_pb2.BatchCreateServicecallsResponse(results=results)

    def BatchCreateContacts(self, request: Any, context: Any) -> Any:
        self.asked.append("contacts")
        _checked(request, context)
        results = self._write(request.requests, self._create_contacts, contacts_pb2.ContactResult)
        return contacts_pb2.BatchCreateContactsResponse(results=results)

    def SendMessage(self, request: Any, context: Any) -> Any:
        _checked(request, context)

        def send() -> messages_pb2.SendMessageResponse:
            unit.connection.execute(insert(MESSAGE).values(team=request.teams[0], subject=request.subject))
            return messages_pb2.SendMessageResponse(recipient_count=1)

        failpoint("es.asked")
        with self.database.unit() as unit:
            answer = REQUESTS.once(unit, request, send, answer=messages_pb2.SendMessageResponse, caller=_CALLER)
        failpoint("es.committed")
        return answer

    def _write(
        self, requests: Sequence[Any], create: Callable[[UnitOfWork, Sequence[Any]], list[Any]], kind: Any
    ) -> list[Any]:
        failpoint("es.asked")
        with self.database.unit() as unit:
            refused: dict[int, Any] = {}
            for at, one in enumerate(requests):
                try:
                    self._check(unit, one)
                except Refused as error:
                    refused[at] = kind(status=error.status)
            good = [one for at, one in enumerate(requests) if at not in refused]
            by_id = {one.request_id: one for one in good}

            def respond(asked: Sequence[Asked]) -> list[bytes]:
                made = create(unit, [by_id[one.request_id] for one in asked])
                return [one.SerializeToString() for one in made]

            stored = iter(REQUESTS.remember_all(unit, [Asked.of(one, caller=_CALLER) for one in good], respond))
            results = [refused[at] if at in refused else kind.FromString(next(stored)) for at in range(len(requests))]
        failpoint("es.committed")
        return results

    def _check(self, unit: UnitOfWork, request: Any) -> None:
        if isinstance(request, servicecalls_pb2.CreateServicecallRequest):
            if unit.connection.execute(select(DEFAULT)).first():
                raise Refused(_FAILED_PRECONDITION, "NO_SERVICE_LEVEL", "no rule and no default gives a level")
            address = request.servicecall.address
        else:
            address = request.contact.address
            if call := request.contact.servicecall:
                number = int(call.rpartition("/")[2])
                if not unit.connection.execute(select(CALL.c.number).where(CALL.c.number == number)).first():
                    raise Refused(_NOT_FOUND, "NOT_FOUND", f"{call} does not exist")
        if address == "addresses/gone":
            raise Refused(_NOT_FOUND, "NOT_FOUND", "addresses/gone does not exist")

    def _create_calls(self, unit: UnitOfWork, requests: Sequence[Any]) -> list[Any]:
        last = unit.connection.execute(select(func.coalesce(func.max(CALL.c.number), 0))).scalar_one()
        rows = [
            {
                "number": last + at,
                "address": one.servicecall.address,
                "title": one.servicecall.title,
                "description": one.servicecall.description,
                "origin": one.servicecall.origin,
                "meaning": service_levels_pb2.STATE_MEANING_CREATED,
                "responsible_team": one.servicecall.responsible_team,
            }
            for at, one in enumerate(requests, start=1)
        ]
        unit.connection.execute(insert(CALL), rows)
        return [
            servicecalls_pb2.ServicecallResult(
                servicecall=servicecalls_pb2.Servicecall(name=f"servicecalls/{row['number']}")
            )
            for row in rows
        ]

    def _create_contacts(self, unit: UnitOfWork, requests: Sequence[Any]) -> list[Any]:
        last = unit.connection.execute(select(func.coalesce(func.max(CONTACT.c.id), 0))).scalar_one()
        rows = []
        for at, request in enumerate(requests, start=1):
            one = request.contact
            rows.append(
                {
                    "id": last + at,
                    "address": one.address,
                    "servicecall": one.servicecall,
                    "subject": one.subject,
                    "text": one.text,
                    "message_id": one.mail_message_id,
                    "attachments": " ".join(each.uri for each in one.attachments),
                    "activity_type": one.activity_type,
                    "reopen": int(request.reopen),
                    "happened": one.happened_time.ToJsonString(),
                }
            )
            if request.reopen:
                unit.connection.execute(
                    update(CALL)
                    .where(CALL.c.number == int(one.servicecall.rpartition("/")[2]))
                    .values(meaning=service_levels_pb2.STATE_MEANING_STARTED)
                )
        unit.connection.execute(insert(CONTACT), rows)
        return [contacts_pb2.ContactResult(contact=contacts_pb2.Contact(name=f"contacts/{row['id']}")) for row in rows]


def _checked(request: Any, context: Any) -> None:
    found = list(violations(request))
    for one in getattr(request, "requests", ()):
        found += violations(one)
    if found:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "; ".join(f"{one.field}: {one.description}" for one in found))


def opened(file: str) -> Database:
    database = Database(f"sqlite:///{file}", metadata=METADATA, clock=SystemClock())
    METADATA.create_all(database.engine)
    return database


def serve(servicer: EsServer, port: int = 0) -> tuple[grpc.Server, int]:
    server = grpc.server(
        ThreadPoolExecutor(4),
        options=[("grpc.max_receive_message_length", 64 << 20), ("grpc.so_reuseport", 0)],
    )
    for add in (
        directory_pb2_grpc.add_DirectoryServiceServicer_to_server,
        service_levels_pb2_grpc.add_ServiceLevelServiceServicer_to_server,
        servicecalls_pb2_grpc.add_ServicecallServiceServicer_to_server,
        contacts_pb2_grpc.add_ContactServiceServicer_to_server,
        messages_pb2_grpc.add_MessageServiceServicer_to_server,
    ):
        add(servicer, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, bound


if __name__ == "__main__":
    running, _ = serve(EsServer(opened(sys.argv[1])), int(sys.argv[2]))
    print("serving", flush=True)
    running.wait_for_termination()
