"""An office behind one door with TLS, as a client meets the mesh: real sign-in, real tokens, the real rooms.

The server carries the certificate of the site's Envoy, because it stands where Envoy would.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
from esoffice.config.v1 import identity_pb2, settings_pb2
from esoffice.es.v1 import messages_pb2
from google.protobuf.descriptor import FileDescriptor

from config_service import pki
from config_service import schema as config_schema
from config_service.identity.keyring import Keyring
from config_service.identity.passwords import Passwords
from config_service.identity.service import IdentityServicer
from config_service.identity.sign_in import Hashing
from config_service.identity.store import User
from esclient.sign_in import password_sign_in
from mesh.audit import AuditLog
from mesh.callers import Callers
from mesh.certificates import ServiceCertificate
from mesh.channel import connect
from mesh.clock import ManualClock, SystemClock
from mesh.database import Database
from mesh.key_set import KeySet
from mesh.pipeline import Pipeline
from mesh.server import Server
from mesh.spiffe import SpiffeId
from mesh.streams import Streams
from mesh.tokens import AUDIENCE, Verifier
from mesh.wakeups import Doorbell
from server_es.assembly.telling import DirectoryStaff
from server_es.inboxes import INBOXES
from server_es.messages.actions import Actions
from server_es.messages.address import BELL
from server_es.messages.fanout import Fanout
from server_es.messages.service import MessageService
from server_es.messages.settings import MessageSettings
from server_es.schema import METADATA, OUTBOX, REQUESTS
from tests.builders.identity import PASSWORD, QUICK
from tests.builders.office import Office, Rooms, open_office
from tests.builders.site import SITE

USERS = {"eva": ("dispatcher", "100"), "tom": ("technician", "101"), "chief": ("administrator", "")}


@dataclass
class FrontDoor:
    """A served office, where it is, and whom it trusts."""

    office: Office
    address: str
    ca: Path


@dataclass
class _Served:
    database: Database
    channel: grpc.aio.Channel


@contextlib.asynccontextmanager
async def front_door(
    folder: Path, now: datetime, rooms: Rooms | None = None, *, beside: Iterable[tuple[FileDescriptor, object]] = ()
) -> AsyncIterator[FrontDoor]:
    """Serve an office at an instant; its users are `USERS`, all with the password `PASSWORD`.

    Args:
        folder: for certificates and databases.
        now: the instant.
        rooms: of server_es.
        beside: contracts of other services, with who serves them.
    """
    clock = ManualClock(now)
    certs = folder / "certs"
    pki.init_site(certs, SITE, SystemClock())
    pki.issue(certs, "envoy-lan", now=SystemClock().now())
    async with contextlib.AsyncExitStack() as stack:
        audit = AuditLog(OUTBOX, clock)
        people = stack.enter_context(
            Database(f"sqlite:///{folder / 'config.db'}", metadata=config_schema.metadata, clock=clock)
        )
        calls = stack.enter_context(
            Database(f"sqlite:///{folder / 'es.db'}", metadata=METADATA, clock=clock, before_commit=audit.before_commit)
        )
        config_schema.metadata.create_all(people.engine)
        METADATA.create_all(calls.engine)
        keyring = Keyring(folder / "keys", SITE, AUDIENCE, clock)
        hashing = Hashing(Passwords(QUICK))
        stack.callback(hashing.close)
        identity = IdentityServicer(
            people, users=config_schema.users, failures=config_schema.failed_sign_ins,
            settings=lambda _: settings_pb2.Settings(), hashing=hashing, keyring=keyring,
        )  # fmt: skip
        with people.unit() as unit:
            for name, (role, employee) in USERS.items():
                config_schema.users.add(unit, _user(name, role, employee, now))
        verifier = Verifier(SITE, AUDIENCE, KeySet.from_jwks(keyring.jwks), clock)
        server = Server(Pipeline(identify=Callers(SITE, verifier, {}), audit=audit), draining=asyncio.Event())
        rooms = rooms or Rooms()
        for contract, make in rooms.all():
            server.add(contract, make(calls))
        for contract, servicer in beside:
            server.add(contract, servicer)
        server.add(messages_pb2.DESCRIPTOR, _messages(calls, rooms))
        server.add(identity_pb2.DESCRIPTOR, identity)
        own = ServiceCertificate(certs, "envoy-lan", SystemClock()).current()
        credentials = grpc.ssl_server_credentials([(own.key, own.chain)])
        address = f"127.0.0.1:{await server.start('127.0.0.1:0', credentials)}"
        stack.push_async_callback(server.drain, timedelta(0))
        channel = await stack.enter_async_context(await _channel_of("chief", address, own.ca))

        async def serve(*_: Any) -> _Served:
            return _Served(calls, channel)

        yield FrontDoor(await open_office(serve, rooms=rooms), address, certs / "ca.pem")


def _user(name: str, role: str, employee: str, now: datetime) -> User:
    hashed = Passwords(QUICK).hash(PASSWORD)
    return User(name=name, employee=employee, roles=(role,), password_hash=hashed, create_time=now, update_time=now)


def _messages(database: Database, rooms: Rooms) -> MessageService:
    bell = Doorbell(BELL, lambda _: None)
    settings = MessageSettings()
    fanout = Fanout(database, INBOXES, bell, Streams(heartbeat=settings.heartbeat), poll=settings.poll)
    return MessageService(
        database=database, store=INBOXES, messages=rooms.messages, fanout=fanout, staff=DirectoryStaff(),
        requests=REQUESTS, settings=settings, actions=Actions(),
    )  # fmt: skip


async def _channel_of(user: str, address: str, ca: bytes) -> grpc.aio.Channel:
    """Return a channel whose calls carry the user's token."""
    transport = grpc.ssl_channel_credentials(ca)
    name = SpiffeId(SITE, "envoy-lan").dns_name
    async with connect(address, transport, name=name) as channel:
        token = await password_sign_in(channel, user, PASSWORD)()
    carried = grpc.composite_channel_credentials(transport, grpc.access_token_call_credentials(token.text))
    return connect(address, carried, name=name)
