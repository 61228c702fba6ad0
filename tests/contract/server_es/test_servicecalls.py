"""Servicecalls behind their real door."""

import asyncio
from datetime import UTC, timedelta

import grpc
import pytest
from esoffice.es.v1 import service_levels_pb2 as levels
from esoffice.es.v1 import servicecalls_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask
from grpc_status import rpc_status
from sqlalchemy import select

from mesh.status import reason_of
from server_es.servicecalls.tables import servicecall
from tests.builders import directory
from tests.builders.office import (
    CREATED,
    DONE,
    DRAFT,
    INTERRUPTED,
    SOLVED,
    STARTED,
    Office,
    berlin,
    request_id,
    state,
)
from tests.contract.conftest import person, refused, service


@pytest.fixture
def database_address(database_url: str) -> str:
    """On SQLite and on PostgreSQL."""
    return database_url


def reason(error: grpc.aio.AioRpcError) -> str:
    found = rpc_status.from_call(error)
    assert found is not None
    return reason_of(found)


def milestone(call: pb.Servicecall, kind: str) -> pb.Milestone:
    wanted = pb.MilestoneKind.Value(f"MILESTONE_KIND_{kind.upper()}")
    return next(one for one in call.milestones if one.kind == wanted)


def due(call: pb.Servicecall, kind: str = "solution") -> str:
    """The due time on the office's clock."""
    at = milestone(call, kind).due_time.ToDatetime(UTC).astimezone(berlin("2026-01-01").tzinfo)
    return f"{at:%d.%m. %H:%M}"


async def test_a_call_gets_its_number_state_level_and_milestones(office: Office) -> None:
    office.go_to(berlin("2026-03-02 09:00"))
    call = await office.call(problem_category="problemCategories/fault", description="steht still", origin="mails/12")
    assert call.name == "servicecalls/1"
    assert (call.state, call.state_title, call.meaning) == (state(CREATED), "Angelegt", levels.STATE_MEANING_CREATED)
    assert (call.service_level, call.level_rule) == ("serviceLevels/4", levels.LEVEL_RULE_ASSIGNMENT)
    assert call.level_rule_source == "problemCategories/fault significances/a"
    assert (call.priority, call.significance) == ("priorities/1", "significances/a")
    assert due(call, "reaction") == "02.03. 10:00"
    assert due(call, "solution") == "02.03. 17:00"
    assert not milestone(call, "arrival").HasField("due_time")
    assert call.next_due_time == milestone(call, "reaction").due_time
    assert milestone(call, "solution").remaining_working_duration.ToTimedelta() == timedelta(hours=8)
    assert await office.get(call.name) == call


@pytest.mark.parametrize(
    ("fields", "level", "rule", "source"),
    [
        ({"component": "systems/A-1/components/1"}, 1, levels.LEVEL_RULE_COMPONENT, "systems/A-1/components/1"),
        ({"system": "systems/A-1"}, 2, levels.LEVEL_RULE_SYSTEM, "systems/A-1"),
        ({"contract": "contracts/V-1"}, 3, levels.LEVEL_RULE_CONTRACT, "contracts/V-1"),
        ({}, 5, levels.LEVEL_RULE_DEFAULT, ""),
    ],
)
async def test_the_rule_that_chose_the_level_is_stored(
    office: Office, fields: dict[str, str], level: int, rule: int, source: str
) -> None:
    call = await office.call(**fields)
    assert (call.service_level, call.level_rule, call.level_rule_source) == (f"serviceLevels/{level}", rule, source)
    selected = await office.levels.SelectServiceLevel(
        levels.SelectServiceLevelRequest(address="addresses/1001", **fields)
    )
    assert (selected.service_level, selected.rule, selected.rule_source) == (f"serviceLevels/{level}", rule, source)


async def test_a_contract_fills_system_and_address(office: Office) -> None:
    call = await office.call(address="", contract="contracts/V-1")
    assert (call.address, call.system) == ("addresses/1001", "systems/A-2")


async def test_every_violation_comes_back_at_once(office: Office) -> None:
    error = await refused(
        office.call(
            title="  ",
            address="addresses/1002",
            system="systems/A-1",
            responsible_employee="employees/999",
            responsible_team="teams/nobody",
            problem_category="problemCategories/other",
            receive_time=office.clock.now() + timedelta(minutes=2),
        )
    )
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    fields = ("title", "receive_time", "responsible_employee", "responsible_team", "problem_category", "system")
    assert [field for field in fields if f"servicecall.{field}: " not in (error.details() or "")] == []


async def test_without_a_level_no_call_is_made(office: Office) -> None:
    defaults = await office.levels.GetDefaults(levels.GetDefaultsRequest())
    defaults.service_level = ""
    await office.levels.SetDefaults(levels.SetDefaultsRequest(defaults=defaults))
    error = await refused(office.call(address="addresses/1002"))
    assert (error.code(), reason(error)) == (grpc.StatusCode.FAILED_PRECONDITION, "NO_SERVICE_LEVEL")


async def test_a_repeat_answers_the_same_call(office: Office) -> None:
    id_ = request_id()
    first = await office.call(request_id=id_)
    assert await office.call(request_id=id_) == first
    assert (await office.call()).name == "servicecalls/2"
    error = await refused(office.call("Anderes", request_id=id_))
    assert reason(error) == "REQUEST_ID_REUSED"


async def test_a_batch_answers_one_by_one_and_one_refusal_spoils_no_other(office: Office) -> None:
    def item(title: str, id_: str = "", **fields: str) -> pb.CreateServicecallRequest:
        said = {"address": "addresses/1001", **fields}
        return pb.CreateServicecallRequest(servicecall=pb.Servicecall(title=title, **said), request_id=id_)

    ids = [request_id() for _ in range(3)]
    batch = pb.BatchCreateServicecallsRequest(
        requests=[
            item("eins", ids[0]),
            item("", ids[1]),
            item("drei", ids[2], address="addresses/7"),
            item("vier"),
        ]
    )
    answer = await office.calls.BatchCreateServicecalls(batch)
    assert [one.WhichOneof("outcome") for one in answer.results] == ["servicecall", "status", "status", "servicecall"]
    assert [one.servicecall.name for one in answer.results if one.HasField("servicecall")] == [
        "servicecalls/1",
        "servicecalls/2",
    ]
    assert "addresses/7 does not exist" in answer.results[2].status.message
    repeated = await office.calls.BatchCreateServicecalls(
        pb.BatchCreateServicecallsRequest(requests=batch.requests[:1])
    )
    assert repeated.results[0] == answer.results[0]
    mended = item("drei", ids[2], address="addresses/1002")
    again = await office.calls.BatchCreateServicecalls(pb.BatchCreateServicecallsRequest(requests=[mended]))
    assert again.results[0].servicecall.name == "servicecalls/3"


async def test_a_batch_for_names_only_makes_the_same_calls_and_a_repeat_is_answered_as_the_first_time(
    office: Office,
) -> None:
    office.go_to(berlin("2026-03-02 09:00"))
    asked = [
        pb.CreateServicecallRequest(
            servicecall=pb.Servicecall(title="Pumpe steht", address="addresses/1001"), request_id=request_id()
        )
        for _ in range(30)
    ]
    lean = pb.BatchCreateServicecallsRequest(requests=asked[:29], names_only=True)
    names = [f"servicecalls/{number}" for number in range(1, 30)]
    answer = await office.calls.BatchCreateServicecalls(lean)
    assert [one.servicecall for one in answer.results] == [pb.Servicecall(name=name) for name in names]
    repeated = await office.calls.BatchCreateServicecalls(pb.BatchCreateServicecallsRequest(requests=asked))
    assert [one.servicecall for one in repeated.results[:29]] == [one.servicecall for one in answer.results]
    full = repeated.results[29].servicecall
    with office.served.database.reading() as unit:
        due = set(unit.connection.execute(select(servicecall.c.cached_due_time)).scalars())
    assert due == {full.next_due_time.ToDatetime(UTC)}


async def test_the_responsible_ones_are_told_once_but_not_who_made_it(office: Office) -> None:
    office.served.caller = person("*", name="eva", employee="100")
    call = await office.call(responsible_employee="employees/101", responsible_team="teams/technik")
    subject = f"Neuer Servicecall {call.name.rpartition('/')[2]}: Pumpe steht"
    assert office.inbox("101") == office.inbox("102") == [subject]
    assert office.inbox("100") == office.inbox("103") == []


async def test_whoever_stands_in_for_a_responsible_one_who_is_away_is_told_too(office: Office) -> None:
    away = {"absence_start_time": berlin("2026-03-01 00:00"), "absence_end_time": berlin("2026-04-01 00:00")}
    await office.directory.BatchUpsertRecords(
        directory.upsert(directory.employee("101", substitute="employees/103", **away))
    )
    call = await office.call(responsible_employee="employees/101", responsible_team="teams/technik")
    assert [len(office.inbox(one)) for one in ("101", "102", "103")] == [1, 1, 1]
    office.served.caller = person("*", name="jan", employee="103")
    await office.do("SolveServicecall", call.name)
    await office.do("AddAddendum", call.name, text="Es tropft.")
    assert len(office.inbox("101")) == 2
    assert len(office.inbox("103")) == 1  # who did it is not told, not even as a substitute


async def test_a_draft_has_no_clock_until_its_state_changes(office: Office) -> None:
    office.go_to(berlin("2026-03-02 09:00"))
    call = await office.call(draft=True, responsible_employee="employees/101")
    assert (call.state, len(call.milestones), call.HasField("receive_time")) == (state(DRAFT), 0, False)
    assert office.inbox("101") == []
    for verb in ("AcceptServicecall", "RecordReaction", "SolveServicecall"):
        error = await refused(office.do(verb, call.name))
        assert reason(error) == "SERVICECALL_NOT_RECEIVED"
    office.go_to(berlin("2026-03-02 11:00"))
    call = await office.do("ChangeState", call.name, state=state(CREATED))
    assert due(call, "reaction") == "02.03. 12:00"
    assert len(office.inbox("101")) == 1
    error = await refused(office.do("ChangeState", call.name, state=state(DRAFT)))
    assert reason(error) == "STATE_NOT_ALLOWED"


async def test_from_solved_on_a_call_is_locked(office: Office) -> None:
    call = await office.call()
    error = await refused(office.do("AddAddendum", call.name, text="noch was"))
    assert reason(error) == "SERVICECALL_NOT_SOLVED"
    solved = await office.do("SolveServicecall", call.name)
    assert solved.state == state(SOLVED)
    assert milestone(solved, "reaction").HasField("met_time")
    verbs = (
        ("AcceptServicecall", {}),
        ("RecordReaction", {}),
        ("RecordArrival", {}),
        ("SolveServicecall", {}),
        ("ChangeState", {"state": state(STARTED)}),
        ("ChangeServiceLevel", {"service_level": "serviceLevels/1"}),
    )
    for verb, fields in verbs:
        error = await refused(office.do(verb, call.name, **fields))
        assert (verb, reason(error)) == (verb, "SERVICECALL_LOCKED")
    error = await refused(office.calls.UpdateServicecall(pb.UpdateServicecallRequest(servicecall=solved)))
    assert reason(error) == "SERVICECALL_LOCKED"


async def test_the_other_states_are_reached_by_their_verbs_only(office: Office) -> None:
    call = await office.call()
    for number in (SOLVED, DONE, CREATED):
        error = await refused(office.do("ChangeState", call.name, state=state(number)))
        assert reason(error) == "STATE_NOT_ALLOWED"
    error = await refused(office.do("ChangeState", call.name, state=state(33)))
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "servicecallStates/33 does not exist")
    error = await refused(office.do("CloseServicecall", call.name))
    assert reason(error) == "STATE_NOT_ALLOWED"
    error = await refused(office.do("SolveServicecall", call.name, state=state(DONE)))
    assert reason(error) == "STATE_NOT_ALLOWED"


async def test_a_milestone_is_met_once(office: Office) -> None:
    call = await office.call()
    accepted = await office.do("AcceptServicecall", call.name)
    assert milestone(accepted, "arrival").HasField("due_time")
    arrived = await office.do("RecordArrival", call.name)
    assert milestone(arrived, "arrival").HasField("met_time")
    for verb in ("AcceptServicecall", "RecordReaction", "RecordArrival"):
        error = await refused(office.do(verb, call.name))
        assert (verb, reason(error)) == (verb, "MILESTONE_MET")


async def test_an_event_is_neither_before_the_last_one_nor_in_the_future(office: Office) -> None:
    call = await office.call()
    now = office.clock.now()
    for wrong in (now + timedelta(seconds=1), now - timedelta(seconds=1)):
        error = await refused(office.do("AcceptServicecall", call.name, event_time=wrong))
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert (error.details() or "").startswith("event_time: ")


async def test_closing_has_a_permission_of_its_own(office: Office) -> None:
    call = await office.call()
    await office.do("SolveServicecall", call.name)
    office.served.caller = person("servicecalls.write", "servicecalls.solve", "servicecalls.reopen")
    error = await refused(office.do("CloseServicecall", call.name))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    office.served.caller = person("servicecalls.close", "servicecalls.reopen")
    assert (await office.do("CloseServicecall", call.name)).state == state(DONE)
    office.served.caller = person("servicecalls.reopen")
    error = await refused(office.do("ReopenServicecall", call.name))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_of_two_closers_one_is_too_late(office: Office) -> None:
    call = await office.call()
    await office.do("SolveServicecall", call.name)
    closes = [office.do("CloseServicecall", call.name) for _ in range(2)]
    outcomes = await asyncio.gather(*closes, return_exceptions=True)
    errors = [one for one in outcomes if isinstance(one, grpc.aio.AioRpcError)]
    assert [reason(one) for one in errors] == ["STATE_NOT_ALLOWED"]


async def test_a_change_on_a_stale_etag_is_refused(office: Office) -> None:
    call = await office.call()
    mask = FieldMask(paths=["title"])
    said = pb.Servicecall(name=call.name, etag=call.etag, title="Pumpe tropft")
    request = pb.UpdateServicecallRequest(servicecall=said, update_mask=mask)
    changed = await office.calls.UpdateServicecall(request)
    assert (changed.title, changed.etag != call.etag) == ("Pumpe tropft", True)
    error = await refused(office.calls.UpdateServicecall(request))
    assert (error.code(), reason(error)) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
    request.servicecall.etag = ""
    error = await refused(office.calls.UpdateServicecall(request))
    assert (error.details() or "").startswith("servicecall.etag: is required")
    request.servicecall.etag, request.update_mask.paths[:] = changed.etag, ["state"]
    error = await refused(office.calls.UpdateServicecall(request))
    assert (error.details() or "").startswith("update_mask: 'state' cannot be changed")


async def test_an_update_checks_what_it_names(office: Office) -> None:
    call = await office.call()
    call.title, call.responsible_team, call.problem_category = "a\nb", "teams/x", "problemCategories/x"
    error = await refused(office.calls.UpdateServicecall(pb.UpdateServicecallRequest(servicecall=call)))
    for field in ("title", "responsible_team", "problem_category"):
        assert f"servicecall.{field}: " in (error.details() or "")
    call.title, call.responsible_team, call.problem_category = "Neu", "teams/technik", "problemCategories/fault"
    changed = await office.calls.UpdateServicecall(pb.UpdateServicecallRequest(servicecall=call))
    assert (changed.title, changed.responsible_team) == ("Neu", "teams/technik")
    same = await office.calls.UpdateServicecall(pb.UpdateServicecallRequest(servicecall=changed))
    assert same == changed
    log = await office.calls.ListServicecallEvents(pb.ListServicecallEventsRequest(servicecall=call.name))
    assert [one.text for one in log.events] == ["", "title, responsible_team, problem_category"]


async def test_a_repeated_verb_has_no_second_effect(office: Office) -> None:
    call = await office.call(responsible_employee="employees/101")
    id_ = request_id()
    solved = await office.do("SolveServicecall", call.name, request_id=id_)
    assert await office.do("SolveServicecall", call.name, request_id=id_) == solved
    note = request_id()
    for _ in range(2):
        await office.do("AddAddendum", call.name, text="Bitte Rechnung", request_id=note)
    assert office.inbox("101")[1:] == ["Nachtrag zu Servicecall 1: Pumpe steht"]


async def test_the_log_is_read_page_by_page(office: Office) -> None:
    office.served.caller = service("server_business", "*")
    call = await office.call()
    await office.do("AcceptServicecall", call.name, text="bin dran")
    await office.do("ChangeState", call.name, state=state(INTERRUPTED))
    await office.do("ChangeServiceLevel", call.name, service_level="serviceLevels/1")
    request = pb.ListServicecallEventsRequest(servicecall=call.name, page_size=3)
    first = await office.calls.ListServicecallEvents(request)
    request.page_token = first.next_page_token
    second = await office.calls.ListServicecallEvents(request)
    log = [*first.events, *second.events]
    kinds = [pb.ServicecallEventKind.Name(one.kind).removeprefix("SERVICECALL_EVENT_KIND_") for one in log]
    assert kinds == ["RECEIVED", "ACCEPTED", "STATE_CHANGED", "LEVEL_CHANGED"]
    assert [one.sequence for one in log] == [1, 2, 3, 4]
    assert (log[0].actor, log[1].text, log[3].service_level) == (
        "services/server_business",
        "bin dran",
        "serviceLevels/1",
    )
    assert (await office.get(call.name)).level_rule == levels.LEVEL_RULE_MANUAL


async def test_calls_are_listed_newest_first_by_conditions(office: Office) -> None:
    await office.call("Pumpe tropft", published=True)
    await office.call("Heizung kalt", address="addresses/1002", responsible_team="teams/technik")
    await office.call("PUMPE laut", system="systems/A-1", responsible_employee="employees/101")
    last = await office.call("Frage")
    await office.do("SolveServicecall", last.name)

    async def listed(**conditions: object) -> list[str]:
        answer = await office.calls.ListServicecalls(pb.ListServicecallsRequest(**conditions))
        return [one.name.rpartition("/")[2] for one in answer.servicecalls]

    assert await listed() == ["4", "3", "2", "1"]
    assert await listed(title_contains="pumpe") == ["3", "1"]
    assert await listed(address="addresses/1002") == ["2"]
    assert await listed(system="systems/A-1") == ["3"]
    assert await listed(responsible_employee="employees/101") == ["3"]
    assert await listed(responsible_team="teams/technik") == ["2"]
    assert await listed(meanings=[levels.STATE_MEANING_SOLVED]) == ["4"]
    assert await listed(published_only=True) == ["1"]
    pages, token = [], ""
    while not pages or token:
        answer = await office.calls.ListServicecalls(pb.ListServicecallsRequest(page_size=2, page_token=token))
        pages.append([one.name for one in answer.servicecalls])
        token = answer.next_page_token
    assert [len(page) for page in pages] == [2, 2]


async def test_open_calls_are_listed_by_what_is_due_next(office: Office) -> None:
    office.go_to(berlin("2026-03-02 09:00"))
    slow = await office.call("langsam", receive_time=berlin("2026-03-02 08:30"))
    fast = await office.call("schnell", receive_time=berlin("2026-03-02 08:00"))
    paused = await office.call("wartet", receive_time=berlin("2026-03-02 07:00"))
    await office.do("ChangeState", paused.name, state=state(INTERRUPTED))
    solved = await office.call("fertig")
    await office.do("SolveServicecall", solved.name)
    names, token = [], ""
    while not names or token:
        request = pb.ListServicecallsRequest(by_due_time=True, page_size=1, page_token=token)
        answer = await office.calls.ListServicecalls(request)
        names += [one.name for one in answer.servicecalls]
        token = answer.next_page_token
    assert names == [fast.name, slow.name, paused.name]


async def test_several_calls_come_in_the_order_asked_for(office: Office) -> None:
    for title in ("eins", "zwei"):
        await office.call(title)
    names = ["servicecalls/2", "servicecalls/9", "servicecalls/1"]
    answer = await office.calls.BatchGetServicecalls(pb.BatchGetServicecallsRequest(names=names))
    assert [one.title for one in answer.servicecalls] == ["zwei", "eins"]
    assert list(answer.not_found) == ["servicecalls/9"]
    error = await refused(office.get("servicecalls/9"))
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "servicecalls/9 does not exist")


async def test_a_due_time_is_explained_as_data_and_in_words(office: Office) -> None:
    office.go_to(berlin("2026-03-06 16:00"))  # a Friday
    call = await office.call(system="systems/A-1")
    office.go_to(berlin("2026-03-06 16:30"))
    await office.do("ChangeState", call.name, state=state(INTERRUPTED))
    office.go_to(berlin("2026-03-09 09:00"))
    await office.do("ChangeState", call.name, state=state(STARTED))
    answer = await office.calls.ExplainDueTimes(pb.ExplainDueTimesRequest(servicecall=call.name))
    solution = answer.explanations[-1]
    explanation = solution.explanation
    counted = sum(
        (one.end_time.ToDatetime() - one.start_time.ToDatetime() for one in explanation.stretches), timedelta()
    )
    assert counted == explanation.working_duration.ToTimedelta() == timedelta(hours=8)
    assert [one.reason for one in explanation.stops] == ["Unterbrochen"]
    assert explanation.level_rule == "of the system systems/A-1"
    assert "Lösung fällig Mo 09.03.2026 16:30" in explanation.german_text
    assert "Pause: Fri 2026-03-06 16:30 to Mon 2026-03-09 09:00 (state Unterbrochen)" in explanation.english_text
