"""The servicer of the notices."""

from types import SimpleNamespace
from typing import Any, Final

from esoffice.es.v1 import notices_pb2 as pb
from esoffice.es.v1 import notices_pb2_grpc as grpc_

from mesh import etags, masks
from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import NotFound, PermissionDenied
from mesh.pages import page_of
from mesh.tokens import Caller
from server_es.directory.subjects import existing_employees
from server_es.messages.address import Messages
from server_es.notices import mapping, store
from server_es.notices.names import EMPLOYEE, PREFERENCES

_OTHERS: Final = "notifications.write"
_FIELD: Final = "notification_preferences"


class Notifications(grpc_.NotificationServiceServicer):
    """Serves preferences, and what was told to whom.

    Args:
        database: of server_es.
        messages: the inboxes; they know what was read.
    """

    def __init__(self, database: Database, messages: Messages) -> None:
        self._database = database
        self._messages = messages

    async def GetNotificationPreferences(
        self, request: pb.GetNotificationPreferencesRequest, _context: Any
    ) -> pb.NotificationPreferences:
        return await self._database.read(self._get, request, caller())

    async def UpdateNotificationPreferences(
        self, request: pb.UpdateNotificationPreferencesRequest, _context: Any
    ) -> pb.NotificationPreferences:
        return await self._database.run(self._update, request, caller())

    async def ListNotices(self, request: pb.ListNoticesRequest, _context: Any) -> pb.ListNoticesResponse:
        return await self._database.read(self._page, request)

    def _get(
        self, unit: UnitOfWork, request: pb.GetNotificationPreferencesRequest, by: Caller
    ) -> pb.NotificationPreferences:
        employee = _whose(unit, request.name, by, field="name")
        return mapping.preferences(employee, store.preferences_row(unit, employee))

    def _update(
        self, unit: UnitOfWork, request: pb.UpdateNotificationPreferencesRequest, by: Caller
    ) -> pb.NotificationPreferences:
        given = request.notification_preferences
        employee = _whose(unit, given.name, by, field=f"{_FIELD}.name")
        masks.etag_given(given.etag, field=_FIELD)
        old = store.preferences_row(unit, employee, lock=True)
        stored = mapping.preferences(employee, old)
        etags.check(given.etag, stored.etag, given.name)
        message = masks.merged(stored, given, request.update_mask, fields=mapping.FIELDS, field=_FIELD)
        row = mapping.columns(employee, message)
        store.wanted(SimpleNamespace(**row))  # refuses a window that is none
        store.save_preferences(unit, old, row)
        return mapping.preferences(employee, store.preferences_row(unit, employee))

    def _page(self, unit: UnitOfWork, request: pb.ListNoticesRequest) -> pb.ListNoticesResponse:
        page = page_of(request)
        conditions = [store.C.about == request.about] if request.about else []
        if request.cause:
            conditions.append(store.C.cause == request.cause)
        if request.employee:
            conditions.append(store.C.employee == EMPLOYEE.parse(request.employee, field="employee")[0])
        if request.states:
            conditions.append(store.C.state.in_([int(one) for one in request.states]))
        found = store.page(unit, conditions, int(page.after[0]) if page.after else None, page.size + 1)
        shown = found[: page.size]
        places = {(row.employee, row.inbox_sequence) for row in shown if row.inbox_sequence is not None}
        read = self._messages.read_times(unit, places)
        return pb.ListNoticesResponse(
            notices=[mapping.notice(row, read) for row in shown],
            next_page_token=page.token([row._mapping for row in found], ("id",)),  # noqa: SLF001 - SQLAlchemy's public name
        )


def _whose(unit: UnitOfWork, name: str, by: Caller, *, field: str) -> str:
    """Return the personnel number in the name of preferences that the caller may see and change.

    Raises:
        PermissionDenied: they are another one's.
        NotFound: there is no such employee.
    """
    employee = PREFERENCES.parse(name, field=field)[0]
    if employee != by.employee and not by.may(_OTHERS):
        raise PermissionDenied(f"{name} are somebody else's: that needs the permission {_OTHERS}", permission=_OTHERS)
    if not existing_employees(unit, {employee}):
        raise NotFound(f"employees/{employee} does not exist", resource=f"employees/{employee}")
    return employee
