"""The watch keeps etcd's promises: ordered, unique, atomic, reliable, resumable, bookmarkable."""

import asyncio
import random

import grpc
import pytest
from esoffice.config.v1 import settings_pb2, watch_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from config_service import schema
from config_service.settings.rules import visible_to
from mesh.setting_paths import secrets
from tests.builders.config_service import ADMIN, SERVER_BUSINESS, SERVER_ES, Mesh

Event = watch_pb2.SettingsEvent
Account = settings_pb2.Settings().server_business.mail.accounts["x"].__class__


def _watch(mesh: Mesh, after: int = 0, *, metadata: object = SERVER_ES, heartbeat: int = 300) -> object:
    return mesh.watch.WatchSettings(
        watch_pb2.WatchSettingsRequest(after_revision=after, heartbeat_seconds=heartbeat), metadata=metadata
    )


async def _next(stream: object, *, within: float = 10) -> Event:
    return await asyncio.wait_for(stream.read(), within)  # type: ignore[attr-defined]


async def _save(mesh: Mesh, path: str, value: object) -> settings_pb2.SettingsRevision:
    wanted = settings_pb2.Settings()
    *parents, name = path.split(".")
    message: object = wanted
    for parent in parents:
        message = getattr(message, parent)
    setattr(message, name, value)
    return await mesh.update(wanted, path)


async def test_the_first_message_is_a_snapshot_of_the_services_own_part(mesh: Mesh) -> None:
    await _save(mesh, "server_es.service_user", "4711")
    event = await _next(_watch(mesh))
    assert (event.kind, event.through_revision) == (Event.KIND_SNAPSHOT, 2)
    assert event.settings.server_es.service_user == "4711"
    assert event.settings.HasField("common")
    assert not event.settings.HasField("server_business")
    assert not event.settings.HasField("config_service")


async def test_who_is_current_is_told_so_at_once(mesh: Mesh) -> None:
    event = await _next(_watch(mesh, 1))
    assert (event.kind, event.through_revision) == (Event.KIND_CURRENT, 1)


async def test_a_change_of_its_settings_comes_at_once(mesh: Mesh) -> None:
    stream = _watch(mesh)
    await _next(stream)
    made = await _save(mesh, "server_es.service_user", "1")
    event = await _next(stream, within=2)
    assert (event.kind, event.through_revision) == (Event.KIND_CHANGED, made.number)


async def test_a_change_of_others_settings_only_moves_the_bookmark(mesh: Mesh) -> None:
    stream = _watch(mesh)
    await _next(stream)
    made = await _save(mesh, "server_business.service_user", "1")
    event = await _next(stream, within=2)
    assert (event.kind, event.through_revision, event.HasField("settings")) == (Event.KIND_CURRENT, made.number, False)


async def test_only_the_service_it_belongs_to_gets_a_secret(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    account = wanted.server_business.mail.accounts["inbox"]
    account.MergeFrom(
        Account(active=True, kind=Account.KIND_IMAP, host="h.example", user="u", action=Account.ACTION_CREATE_CONTACT)
    )
    account.password.value = "s3cret"
    await mesh.update(wanted, "server_business")
    own = await _next(_watch(mesh, metadata=SERVER_BUSINESS))
    assert own.settings.server_business.mail.accounts["inbox"].password.value == "s3cret"
    assert "s3cret" not in str(await _next(_watch(mesh)))


@pytest.mark.parametrize("metadata", [(), ADMIN])
async def test_only_a_service_watches(mesh: Mesh, metadata: object) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await _next(_watch(mesh, metadata=metadata))
    assert refusal.value.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


@pytest.mark.parametrize("after", [1, 99])
async def test_a_revision_before_the_history_or_from_the_future_is_refused(mesh: Mesh, after: int) -> None:
    for user in "abc":
        await _save(mesh, "server_es.service_user", user)
    await mesh.rooms.database.run(schema.revisions.prune, keep=2)
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await _next(_watch(mesh, after))
    assert refusal.value.code() == grpc.StatusCode.OUT_OF_RANGE
    reason = error_details_pb2.ErrorInfo()
    rpc_status.from_call(refusal.value).details[0].Unpack(reason)
    assert (reason.reason, dict(reason.metadata)) == ("CURSOR_OUT_OF_RANGE", {"oldest": "3", "newest": "4"})


async def test_a_stream_on_which_nothing_happens_has_heartbeats(mesh: Mesh) -> None:
    stream = _watch(mesh, heartbeat=1)
    first = await _next(stream)
    event = await _next(stream, within=3)
    assert (event.kind, event.through_revision) == (Event.KIND_HEARTBEAT, first.through_revision)


async def test_streams_end_when_the_server_drains(mesh: Mesh) -> None:
    stream = _watch(mesh)
    await _next(stream)
    mesh.rooms.watcher._draining.set()
    assert await _next(stream, within=2) == grpc.aio.EOF


async def test_a_reader_that_takes_nothing_costs_nothing_and_misses_nothing(mesh: Mesh) -> None:
    stream = _watch(mesh)
    await _next(stream)
    for number in range(60):
        await _save(mesh, "server_es.service_user", f"{number}")
    seen = [(await _next(stream)).through_revision for _ in range(60)]
    assert seen == list(range(2, 62))


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_a_service_sees_exactly_its_history(mesh: Mesh, seed: int) -> None:
    chance = random.Random(seed)
    last = 40

    async def write() -> None:
        paths = ("server_es.service_user", "server_business.service_user", "common.site.display_name")
        number = 1
        while number < last:
            number = (await _save(mesh, chance.choice(paths), f"v{chance.random()}")).number
            await asyncio.sleep(chance.choice((0, 0, 0.01)))

    async def read(metadata: object) -> list[Event]:
        seen: list[Event] = []
        after = 0
        while after < last:
            stream = _watch(mesh, after, metadata=metadata)
            for _ in range(chance.randint(1, 6)):  # then the connection breaks, and the reader resumes
                event = await _next(stream)
                seen.append(event)
                after = event.through_revision
                if after >= last:
                    break
                await asyncio.sleep(chance.choice((0, 0.005, 0.05)))
            stream.cancel()  # type: ignore[attr-defined]
        return seen

    readers = {"server_es": SERVER_ES, "server_business": SERVER_BUSINESS}
    _, *seen = await asyncio.gather(write(), *(read(metadata) for metadata in readers.values()))
    with mesh.rooms.database.reading() as unit:
        history = {number: schema.revisions.get(unit, number).settings for number in range(1, last + 1)}
    for service, events in zip(readers, seen, strict=True):
        own = {number: visible_to(service, settings) for number, settings in history.items()}
        told = [event for event in events if event.HasField("settings")]
        numbers = [event.through_revision for event in told]
        assert numbers == sorted(set(numbers)), "ordered and unique"
        assert all(event.settings == own[event.through_revision] for event in told), "atomic"
        due = [number for number in range(numbers[0] + 1, last + 1) if own[number] != own[number - 1]]
        assert numbers[1:] == due, "reliable over every break"
        bookmarks = [event.through_revision for event in events]
        assert bookmarks == sorted(bookmarks), "bookmarks never go back"
        assert bookmarks[-1] == last


async def test_a_stored_secret_keeps_its_place_in_what_a_service_sees(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    wanted.server_es.database.url = "postgresql://es@db.example/es"
    wanted.server_es.database.password.value = "pw"
    await mesh.update(wanted, "server_es.database")
    event = await _next(_watch(mesh))
    assert [(path, one.stored, one.value) for path, one in secrets(event.settings)] == [
        ("server_es.database.password", "secrets/1", "pw")
    ]
