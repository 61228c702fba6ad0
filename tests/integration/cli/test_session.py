"""A command that runs an event loop of its own gets its channel from the session."""

import asyncio

import pytest
from esoffice.config.v1 import identity_pb2
from esoffice.config.v1.identity_pb2_grpc import IdentityServiceStub

from config_service.cli.session import Session
from tests.builders.processes import Site
from tests.integration.cli.conftest import PASSWORD


def test_a_channel_for_another_loop_carries_the_token(running_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESCONFIG_PASSWORD", PASSWORD)
    server = f"127.0.0.1:{running_site.config_port}"
    session = Session(server=server, user="admin", direct=True, pki=running_site.certs)
    session.prepare()

    async def ask() -> str:
        async with session("config_service") as channel:
            return (await IdentityServiceStub(channel).WhoAmI(identity_pb2.WhoAmIRequest())).user

    assert asyncio.run(ask()) == "users/admin"
    session.close()
