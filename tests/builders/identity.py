"""IdentityService in this process, behind a real gRPC server. Who calls says so in the call's metadata."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from argon2 import PasswordHasher
from esoffice.config.v1 import identity_pb2 as pb
from esoffice.config.v1 import settings_pb2
from esoffice.config.v1.identity_pb2_grpc import IdentityServiceStub
from google.protobuf.field_mask_pb2 import FieldMask

from config_service import schema
from config_service.identity.keyring import Keyring
from config_service.identity.passwords import Passwords
from config_service.identity.service import IdentityServicer
from config_service.identity.sign_in import Hashing
from mesh.audit import AuditLog
from mesh.clock import ManualClock
from mesh.database import Database
from mesh.key_set import KeySet
from mesh.pipeline import Pipeline
from mesh.server import Server
from mesh.tokens import AUDIENCE, Token, Verifier
from tests.builders.config_service import ADMIN, identify
from tests.builders.site import SITE

PASSWORD = "correct horse battery staple"
# Real Argon2id with the least it allows: what it costs is measured elsewhere.
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Identity:
    """A running IdentityService, and what a test asks of it."""

    def __init__(self, database: Database, audit: AuditLog, keyring: Keyring, channel: grpc.aio.Channel) -> None:
        self.database = database
        self.audit = audit
        self.keyring = keyring
        self.settings = settings_pb2.Settings()
        self.stub = IdentityServiceStub(channel)

    async def create(
        self, user_id: str, *roles: str, password: str = PASSWORD, metadata: Any = ADMIN, **user: Any
    ) -> pb.User:
        request = pb.CreateUserRequest(user_id=user_id, user=pb.User(roles=roles, **user), password=password)
        return await self.stub.CreateUser(request, metadata=metadata)

    async def update(self, user_id: str, *paths: str, metadata: Any = ADMIN, **values: Any) -> pb.User:
        user = pb.User(name=f"users/{user_id}", **values)
        request = pb.UpdateUserRequest(user=user, update_mask=FieldMask(paths=paths))
        return await self.stub.UpdateUser(request, metadata=metadata)

    async def sign_in(self, user: str, password: str = PASSWORD) -> pb.SignInResponse:
        return await self.stub.SignIn(pb.SignInRequest(user=user, password=password))

    async def get(self, user_id: str) -> pb.User:
        return await self.stub.GetUser(pb.GetUserRequest(name=f"users/{user_id}"), metadata=ADMIN)

    async def verified(self, token: str) -> Token:
        document = await self.stub.GetKeySet(pb.GetKeySetRequest())
        return Verifier(SITE, AUDIENCE, KeySet.from_jwks(document.jwks), self.database.clock).verify(token)

    async def entries(self) -> list[tuple[str, str, int]]:
        """Return target, method and code of what waits for the audit log."""
        await self.audit.write(self.database)
        waiting = await self.database.read(schema.outbox.oldest, 100)
        return [(one.target, one.method.rpartition("/")[2], one.code) for one in waiting.values()]


@contextlib.asynccontextmanager
async def identity_service(
    database_url: str, folder: Path, clock: ManualClock, hasher: PasswordHasher = QUICK
) -> AsyncIterator[Identity]:
    """Run IdentityService on a database."""
    audit = AuditLog(schema.outbox, clock)
    opened = Database(database_url, metadata=schema.metadata, clock=clock, before_commit=audit.before_commit)
    keyring = Keyring(folder, SITE, AUDIENCE, clock)
    hashing = Hashing(Passwords(hasher))
    with opened as database:
        schema.metadata.create_all(database.engine)
        server = Server(Pipeline(identify=identify, audit=audit), draining=asyncio.Event())
        servicer = IdentityServicer(
            database, users=schema.users, failures=schema.failed_sign_ins, settings=lambda _: found.settings,
            hashing=hashing, keyring=keyring,
        )  # fmt: skip
        server.add(pb.DESCRIPTOR, servicer)
        port = await server.start("127.0.0.1:0", None)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            found = Identity(database, audit, keyring, channel)
            yield found
        await server.grpc.stop(1)
        hashing.close()
