"""Text modules behind their real door."""

from typing import Any

import grpc
import pytest
from esoffice.es.v1 import text_modules_pb2 as pb
from esoffice.es.v1.text_modules_pb2_grpc import TextModuleServiceStub
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask

from server_es.text_modules import placeholders
from server_es.text_modules.call_texts import CallTexts
from server_es.text_modules.service import TextModules
from tests.builders.office import Office, Rooms, open_office
from tests.contract.conftest import Serve, person, refused

TEXT = (
    "Call <ServCall.ServicecallNr>: <ServCall.Matchcode>\n\nAnlage <System.Matchcode>, Lösung bis <Deadline.Solution>."
)


@pytest.fixture
async def office(serve: Serve) -> Office:
    rooms = Rooms()
    texts = CallTexts(rooms.sites, "Europe/Berlin")
    return await open_office(serve, rooms=rooms, more=[(pb.DESCRIPTOR, lambda base: TextModules(base, texts))])


@pytest.fixture
def stub(office: Office) -> Any:
    return TextModuleServiceStub(office.served.channel)


def module(**fields: Any) -> pb.TextModule:
    return pb.TextModule(**{"name": "textModules/warning", "title": "Warnung", "text": TEXT, **fields})


async def test_a_module_lives_from_creation_to_deletion(stub: Any) -> None:
    checked = await stub.CreateTextModule(pb.CreateTextModuleRequest(text_module=module(), validate_only=True))
    assert not checked.etag
    made = await stub.CreateTextModule(pb.CreateTextModuleRequest(text_module=module()))
    assert (made.text, made.language) == (TEXT, pb.TEXT_LANGUAGE_GERMAN)
    assert await stub.GetTextModule(pb.GetTextModuleRequest(name=made.name)) == made
    listed = await stub.ListTextModules(pb.ListTextModulesRequest())
    assert list(listed.text_modules) == [made]
    made.title = "Anders"
    changed = await stub.UpdateTextModule(
        pb.UpdateTextModuleRequest(text_module=made, update_mask=FieldMask(paths=["title"]))
    )
    assert changed.title == "Anders"
    error = await refused(stub.UpdateTextModule(pb.UpdateTextModuleRequest(text_module=made)))
    assert error.code() is grpc.StatusCode.ABORTED
    assert await stub.DeleteTextModule(pb.DeleteTextModuleRequest(name=made.name)) == Empty()
    error = await refused(stub.GetTextModule(pb.GetTextModuleRequest(name=made.name)))
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_an_unknown_placeholder_is_refused_at_save_with_all_others(stub: Any) -> None:
    wrong = module(text="<ServCall.Matchkode>\n<Kunde.Name>")
    error = await refused(stub.CreateTextModule(pb.CreateTextModuleRequest(text_module=wrong)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == (
        "text_module.text: <ServCall.Matchkode> is no placeholder; <ServCall.Matchcode> is; "
        "text_module.text: <Kunde.Name> is no placeholder; <Address.Name> is"
    )
    error = await refused(
        stub.PreviewTextModule(pb.PreviewTextModuleRequest(text="<A.B>", servicecall="servicecalls/1"))
    )
    assert error.details() == "text: <A.B> is no placeholder"


async def test_a_preview_is_about_a_real_call(office: Office, stub: Any) -> None:
    call = await office.call("Pumpe steht", system="systems/A-1")
    await stub.CreateTextModule(pb.CreateTextModuleRequest(text_module=module()))
    shown = await stub.PreviewTextModule(pb.PreviewTextModuleRequest(name="textModules/warning", servicecall=call.name))
    assert shown.subject == "Call 1: Pumpe steht"
    assert shown.body == "Anlage Anlage A-1, Lösung bis Mo 02.03.2026 17:00."
    assert list(shown.missing) == []


async def test_what_a_call_has_not_is_written_visibly_in_the_language_of_the_text(office: Office, stub: Any) -> None:
    call = await office.call("Pumpe steht")
    request = pb.PreviewTextModuleRequest(
        text="<System.Matchcode>\n<Escalation.Percent>, due <Deadline.Solution>",
        language=pb.TEXT_LANGUAGE_ENGLISH,
        servicecall=call.name,
    )
    shown = await stub.PreviewTextModule(request)
    assert shown.subject == "[System.Matchcode is missing]"
    assert shown.body == "[Escalation.Percent is missing], due Mon 2026-03-02 17:00"
    assert list(shown.missing) == ["System.Matchcode", "Escalation.Percent"]
    request.servicecall = "servicecalls/77"
    error = await refused(stub.PreviewTextModule(request))
    assert error.details() == "servicecalls/77 does not exist"


async def test_every_placeholder_is_listed_and_can_be_written(office: Office, stub: Any) -> None:
    call = await office.call(
        system="systems/A-1",
        component="systems/A-1/components/1",
        responsible_employee="employees/101",
        responsible_team="teams/technik",
        problem_category="problemCategories/fault",
        description="Tropft",
    )
    listed = await stub.ListPlaceholders(pb.ListPlaceholdersRequest())
    names = [one.name for one in listed.placeholders]
    assert names == list(placeholders.ALL)
    assert all(one.german_text and one.english_text for one in listed.placeholders)
    text = "\n".join(f"<{name}>" for name in names)
    shown = await stub.PreviewTextModule(pb.PreviewTextModuleRequest(text=text, servicecall=call.name))
    written = dict(zip(names, [shown.subject, *shown.body.split("\n")], strict=True))
    assert written["ServCall.Description"] == "Tropft"
    assert written["ServCall.Priority"] == "Hoch"
    assert written["ServCall.Category"] == "Fault"
    assert written["Employee.Name"] != ""
    assert written["Deadline.Next"] == "Mo 02.03.2026 10:00"
    assert written["Deadline.Remaining"] == "8:00 h"


async def test_who_may_only_read_changes_nothing(office: Office, stub: Any) -> None:
    office.served.caller = person("textmodules.read")
    await stub.ListTextModules(pb.ListTextModulesRequest())
    error = await refused(stub.CreateTextModule(pb.CreateTextModuleRequest(text_module=module())))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
