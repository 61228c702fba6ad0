"""The fleet: instances report, run out, and reach the control plane."""

from datetime import timedelta

from esoffice.config.v1 import fleet_pb2

from config_service.fleet.store import LiveEndpoint
from tests.builders.config_service import ADMIN, SERVER_BUSINESS, SERVER_ES, Mesh

Instance = fleet_pb2.Instance


def _report(name: str = "a", *, state: Instance.State.ValueType = Instance.STATE_SERVING, port: int = 5000) -> object:
    instance = Instance(name=f"instances/{name}", state=state, address="192.0.2.1", port=port, applied_revision=1)
    instance.modules.add(name="mail.inbox", healthy=False, sentence="does not answer since 08:00")
    return fleet_pb2.ReportStatusRequest(instance=instance, lease_seconds=10)


async def _listed(mesh: Mesh, **more: object) -> list[Instance]:
    return list((await mesh.fleet.ListInstances(fleet_pb2.ListInstancesRequest(**more), metadata=ADMIN)).instances)


async def test_an_instance_is_listed_under_the_service_of_its_certificate(mesh: Mesh) -> None:
    answer = await mesh.fleet.ReportStatus(_report(), metadata=SERVER_ES)
    assert answer.newest_revision == 1
    (one,) = await _listed(mesh)
    assert (one.service, one.name, one.modules[0].sentence) == (
        "server_es",
        "instances/a",
        "does not answer since 08:00",
    )


async def test_a_silent_instance_is_gone_and_forgotten_after_a_day(mesh: Mesh) -> None:
    await mesh.fleet.ReportStatus(_report(), metadata=SERVER_ES)
    mesh.rooms.clock.advance(timedelta(seconds=11))  # type: ignore[attr-defined]
    assert [one.state for one in await _listed(mesh)] == [Instance.STATE_GONE]
    mesh.rooms.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]
    from config_service import schema

    await mesh.rooms.database.run(schema.instances.forget)
    assert await _listed(mesh) == []


async def test_instances_are_paged_and_filtered_by_service(mesh: Mesh) -> None:
    for name in "abc":
        await mesh.fleet.ReportStatus(_report(name), metadata=SERVER_ES)
    await mesh.fleet.ReportStatus(_report("z"), metadata=SERVER_BUSINESS)
    page = await mesh.fleet.ListInstances(fleet_pb2.ListInstancesRequest(page_size=3), metadata=ADMIN)
    rest = await _listed(mesh, page_token=page.next_page_token)
    assert [one.name[-1] for one in [*page.instances, *rest]] == ["z", "a", "b", "c"]
    assert len(await _listed(mesh, service="server_business")) == 1


async def test_the_control_plane_is_told_of_what_can_be_called_and_only_when_it_changes(mesh: Mesh) -> None:
    told: list[tuple[LiveEndpoint, ...]] = []
    mesh.rooms.endpoints.on_change(told.append)
    await mesh.fleet.ReportStatus(_report(state=Instance.STATE_STARTING, port=0), metadata=SERVER_ES)
    await mesh.fleet.ReportStatus(_report(), metadata=SERVER_ES)
    await mesh.fleet.ReportStatus(_report(), metadata=SERVER_ES)
    await mesh.fleet.ReportStatus(_report(state=Instance.STATE_DRAINING), metadata=SERVER_ES)
    mesh.rooms.clock.advance(timedelta(seconds=11))  # type: ignore[attr-defined]
    await mesh.rooms.endpoints.look()
    serving = LiveEndpoint("server_es", "a", "192.0.2.1", 5000, False)
    draining = LiveEndpoint("server_es", "a", "192.0.2.1", 5000, True)
    assert told == [(), (serving,), (draining,), ()]
