"""The catalogues behind their real door."""

from datetime import timedelta
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import service_levels_pb2 as pb
from esoffice.es.v1 import servicecalls_pb2 as calls_pb
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask
from grpc_status import rpc_status

from mesh.status import reason_of
from tests.builders import directory as build
from tests.builders.office import HOUR, INTERRUPTED, STARTED, Office, berlin, level, state
from tests.contract.conftest import refused

CATALOGUES = [
    ("Priority", "Priorities", "priority", "priorities/7"),
    ("ProblemCategory", "ProblemCategories", "problem_category", "problemCategories/noise"),
    ("ServicecallState", "ServicecallStates", "servicecall_state", "servicecallStates/35"),
    ("ServiceLevel", "ServiceLevels", "service_level", "serviceLevels/9"),
]
MORE: dict[str, Any] = {
    "ServicecallState": {"meaning": pb.STATE_MEANING_STARTED, "stops_clock": True},
    "ServiceLevel": {
        "priority": "priorities/2",
        "language": "de",
        "translations": {"en": "Gold"},
        "solution_working_duration": timedelta(minutes=90),
    },
}


def reason(error: grpc.aio.AioRpcError) -> str:
    found = rpc_status.from_call(error)
    assert found is not None
    return reason_of(found)


@pytest.mark.parametrize(("kind", "plural", "field", "name"), CATALOGUES)
async def test_an_entry_lives_from_creation_to_deletion(
    office: Office, kind: str, plural: str, field: str, name: str
) -> None:
    def ask(verb: str, **fields: Any) -> Any:
        return getattr(office.levels, verb)(getattr(pb, f"{verb}Request")(**fields))

    entry = getattr(pb, kind)(name=name, title="Neu", **MORE.get(kind, {}))
    checked = await ask(f"Create{kind}", **{field: entry}, validate_only=True)
    assert checked == entry
    made = await ask(f"Create{kind}", **{field: entry})
    assert (made.title, bool(made.etag)) == ("Neu", True)
    assert await ask(f"Get{kind}", name=name) == made
    error = await refused(ask(f"Create{kind}", **{field: entry}))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    listed = getattr(
        await ask(f"List{plural}", page_size=1000), field + "s" if plural[-3] != "i" else field[:-1] + "ies"
    )
    assert made in listed
    one = type(entry)(name=name, etag=made.etag, title="Anders")
    mask = FieldMask(paths=["title"])
    changed = await ask(f"Update{kind}", **{field: one}, update_mask=mask)
    assert changed.title == "Anders"
    error = await refused(ask(f"Update{kind}", **{field: one}, update_mask=mask))
    assert reason(error) == "STALE_ETAG"
    one.etag, one.title = changed.etag, ""
    error = await refused(ask(f"Update{kind}", **{field: one}, update_mask=mask))
    assert (error.details() or "").startswith(f"{field}.title: ")
    error = await refused(ask(f"Delete{kind}", name=name, etag="x"))
    assert reason(error) == "STALE_ETAG"
    assert await ask(f"Delete{kind}", name=name, etag=changed.etag) == Empty()
    error = await refused(ask(f"Get{kind}", name=name))
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, f"{name} does not exist")


async def test_an_empty_database_begins_with_the_seven_states(office: Office) -> None:
    answer = await office.levels.ListServicecallStates(pb.ListServicecallStatesRequest())
    assert [(one.name.rpartition("/")[2], one.title) for one in answer.servicecall_states] == [
        ("10", "Entwurf"),
        ("20", "Angelegt"),
        ("30", "Gestartet"),
        ("40", "Weitergeleitet"),
        ("50", "Unterbrochen"),
        ("60", "Gelöst"),
        ("70", "Erledigt"),
    ]
    assert [one.name for one in answer.servicecall_states if one.stops_clock] == [state(INTERRUPTED)]


async def test_a_page_of_entries_ends_and_goes_on(office: Office) -> None:
    first = await office.levels.ListServiceLevels(pb.ListServiceLevelsRequest(page_size=4))
    rest = await office.levels.ListServiceLevels(
        pb.ListServiceLevelsRequest(page_size=4, page_token=first.next_page_token)
    )
    numbers = [one.name.rpartition("/")[2] for one in (*first.service_levels, *rest.service_levels)]
    assert (numbers, rest.next_page_token) == (["1", "2", "3", "4", "5"], "")


async def test_meanings_rise_with_the_numbers_and_none_is_missing(office: Office) -> None:
    wrong = pb.ServicecallState(name=state(65), title="Neu", meaning=pb.STATE_MEANING_CREATED)
    error = await refused(
        office.levels.CreateServicecallState(pb.CreateServicecallStateRequest(servicecall_state=wrong))
    )
    assert (error.details() or "").startswith("servicecall_state.meaning: ")
    error = await refused(office.levels.DeleteServicecallState(pb.DeleteServicecallStateRequest(name=state(STARTED))))
    assert error.details() == "servicecallStates/30 cannot be deleted: no state means STARTED without it."


async def test_a_level_names_what_exists(office: Office) -> None:
    wrong = level(9, priority="priorities/9", calendar="calendars/none")
    error = await refused(office.levels.CreateServiceLevel(pb.CreateServiceLevelRequest(service_level=wrong)))
    for field in ("priority", "calendar"):
        assert f"service_level.{field}: " in (error.details() or "")
    error = await refused(
        office.levels.CreateServiceLevel(pb.CreateServiceLevelRequest(service_level=level(9, language="deutsch")))
    )
    assert (error.details() or "").startswith("service_level.language: ")


async def test_what_is_in_use_stays(office: Office) -> None:
    await office.call(problem_category="problemCategories/fault")
    stays = [
        ("Priority", "priorities/1", "serviceLevels/1"),
        ("ProblemCategory", "problemCategories/question", "the defaults"),
        ("ServicecallState", state(20), "servicecalls/1"),
        ("ServiceLevel", "serviceLevels/2", "systems/A-1"),
        ("ServiceLevel", "serviceLevels/5", "the defaults"),
    ]
    for kind, name, by in stays:
        request = getattr(pb, f"Delete{kind}Request")(name=name)
        error = await refused(getattr(office.levels, f"Delete{kind}")(request))
        assert (reason(error), error.details()) == (
            "STILL_IN_USE",
            f"{name} cannot be deleted: {by} refers to it.",
        )


async def test_assignments_are_set_listed_and_removed(office: Office) -> None:
    await office.directory.BatchUpsertRecords(build.upsert(build.significance("b")))
    row = pb.LevelAssignment(
        problem_category="problemCategories/fault", significance="significances/b", service_level="serviceLevels/1"
    )
    assert await office.levels.SetLevelAssignment(pb.SetLevelAssignmentRequest(level_assignment=row)) == row
    first = await office.levels.ListLevelAssignments(pb.ListLevelAssignmentsRequest(page_size=1))
    rest = await office.levels.ListLevelAssignments(
        pb.ListLevelAssignmentsRequest(page_size=1, page_token=first.next_page_token)
    )
    assert [one.significance for one in (*first.level_assignments, *rest.level_assignments)] == [
        "significances/a",
        "significances/b",
    ]
    row.service_level = ""
    await office.levels.SetLevelAssignment(pb.SetLevelAssignmentRequest(level_assignment=row))
    left = await office.levels.ListLevelAssignments(pb.ListLevelAssignmentsRequest())
    assert len(left.level_assignments) == 1
    row.problem_category, row.significance = "problemCategories/x", "significances/x"
    row.service_level = "serviceLevels/99"
    error = await refused(office.levels.SetLevelAssignment(pb.SetLevelAssignmentRequest(level_assignment=row)))
    for field in ("problem_category", "significance", "service_level"):
        assert f"level_assignment.{field}: " in (error.details() or "")


async def test_defaults_say_whether_calls_can_be_made_with_them(office: Office) -> None:
    defaults = await office.levels.GetDefaults(pb.GetDefaultsRequest())
    assert (defaults.valid, defaults.problem) == (True, "")
    stale = defaults.etag
    defaults.problem_category = ""
    changed = await office.levels.SetDefaults(pb.SetDefaultsRequest(defaults=defaults))
    assert (changed.valid, changed.problem) == (False, "no default problem category is set")
    defaults.etag = stale
    error = await refused(office.levels.SetDefaults(pb.SetDefaultsRequest(defaults=defaults)))
    assert reason(error) == "STALE_ETAG"
    changed.service_level = "serviceLevels/99"
    error = await refused(office.levels.SetDefaults(pb.SetDefaultsRequest(defaults=changed)))
    assert error.details() == "defaults.service_level: serviceLevels/99 does not exist"


async def test_a_level_is_selected_by_whatever_is_known(office: Office) -> None:
    async def chosen(**facts: str) -> tuple[str, int]:
        answer = await office.levels.SelectServiceLevel(pb.SelectServiceLevelRequest(**facts))
        return answer.service_level, answer.rule

    assert await chosen() == ("serviceLevels/5", pb.LEVEL_RULE_DEFAULT)
    assert await chosen(component="systems/A-1/components/1") == ("serviceLevels/1", pb.LEVEL_RULE_COMPONENT)
    fault = {"address": "addresses/1001", "problem_category": "problemCategories/fault"}
    assert await chosen(**fault) == ("serviceLevels/4", pb.LEVEL_RULE_ASSIGNMENT)
    error = await refused(chosen(component="systems/A-1/components/1", system="systems/A-2"))
    assert (error.details() or "").startswith("component: ")
    error = await refused(chosen(system="systems/none"))
    assert (error.details() or "").startswith("system: ")


async def test_a_preview_of_a_level_tells_and_the_change_does_it(office: Office) -> None:
    office.go_to(berlin("2026-03-02 09:00"))
    call = await office.call()
    stored = await office.levels.GetServiceLevel(pb.GetServiceLevelRequest(name="serviceLevels/5"))
    stored.ClearField("reaction_working_duration")
    stored.solution_working_duration.FromTimedelta(4 * HOUR)
    preview = await office.levels.PreviewServiceLevelUpdate(pb.PreviewServiceLevelUpdateRequest(service_level=stored))
    assert [(one.milestone, one.HasField("new_due_time")) for one in preview.shifts] == [
        ("reaction", False),
        ("solution", True),
    ]
    assert preview.shifts[1].shift_duration.ToTimedelta() == -4 * HOUR
    await office.levels.UpdateServiceLevel(pb.UpdateServiceLevelRequest(service_level=stored))
    moved = await office.get(call.name)
    assert moved.next_due_time == preview.shifts[1].new_due_time


async def test_a_state_that_stops_the_clock_from_now_on_moves_its_calls_in_the_list(office: Office) -> None:
    office.go_to(berlin("2026-03-02 09:00"))
    first = await office.call(receive_time=berlin("2026-03-02 08:00"))
    second = await office.call()
    await office.do("ChangeState", first.name, state=state(STARTED))

    async def urgent() -> list[str]:
        answer = await office.calls.ListServicecalls(calls_pb.ListServicecallsRequest(by_due_time=True))
        return [one.name for one in answer.servicecalls]

    assert await urgent() == [second.name, first.name]  # its reaction is met, its solution comes later
    await office.do("RecordReaction", second.name)
    assert await urgent() == [first.name, second.name]
    started = await office.levels.GetServicecallState(pb.GetServicecallStateRequest(name=state(STARTED)))
    started.stops_clock = True
    await office.levels.UpdateServicecallState(pb.UpdateServicecallStateRequest(servicecall_state=started))
    assert await urgent() == [second.name, first.name]
    assert (await office.get(first.name)).clock_stopped
