"""Who people are: users, sign-in, public keys (Benutzer, Anmeldung)."""

from collections.abc import Callable, Mapping
from typing import Any

from esoffice.config.v1 import identity_pb2 as pb
from esoffice.config.v1 import settings_pb2
from google.protobuf.empty_pb2 import Empty

from config_service.identity import changes
from config_service.identity.failed_sign_ins import FailedSignIns
from config_service.identity.keyring import Keyring
from config_service.identity.messages import employee_name, site_roles, user_id, user_message
from config_service.identity.rules import Role
from config_service.identity.sign_in import Hashing, SignIns
from config_service.identity.store import UserStore
from mesh.call import CURRENT, about, caller
from mesh.callers import host
from mesh.database import Database, UnitOfWork
from mesh.errors import NotFound, PermissionDenied
from mesh.tokens import Caller, Kind

_TICKETS_OF = "server_es"


class IdentityServicer:
    """Serves `IdentityService`.

    Args:
        database: of config_service.
        users: the users.
        failures: failed sign-ins.
        settings: returns the newest settings.
        hashing: of passwords.
        keyring: signs tokens.
    """

    def __init__(
        self,
        database: Database,
        *,
        users: UserStore,
        failures: FailedSignIns,
        settings: Callable[[UnitOfWork], settings_pb2.Settings],
        hashing: Hashing,
        keyring: Keyring,
    ) -> None:
        self._database = database
        self._users = users
        self._failures = failures
        self._settings = settings
        self._hashing = hashing
        self._keyring = keyring
        self._sign_ins = SignIns(
            database, users=users, failures=failures, settings=settings, hashing=hashing, keyring=keyring
        )

    async def SignIn(self, request: pb.SignInRequest, context: Any) -> pb.SignInResponse:
        name = request.user.strip().lower()
        about(f"users/{name}")
        call = CURRENT.get()
        address = call.address if call else host(context.peer())
        return await self._sign_ins.sign_in(name, request.password, address)

    async def GetKeySet(self, _request: pb.GetKeySetRequest, _context: Any) -> pb.KeySet:
        return pb.KeySet(jwks=self._keyring.jwks)

    async def IssueTicket(self, request: pb.IssueTicketRequest, _context: Any) -> pb.IssueTicketResponse:
        if caller().name != _TICKETS_OF:
            raise PermissionDenied(f"Only {_TICKETS_OF} gives tickets.")
        made = self._keyring.issue_ticket(request.person, request.scopes, request.lifetime_duration.ToTimedelta())
        answer = pb.IssueTicketResponse(ticket=made.text, ticket_id=made.token_id)
        answer.expire_time.FromDatetime(made.expiry_time)
        return answer

    async def WhoAmI(self, _request: pb.WhoAmIRequest, _context: Any) -> pb.WhoAmIResponse:
        who = caller()
        return pb.WhoAmIResponse(
            user=f"users/{who.name}" if who.kind is Kind.PERSON else "",
            service=who.spiffe_id.service if who.spiffe_id else "",
            employee=employee_name(who.employee),
            permissions=who.permissions.patterns,
            address=who.address,
        )

    async def ListUsers(self, request: pb.ListUsersRequest, _context: Any) -> pb.ListUsersResponse:
        return await self._database.read(self._list, request)

    async def GetUser(self, request: pb.GetUserRequest, _context: Any) -> pb.User:
        return await self._database.read(self._get, user_id(request.name))

    async def CreateUser(self, request: pb.CreateUserRequest, _context: Any) -> pb.User:
        about(f"users/{request.user_id}")
        changes.check_password(request)
        hashed = await self._hashing.hash(request.password) if request.password else ""
        return await self._database.run(self._create, request, hashed, caller())

    async def UpdateUser(self, request: pb.UpdateUserRequest, _context: Any) -> pb.User:
        about(request.user.name)
        return await self._database.run(self._update, request, caller())

    async def SetPassword(self, request: pb.SetPasswordRequest, _context: Any) -> pb.User:
        changes.check_password(request)
        hashed = await self._hashing.hash(request.password)
        return await self._database.run(self._set_password, request, hashed, caller())

    async def DeleteUser(self, request: pb.DeleteUserRequest, _context: Any) -> Empty:
        return await self._database.run(self._delete, request, caller())

    # -- units of work ------------------------------------------------------------------------------------------------

    def _list(self, unit: UnitOfWork, request: pb.ListUsersRequest) -> pb.ListUsersResponse:
        size = request.page_size or 50
        found = self._users.page(unit, after=request.page_token, limit=size + 1)
        more = found[size - 1].name if len(found) > size else ""
        return pb.ListUsersResponse(users=map(user_message, found[:size]), next_page_token=more)

    def _get(self, unit: UnitOfWork, name: str) -> pb.User:
        user = self._users.find(unit, name)
        if user is None:
            raise NotFound(f"There is no user {name}.", resource=f"users/{name}")
        return user_message(user)

    def _create(self, unit: UnitOfWork, request: pb.CreateUserRequest, hashed: str, by: Caller) -> pb.User:
        user = changes.created(request, hashed, self._roles(unit), by, unit.now)
        return user_message(self._users.add(unit, user))

    def _update(self, unit: UnitOfWork, request: pb.UpdateUserRequest, by: Caller) -> pb.User:
        before = self._users.get(unit, user_id(request.user.name), etag=request.user.etag)
        after = changes.updated(before, request, self._roles(unit), by)
        changes.keep_an_administrator(before, after, self._users.others(unit, before.name))
        return user_message(before if after == before else self._users.change(unit, after))

    def _set_password(self, unit: UnitOfWork, request: pb.SetPasswordRequest, hashed: str, by: Caller) -> pb.User:
        before = self._users.get(unit, user_id(request.name), etag=request.etag)
        after = changes.with_password(before, hashed, self._roles(unit), by)
        self._failures.forgive(unit, before.name)
        return user_message(self._users.change(unit, after))

    def _delete(self, unit: UnitOfWork, request: pb.DeleteUserRequest, by: Caller) -> Empty:
        before = self._users.get(unit, user_id(request.name), etag=request.etag)
        changes.may_touch(before, self._roles(unit), by)
        changes.keep_an_administrator(before, None, self._users.others(unit, before.name))
        self._users.remove(unit, before.name)
        return Empty()

    def _roles(self, unit: UnitOfWork) -> Mapping[str, Role]:
        return site_roles(self._settings(unit))
