"""The catalogue of the events: what their names, columns and references are, and what must hold."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from esoffice.es.v1 import status_events_pb2 as pb
from google.protobuf.json_format import MessageToDict, ParseDict

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, Violation
from mesh.names import NamePattern
from server_es import entries
from server_es.catalogues import Catalogue, Field, Key, Reference
from server_es.directory import names as directory
from server_es.directory.subjects import existing_employees, members_of
from server_es.service_levels import names as levels
from server_es.service_levels import tables as level_tables
from server_es.status_events.names import STATUS_EVENT as NAME
from server_es.status_events.tables import status_event
from server_es.text_modules.catalogue import NAME as TEXT_MODULE
from server_es.text_modules.tables import text_module

Existing = Callable[[UnitOfWork, Collection[str]], Collection[str]]
_NAMED: Final[Mapping[str, tuple[NamePattern, Existing]]] = {
    "employee": (directory.EMPLOYEE, existing_employees),
    "team": (directory.TEAM, members_of),
}
STATUS_EVENT: Final = Catalogue(
    kind="status_event",
    plural="status_events",
    message=pb.StatusEvent,
    name=NAME,
    table=status_event,
    key="id",
    fields={
        "title": Field(),
        "previous_state_from": Field(),
        "previous_state_to": Field(),
        "new_state": Field(to_row=lambda name: int(levels.STATE.parse(name)[0]), to_message=levels.STATE.build),
        "text_module": Field(to_row=lambda name: TEXT_MODULE.parse(name)[0], to_message=TEXT_MODULE.build),
        "notify_customer": Field(),
        "notify_responsible_employee": Field(),
        "notify_responsible_team": Field(),
        "channels": Field(to_row=lambda said: [int(one) for one in said]),
        "recipients": Field(
            to_row=lambda said: [MessageToDict(one, preserving_proto_field_name=True) for one in said],
            to_message=lambda kept: [ParseDict(one, pb.StatusEventRecipient()) for one in kept],
        ),
        "disabled": Field(),
    },
    references={
        "new_state": Reference(name=levels.STATE, table=level_tables.servicecall_state, column="number"),
        "text_module": Reference(name=TEXT_MODULE, table=text_module, column="id"),
    },
)


class Entries(entries.Entries):
    """The events; one is kept only when it can happen, and names recipients that exist."""

    def check(
        self, unit: UnitOfWork, catalogue: Catalogue[Any], key: Key, message: Any, row: Mapping[str, Any]
    ) -> None:
        super().check(unit, catalogue, key, message, row)
        wrong = []
        if row["previous_state_from"] == row["previous_state_to"] == row["new_state"]:
            text = (
                f"{row['previous_state_to']} is the new state, which nothing changes to itself: it would never happen"
            )
            wrong.append(Violation("status_event.previous_state_to", text))
        for column, (pattern, existing) in _NAMED.items():
            asked = {ids[0] for one in message.recipients if (ids := pattern.ids(getattr(one, column)))}
            there = existing(unit, asked) if asked else ()
            wrong += [
                Violation(f"status_event.recipients.{column}", f"{pattern.build(one)} does not exist")
                for one in sorted(asked - set(there))
            ]
        if wrong:
            raise InvalidArgument(wrong)
