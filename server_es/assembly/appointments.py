"""Puts the calendars of employees together."""

from collections.abc import Sequence
from typing import Final

from esoffice.business.v1 import exchange_pb2, exchange_pb2_grpc
from esoffice.es.v1 import appointments_pb2

from mesh.app import App
from server_es.appointments.service import Appointments
from server_es.appointments.worker import News

_LIMIT: Final = 5.0


def add_appointments(app: App, zone: str) -> None:
    """Add the room, and what tells server_business of changes."""

    def tell(employees: Sequence[str]) -> None:
        asked = exchange_pb2.NoteCalendarChangesRequest(employees=employees)

        async def call() -> object:
            return await exchange_pb2_grpc.ExchangeServiceStub(app.channel("server_business")).NoteCalendarChanges(
                asked
            )

        app.wait(call, limit=_LIMIT)

    app.serve(appointments_pb2.DESCRIPTOR, Appointments(app.database, zone))
    app.work(News(app.database, tell).worker())
