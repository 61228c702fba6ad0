"""Real processes: a service follows its settings over restarts, bad settings, and the death of config_service."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from esoffice.config.v1 import fleet_pb2, settings_pb2
from google.protobuf.wrappers_pb2 import StringValue

from config_service import schema
from config_service.settings.paths import merged
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.sealing import SecretBox
from tests.builders.processes import Process, Site, eventually
from tests.tiny import contract


class Running:
    """config_service and the tiny service, and what a test asks of them.

    Nobody can sign in yet, so settings are saved straight into the database of config_service, as its service does.
    """

    def __init__(self, folder: Path) -> None:
        self.site = Site(folder)
        self.config = self.site.start_config_service()
        self.tiny = self.start_tiny()
        self._url = f"sqlite:///{folder / 'config_service' / 'config_service.db'}"

    def start_tiny(self) -> Process:
        return self.site.start("tests.tiny", "server_es", "--healthy-within", "15")

    def save(self, path: str, settings: settings_pb2.Settings) -> int:
        box = SecretBox.load(self.site.folder / "config_service" / "keys")
        with Database(self._url, metadata=schema.metadata, clock=SystemClock()) as database, database.unit() as unit:
            newest = schema.revisions.newest(unit)
            assert newest is not None
            wanted, wrong = merged(newest.settings, settings, [path])
            assert not wrong
            return schema.revisions.append(unit, wanted, box, after=newest.number, author="test", reason="").number

    async def instance(self) -> fleet_pb2.Instance | None:
        """Return the newest instance of the tiny service that is not gone."""
        if not (self.site.folder / "config_service" / "settings.good").exists():
            return None  # config_service has not started yet
        with Database(self._url, metadata=schema.metadata, clock=SystemClock()) as database, database.reading() as unit:
            found = schema.instances.page(unit, service="server_es", after=None, limit=100)
        alive = [one for one in found if one.state != fleet_pb2.Instance.STATE_GONE]
        return max(alive, key=lambda one: one.start_time.ToNanoseconds(), default=None)

    async def serving(self, revision: int, *, rejected: int = 0) -> fleet_pb2.Instance:
        async def look() -> fleet_pb2.Instance | None:
            one = await self.instance()
            there = one and one.state == fleet_pb2.Instance.STATE_SERVING
            return one if there and (one.applied_revision, one.rejected_revision) == (revision, rejected) else None

        try:
            return await eventually(look, within=45)
        except AssertionError:
            raise AssertionError(f"{await self.instance()}\n{self.tiny.text()[-4000:]}") from None

    async def echo(self, port: int) -> str:
        async with self.site.channel("config_service", port, "server_es") as channel:
            call = channel.unary_unary(
                contract.ECHO,
                request_serializer=StringValue.SerializeToString,
                response_deserializer=StringValue.FromString,
            )
            return str((await call(StringValue(value="hello"), timeout=10)).value)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    running = Running(tmp_path)
    yield running
    running.site.close()


async def test_a_live_setting_is_taken_over_without_a_restart(running: Running) -> None:
    first = await running.serving(1)
    assert await running.echo(first.port) == "hello reopen=False"
    wanted = settings_pb2.Settings()
    wanted.server_es.servicecalls.reopen_solved = True
    number = running.save("server_es.servicecalls.reopen_solved", wanted)
    second = await running.serving(number)
    assert (second.name, second.port) == (first.name, first.port)
    assert await running.echo(second.port) == "hello reopen=True"


async def test_a_live_setting_that_a_room_refuses_is_rejected_and_the_old_one_goes_on(running: Running) -> None:
    first = await running.serving(1)
    wanted = settings_pb2.Settings()
    wanted.server_es.servicecalls.reopen_within_days = 13
    number = running.save("server_es.servicecalls.reopen_within_days", wanted)
    second = await running.serving(1, rejected=number)
    assert second.name == first.name
    assert "13 brings bad luck" in second.rejected_reason


async def test_a_restart_setting_brings_the_service_back_on_the_new_revision(running: Running) -> None:
    first = await running.serving(1)
    wanted = settings_pb2.Settings()
    wanted.server_es.service_user = "4711"
    number = running.save("server_es.service_user", wanted)
    second = await running.serving(number)
    assert second.name != first.name
    assert await running.echo(second.port) == "hello reopen=False"


async def test_settings_on_which_the_service_cannot_start_are_rejected_with_the_reason(running: Running) -> None:
    await running.serving(1)
    wanted = settings_pb2.Settings()
    wanted.server_es.database.url = "sqlite:////no/such/folder/at/all.db"
    number = running.save("server_es.database.url", wanted)
    back = await running.serving(1, rejected=number)
    assert "/no/such/folder/at" in back.rejected_reason
    assert await running.echo(back.port) == "hello reopen=False"
    wanted.server_es.database.url = ""
    better = running.save("server_es.database.url", wanted)
    await running.serving(better)


async def test_a_service_starts_from_its_last_good_copy_while_config_service_is_down(running: Running) -> None:
    await running.serving(1)
    running.tiny.stop()
    running.config.stop()
    running.tiny = running.site.start("tests.tiny", "server_es", port=(port := running.site.config_port + 1))

    async def answered() -> str:
        return await running.echo(port)

    assert await eventually(answered) == "hello reopen=False"
    wanted = settings_pb2.Settings()
    wanted.server_es.servicecalls.reopen_solved = True
    number = running.save("server_es.servicecalls.reopen_solved", wanted)
    running.config = running.site.start_config_service()
    await running.serving(number)
    assert await running.echo(port) == "hello reopen=True"


async def test_a_killed_worker_comes_back(running: Running) -> None:
    first = await running.serving(1)
    running.tiny.kill_worker()

    async def another() -> bool:
        return (await running.serving(1)).name != first.name

    assert await eventually(another)
