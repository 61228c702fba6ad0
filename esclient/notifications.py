"""How an employee is told, and what became of it, as a client handles it (Benachrichtigungen)."""

from collections.abc import Sequence

from esoffice.config.v1 import identity_pb2, identity_pb2_grpc
from esoffice.es.v1 import notices_pb2 as pb
from esoffice.es.v1 import notices_pb2_grpc
from google.protobuf.field_mask_pb2 import FieldMask

from esclient.session import Session

_PAGE = 1000


class NoEmployee(Exception):
    """The signed-in user is no employee, so there are no preferences of his own."""


class Notifications:
    """Preferences and notices of a session.

    Raises:
        grpc.aio.AioRpcError: refused; its details are a sentence for people, its ErrorInfo a reason for programs.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stub: notices_pb2_grpc.NotificationServiceAsyncStub = notices_pb2_grpc.NotificationServiceStub(
            session.channel
        )
        self._identity: identity_pb2_grpc.IdentityServiceAsyncStub = identity_pb2_grpc.IdentityServiceStub(
            session.channel
        )

    async def preferences(self, employee: str = "") -> pb.NotificationPreferences:
        """Return how an employee wants to be told; `employees/17`, or empty for whoever is signed in.

        Raises:
            NoEmployee: whoever is signed in is none.
        """
        if not employee:
            me = await self._session.ask(self._identity.WhoAmI, identity_pb2.WhoAmIRequest())
            employee = me.employee
        if not employee:
            raise NoEmployee("You are signed in as a user who is no employee; say whose preferences.")
        request = pb.GetNotificationPreferencesRequest(name=f"{employee}/notificationPreferences")
        return await self._session.ask(self._stub.GetNotificationPreferences, request)

    async def change(self, wanted: pb.NotificationPreferences, paths: Sequence[str]) -> pb.NotificationPreferences:
        """Change the named fields of preferences that were read before."""
        request = pb.UpdateNotificationPreferencesRequest(
            notification_preferences=wanted, update_mask=FieldMask(paths=paths)
        )
        return await self._session.ask(self._stub.UpdateNotificationPreferences, request)

    async def told(self, conditions: pb.ListNoticesRequest, *, limit: int) -> list[pb.Notice]:
        """Return what was told to whom, at most `limit`, the newest first."""
        found: list[pb.Notice] = []
        while True:
            conditions.page_size = min(limit - len(found), _PAGE)
            answer = await self._session.ask(self._stub.ListNotices, conditions)
            found += answer.notices
            conditions.page_token = answer.next_page_token
            if not conditions.page_token or len(found) >= limit:
                return found
