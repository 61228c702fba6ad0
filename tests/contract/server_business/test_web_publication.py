"""From a release in the documents to a file in the folders of the web and back: both services, their real calls."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from esoffice.business.v1 import documents_pb2 as pb
from esoffice.es.v1 import web_documents_pb2 as web_pb
from esoffice.es.v1.web_documents_pb2_grpc import WebDocumentServiceStub

from mesh.errors import Unavailable
from mesh.workers import HealthLine
from server_business.documents.rules import structure
from server_business.documents.web import Publisher, Web
from server_es.app import definition
from tests.builders.documents import SETTINGS, Archive, archive
from tests.builders.web_documents import WebOffice, web_office
from tests.contract.conftest import Serve, person
from tests.contract.server_business.test_documents import why

FOLDERS = {"systems": structure("systems", {"plans": ("Pläne", ""), "reports": ("Berichte", ""), "other": ("X", "")})}
PLANS, REPORTS = "documentFolders/systems-plans", "documentFolders/systems-reports"


@dataclass
class Both:
    """server_business with documents, server_es with the web's folders."""

    room: Archive
    web: WebOffice
    publisher: Publisher
    line: HealthLine
    folder: Path

    async def release(self, name: str) -> None:
        await self.room.stub.ReleaseDocumentVersion(pb.ReleaseDocumentVersionRequest(name=name))

    async def withdraw(self, name: str) -> None:
        await self.room.stub.WithdrawDocumentVersion(pb.WithdrawDocumentVersionRequest(name=name))

    async def assign(self, name: str, case: str = "systems/A-1", folder: str = PLANS) -> None:
        place = pb.DocumentPlace(business_case=case, folder=folder)
        await self.room.stub.AssignDocumentVersion(pb.AssignDocumentVersionRequest(name=name, place=place))

    async def work(self) -> None:
        await asyncio.to_thread(self.room.work, self.publisher.turn)

    async def shown(self, folder: str = "plans") -> dict[str, int]:
        """What web users are shown: names and sizes."""
        request = web_pb.ListFilesRequest(parent="systems/A-1", folder=folder)
        self.web.office.served.caller = person("webdocuments.read", name="tom")
        try:
            return {one.title: one.size_bytes for one in (await self.web.stub.ListFiles(request)).files}
        finally:
            self.web.office.served.caller = person("webdocuments.publish", name="server_business")


OWN = {"Foto.png", "Schaltplan Übersicht.pdf"}


@pytest.fixture
async def both(serve: Serve, clock: Any, tmp_path: Path) -> Any:
    with ExitStack() as stack:
        web = await web_office(serve, tmp_path / "es", clock)
        web.office.served.caller = person("webdocuments.publish", name="server_business")
        room = await archive(serve, stack, tmp_path / "dms", settings=replace(SETTINGS, structures=FOLDERS))
        loop, line = asyncio.get_running_loop(), HealthLine("documents.web")

        def wait(call: Callable[[], Awaitable[Any]], *, limit: float) -> Any:
            async def made() -> Any:
                return await call()

            return asyncio.run_coroutine_threadsafe(made(), loop).result(limit)

        publisher = Publisher(room.database, room.store, Web(web.office.served.channel, wait), owner="me", line=line)
        yield Both(room, web, publisher, line, tmp_path / "es" / "documents" / "A-1_Anlage A-1")


async def test_a_release_shows_a_document_and_its_withdrawal_hides_it(both: Both) -> None:
    data = os.urandom(3 << 20)
    upload = await both.room.upload(data)
    made = await both.room.create(upload=upload.name, file_name="Handbuch Ü.pdf")
    version = made.latest.name
    await both.assign(version)
    await both.work()
    assert (await both.shown()).keys() == OWN  # assigned, not released
    await both.release(version)
    await both.work()
    assert (await both.shown())["Handbuch Ü.pdf"] == len(data)
    assert (both.folder / "Pläne" / "Handbuch Ü.pdf").read_bytes() == data
    assert (both.line.healthy, both.line.sentence) == (True, "1 shown to web users; 0 wait")
    await both.withdraw(version)
    await both.work()
    assert (await both.shown()).keys() == OWN
    assert not [one for one in (both.folder / "Pläne").iterdir() if one.name.endswith(".part")]
    await both.release(version)
    await both.work()
    assert "Handbuch Ü.pdf" in await both.shown()


async def test_only_the_version_a_system_was_given_is_shown(both: Both) -> None:
    made = await both.room.create(b"eins", file_name="plan.txt")
    await both.assign(made.latest.name)
    await both.release(made.latest.name)
    await both.work()
    assert (both.folder / "Pläne" / "plan.txt").read_bytes() == b"eins"
    content = pb.DocumentContent(data=b"zwei", file_name="plan neu.txt")
    request = pb.ReplaceDocumentRequest(name=made.name, content=content, base_version=1)
    second = (await both.room.stub.ReplaceDocument(request)).latest.name
    await both.release(second)
    await both.work()
    assert (await both.shown()).keys() == OWN  # the system was given version 1, which is not released any more
    await both.assign(second)
    await both.work()
    assert (await both.shown()).keys() == {*OWN, "plan neu.txt"}
    await both.assign(second, folder=REPORTS)  # the folder is not there yet
    await both.work()
    assert ((await both.shown()).keys(), await both.shown("reports")) == (OWN, {"plan neu.txt": 4})


@pytest.mark.parametrize("end", ["delete", "unassign"])
async def test_what_is_deleted_or_taken_away_is_hidden(both: Both, end: str) -> None:
    made = await both.room.create(b"eins", file_name="plan.txt")
    await both.assign(made.latest.name)
    await both.release(made.latest.name)
    await both.work()
    assert "plan.txt" in await both.shown()
    if end == "delete":
        await both.room.stub.DeleteDocument(pb.DeleteDocumentRequest(name=made.name))
        await both.work()
        assert (await both.shown()).keys() == OWN
        await both.room.stub.UndeleteDocument(pb.UndeleteDocumentRequest(name=made.name))
        await both.work()
        assert "plan.txt" in await both.shown()
        await both.room.stub.DeleteDocument(pb.DeleteDocumentRequest(name=made.name))
        await both.room.stub.EraseDocument(pb.EraseDocumentRequest(name=made.name, reason="Antrag"))
    else:
        request = pb.UnassignDocumentVersionRequest(name=made.latest.name, business_case="systems/A-1")
        await both.room.stub.UnassignDocumentVersion(request)
    await both.work()
    assert (await both.shown()).keys() == OWN


async def test_a_name_that_is_taken_is_never_written_over(both: Both) -> None:
    before = (both.folder / "Pläne" / "Foto.png").read_bytes()
    for text in (b"eins", b"zwei"):
        made = await both.room.create(text, file_name="Foto.png")
        await both.assign(made.latest.name)
        await both.release(made.latest.name)
    await both.work()
    await both.work()
    assert (await both.shown()).keys() == {*OWN, "Foto (1).png", "Foto (2).png"}
    assert (both.folder / "Pläne" / "Foto.png").read_bytes() == before
    await both.withdraw("documents/1/versions/1")
    await both.work()
    assert (await both.shown()).keys() == {*OWN, "Foto (2).png"}


async def test_what_is_refused_waits_visibly_and_holds_up_nothing(both: Both) -> None:
    for name, case, folder in (
        ("a.txt", "systems/A-1", "documentFolders/systems-other"),  # the web has no such folder
        ("b.tmp", "systems/A-1", PLANS),
        ("c.txt", "systems/None", PLANS),
        ("d.txt", "systems/A-1", PLANS),
    ):
        made = await both.room.create(name.encode(), file_name=name)
        await both.assign(made.latest.name, case, folder)
        await both.release(made.latest.name)
    await both.work()
    assert (await both.shown()).keys() == {*OWN, "d.txt"}
    assert not both.line.healthy
    assert both.line.sentence.startswith("1 shown to web users; 3 wait; documents/1 at systems/A-1: there is no folder")


async def test_a_service_that_is_away_is_asked_again(both: Both) -> None:
    made = await both.room.create(b"eins", file_name="plan.txt")
    await both.assign(made.latest.name)
    await both.release(made.latest.name)
    both.web.office.served.caller = person("webdocuments.read")  # no right to publish counts as away
    with pytest.raises(Unavailable, match="PERMISSION_DENIED"):
        await both.work()
    both.web.office.served.caller = person("webdocuments.publish")
    both.room.database.clock.advance(timedelta(seconds=31))  # type: ignore[attr-defined]
    await both.work()
    assert "plan.txt" in await both.shown()


async def test_lost_bytes_are_said_and_nothing_half_is_shown(both: Both) -> None:
    made = await both.room.create(b"eins", file_name="plan.txt")
    await both.assign(made.latest.name)
    await both.release(made.latest.name)
    both.room.object(b"eins").write_bytes(b"anders")
    await both.work()
    assert "not " + sha256(b"eins").hexdigest() in both.line.sentence
    both.room.object(b"eins").unlink()
    both.room.database.clock.advance(timedelta(hours=2))  # type: ignore[attr-defined]
    await both.work()
    assert "is not in" in both.line.sentence
    assert (await both.shown()).keys() == OWN


def _publish(stub: WebDocumentServiceStub, revision: int, name: str = "plan.txt", data: bytes = b"x") -> Any:
    first = web_pb.PublishDocumentRequest(
        document="documents/7", system="systems/A-1", folder="plans", file_name=name, sha256=sha256(data).hexdigest(),
        revision=revision, data=data,
    )  # fmt: skip
    return stub.PublishDocument(iter([first]))


async def test_who_comes_late_brings_nothing_back(both: Both) -> None:
    stub = both.web.stub
    assert (await _publish(stub, 1)).uri == "/documents/A-1/plans/plan.txt"
    assert (await _publish(stub, 1)).file_name == "plan.txt"  # a repeat
    gone = web_pb.WithdrawPublishedDocumentRequest(document="documents/7", system="systems/A-1", revision=2)
    await stub.WithdrawPublishedDocument(gone)
    await stub.WithdrawPublishedDocument(gone)
    assert await why(_publish(stub, 1)) == "PUBLICATION_OUTDATED"
    gone.revision = 1
    assert await why(stub.WithdrawPublishedDocument(gone)) == "PUBLICATION_OUTDATED"
    assert (await both.shown()).keys() == OWN
    assert await why(stub.PublishDocument(iter([web_pb.PublishDocumentRequest(data=b"x")]))) == "INVALID_ARGUMENT"


async def test_both_names_taken_is_refused(both: Both) -> None:
    (both.folder / "Pläne" / "Foto (7).png").write_bytes(b"")
    assert await why(_publish(both.web.stub, 1, "Foto.png")) == "ALREADY_EXISTS"


async def test_no_link_leads_out_of_the_folder(both: Both, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (both.folder / "Wartung").symlink_to(outside)
    made = await both.room.create(b"eins", file_name="plan.txt")
    await both.assign(made.latest.name, folder=REPORTS)
    await both.release(made.latest.name)
    with pytest.raises(Unavailable):
        await both.work()
    assert list(outside.iterdir()) == []


def test_server_business_alone_may_publish() -> None:
    assert "webdocuments.publish" in definition.allows["server_business"]


def test_no_built_in_role_but_the_administrator_may_publish() -> None:
    from config_service.identity.rules import BUILT_IN
    from mesh.permissions import Permissions

    allowed = {name for name, role in BUILT_IN.items() if Permissions(role.patterns).allow("webdocuments.publish")}
    assert allowed == {"administrator"}
