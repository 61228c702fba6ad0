"""Rosters behind their real door. The office's clock starts on Monday, 2026-03-02, 09:00 in Berlin."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import calendars_pb2, directory_pb2
from esoffice.es.v1 import duty_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask

from server_es.duty.facts import on_duty
from tests.builders import directory as build
from tests.builders.duty import WEEK, duty_office, layer, override, planned, roster
from tests.builders.office import BERLIN, Office, berlin, request_id
from tests.contract.conftest import Serve, refused

WEEK_LONG = timedelta(days=7)


class Rota:
    """The office and what one asks its duty."""

    def __init__(self, office: Office, stub: Any) -> None:
        self.office, self.stub = office, stub

    async def create(self, message: pb.Roster, **fields: Any) -> pb.Roster:
        made: pb.Roster = await self.stub.CreateRoster(pb.CreateRosterRequest(roster=message, **fields))
        return made

    async def update(self, message: pb.Roster, *paths: str, **fields: Any) -> pb.Roster:
        mask = FieldMask(paths=paths)
        request = pb.UpdateRosterRequest(roster=message, update_mask=mask, **fields)
        made: pb.Roster = await self.stub.UpdateRoster(request)
        return made

    async def who(self, when: str = "", system: str = "", name: str = WEEK) -> list[str]:
        answer = await self.ask(when, system, name)
        return [one.employee.removeprefix("employees/") for one in answer.on_duty]

    async def ask(self, when: str = "", system: str = "", name: str = WEEK) -> pb.WhoIsOnDutyResponse:
        time = berlin(when) if when else None
        request = pb.WhoIsOnDutyRequest(roster=name, time=time, system=system)
        answer: pb.WhoIsOnDutyResponse = await self.stub.WhoIsOnDuty(request)
        return answer

    async def shifts(self, start: str, end: str, **fields: Any) -> list[tuple[str, str, str]]:
        request = pb.ListShiftsRequest(start_time=berlin(start), end_time=berlin(end), **fields)
        answer = await self.stub.ListShifts(request)
        return [(one.employee[10:], on_the_clock(one.start_time), on_the_clock(one.end_time)) for one in answer.shifts]


def on_the_clock(time: Any) -> str:
    return f"{time.ToDatetime(UTC).astimezone(BERLIN):%d.%m. %H:%M}"


@pytest.fixture
async def rota(serve: Serve) -> Rota:
    return Rota(*await duty_office(serve))


async def test_a_roster_comes_back_as_it_was_made(rota: Rota) -> None:
    given = roster(
        coverage=[
            calendars_pb2.WeekdayWindow(
                weekday=calendars_pb2.WEEKDAY_MONDAY,
                window=calendars_pb2.TimeWindow(start_minute=480, end_minute=1020),
            )
        ],
        holidays=calendars_pb2.HolidayRegion(subdivision="NI"),
        qualifications=[pb.DutyQualification(employee="employees/100", models=["Kone"])],
        rest_duration=timedelta(hours=10),
    )
    made = await rota.create(given)
    assert (made.version, made.editor) == (1, "employees/100")
    assert made.effective_time.ToDatetime(UTC) == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert await rota.stub.GetRoster(pb.GetRosterRequest(name=WEEK)) == made
    assert list((await rota.stub.ListRosters(pb.ListRostersRequest())).rosters) == [made]
    for field in ("version", "editor", "effective_time", "etag"):
        made.ClearField(field)
    assert made == given
    error = await refused(rota.stub.CreateRoster(pb.CreateRosterRequest(roster=given)))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS


async def test_who_is_on_duty_now_and_next(rota: Rota) -> None:
    await rota.create(roster())
    answer = await rota.ask()
    assert [one.employee for one in answer.on_duty] == ["employees/100"]
    assert on_the_clock(answer.next_change_time) == "09.03. 08:00"
    assert [one.employee for one in answer.next] == ["employees/101"]
    assert await rota.who("2026-03-16T08:00") == ["102"]


async def test_everything_that_is_wrong_is_said_at_once(rota: Rota) -> None:
    wrong = roster(
        WEEK,
        layer("100", start_date="2026-02-30"),
        layer("100", start_date="1999-12-31"),
        time_zone="Europe/Bremen",
        holidays=calendars_pb2.HolidayRegion(subdivision="XX"),
        qualifications=[pb.DutyQualification(employee="employees/100")] * 2,
    )
    error = await refused(rota.stub.CreateRoster(pb.CreateRosterRequest(roster=wrong)))
    said = error.details() or ""
    for part in ("layers[0].start_date", "layers[1].start_date", "time_zone", "holidays", "qualifications[1].employee"):
        assert f"roster.{part}: " in said
    error = await refused(rota.stub.CreateRoster(pb.CreateRosterRequest(roster=roster(WEEK, layer("100", "999")))))
    assert "employees/999 does not exist" in (error.details() or "")
    foreign = roster(holidays=calendars_pb2.HolidayRegion(country="FR"))
    error = await refused(rota.stub.CreateRoster(pb.CreateRosterRequest(roster=foreign)))
    assert "'FR' has no holidays here" in (error.details() or "")


async def test_a_change_leaves_the_past_as_it_was(rota: Rota) -> None:
    made = await rota.create(roster())
    rota.office.clock.advance(2 * WEEK_LONG)
    made.layers[0].CopyFrom(layer("103", start_date="2026-03-02"))
    changed = await rota.update(made, "layers")
    assert changed.version == 2
    assert [await rota.who(f"2026-03-{day}") for day in ("03", "10", "16T08:59", "16T09:00", "20")] == [
        ["100"], ["101"], ["102"], ["103"], ["103"],
    ]  # fmt: skip
    error = await refused(rota.stub.UpdateRoster(pb.UpdateRosterRequest(roster=made)))
    assert error.code() is grpc.StatusCode.ABORTED
    listed = await rota.stub.ListRosterVersions(pb.ListRosterVersionsRequest(roster=WEEK, page_size=1))
    assert [one.version for one in listed.versions] == [2]
    rest = pb.ListRosterVersionsRequest(roster=WEEK, page_size=1, page_token=listed.next_page_token)
    assert [one.version for one in (await rota.stub.ListRosterVersions(rest)).versions] == [1]


async def test_a_change_may_be_saved_for_later_but_not_for_before(rota: Rota) -> None:
    made = await rota.create(roster())
    made.layers[0].CopyFrom(layer("103"))
    later = await rota.update(made, effective_time=berlin("2026-04-01T00:00"))
    assert (await rota.who("2026-03-31"), await rota.who("2026-04-01")) == (["101"], ["103"])
    before = pb.UpdateRosterRequest(roster=later, effective_time=berlin("2026-03-01T00:00"))
    error = await refused(rota.stub.UpdateRoster(before))
    assert "effective_time: lies in the past, which stays as it was" in (error.details() or "")
    checked = await rota.update(later, validate_only=True)
    assert checked.version == 2


async def test_a_deleted_roster_still_tells_its_past(rota: Rota) -> None:
    made = await rota.create(roster())
    rota.office.clock.advance(WEEK_LONG)
    await rota.stub.DeleteRoster(pb.DeleteRosterRequest(name=WEEK, etag=made.etag))
    assert (await rota.who("2026-03-05"), await rota.who("2026-03-15")) == (["100"], [])
    assert not (await rota.stub.ListRosters(pb.ListRostersRequest())).rosters
    for call in (
        rota.stub.GetRoster(pb.GetRosterRequest(name=WEEK)),
        rota.stub.UpdateRoster(pb.UpdateRosterRequest(roster=made)),
        rota.stub.CreateDutyOverride(override(pb.DUTY_CHANGE_ADD, "103", end_time=berlin("2026-03-30T00:00"))),
    ):
        error = await refused(call)
        assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, f"{WEEK} was deleted")
    assert await rota.shifts("2026-03-02", "2026-03-20") == [
        ("100", "02.03. 09:00", "09.03. 08:00"),
        ("101", "09.03. 08:00", "09.03. 09:00"),
    ]
    error = await refused(rota.stub.CreateRoster(pb.CreateRosterRequest(roster=roster(), validate_only=True)))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS


async def test_who_is_on_duty_for_this_system(rota: Rota) -> None:
    place = directory_pb2.PostalAddress(postal_code="26121", country_code="DE")
    await rota.office.directory.BatchUpsertRecords(
        build.upsert(
            build.address("1001", postal_address=place),
            build.system("A-1", model="KONE MonoSpace"),
            build.component("A-2", "7", model="Otis Gen2"),
        )
    )
    await rota.create(
        roster(
            WEEK,
            layer("100 101"),
            layer("102", rank=2),
            qualifications=[
                pb.DutyQualification(employee="employees/100", models=["kone"]),
                pb.DutyQualification(employee="employees/101", models=["otis"], postal_codes=["28"]),
                pb.DutyQualification(employee="employees/102", models=["otis"]),
            ],
        )
    )
    assert await rota.who() == ["100", "101"]
    assert await rota.who(system="systems/A-1") == ["100"]
    assert await rota.who(system="systems/A-2") == ["102"]
    with rota.office.served.database.reading() as unit:
        assert on_duty(unit, WEEK, unit.now, "systems/A-2") == ["102"]
        assert on_duty(unit, WEEK, unit.now) == ["100", "101"]
    error = await refused(rota.stub.WhoIsOnDuty(pb.WhoIsOnDutyRequest(roster=WEEK, system="systems/none")))
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_an_override_counts_for_its_time_and_once(rota: Rota) -> None:
    await rota.create(roster())
    asked = override(pb.DUTY_CHANGE_REPLACE, "103", "100", end_time=berlin("2026-03-04T00:00"), request_id=request_id())
    made = await rota.stub.CreateDutyOverride(asked)
    assert made == await rota.stub.CreateDutyOverride(asked)
    assert (await rota.who(), await rota.who("2026-03-04")) == (["103"], ["100"])
    rota.office.clock.advance(timedelta(hours=5))
    ended = await rota.stub.CancelDutyOverride(pb.CancelDutyOverrideRequest(name=made.name))
    assert on_the_clock(ended.cancel_time) == "02.03. 14:00"
    assert ended == await rota.stub.CancelDutyOverride(pb.CancelDutyOverrideRequest(name=made.name))
    assert (await rota.who("2026-03-02T13:59"), await rota.who("2026-03-02T14:00")) == (["103"], ["100"])
    listed = await rota.stub.ListDutyOverrides(pb.ListDutyOverridesRequest(roster=WEEK))
    assert list(listed.overrides) == [ended]
    error = await refused(rota.office.directory.DeleteRecord(directory_pb2.DeleteRecordRequest(name="employees/103")))
    assert f"{WEEK} refers to it" in (error.details() or "") or "dutyOverrides" in (error.details() or "")


async def test_what_is_over_cannot_be_cancelled(rota: Rota) -> None:
    await rota.create(roster())
    made = await rota.stub.CreateDutyOverride(override(pb.DUTY_CHANGE_ADD, "103", end_time=berlin("2026-03-03T00:00")))
    rota.office.clock.advance(WEEK_LONG)
    error = await refused(rota.stub.CancelDutyOverride(pb.CancelDutyOverrideRequest(name=made.name)))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    error = await refused(rota.stub.CancelDutyOverride(pb.CancelDutyOverrideRequest(name="dutyOverrides/99")))
    assert error.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"change": pb.DUTY_CHANGE_ADD}, "override.employee: is required for ADD"),
        ({"change": pb.DUTY_CHANGE_REMOVE, "employee": "100", "replaced": "101"}, "has no meaning for REMOVE"),
        ({"change": pb.DUTY_CHANGE_REPLACE, "employee": "100", "replaced": "100"}, "nobody takes his own place"),
        ({"change": pb.DUTY_CHANGE_ADD, "employee": "999"}, "employees/999 does not exist"),
        ({"change": pb.DUTY_CHANGE_ADD, "employee": "100", "start": "2026-03-01"}, "lies in the past"),
        ({"change": pb.DUTY_CHANGE_ADD, "employee": "100", "start": "2026-03-30"}, "must be after the start"),
        ({"change": pb.DUTY_CHANGE_ADD, "employee": "100", "end": "2028-03-30"}, "more than 400 days"),
        ({"change": pb.DUTY_CHANGE_ADD, "employee": "100", "end": "2228-03-30"}, "between 2000 and 2190"),
    ],
)
async def test_a_wrong_override_is_refused_with_a_sentence(rota: Rota, fields: dict[str, Any], said: str) -> None:
    await rota.create(roster())
    start, end = fields.pop("start", ""), fields.pop("end", "2026-03-20")
    times = {"end_time": berlin(end)} | ({"start_time": berlin(start)} if start else {})
    error = await refused(rota.stub.CreateDutyOverride(override(**fields, **times)))
    assert (error.code(), said in (error.details() or "")) == (grpc.StatusCode.INVALID_ARGUMENT, True)


def christmas(shifts: Sequence[pb.PlannedShift], **fields: Any) -> pb.CreateDutyPlanRequest:
    plan = pb.DutyPlan(
        roster=WEEK, title="Ostern", start_time=berlin("2026-04-03"), end_time=berlin("2026-04-07"), shifts=shifts
    )
    return pb.CreateDutyPlanRequest(plan=plan, **fields)


async def test_a_plan_replaces_the_layers_for_its_time(rota: Rota) -> None:
    await rota.create(roster())
    shifts = [planned(berlin("2026-04-03T08:00"), 24, "103", "100"), planned(berlin("2026-04-05T08:00"), 24, "101")]
    checked = await rota.stub.CreateDutyPlan(christmas(shifts, validate_only=True))
    assert (checked.name, await rota.who("2026-04-03T12:00")) == ("", ["101"])
    made = await rota.stub.CreateDutyPlan(christmas(shifts))
    days = [await rota.who(f"2026-04-{day}T12:00") for day in ("02", "03", "04", "05", "06", "07")]
    assert days == [["101"], ["103", "100"], [], ["101"], [], ["102"]]
    assert list((await rota.stub.ListDutyPlans(pb.ListDutyPlansRequest(roster=WEEK))).plans) == [made]
    await rota.stub.CancelDutyPlan(pb.CancelDutyPlanRequest(name=made.name))
    assert await rota.who("2026-04-03T12:00") == ["101"]


async def test_shifts_of_a_plan_lie_within_it(rota: Rota) -> None:
    await rota.create(roster())
    shifts = [planned(berlin("2026-04-06T08:00"), 24, "103"), planned(berlin("2026-04-03T08:00"), 0, "101")]
    error = await refused(rota.stub.CreateDutyPlan(christmas(shifts)))
    assert "plan.shifts[0]: must lie within" in (error.details() or "")
    assert "plan.shifts[1].end_time: must be after" in (error.details() or "")


async def test_shifts_of_all_rosters_of_one_employee(rota: Rota) -> None:
    await rota.create(roster())
    await rota.create(roster("rosters/night", layer("101", "103", rotation=pb.ROTATION_KIND_DAILY, end_minute=1080)))
    assert await rota.shifts("2026-03-02", "2026-03-06", employee="employees/103") == [
        ("103", "03.03. 08:00", "03.03. 18:00"),
        ("103", "05.03. 08:00", "05.03. 18:00"),
    ]
    assert len(await rota.shifts("2026-03-02", "2026-03-06")) == 5
    assert await rota.shifts("2026-03-02", "2026-03-06", roster=WEEK) == [("100", "02.03. 09:00", "06.03. 00:00")]
    unknown = pb.ListShiftsRequest(
        employee="employees/999", start_time=berlin("2026-03-02"), end_time=berlin("2026-03-03")
    )
    assert (await refused(rota.stub.ListShifts(unknown))).code() is grpc.StatusCode.NOT_FOUND
