"""IdentityService over a real channel, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from argon2 import PasswordHasher
from esoffice.config.v1 import identity_pb2 as pb
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from config_service import schema
from mesh import status
from mesh.clock import ManualClock
from mesh.errors import Unauthenticated
from tests.builders.config_service import ADMIN, SERVER_ES
from tests.builders.identity import PASSWORD, Identity, identity_service

CLERK = (("caller", "person clara users.*"),)
NOBODY: tuple[tuple[str, str], ...] = ()


@pytest.fixture
async def identity(database_url: str, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Identity]:
    async with identity_service(database_url, tmp_path / "keys", clock) as found:
        await found.create("admin", "administrator")
        yield found


class Refused:
    """What a refused call said."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code = error.code()
        self.sentence = error.details()
        found: Any = rpc_status.from_call(error)
        self.reason = status.reason_of(found)
        self.fields: list[str] = []
        for one in found.details:
            bad = error_details_pb2.BadRequest()
            if one.Unpack(bad):
                self.fields = [violation.field for violation in bad.field_violations]


async def refused(call: Any) -> Refused:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return Refused(error.value)


async def test_a_token_carries_the_permissions_of_built_in_and_own_roles(identity: Identity) -> None:
    identity.settings.common.roles["night"].permissions.extend(["duty.*", "duty.read"])
    await identity.create("anna", "viewer", "night", employee="employees/4711")
    answer = await identity.sign_in("anna")
    token = await identity.verified(answer.token)
    assert (token.user, token.employee, token.roles) == ("anna", "4711", ("viewer", "night"))
    assert token.permissions.allow("duty.plan")
    assert token.permissions.allow("servicecalls.read")
    assert not token.permissions.allow("servicecalls.write")
    assert (answer.employee, list(answer.roles), answer.user) == ("employees/4711", ["viewer", "night"], "users/anna")


async def test_a_token_lives_as_long_as_the_settings_say(identity: Identity, clock: ManualClock) -> None:
    identity.settings.config_service.tokens.lifetime_duration.FromTimedelta(timedelta(hours=2))
    answer = await identity.sign_in("admin")
    assert answer.expire_time.ToDatetime(tzinfo=clock.now().tzinfo) == clock.now() + timedelta(hours=2)


async def test_nobody_learns_whether_the_user_or_the_password_is_wrong(identity: Identity) -> None:
    await identity.create("gone", disabled=True)
    await identity.create("robot", employee="employees/9000", service_user=True, password="")
    found = [
        await refused(identity.sign_in(user, password))
        for user, password in (("admin", "wrong"), ("who", PASSWORD), ("gone", PASSWORD), ("robot", PASSWORD))
    ]
    assert {(one.code, one.reason) for one in found} == {(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")}
    assert len({one.sentence for one in found}) == 1


async def test_upper_case_and_blanks_around_the_name_are_forgiven(identity: Identity) -> None:
    assert (await identity.sign_in(" Admin ")).user == "users/admin"


async def test_failures_make_one_wait_and_the_wait_ends(identity: Identity, clock: ManualClock) -> None:
    for _ in range(4):
        await refused(identity.sign_in("admin", "wrong"))
    waiting = await refused(identity.sign_in("admin"))
    assert waiting.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert waiting.sentence == "Too many failed sign-ins; try again in 2 seconds."
    clock.advance(timedelta(seconds=2))
    assert (await identity.sign_in("admin")).token
    assert (await identity.sign_in("admin")).token


async def test_guesses_side_by_side_gain_nothing(identity: Identity) -> None:
    found = await asyncio.gather(*(refused(identity.sign_in("admin", f"guess {number}")) for number in range(20)))
    assert sum(one.code is grpc.StatusCode.UNAUTHENTICATED for one in found) == 4


async def test_a_new_password_ends_the_wait_of_a_user_guessed_from_everywhere(identity: Identity) -> None:
    user = await identity.create("anna")
    changed = await identity.stub.SetPassword(
        pb.SetPasswordRequest(name=user.name, password="another long password", etag=user.etag), metadata=ADMIN
    )
    assert changed.etag != user.etag
    assert (await refused(identity.sign_in("anna"))).code is grpc.StatusCode.UNAUTHENTICATED
    assert (await identity.sign_in("anna", "another long password")).token
    again = identity.stub.SetPassword(
        pb.SetPasswordRequest(name=user.name, password="a third long password", etag=user.etag), metadata=ADMIN
    )
    assert (await refused(again)).reason == "STALE_ETAG"


async def test_sign_ins_and_failures_are_in_the_audit_log_once_each(identity: Identity) -> None:
    before = len(await identity.entries())
    await identity.sign_in("admin")
    await refused(identity.sign_in("admin", "wrong"))
    assert sorted((await identity.entries())[before:]) == [("users/admin", "SignIn", 0), ("users/admin", "SignIn", 16)]


async def test_a_sign_in_shows_in_the_user_and_is_no_change_of_it(identity: Identity, clock: ManualClock) -> None:
    before = await identity.get("admin")
    assert not before.HasField("last_sign_in_time")
    clock.advance(timedelta(hours=1))
    await identity.sign_in("admin")
    after = await identity.get("admin")
    assert after.last_sign_in_time.ToDatetime(tzinfo=clock.now().tzinfo) == clock.now()
    assert (after.etag, after.update_time) == (before.etag, before.update_time)


async def test_a_hash_made_with_weaker_parameters_is_replaced_at_the_next_sign_in(
    database_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    async with identity_service(database_url, tmp_path / "keys", clock) as weak:
        await weak.create("admin", "administrator")
    stronger = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    async with identity_service(database_url, tmp_path / "keys", clock, stronger) as identity:
        await identity.sign_in("admin")
        user = await identity.database.read(schema.users.find, "admin")
        assert user is not None
        assert "m=16,t=2" in user.password_hash
        assert (await identity.sign_in("admin")).token


async def test_the_last_administrator_stays_one(identity: Identity) -> None:
    await identity.create("second", "administrator", disabled=True)
    for change in (
        identity.update("admin", "roles"),
        identity.update("admin", "disabled", disabled=True),
        identity.stub.DeleteUser(pb.DeleteUserRequest(name="users/admin"), metadata=ADMIN),
    ):
        found = await refused(change)
        assert (found.code, found.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LAST_ADMINISTRATOR")
    await identity.update("second", "disabled")
    await identity.update("admin", "roles")
    assert (await refused(identity.update("second", "roles"))).reason == "LAST_ADMINISTRATOR"


async def test_two_administrators_cannot_remove_each_other_at_once(identity: Identity) -> None:
    await identity.create("second", "administrator")
    found = await asyncio.gather(
        identity.update("admin", "roles"), identity.update("second", "roles"), return_exceptions=True
    )
    assert sum(isinstance(one, pb.User) for one in found) == 1


async def test_users_write_alone_makes_nobody_an_administrator(identity: Identity) -> None:
    await identity.create("anna", metadata=CLERK)
    for change in (
        identity.create("bert", "administrator", metadata=CLERK),
        identity.update("anna", "roles", roles=["viewer"], metadata=CLERK),
        identity.update("admin", "disabled", disabled=True, metadata=CLERK),
        identity.stub.SetPassword(pb.SetPasswordRequest(name="users/admin", password=PASSWORD), metadata=CLERK),
        identity.stub.DeleteUser(pb.DeleteUserRequest(name="users/admin"), metadata=CLERK),
    ):
        assert (await refused(change)).code is grpc.StatusCode.PERMISSION_DENIED


async def test_who_is_not_signed_in_sees_no_users(identity: Identity) -> None:
    asked = identity.stub.ListUsers(pb.ListUsersRequest(), metadata=NOBODY)
    assert (await refused(asked)).code is grpc.StatusCode.UNAUTHENTICATED
    asked = identity.stub.ListUsers(pb.ListUsersRequest(), metadata=SERVER_ES)
    assert (await refused(asked)).code is grpc.StatusCode.PERMISSION_DENIED
    me = await identity.stub.WhoAmI(pb.WhoAmIRequest(), metadata=ADMIN)
    assert (me.user, list(me.permissions)) == ("users/anna", ["*"])


async def test_all_that_is_wrong_is_said_at_once_with_its_field(identity: Identity) -> None:
    wrong = pb.CreateUserRequest(user_id="No Good", user=pb.User(roles=["Bad"], employee="4711"), password="x" * 300)
    found = await refused(identity.stub.CreateUser(wrong, metadata=ADMIN))
    assert (found.code, found.fields) == (
        grpc.StatusCode.INVALID_ARGUMENT, ["user_id", "user.employee", "user.roles[0]", "password"]
    )  # fmt: skip
    assert (await refused(identity.create("anna", "king"))).fields == ["user.roles[0]"]
    assert (await refused(identity.create("anna", password="passwort12345"))).fields == ["password"]
    assert (await refused(identity.create("robot", service_user=True, password=""))).fields == ["user.employee"]
    made = identity.create("robot", service_user=True, employee="employees/1")
    assert (await refused(made)).fields == ["password"]
    assert (await refused(identity.update("admin", "etag"))).fields == ["update_mask"]


async def test_a_service_user_never_gets_a_password(identity: Identity) -> None:
    await identity.create("robot", employee="employees/9000", service_user=True, password="")
    request = pb.SetPasswordRequest(name="users/robot", password=PASSWORD)
    assert (await refused(identity.stub.SetPassword(request, metadata=ADMIN))).reason == "FAILED_PRECONDITION"
    assert (await refused(identity.update("robot", "employee"))).fields == ["user.employee"]


async def test_users_come_in_pages(identity: Identity) -> None:
    for number in range(5):
        await identity.create(f"user{number}")
    found, token = [], ""
    while True:
        page = await identity.stub.ListUsers(pb.ListUsersRequest(page_size=2, page_token=token), metadata=ADMIN)
        found += [one.name for one in page.users]
        token = page.next_page_token
        if not token:
            break
    assert found == ["users/admin", *(f"users/user{number}" for number in range(5))]
    await identity.stub.DeleteUser(pb.DeleteUserRequest(name="users/user3"), metadata=ADMIN)
    gone = identity.stub.DeleteUser(pb.DeleteUserRequest(name="users/user3"), metadata=ADMIN)
    assert (await refused(gone)).code is grpc.StatusCode.NOT_FOUND
    assert (await refused(identity.get("user3"))).code is grpc.StatusCode.NOT_FOUND
    assert (await refused(identity.create("user1"))).code is grpc.StatusCode.ALREADY_EXISTS


async def test_failures_are_forgotten_and_deleted(identity: Identity, clock: ManualClock) -> None:
    await refused(identity.sign_in("who", "wrong"))
    clock.advance(timedelta(days=2))
    assert await identity.database.run(schema.failed_sign_ins.prune) == 3


async def test_only_server_es_gets_tickets_and_no_service_takes_one_for_a_person(identity: Identity) -> None:
    request = pb.IssueTicketRequest(person="kunde@example.de", scopes=["systems/A-1"])
    request.lifetime_duration.FromSeconds(3600)
    made = await identity.stub.IssueTicket(request, metadata=SERVER_ES)
    with pytest.raises(Unauthenticated, match="not made for esoffice"):
        await identity.verified(made.ticket)
    other = await refused(identity.stub.IssueTicket(request, metadata=(("caller", "service server_business"),)))
    assert other.code is grpc.StatusCode.PERMISSION_DENIED
