"""What absences are decided by, and how they are looked at: leave, previews, teams, kinds, groups."""

from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import absences_pb2 as pb
from google.protobuf.field_mask_pb2 import FieldMask
from grpc_status import rpc_status

from mesh import status
from server_es.absences.surroundings import Shift
from server_es.inboxes import INBOXES
from tests.builders import directory as build
from tests.builders.absences import EVA, JAN, LEA, MAX, TOM, Absentees, absence, entitlement, group, kind, open_absences
from tests.builders.office import berlin
from tests.contract.conftest import Serve, refused


def shifts(unit: Any, employee: str, start: datetime, end: datetime) -> list[Shift]:
    """Eva is on duty in the night from Wednesday to Thursday."""
    night = Shift(roster="Nachtdienst", start=berlin("2026-03-11 17:00"), end=berlin("2026-03-12 07:00"))
    return [night] if employee == EVA and start < night.end and night.start < end else []


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def here(serve: Serve) -> Absentees:
    return await open_absences(serve, shifts=shifts)


def reason_of(error: Any) -> str:
    return status.reason_of(rpc_status.from_call(error))


def text_told(here: Absentees, employee: str, sequence: int = 1) -> list[str]:
    with here.office.served.database.reading() as unit:
        (told,) = INBOXES.fetch(unit, [(employee, sequence)])
    return told.content.text.splitlines()


def stress(**fields: Any) -> pb.CreateStressPeriodRequest:
    said = {"title": "Inventur", "start_date": "2026-03-12", "end_date": "2026-03-20", **fields}
    return pb.CreateStressPeriodRequest(stress_period=pb.StressPeriod(name="stressPeriods/inventory", **said))


async def surrounded(here: Absentees) -> None:
    """Calls, shifts, appointments, colleagues and a stress period in the second week of March."""
    here.office.go_to(berlin("2026-03-11 15:00"))
    here.chief()
    call = await here.office.call("Pumpe steht", responsible_employee="employees/101")
    await here.office.do("AcceptServicecall", call.name)
    here.office.go_to(berlin("2026-03-11 16:00"))
    await here.chief().CreateStressPeriod(stress())
    await here.request(MAX, "2026-03-12", kind="absenceKinds/training")
    await here.approved(EVA, "2026-03-09", kind="absenceKinds/training")


async def test_the_popup_shows_shifts_appointments_due_calls_colleagues_and_stress_periods(here: Absentees) -> None:
    await surrounded(here)
    before = len(here.office.inbox(JAN))
    await here.request(EVA, "2026-03-10 2026-03-13", reason="Umzug", stress_confirmed=True)
    assert text_told(here, JAN, before + 1) == [
        "4 Arbeitstage, danach 26 Tage Resturlaub 2026",
        "Grund: Umzug",
        "Zu genehmigen von: Lead, Office",
        "Bereitschaft: Nachtdienst, 11.03.2026 17:00 bis 12.03.2026 07:00",
        "Fällig: Servicecall 1 Pumpe steht, 12.03.2026 10:00",
        "Auch abwesend: Max Meyer, 12.03.2026 (beantragt)",
        "Sperrzeit: Inventur, 12.03.2026 bis 20.03.2026",
    ]


async def test_a_preview_says_what_a_request_would_be_and_what_would_be_refused(here: Absentees) -> None:
    await surrounded(here)
    said = absence(EVA, "2026-03-06 2026-03-12", starts_at_noon=True)
    preview = await here.by(EVA).PreviewAbsence(pb.PreviewAbsenceRequest(absence=said))
    assert preview.days == 4.5
    assert [(one.date, one.days) for one in preview.counted_days][:4] == [
        ("2026-03-06", 0.5), ("2026-03-07", 0), ("2026-03-08", 0), ("2026-03-09", 1)
    ]  # fmt: skip
    assert (preview.balance.remaining_days, preview.remaining_days_after) == (30, 25.5)
    assert list(preview.approval_groups) == ["approvalGroups/lead", "approvalGroups/office"]
    assert list(preview.problems) == [
        "employees/101 is away then already: absences/2.",
        "From 2026-03-12 to 2026-03-20 nobody should be on leave (Inventur); confirm it by stress_confirmed.",
    ]
    around = preview.surroundings
    assert [one.roster for one in around.shifts] == ["Nachtdienst"]
    assert [one.origin for one in around.appointments] == ["absences/2"]
    assert [one.servicecall for one in around.due_calls] == ["servicecalls/1"]
    assert [(one.employee, one.absence, one.approved, one.kind) for one in around.colleagues] == [
        ("employees/102", "absences/1", False, "")
    ]
    assert [one.title for one in around.stress_periods] == ["Inventur"]
    assert (await here.by(EVA).ListAbsences(pb.ListAbsencesRequest())).absences[0].name == "absences/2"


async def test_a_preview_of_a_holiday_names_it_and_of_a_training_has_no_balance(here: Absentees) -> None:
    said = absence(EVA, "2026-06-03 2026-06-04", kind="absenceKinds/training")
    preview = await here.by(EVA).PreviewAbsence(pb.PreviewAbsenceRequest(absence=said))
    assert [(one.days, one.reason) for one in preview.counted_days] == [(1, ""), (0, "Fronleichnam")]
    assert not preview.HasField("balance")
    assert list(preview.problems) == []


async def test_a_request_is_previewed_by_who_decides_on_it_and_by_nobody_else(here: Absentees) -> None:
    asked = await here.request()
    for one in (EVA, LEA, TOM):
        preview = await here.by(one).PreviewAbsence(pb.PreviewAbsenceRequest(absence=asked))
        assert list(preview.problems) == []  # it does not stand in its own way
        assert preview.remaining_days_after == 25
    for stranger in (asked, absence(EVA)):
        error = await refused(here.by(MAX).PreviewAbsence(pb.PreviewAbsenceRequest(absence=stranger)))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_leave_that_was_carried_over_expires(here: Absentees) -> None:
    name = "employees/101/leaveEntitlements/2026"
    entitled = await here.chief().GetLeaveEntitlement(pb.GetLeaveEntitlementRequest(name=name))
    entitled.carried_days, entitled.carried_until_date = 4, "2026-03-31"
    await here.stub.UpdateLeaveEntitlement(pb.UpdateLeaveEntitlementRequest(leave_entitlement=entitled))
    await here.approved(EVA, "2026-03-30 2026-04-02")  # two days before, two after
    await here.request(EVA, "2026-05-04", ends_at_noon=True)
    before = await here.balance()
    assert (before.remaining_days, before.expired_days, before.requested_days) == (30, 0, 0.5)
    here.office.go_to(berlin("2026-04-01 08:00"))
    after = await here.balance()
    assert (after.carried_days, after.expired_days, after.approved_days) == (4, 2, 4)
    assert (after.remaining_days, after.remaining_days_after_requests) == (28, 27.5)
    assert after.carried_until_date == "2026-03-31"


async def test_who_sees_whose_leave(here: Absentees) -> None:
    own = await here.by(EVA).GetLeaveBalance(pb.GetLeaveBalanceRequest())
    assert (own.employee, own.year, own.remaining_days) == ("employees/101", 2026, 30)
    other = pb.GetLeaveBalanceRequest(employee="employees/102")
    assert (await refused(here.by(EVA).GetLeaveBalance(other))).code() is grpc.StatusCode.PERMISSION_DENIED
    assert (await here.by(TOM, "absences.request", "absences.read").GetLeaveBalance(other)).remaining_days == 30
    nobody = pb.GetLeaveBalanceRequest(employee="employees/999")
    assert (await refused(here.chief().GetLeaveBalance(nobody))).code() is grpc.StatusCode.NOT_FOUND
    unnamed = await refused(here.by("").GetLeaveBalance(pb.GetLeaveBalanceRequest()))
    assert unnamed.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (await here.balance(JAN)).remaining_days == 0


async def test_what_is_left_is_carried_into_the_next_year(here: Absentees) -> None:
    await here.approved(EVA)
    stub = here.chief()
    await stub.CreateLeaveEntitlement(entitlement(MAX, 2027, days=28, note="Teilzeit"))
    request = pb.CarryLeaveOverRequest(year=2026, carried_until_date="2027-03-31", most_days=26)
    request.validate_only = True
    checked = await stub.CarryLeaveOver(request)
    assert [(one.name, one.days, one.carried_days, one.etag) for one in checked.leave_entitlements] == [
        ("employees/101/leaveEntitlements/2027", 30, 25, ""),
        ("employees/102/leaveEntitlements/2027", 28, 26, ""),
        ("employees/200/leaveEntitlements/2027", 30, 26, ""),
    ]
    assert len((await stub.ListLeaveEntitlements(pb.ListLeaveEntitlementsRequest(year=2027))).leave_entitlements) == 1
    request.validate_only = False
    made = await stub.CarryLeaveOver(request)
    assert [one.carried_days for one in made.leave_entitlements] == [25, 26, 26]
    assert made.leave_entitlements[1].note == "Teilzeit"
    again = await stub.CarryLeaveOver(request)
    assert [one.carried_days for one in again.leave_entitlements] == [25, 26, 26]
    assert (await here.balance(year=2027)).remaining_days == 55
    few = pb.CarryLeaveOverRequest(year=2026, employees=["employees/101"])
    assert [one.carried_days for one in (await stub.CarryLeaveOver(few)).leave_entitlements] == [25]


async def test_a_team_sees_who_is_away_when_and_where_several_are(here: Absentees) -> None:
    mine = await here.request(EVA, "2026-03-09 2026-03-10")
    other = await here.approved(MAX, "2026-03-10 2026-03-11")
    view = pb.GetTeamViewRequest(team="teams/service", start_date="2026-03-02", end_date="2026-03-31")
    await here.chief().CreateStressPeriod(stress(teams=["teams/service"]))
    seen = await here.by(EVA).GetTeamView(view)
    assert list(seen.members) == ["employees/101", "employees/102"]
    assert [(one.absence, one.approved, one.kind) for one in seen.absences] == [
        (mine.name, False, "absenceKinds/vacation"),
        (other.name, True, ""),
    ]
    assert [(one.date, list(one.employees), one.nobody_left) for one in seen.conflicts] == [
        ("2026-03-10", ["employees/101", "employees/102"], True)
    ]
    assert [one.name for one in seen.stress_periods] == ["stressPeriods/inventory"]
    kinds = [one.kind for one in (await here.chief().GetTeamView(view)).absences]
    assert kinds == ["absenceKinds/vacation"] * 2
    assert len((await here.by(JAN).GetTeamView(view)).absences) == 2  # he decides on their requests
    assert (await refused(here.by("100").GetTeamView(view))).code() is grpc.StatusCode.PERMISSION_DENIED
    view.team = "teams/none"
    assert (await refused(here.chief().GetTeamView(view))).code() is grpc.StatusCode.NOT_FOUND
    view.team, view.end_date = "teams/service", "2027-03-31"
    assert "366 days" in str((await refused(here.chief().GetTeamView(view))).details())


async def test_a_team_sees_absences_the_directory_knows(here: Absentees) -> None:
    away = build.employee(MAX, given_name="Max", family_name="Meyer")
    away.employee.absence_start_time.FromDatetime(berlin("2026-03-10 06:00").astimezone(UTC))
    away.employee.absence_end_time.FromDatetime(berlin("2026-03-12 00:00").astimezone(UTC))
    await here.directory(away)
    view = pb.GetTeamViewRequest(team="teams/service", start_date="2026-03-02", end_date="2026-03-31")
    (one,) = (await here.by(EVA).GetTeamView(view)).absences
    assert (one.employee, one.start_date, one.end_date) == ("employees/102", "2026-03-10", "2026-03-11")
    assert (one.absence, one.approved) == ("", True)


async def test_kinds_are_made_changed_listed_and_deleted_when_nobody_uses_them(here: Absentees) -> None:
    stub = here.chief()
    made = await stub.CreateAbsenceKind(kind("illness", title="Krank"))
    assert made.title == "Krank"
    twice = await refused(stub.CreateAbsenceKind(kind("illness", title="Krank")))
    assert twice.code() is grpc.StatusCode.ALREADY_EXISTS
    made.title, made.takes_leave = "Krankheit", True
    mask = FieldMask(paths=["title"])
    changed = await stub.UpdateAbsenceKind(pb.UpdateAbsenceKindRequest(absence_kind=made, update_mask=mask))
    assert (changed.title, changed.takes_leave) == ("Krankheit", False)
    stale = await refused(stub.UpdateAbsenceKind(pb.UpdateAbsenceKindRequest(absence_kind=made)))
    assert reason_of(stale) == "STALE_ETAG"
    made.etag = ""
    lacking = await refused(stub.UpdateAbsenceKind(pb.UpdateAbsenceKindRequest(absence_kind=made)))
    assert lacking.code() is grpc.StatusCode.INVALID_ARGUMENT
    page = await stub.ListAbsenceKinds(pb.ListAbsenceKindsRequest(page_size=2))
    rest = await stub.ListAbsenceKinds(pb.ListAbsenceKindsRequest(page_size=2, page_token=page.next_page_token))
    assert [one.name.rpartition("/")[2] for one in (*page.absence_kinds, *rest.absence_kinds)] == [
        "illness", "training", "vacation"
    ]  # fmt: skip
    await stub.DeleteAbsenceKind(pb.DeleteAbsenceKindRequest(name=changed.name, etag=changed.etag))
    gone = await refused(stub.GetAbsenceKind(pb.GetAbsenceKindRequest(name=changed.name)))
    assert gone.code() is grpc.StatusCode.NOT_FOUND
    await here.request()
    used = await refused(here.chief().DeleteAbsenceKind(pb.DeleteAbsenceKindRequest(name="absenceKinds/vacation")))
    assert (reason_of(used), used.details()) == (
        "STILL_IN_USE", "absenceKinds/vacation cannot be deleted: absences/1 refers to it."
    )  # fmt: skip
    denied = await refused(here.by(EVA).CreateAbsenceKind(kind("mine", title="Meins")))
    assert denied.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_what_is_only_checked_is_not_made(here: Absentees) -> None:
    stub = here.chief()
    only = group("board", JAN)
    only.validate_only = True
    assert (await stub.CreateApprovalGroup(only)).etag == ""
    missing = await refused(stub.GetApprovalGroup(pb.GetApprovalGroupRequest(name="approvalGroups/board")))
    assert missing.code() is grpc.StatusCode.NOT_FOUND
    name = "employees/101/leaveEntitlements/2026"
    entitled = await stub.GetLeaveEntitlement(pb.GetLeaveEntitlementRequest(name=name))
    entitled.days = 1
    checked = await stub.UpdateLeaveEntitlement(
        pb.UpdateLeaveEntitlementRequest(leave_entitlement=entitled, validate_only=True)
    )
    assert (checked.days, checked.etag) == (1, "")
    assert (await here.balance()).entitled_days == 30
    twice = entitlement(EVA)
    twice.validate_only = True
    assert (await refused(stub.CreateLeaveEntitlement(twice))).code() is grpc.StatusCode.ALREADY_EXISTS


async def test_a_group_names_only_who_exists_and_is_kept_while_it_has_to_decide(here: Absentees) -> None:
    stub = here.chief()
    wrong = await refused(
        stub.CreateApprovalGroup(group("odd", "998", teams=["teams/none"], informed=["employees/999"]))
    )
    assert wrong.details() == (
        "approval_group.members[0]: employees/998 does not exist; approval_group.teams[0]: teams/none does not exist; "
        "approval_group.informed[0]: employees/999 does not exist"
    )
    asked = await here.request()
    delete = pb.DeleteApprovalGroupRequest(name="approvalGroups/lead")
    waiting = await refused(here.chief().DeleteApprovalGroup(delete))
    assert waiting.details() == "approvalGroups/lead cannot be deleted: it has still to decide on absences/1."
    await here.approve(LEA, asked)
    await here.chief().DeleteApprovalGroup(delete)
    assert (await here.approve(TOM, asked)).state == pb.ABSENCE_STATE_APPROVED


async def test_who_is_named_in_a_group_is_not_deleted(here: Absentees) -> None:
    from esoffice.es.v1 import directory_pb2

    here.chief()
    for name, by in (("employees/201", "approvalGroups/lead"), ("teams/service", "approvalGroups/lead")):
        error = await refused(here.office.directory.DeleteRecord(directory_pb2.DeleteRecordRequest(name=name)))
        assert error.details() == f"{name} cannot be deleted: {by} refers to it"
    lead = await here.stub.GetApprovalGroup(pb.GetApprovalGroupRequest(name="approvalGroups/lead"))
    del lead.members[1]
    await here.stub.UpdateApprovalGroup(pb.UpdateApprovalGroupRequest(approval_group=lead))
    await here.office.directory.DeleteRecord(directory_pb2.DeleteRecordRequest(name="employees/201"))
    listed = await here.stub.ListApprovalGroups(pb.ListApprovalGroupsRequest())
    assert [list(one.members) for one in listed.approval_groups] == [["employees/200"], ["employees/300"]]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"end_date": "2026-03-11"}, "stress_period.end_date: 2026-03-11 is before 2026-03-12, the first day"),
        ({"start_date": "1999-03-11"}, "stress_period.start_date: 1999-03-11 is not between 2000 and 2190"),
        ({"end_date": "2026-13-01"}, "stress_period.end_date: '2026-13-01' is no date such as 2026-03-31"),
        ({"teams": ["teams/none"]}, "stress_period.teams[0]: teams/none does not exist"),
    ],
)
async def test_a_stress_period_that_cannot_be_is_refused(here: Absentees, fields: Any, sentence: str) -> None:
    error = await refused(here.chief().CreateStressPeriod(stress(**fields)))
    assert error.details() == sentence


async def test_stress_periods_are_kept_and_deleted(here: Absentees) -> None:
    stub = here.chief()
    made = await stub.CreateStressPeriod(stress(teams=["teams/service"]))
    made.end_date = "2026-03-31"
    changed = await stub.UpdateStressPeriod(pb.UpdateStressPeriodRequest(stress_period=made))
    assert changed.end_date == "2026-03-31"
    assert (await stub.GetStressPeriod(pb.GetStressPeriodRequest(name=made.name))) == changed
    assert list((await stub.ListStressPeriods(pb.ListStressPeriodsRequest())).stress_periods) == [changed]
    await stub.DeleteStressPeriod(pb.DeleteStressPeriodRequest(name=made.name))
    assert list((await stub.ListStressPeriods(pb.ListStressPeriodsRequest())).stress_periods) == []


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (entitlement("999"), "leave_entitlement.name: employees/999 does not exist"),
        (entitlement(JAN, days=1.25), "leave_entitlement.days: 1.25 is no multiple of 0.5"),
        (
            entitlement(JAN, carried_until_date="2027-03-31"),
            "leave_entitlement.carried_until_date: 2027-03-31 is not in 2026, the year of the entitlement",
        ),
    ],
)
async def test_an_entitlement_that_cannot_be_is_refused(here: Absentees, said: Any, sentence: str) -> None:
    error = await refused(here.chief().CreateLeaveEntitlement(said))
    assert error.details() == sentence


async def test_entitlements_are_listed_by_employee_and_year_and_deleted(here: Absentees) -> None:
    stub = here.chief()
    await stub.CreateLeaveEntitlement(entitlement(EVA, 2027, carried_days=2.5))
    own = pb.ListLeaveEntitlementsRequest(employee="employees/101", page_size=1)
    first = await stub.ListLeaveEntitlements(own)
    own.page_token = first.next_page_token
    second = await stub.ListLeaveEntitlements(own)
    listed = [*first.leave_entitlements, *second.leave_entitlements]
    assert [(one.name[-4:], one.days, one.carried_days) for one in listed] == [("2026", 30, 0), ("2027", 30, 2.5)]
    await stub.DeleteLeaveEntitlement(pb.DeleteLeaveEntitlementRequest(name=listed[0].name))
    missing = await refused(stub.GetLeaveEntitlement(pb.GetLeaveEntitlementRequest(name=listed[0].name)))
    assert missing.code() is grpc.StatusCode.NOT_FOUND


async def test_working_times_name_what_exists(here: Absentees) -> None:
    wrong = pb.WorkingTime(employee="employees/999", calendar="calendars/none")
    error = await refused(here.chief().SetWorkingTime(pb.SetWorkingTimeRequest(working_time=wrong)))
    assert error.details() == (
        "working_time.employee: employees/999 does not exist; working_time.calendar: calendars/none does not exist"
    )
    for employee in (EVA, MAX):
        right = pb.WorkingTime(employee=f"employees/{employee}", calendar="calendars/office")
        await here.stub.SetWorkingTime(pb.SetWorkingTimeRequest(working_time=right))
    page = await here.stub.ListWorkingTimes(pb.ListWorkingTimesRequest(page_size=1))
    rest = await here.stub.ListWorkingTimes(pb.ListWorkingTimesRequest(page_size=1, page_token=page.next_page_token))
    assert [one.employee for one in (*page.working_times, *rest.working_times)] == ["employees/101", "employees/102"]
