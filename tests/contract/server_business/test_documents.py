"""DocumentService over its real door, on both databases: documents, versions, check-out, folders, search, erasure."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import grpc
import pytest
from esoffice.business.v1 import documents_pb2 as pb
from esoffice.business.v1.outgoing_mail_pb2 import SendMailRequest
from esoffice.business.v1.sms_pb2 import SendSmsRequest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from grpc_status import rpc_status
from sqlalchemy import select

from mesh.clock import ManualClock
from mesh.status import reason_of
from server_business.documents import store
from server_business.outgoing_mail.tables import MAILS
from server_business.schema import REQUESTS
from server_business.sms.tables import SMS
from tests.builders.documents import CALL, Archive, archive, creation, names, some
from tests.contract.conftest import CHIEF, Serve, person, refused

EVA = person("documents.read", "documents.write", name="eva")
TOM = person("documents.read", "documents.write", name="tom")
REQUEST = "6f1c1f6e-6f0e-4a53-9d4b-0a55a1f1b001"


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as one:
        yield one


@pytest.fixture
async def room(serve: Serve, stack: ExitStack, tmp_path: Path) -> Archive:
    return await archive(serve, stack, tmp_path / "documents")


def reason(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    return reason_of(status) if status is not None else error.code().name


async def why(call: Any) -> str:
    return reason(await refused(call))


# -- documents and versions --------------------------------------------------------------------------------------------


async def test_a_document_is_what_was_sent(room: Archive) -> None:
    made = await room.create(b"Hallo Welt", "Angebot 17", file_name="Angebot.txt", comment="erster Wurf",
                             labels={"order": "A-17"}, kind="letter")  # fmt: skip
    assert (made.name, made.title, made.folder) == ("documents/1", "Angebot 17", "documentFolders/miscellaneous")
    version = made.latest
    assert (version.name, version.size_bytes, version.mime_type) == ("documents/1/versions/1", 10, "text/plain")
    assert version.sha256 == sha256(b"Hallo Welt").hexdigest()
    assert (version.author, version.comment, version.state) == ("users/chief", "erster Wurf", 1)
    assert await room.download(version.name) == b"Hallo Welt"
    assert await room.download(version.name, 6) == b"Welt"
    assert await room.download(version.name, 10) == b""
    assert await room.get(made.name) == made
    missing = room.get("documents/9")
    assert (await refused(missing)).code() is grpc.StatusCode.NOT_FOUND


async def test_a_repeat_makes_one_document(room: Archive) -> None:
    first = await room.create(b"eins", request_id=REQUEST)
    assert await room.create(b"eins", request_id=REQUEST) == first
    request = pb.BatchCreateDocumentsRequest(requests=[creation(b"eins", request_id=REQUEST)])
    assert (await room.stub.BatchCreateDocuments(request)).results[0].document.name == first.name
    assert await why(room.create(b"zwei", request_id=REQUEST)) == "REQUEST_ID_REUSED"
    found = await room.stub.SearchDocuments(pb.SearchDocumentsRequest())
    assert names(found.documents) == ["documents/1"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("../x", "one of /"), ("rechnung\u202efdp.exe", "invisible"), ("...", "no file name"), ("ü" * 200, "255 bytes")],
)
async def test_a_file_name_that_hides_or_leads_elsewhere_is_refused(room: Archive, name: str, sentence: str) -> None:
    wrong = await refused(room.create(file_name=name))
    assert (wrong.code(), sentence in (wrong.details() or "")) == (grpc.StatusCode.INVALID_ARGUMENT, True)


async def test_many_documents_are_answered_one_by_one(room: Archive) -> None:
    requests = [creation(b"%d" % number, f"Nr. {number}") for number in range(30)]
    requests[3].content.file_name = "a/b"
    requests[5].document.title = ""
    requests[7].content.upload = "uploads/" + "0" * 32
    requests[9].content.sha256 = "0" * 64
    requests[11].CopyFrom(requests[10])
    answer = await room.stub.BatchCreateDocuments(pb.BatchCreateDocumentsRequest(requests=requests))
    wrong = [at for at, one in enumerate(answer.results) if one.HasField("error")]
    assert wrong == [3, 5, 7, 9]
    made = [one.document for one in answer.results if one.HasField("document")]
    assert names(made) == [f"documents/{number}" for number in range(1, 27)]
    assert await room.download(made[-1].latest.name) == b"29"
    assert made[6].latest.sha256 == made[7].latest.sha256  # two documents, one content


async def test_the_same_bytes_are_told_and_can_be_refused(room: Archive) -> None:
    await room.create(b"eins")
    second = await room.create(b"eins", "Kopie")
    assert second.duplicates == ["documents/1"]
    again = await refused(room.create(b"eins", refuse_duplicate=True))
    assert reason(again) == "DUPLICATE_DOCUMENT"
    assert "documents/1" in (again.details() or "")
    found = await room.stub.SearchDocuments(pb.SearchDocumentsRequest(sha256=second.latest.sha256))
    assert names(found.documents) == ["documents/2", "documents/1"]


async def test_a_checksum_that_does_not_fit_is_refused(room: Archive) -> None:
    assert await why(room.create(b"eins", sha256="0" * 64)) == "CHECKSUM_MISMATCH"


async def test_versions_are_numbered_and_never_change(room: Archive) -> None:
    made = await room.create(b"eins")
    replaced = await room.stub.ReplaceDocument(
        pb.ReplaceDocumentRequest(name=made.name, content=some(b"zwei"), base_version=1)
    )
    assert replaced.latest.name == "documents/1/versions/2"
    stale = pb.ReplaceDocumentRequest(name=made.name, content=some(b"drei"), base_version=1)
    conflict = await refused(room.stub.ReplaceDocument(stale))
    assert (conflict.code(), reason(conflict)) == (grpc.StatusCode.ABORTED, "VERSION_CONFLICT")
    restored = await room.stub.RestoreDocumentVersion(
        pb.RestoreDocumentVersionRequest(name="documents/1/versions/1", base_version=2, comment="doch")
    )
    assert (restored.latest.name, restored.latest.origin) == ("documents/1/versions/3", "documents/1/versions/1")
    listed = await room.stub.ListDocumentVersions(pb.ListDocumentVersionsRequest(parent=made.name, page_size=2))
    rest = await room.stub.ListDocumentVersions(
        pb.ListDocumentVersionsRequest(parent=made.name, page_size=2, page_token=listed.next_page_token)
    )
    everything = [one.name.rpartition("/")[2] for one in (*listed.versions, *rest.versions)]
    assert everything == ["3", "2", "1"]
    assert [await room.download(f"documents/1/versions/{n}") for n in (1, 2, 3)] == [b"eins", b"zwei", b"eins"]


# -- check-out ---------------------------------------------------------------------------------------------------------


async def test_who_has_it_out_writes_and_nobody_else(room: Archive, clock: ManualClock) -> None:
    made = await room.create(b"eins")
    room.served.caller = EVA
    out = pb.CheckOutDocumentRequest(name=made.name, machine="PC-7", keep_duration=Duration(seconds=3600))
    taken = await room.stub.CheckOutDocument(out)
    assert (taken.check_out.owner, taken.check_out.machine, taken.check_out.base_version) == ("users/eva", "PC-7", 1)
    elsewhere = pb.CheckOutDocumentRequest(name=made.name, machine="Laptop")
    assert await why(room.stub.CheckOutDocument(elsewhere)) == "DOCUMENT_CHECKED_OUT"
    room.served.caller = TOM
    assert await why(room.stub.CheckOutDocument(out)) == "DOCUMENT_CHECKED_OUT"
    replace = pb.ReplaceDocumentRequest(name=made.name, content=some(b"x"), base_version=1)
    assert await why(room.stub.ReplaceDocument(replace)) == "DOCUMENT_CHECKED_OUT"
    check_in = pb.CheckInDocumentRequest(name=made.name, content=some(b"zwei", comment="Preise"))
    assert await why(room.stub.CheckInDocument(check_in)) == "DOCUMENT_NOT_CHECKED_OUT"
    assert await why(room.stub.UndoCheckOut(pb.UndoCheckOutRequest(name=made.name))) == "DOCUMENT_NOT_CHECKED_OUT"
    assert await why(room.stub.DeleteDocument(pb.DeleteDocumentRequest(name=made.name))) == "DOCUMENT_CHECKED_OUT"
    broken = pb.BreakCheckOutRequest(name=made.name, reason="x")
    assert (await refused(room.stub.BreakCheckOut(broken))).code() is grpc.StatusCode.PERMISSION_DENIED
    room.served.caller = EVA
    kept = await room.stub.CheckInDocument(
        pb.CheckInDocumentRequest(name=made.name, content=some(b"zwei", comment="Preise"), keep_checked_out=True)
    )
    assert (kept.latest.name, kept.check_out.base_version) == ("documents/1/versions/2", 2)
    back = await room.stub.CheckInDocument(pb.CheckInDocumentRequest(name=made.name, content=some(b"drei")))
    assert (back.latest.name, back.HasField("check_out")) == ("documents/1/versions/3", False)


async def test_a_check_out_ends_by_itself_or_by_an_administrator_and_the_log_says_so(
    room: Archive, clock: ManualClock
) -> None:
    made = await room.create(b"eins")
    out = pb.CheckOutDocumentRequest(name=made.name, machine="PC-7", keep_duration=Duration(seconds=60))
    room.served.caller = EVA
    await room.stub.CheckOutDocument(out)
    clock.advance(timedelta(seconds=60))
    assert not (await room.get(made.name)).HasField("check_out")
    late = pb.CheckInDocumentRequest(name=made.name, content=some(b"zwei"))
    assert "until" in ((await refused(room.stub.CheckInDocument(late))).details() or "")
    await room.stub.CheckOutDocument(out)
    room.served.caller = CHIEF
    await room.stub.BreakCheckOut(pb.BreakCheckOutRequest(name=made.name, reason="Eva ist krank"))
    room.served.caller = TOM
    await room.stub.ReplaceDocument(pb.ReplaceDocumentRequest(name=made.name, content=some(b"Tom"), base_version=1))
    room.served.caller = EVA
    assert await why(room.stub.CheckInDocument(late)) == "DOCUMENT_NOT_CHECKED_OUT"
    log = await room.stub.ListDocumentEvents(pb.ListDocumentEventsRequest(parent=made.name))
    assert [one.kind for one in log.events] == [
        "replaced", "check-out-broken", "checked-out", "checked-out", "created",
    ]  # fmt: skip
    assert log.events[1].detail == "taken from users/eva on PC-7: Eva ist krank"


async def test_of_writers_at_once_one_wins_and_the_others_are_told(room: Archive) -> None:
    made = await room.create(b"eins")
    calls = [
        room.stub.ReplaceDocument(
            pb.ReplaceDocumentRequest(name=made.name, content=some(b"von %d" % number), base_version=1)
        )
        for number in range(8)
    ]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    won = [one for one in answers if isinstance(one, pb.Document)]
    lost = [reason(one) for one in answers if isinstance(one, grpc.aio.AioRpcError)]
    assert (len(won), lost) == (1, ["VERSION_CONFLICT"] * 7)
    assert (await room.get(made.name)).latest == won[0].latest


# -- release, cases, folders -------------------------------------------------------------------------------------------


async def test_one_version_is_released_and_a_later_one_takes_its_place(room: Archive) -> None:
    made = await room.create(b"eins")
    await room.stub.ReplaceDocument(pb.ReplaceDocumentRequest(name=made.name, content=some(b"zwei"), base_version=1))
    first, second = (f"documents/1/versions/{number}" for number in (1, 2))
    await room.stub.ReleaseDocumentVersion(pb.ReleaseDocumentVersionRequest(name=first))
    assert (await room.get(made.name)).released == first
    await room.stub.ReleaseDocumentVersion(pb.ReleaseDocumentVersionRequest(name=second))
    listed = await room.stub.ListDocumentVersions(pb.ListDocumentVersionsRequest(parent=made.name))
    assert [pb.DocumentVersionState.Name(one.state)[23:] for one in listed.versions] == ["RELEASED", "WITHDRAWN"]
    only = await room.stub.SearchDocuments(pb.SearchDocumentsRequest(released_only=True))
    assert names(only.documents) == [made.name]
    await room.stub.WithdrawDocumentVersion(pb.WithdrawDocumentVersionRequest(name=second))
    assert (await room.get(made.name)).released == ""
    room.served.caller = EVA
    call = room.stub.ReleaseDocumentVersion(pb.ReleaseDocumentVersionRequest(name=first))
    assert (await refused(call)).code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_case_goes_on_showing_the_version_it_was_given(room: Archive) -> None:
    place = pb.DocumentPlace(business_case=CALL, folder="documentFolders/servicecalls-reports")
    made = await room.create(b"eins", places=[place])
    await room.stub.ReplaceDocument(pb.ReplaceDocumentRequest(name=made.name, content=some(b"zwei"), base_version=1))
    later = pb.AssignDocumentVersionRequest(
        name="documents/1/versions/2", place=pb.DocumentPlace(business_case="servicecalls/9")
    )
    assert (await room.stub.AssignDocumentVersion(later)).version == "documents/1/versions/2"
    await room.stub.DeleteDocument(pb.DeleteDocumentRequest(name=made.name))
    shown = await room.stub.ListDocumentAssignments(pb.ListDocumentAssignmentsRequest(business_case=CALL))
    (one,) = shown.assignments
    assert (one.version, one.folder, one.title) == ("documents/1/versions/1", place.folder, "Angebot")
    assert await room.download(one.version) == b"eins"
    found = await room.stub.SearchDocuments(
        pb.SearchDocumentsRequest(business_case=CALL, folder=place.folder, deleted=True)
    )
    assert names(found.documents) == [made.name]
    await room.stub.UndeleteDocument(pb.UndeleteDocumentRequest(name=made.name))
    await room.stub.UnassignDocumentVersion(
        pb.UnassignDocumentVersionRequest(name="documents/1/versions/1", business_case=CALL)
    )
    empty = await room.stub.ListDocumentAssignments(pb.ListDocumentAssignmentsRequest(business_case=CALL))
    assert not empty.assignments


async def test_a_case_has_fixed_free_and_one_more_folder(room: Archive) -> None:
    asked = pb.DocumentFolder(title="Pläne", business_case=CALL, parent="documentFolders/servicecalls-photos")
    made = await room.stub.CreateDocumentFolder(pb.CreateDocumentFolderRequest(folder=asked))
    assert await why(room.stub.CreateDocumentFolder(pb.CreateDocumentFolderRequest(folder=asked))) == "ALREADY_EXISTS"
    await room.create(b"x", places=[pb.DocumentPlace(business_case=CALL, folder=made.name)])
    listed = await room.stub.ListDocumentFolders(pb.ListDocumentFoldersRequest(business_case=CALL))
    assert [(one.title, one.kind, one.document_count) for one in listed.folders] == [
        ("Berichte", 1, 0), ("Fotos", 1, 0), ("Pläne", 2, 1), ("Sonstiges", 3, 0),
    ]  # fmt: skip
    elsewhere = pb.DocumentPlace(business_case="servicecalls/1", folder=made.name)
    assert await why(room.create(b"y", places=[elsewhere])) == "INVALID_ARGUMENT"
    unknown = pb.DocumentPlace(business_case="addresses/1", folder="documentFolders/servicecalls-photos")
    assert await why(room.create(b"y", places=[unknown])) == "NOT_FOUND"
    remove = pb.DeleteDocumentFolderRequest(name=made.name)
    assert await why(room.stub.DeleteDocumentFolder(remove)) == "STILL_IN_USE"
    await room.stub.UnassignDocumentVersion(
        pb.UnassignDocumentVersionRequest(name="documents/1/versions/1", business_case=CALL)
    )
    await room.stub.DeleteDocumentFolder(remove)
    assert await why(room.stub.DeleteDocumentFolder(remove)) == "NOT_FOUND"


async def test_a_new_folder_counts_no_documents(room: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def count(_unit: object, business_case: str) -> dict[str, int]:
        raise AssertionError(f"counts the documents of '{business_case}'")

    monkeypatch.setattr(store, "folder_counts", count)
    for title, said in (("Pläne", ""), ("PLÄNE", "ALREADY_EXISTS"), ("Sonstiges", "ALREADY_EXISTS")):
        call = room.stub.CreateDocumentFolder(pb.CreateDocumentFolderRequest(folder=pb.DocumentFolder(title=title)))
        if said:
            assert await why(call) == said
        else:
            await call


async def test_what_was_written_to_a_customer_is_filed_with_its_call(room: Archive) -> None:
    give_up = room.database.clock.now() + timedelta(hours=1)
    with room.database.unit() as unit:
        SMS.accept(
            unit, SendSmsRequest(to="x"), caller="test", give_up_time=give_up, expire_time=None, to="+491701234567",
            text="Wir kommen um 9", alphabet=1, parts=1, about=CALL,
        )  # fmt: skip
        MAILS.accept(
            unit, SendMailRequest(subject="x"), caller="test", give_up_time=give_up, expire_time=None,
            to=["hans@kunde.example"], cc=[], subject="Ihr Anruf", text="Guten Tag", html="", reply_to="",
            in_reply_to="", origin=0, about="nothing that is a case", message_id="<1@firma.example>",
        )  # fmt: skip
    ask = pb.FileMessageRequest(message="sms/1", request_id=REQUEST)
    made = await room.stub.FileMessage(ask)
    assert (made.title, made.kind, made.latest.origin) == ("SMS an +491701234567", "message", "sms/1")
    said = b"To: +491701234567\nDate: 2026-03-02T08:00:00+00:00\n\nWir kommen um 9\n"
    assert await room.download(made.latest.name) == said
    assert await room.stub.FileMessage(ask) == made
    shown = await room.stub.ListDocumentAssignments(pb.ListDocumentAssignmentsRequest(business_case=CALL))
    assert [one.version for one in shown.assignments] == [made.latest.name]
    place = pb.DocumentPlace(business_case="contacts/7")
    mail = await room.stub.FileMessage(pb.FileMessageRequest(message="outgoingMails/1", places=[place]))
    assert (mail.title, b"Subject: Ihr Anruf" in await room.download(mail.latest.name)) == ("Ihr Anruf", True)
    assert (await room.stub.FileMessage(pb.FileMessageRequest(message="outgoingMails/1"))).duplicates == [mail.name]
    assert await why(room.stub.FileMessage(pb.FileMessageRequest(message="sms/9"))) == "NOT_FOUND"
    room.served.caller = EVA
    assert await why(room.stub.FileMessage(pb.FileMessageRequest(message="sms/1"))) == "PERMISSION_DENIED"


# -- searching ---------------------------------------------------------------------------------------------------------


async def test_words_are_found_without_case_accents_and_endings(room: Archive) -> None:
    await room.create("Die Wärmepumpe läuft.".encode(), "Prüfbericht Straße 5", file_name="bericht.txt")
    await room.create(b"nichts", "Rechnung", labels={"order": "A-17"})
    room.work(room.indexing.turn)
    for query, found in {
        "WARMEPUMPE": ["documents/1"], "wärme": ["documents/1"], "strasse prüf": ["documents/1"],
        "a-17": ["documents/2"], "rechnung wärme": [], "'": [], "": ["documents/2", "documents/1"],
    }.items():  # fmt: skip
        answer = await room.stub.SearchDocuments(pb.SearchDocumentsRequest(query=query))
        assert (query, names(answer.documents)) == (query, found)
    by_label = await room.stub.SearchDocuments(pb.SearchDocumentsRequest(labels={"order": "A-17"}))
    assert names(by_label.documents) == ["documents/2"]


async def test_what_a_document_says_is_found_by_its_newest_version(room: Archive) -> None:
    made = await room.create(b"alt", "Brief")
    await room.stub.ReplaceDocument(pb.ReplaceDocumentRequest(name=made.name, content=some(b"neu"), base_version=1))
    room.work(room.indexing.turn)
    changed = pb.Document(name=made.name, title="Schreiben", etag=(await room.get(made.name)).etag)
    await room.stub.UpdateDocument(pb.UpdateDocumentRequest(document=changed, update_mask=FieldMask(paths=["title"])))
    hits = {}
    for query in ("alt", "neu", "brief", "schreiben"):
        hits[query] = len((await room.stub.SearchDocuments(pb.SearchDocumentsRequest(query=query))).documents)
    assert hits == {"alt": 0, "neu": 1, "brief": 0, "schreiben": 1}
    stale = room.stub.UpdateDocument(pb.UpdateDocumentRequest(document=changed))
    assert await why(stale) == "STALE_ETAG"


async def test_pages_hold_every_document_once(room: Archive) -> None:
    await room.stub.BatchCreateDocuments(
        pb.BatchCreateDocumentsRequest(requests=[creation(b"%d" % number) for number in range(5)])
    )
    seen, token = [], ""
    for _ in range(3):
        answer = await room.stub.SearchDocuments(pb.SearchDocumentsRequest(page_size=2, page_token=token))
        seen += names(answer.documents)
        token = answer.next_page_token
    assert (seen, token) == ([f"documents/{number}" for number in (5, 4, 3, 2, 1)], "")


# -- keeping and erasing -----------------------------------------------------------------------------------------------


async def test_what_must_be_kept_is_not_erased(room: Archive, clock: ManualClock) -> None:
    made = await room.create(b"Rechnung", kind="invoice")
    assert made.retain_time.ToDatetime(UTC) == datetime(2034, 12, 31, 23, tzinfo=UTC)  # midnight in Berlin
    await room.stub.HoldDocument(pb.HoldDocumentRequest(name=made.name, hold_id="streit", reason="Klage"))
    await room.stub.DeleteDocument(pb.DeleteDocumentRequest(name=made.name))
    erase = pb.EraseDocumentRequest(name=made.name, reason="Antrag nach Art. 17")
    assert "streit" in ((await refused(room.stub.EraseDocument(erase))).details() or "")
    await room.stub.LiftDocumentHold(pb.LiftDocumentHoldRequest(name=made.name, hold_id="streit", reason="Vergleich"))
    assert await why(room.stub.EraseDocument(erase)) == "DOCUMENT_RETAINED"
    clock.advance(timedelta(days=366 * 9))
    proof = await room.stub.EraseDocument(erase)
    assert (proof.document, proof.state) == (made.name, pb.ERASURE_STATE_RUNNING)


async def test_no_change_of_kind_ends_the_time_a_document_must_be_kept(room: Archive, clock: ManualClock) -> None:
    made = await room.create(b"Rechnung", kind="letter")

    async def change(kind: str, title: str = "Angebot") -> pb.Document:
        document = pb.Document(name=made.name, kind=kind, title=title, etag=(await room.get(made.name)).etag)
        mask = FieldMask(paths=["kind", "title"])
        return await room.stub.UpdateDocument(pb.UpdateDocumentRequest(document=document, update_mask=mask))

    kept = await change("invoice")
    refusal = await refused(change("letter"))
    assert (reason(refusal), "until 2035-01-01" in (refusal.details() or "")) == ("DOCUMENT_RETAINED", True)
    assert await why(change("")) == "DOCUMENT_RETAINED"
    assert (await change("invoice", "Rechnung 7")).retain_time == kept.retain_time
    clock.advance(timedelta(days=366 * 9))
    assert (await change("letter")).kind == "letter"


async def test_an_erasure_leaves_no_bytes_and_a_proof(room: Archive, clock: ManualClock) -> None:
    made = await room.create(b"eins", "geheim")
    await room.stub.ReplaceDocument(pb.ReplaceDocumentRequest(name=made.name, content=some(b"zwei"), base_version=1))
    await room.create(b"zwei", "bleibt")
    erase = pb.EraseDocumentRequest(name=made.name, reason="Antrag")
    assert "bin" in ((await refused(room.stub.EraseDocument(erase))).details() or "")
    await room.stub.DeleteDocument(pb.DeleteDocumentRequest(name=made.name))
    clock.advance(timedelta(minutes=1))
    await room.stub.EraseDocument(erase)
    room.work(room.tidying.turn)
    assert not room.object(b"eins").exists()
    assert room.object(b"zwei").exists()
    (proof,) = (await room.stub.ListDocumentErasures(pb.ListDocumentErasuresRequest())).erasures
    assert (proof.state, proof.shared_count, len(proof.sha256)) == (pb.ERASURE_STATE_DONE, 1, 2)
    assert "geheim" not in str(proof)
    assert await why(room.get(made.name)) == "NOT_FOUND"
    again = await room.create(b"eins", "neu")
    assert again.name == "documents/3"  # a proof names one document for ever
    assert await room.download(again.latest.name) == b"eins"


async def test_an_erased_title_is_in_no_remembered_answer(room: Archive) -> None:
    ids = [f"6f1c1f6e-6f0e-4a53-9d4b-0a55a1f1b0{number:02}" for number in range(2)]
    made = await room.create(b"eins", "Kündigung Müller", request_id=ids[0])
    batch = pb.BatchCreateDocumentsRequest(requests=[creation(b"zwei", "Abmahnung Müller", request_id=ids[1])])
    second = (await room.stub.BatchCreateDocuments(batch)).results[0].document
    assert (await room.stub.BatchCreateDocuments(batch)).results[0].document == second
    for one in (made, second):
        await room.stub.DeleteDocument(pb.DeleteDocumentRequest(name=one.name))
        await room.stub.EraseDocument(pb.EraseDocumentRequest(name=one.name, reason="Antrag"))
    with room.database.reading() as unit:
        kept = list(unit.connection.execute(select(REQUESTS.table.c.response)).scalars())
    assert len(kept) == 2
    assert not [one for one in kept if "Müller".encode() in one]
    again = await room.create(b"eins", "Kündigung Müller", request_id=ids[0])
    assert again == pb.Document(name=made.name)
    assert (await room.stub.BatchCreateDocuments(batch)).results[0].document == pb.Document(name=second.name)
