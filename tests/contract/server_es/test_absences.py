"""Requests for absence, from the wish to the appointment, behind their real door; on SQLite and on PostgreSQL."""

import uuid
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import absences_pb2 as pb
from esoffice.es.v1 import appointments_pb2
from google.protobuf.field_mask_pb2 import FieldMask
from grpc_status import rpc_status

from mesh import status
from server_es.inboxes import INBOXES
from server_es.messages.rules import Kind
from tests.builders import directory as build
from tests.builders.absences import EVA, JAN, LEA, MAX, TOM, Absentees, absence, group, kind, open_absences
from tests.builders.office import berlin
from tests.contract.conftest import Serve, person, refused

CREATED, PARTLY, APPROVED, REJECTED, REVOKED = range(1, 6)


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def here(serve: Serve) -> Absentees:
    return await open_absences(serve)


def reason_of(error: Any) -> str:
    return status.reason_of(rpc_status.from_call(error))


async def test_a_request_is_approved_by_every_group_and_becomes_an_appointment(here: Absentees) -> None:
    asked = await here.request(reason="Skifahren")
    assert (asked.state, asked.days, asked.creator) == (CREATED, 5.0, "employees/101")
    assert asked.start_time.ToDatetime(UTC) == berlin("2026-03-09 00:00")
    assert asked.end_time.ToDatetime(UTC) == berlin("2026-03-14 00:00")
    assert [(one.approval_group, one.verdict) for one in asked.decisions] == [
        ("approvalGroups/lead", pb.ABSENCE_VERDICT_OPEN),
        ("approvalGroups/office", pb.ABSENCE_VERDICT_OPEN),
    ]
    told = "Antrag: Urlaub 09.03.2026 bis 13.03.2026, Eva Muster"
    assert [here.office.inbox(one) for one in (LEA, JAN, TOM, EVA)] == [[told], [told], [told], []]

    partly = await here.approve(JAN, asked, comment="Viel Spaß")
    assert partly.state == PARTLY
    assert partly.decisions[0].decided_by == "employees/201"
    assert partly.decisions[0].comment == "Viel Spaß"
    assert await here.termine() == []

    done = await here.approve(TOM, asked)  # on what he has seen: the other group's decision is none of his business
    assert (done.state, done.ended_by) == (APPROVED, "employees/300")
    (written,) = await here.termine()
    assert (written.title, written.activity_type, written.origin) == ("Urlaub", "urlaub", asked.name)
    assert (written.start_time, written.end_time) == (asked.start_time, asked.end_time)
    assert written.name == done.appointment
    assert here.office.inbox(EVA) == [
        "Teilweise genehmigt: Urlaub 09.03.2026 bis 13.03.2026, Eva Muster",
        "Genehmigt: Urlaub 09.03.2026 bis 13.03.2026, Eva Muster",
    ]
    assert here.office.inbox("103") == ["Genehmigt: Urlaub 09.03.2026 bis 13.03.2026, Eva Muster"]


async def test_one_group_that_says_no_ends_it(here: Absentees) -> None:
    asked = await here.request(informed=["employees/102"])
    refusal = await here.reject(LEA, asked, comment="Inventur")
    assert (refusal.state, refusal.ended_by, refusal.ended_reason) == (REJECTED, "employees/200", "Inventur")
    late = await refused(here.approve(TOM, asked))
    assert late.code() is grpc.StatusCode.ABORTED
    assert reason_of(late) == "ALREADY_DECIDED"
    assert late.details() == "absences/1 was already rejected by Lea Lang."
    assert here.office.inbox(EVA) == ["Abgelehnt: Urlaub 09.03.2026 bis 13.03.2026, Eva Muster"]
    assert here.office.inbox(MAX) == ["Abgelehnt: Urlaub 09.03.2026 bis 13.03.2026, Eva Muster"]
    assert (await here.balance()).remaining_days == 30


async def test_a_group_decides_once_whoever_of_it_was_first(here: Absentees) -> None:
    asked = await here.request()
    await here.approve(LEA, asked)
    late = await refused(here.reject(JAN, asked))
    assert reason_of(late) == "ALREADY_DECIDED"
    assert late.details() == "absences/1 was already approved for Lead by Lea Lang."


async def test_nobody_decides_on_his_own_request_unless_the_site_allows_it(here: Absentees) -> None:
    await here.chief().CreateApprovalGroup(group("peers", EVA, MAX, teams=["teams/service"]))
    asked = await here.request()
    assert here.office.inbox(EVA) == []
    own = await refused(here.approve(EVA, asked))
    assert own.code() is grpc.StatusCode.PERMISSION_DENIED
    here.settings.approve_own = True
    assert (await here.approve(EVA, asked)).state == PARTLY


async def test_the_substitute_of_an_absent_approver_is_asked_and_decides(here: Absentees) -> None:
    await here.directory(build.employee(LEA, absent=True, substitute="employees/102", family_name="Lang"))
    asked = await here.request()
    assert here.office.inbox(MAX) == ["Antrag: Urlaub 09.03.2026 bis 13.03.2026, Eva Muster"]
    listed = await here.by(MAX).ListAbsences(pb.ListAbsencesRequest(view=pb.ABSENCE_VIEW_TO_APPROVE))
    assert [one.name for one in listed.absences] == [asked.name]
    partly = await here.approve(MAX, asked)
    assert (partly.decisions[0].decided_by, partly.decisions[0].stands_in_for) == ("employees/102", "employees/200")


async def test_an_approver_on_approved_leave_is_stood_in_for(here: Absentees) -> None:
    await here.chief().CreateApprovalGroup(group("board", JAN, employees=["employees/200"]))
    leave = await here.request(LEA, "2026-03-02 2026-03-06")
    await here.approve(JAN, leave)
    await here.approve(TOM, leave)
    asked = await here.request()
    assert (await here.approve(MAX, asked)).decisions[0].stands_in_for == "employees/200"


async def test_the_last_approval_is_refused_while_no_activity_type_is_configured(here: Absentees) -> None:
    stub = here.chief()
    vacation = await stub.GetAbsenceKind(pb.GetAbsenceKindRequest(name="absenceKinds/vacation"))
    vacation.activity_type = ""
    vacation = await stub.UpdateAbsenceKind(pb.UpdateAbsenceKindRequest(absence_kind=vacation))
    asked = await here.request()
    await here.approve(LEA, asked)
    last = await refused(here.approve(TOM, asked))
    assert reason_of(last) == "NO_ACTIVITY_TYPE"
    assert last.code() is grpc.StatusCode.FAILED_PRECONDITION
    still = await here.by(EVA).GetAbsence(pb.GetAbsenceRequest(name=asked.name))
    assert still.state == PARTLY
    assert await here.termine() == []
    vacation.activity_type = "urlaub"
    await here.chief().UpdateAbsenceKind(pb.UpdateAbsenceKindRequest(absence_kind=vacation))
    assert (await here.approve(TOM, asked)).state == APPROVED


async def test_a_change_opens_the_request_again_and_tells_the_approvers_what_it_was(here: Absentees) -> None:
    asked = await here.request()
    await here.approve(LEA, asked)
    now = await here.by(EVA).GetAbsence(pb.GetAbsenceRequest(name=asked.name))
    now.end_date = "2026-03-12"
    changed = await here.stub.UpdateAbsence(pb.UpdateAbsenceRequest(absence=now))
    assert (changed.state, changed.days) == (CREATED, 4.0)
    assert [one.verdict for one in changed.decisions] == [pb.ABSENCE_VERDICT_OPEN] * 2
    assert here.office.inbox(LEA)[-1] == "Antrag geändert: Urlaub 09.03.2026 bis 12.03.2026, Eva Muster"
    stale = await refused(here.approve(TOM, asked))
    assert reason_of(stale) == "STALE_ETAG"
    assert (await here.approve(TOM, changed)).state == PARTLY


async def test_another_reason_is_no_change_of_the_request(here: Absentees) -> None:
    asked = await here.request()
    await here.approve(LEA, asked)
    now = await here.by(EVA).GetAbsence(pb.GetAbsenceRequest(name=asked.name))
    now.reason = "Umzug"
    mask = FieldMask(paths=["reason"])
    changed = await here.stub.UpdateAbsence(pb.UpdateAbsenceRequest(absence=now, update_mask=mask))
    assert (changed.state, changed.reason) == (PARTLY, "Umzug")
    assert len(here.office.inbox(LEA)) == 1
    assert (await here.approve(TOM, asked)).state == APPROVED


async def test_a_change_of_the_employee_tells_both(here: Absentees) -> None:
    asked = await here.request()
    asked.employee = "employees/102"
    alone = await refused(here.by(EVA).UpdateAbsence(pb.UpdateAbsenceRequest(absence=asked)))
    assert alone.code() is grpc.StatusCode.PERMISSION_DENIED
    changed = await here.chief().UpdateAbsence(pb.UpdateAbsenceRequest(absence=asked))
    assert changed.employee == "employees/102"
    told = "Antrag geändert: Urlaub 09.03.2026 bis 13.03.2026, Max Meyer"
    assert here.office.inbox(MAX) == [told]
    assert here.office.inbox(EVA) == [told]


async def test_a_request_is_withdrawn_or_deleted_only_until_it_is_approved(here: Absentees) -> None:
    asked = await here.request()
    await here.approve(LEA, asked)
    foreign = await refused(here.by(MAX).WithdrawAbsence(pb.WithdrawAbsenceRequest(name=asked.name)))
    assert foreign.code() is grpc.StatusCode.PERMISSION_DENIED
    gone = await here.by(EVA).WithdrawAbsence(pb.WithdrawAbsenceRequest(name=asked.name, reason="krank"))
    assert (gone.state, gone.ended_by, gone.ended_reason) == (REVOKED, "employees/101", "krank")
    assert here.office.inbox(TOM)[-1] == "Antrag zurückgezogen: Urlaub 09.03.2026 bis 13.03.2026, Eva Muster"
    await here.stub.DeleteAbsence(pb.DeleteAbsenceRequest(name=asked.name))

    done = await here.approved()
    assert done.name != asked.name
    for late in (
        here.by(EVA).WithdrawAbsence(pb.WithdrawAbsenceRequest(name=done.name)),
        here.stub.DeleteAbsence(pb.DeleteAbsenceRequest(name=done.name)),
        here.stub.UpdateAbsence(pb.UpdateAbsenceRequest(absence=done)),
    ):
        error = await refused(late)
        assert reason_of(error) == "ALREADY_DECIDED"
        assert error.details() == "absences/2 was already approved by Tom Thoma."
    error = await refused(here.reject(LEA, done))
    assert reason_of(error) == "ALREADY_DECIDED"


async def test_an_open_request_that_is_deleted_is_gone_and_its_approvers_know(here: Absentees) -> None:
    asked = await here.request()
    stale = pb.DeleteAbsenceRequest(name=asked.name, etag="old")
    assert reason_of(await refused(here.by(EVA).DeleteAbsence(stale))) == "STALE_ETAG"
    await here.stub.DeleteAbsence(pb.DeleteAbsenceRequest(name=asked.name, etag=asked.etag))
    assert here.office.inbox(JAN)[-1] == "Antrag gelöscht: Urlaub 09.03.2026 bis 13.03.2026, Eva Muster"
    missing = await refused(here.chief().GetAbsence(pb.GetAbsenceRequest(name=asked.name)))
    assert missing.code() is grpc.StatusCode.NOT_FOUND


async def test_an_approved_absence_is_revoked_with_its_appointment(here: Absentees) -> None:
    done = await here.approved()
    assert (await here.balance()).remaining_days == 25
    revoke = pb.RevokeAbsenceRequest(name=done.name, reason="Großstörung")
    assert (await refused(here.by(EVA).RevokeAbsence(revoke))).code() is grpc.StatusCode.PERMISSION_DENIED
    gone = await here.by(LEA).RevokeAbsence(revoke)
    assert (gone.state, gone.ended_reason, gone.appointment) == (REVOKED, "Großstörung", "")
    assert await here.termine() == []
    assert (await here.balance()).remaining_days == 30
    for one in (EVA, TOM, "103"):
        assert here.office.inbox(one)[-1] == "Abwesenheit widerrufen: Urlaub 09.03.2026 bis 13.03.2026, Eva Muster"
    assert reason_of(await refused(here.by(LEA).RevokeAbsence(revoke))) == "ABSENCE_NOT_APPROVED"
    again = await refused(here.chief().DeleteAbsence(pb.DeleteAbsenceRequest(name=done.name)))
    assert reason_of(again) == "ALREADY_DECIDED"


async def test_a_repeat_asks_and_tells_nobody_twice(here: Absentees) -> None:
    id_ = str(uuid.uuid4())
    first = await here.request(request_id=id_)
    assert await here.request(request_id=id_) == first
    assert len(here.office.inbox(LEA)) == 1
    approval = str(uuid.uuid4())
    partly = await here.approve(LEA, first, request_id=approval)
    assert await here.approve(LEA, first, request_id=approval) == partly
    assert len(here.office.inbox(EVA)) == 1


async def test_two_absences_of_one_employee_never_overlap_but_may_meet_at_noon(here: Absentees) -> None:
    await here.request(days="2026-03-09", ends_at_noon=True)
    overlap = await refused(here.request(days="2026-03-09"))
    assert reason_of(overlap) == "ABSENCE_OVERLAPS"
    assert overlap.details() == "employees/101 is away then already: absences/1."
    afternoon = await here.request(days="2026-03-09", starts_at_noon=True)
    assert afternoon.days == 0.5
    assert (await here.request(MAX, "2026-03-09")).days == 1


async def test_more_leave_than_there_is_is_refused_at_the_request_and_at_the_last_approval(here: Absentees) -> None:
    stub = here.chief()
    name = "employees/101/leaveEntitlements/2026"
    entitled = await stub.GetLeaveEntitlement(pb.GetLeaveEntitlementRequest(name=name))
    entitled.days = 6.5
    entitled = await stub.UpdateLeaveEntitlement(pb.UpdateLeaveEntitlementRequest(leave_entitlement=entitled))
    first = await here.request()
    too_much = await refused(here.request(days="2026-03-16 2026-03-17"))
    assert reason_of(too_much) == "LEAVE_OVERDRAWN"
    assert too_much.details() == "2 days are 0,5 more than employees/101 has left in 2026."
    assert (await here.request(days="2026-03-16 2026-03-17", ends_at_noon=True)).days == 1.5
    entitled.days = 4
    await here.chief().UpdateLeaveEntitlement(pb.UpdateLeaveEntitlementRequest(leave_entitlement=entitled))
    await here.approve(LEA, first)
    assert reason_of(await refused(here.approve(TOM, first))) == "LEAVE_OVERDRAWN"


async def test_leave_counts_in_the_year_of_the_last_day(here: Absentees) -> None:
    await here.chief().CreateLeaveEntitlement(
        pb.CreateLeaveEntitlementRequest(
            leave_entitlement=pb.LeaveEntitlement(name="employees/101/leaveEntitlements/2027", days=10)
        )
    )
    asked = await here.request(days="2026-12-28 2027-01-04")  # the 1st is a holiday, the 2nd a Saturday
    assert asked.days == 5
    assert (await here.balance(year=2026)).remaining_days_after_requests == 30
    assert (await here.balance(year=2027)).remaining_days_after_requests == 5


async def test_leave_in_a_stress_period_is_confirmed_by_who_asks_and_by_who_approves_last(here: Absentees) -> None:
    period = pb.StressPeriod(
        name="stressPeriods/inventory", title="Inventur", start_date="2026-03-12", end_date="2026-03-20",
        teams=["teams/service"],
    )  # fmt: skip
    await here.chief().CreateStressPeriod(pb.CreateStressPeriodRequest(stress_period=period))
    unconfirmed = await refused(here.request())
    assert reason_of(unconfirmed) == "STRESS_PERIOD"
    assert "Inventur" in str(unconfirmed.details())
    asked = await here.request(stress_confirmed=True)
    await here.approve(LEA, asked)
    assert reason_of(await refused(here.approve(TOM, asked))) == "STRESS_PERIOD"
    assert (await here.approve(TOM, asked, stress_confirmed=True)).state == APPROVED
    assert (await here.request(MAX, "2026-03-12", kind="absenceKinds/training")).state == CREATED


async def test_a_request_that_nobody_could_decide_on_is_refused(here: Absentees) -> None:
    await here.chief().CreateApprovalGroup(group("self", EVA, employees=["employees/101"]))
    alone = await refused(here.request())
    assert reason_of(alone) == "NO_APPROVER"
    assert alone.details() == "Nobody may decide for approvalGroups/self but the applicant; name another member of it."
    stub = here.chief()
    for id_ in ("self", "office", "lead"):
        await stub.DeleteApprovalGroup(pb.DeleteApprovalGroupRequest(name=f"approvalGroups/{id_}"))
    nobody = await refused(here.request())
    assert nobody.details() == "No approval group decides on employees/101; make one that does."


async def test_days_are_counted_by_the_employees_own_working_times(here: Absentees) -> None:
    part_time = pb.WorkingTime(employee="employees/101", calendar="calendars/office")  # knows no holidays
    await here.chief().SetWorkingTime(pb.SetWorkingTimeRequest(working_time=part_time))
    own = await here.request(days="2026-06-04")  # Fronleichnam
    assert own.days == 1
    nothing = await refused(here.request(MAX, "2026-06-04"))
    assert "no day of work" in str(nothing.details())
    here.settings.calendar = ""
    assert reason_of(await refused(here.request(MAX, "2026-06-05"))) == "NO_WORKING_TIME"
    here.settings.calendar = "calendars/gone"
    assert "calendars/gone does not exist" in str((await refused(here.request(MAX, "2026-06-05"))).details())
    listed = await here.chief().ListWorkingTimes(pb.ListWorkingTimesRequest())
    assert list(listed.working_times) == [part_time]
    part_time.calendar = ""
    await here.stub.SetWorkingTime(pb.SetWorkingTimeRequest(working_time=part_time))
    assert list((await here.stub.ListWorkingTimes(pb.ListWorkingTimesRequest())).working_times) == []


async def test_everything_wrong_with_a_request_is_said_at_once(here: Absentees) -> None:
    here.chief()
    wrong = absence("999", "2026-02-30", kind="absenceKinds/none", informed=["employees/998"])
    error = await refused(here.stub.RequestAbsence(pb.RequestAbsenceRequest(absence=wrong)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == (
        "absence.employee: employees/999 does not exist; absence.informed[0]: employees/998 does not exist; "
        "absence.start_date: '2026-02-30' is no date such as 2026-03-31; absence.kind: absenceKinds/none does not exist"
    )
    backwards = await refused(
        here.stub.RequestAbsence(pb.RequestAbsenceRequest(absence=absence(EVA, "2026-03-10 2026-03-09")))
    )
    assert backwards.details() == "absence.end_date: 2026-03-09 is before 2026-03-10, the first day"
    assert (await refused(here.stub.RequestAbsence(pb.RequestAbsenceRequest()))).code() is (
        grpc.StatusCode.INVALID_ARGUMENT
    )


async def test_only_who_may_asks_for_others(here: Absentees) -> None:
    request = pb.RequestAbsenceRequest(absence=absence(MAX))
    assert (await refused(here.by(EVA).RequestAbsence(request))).code() is grpc.StatusCode.PERMISSION_DENIED
    made = await here.by(TOM, "absences.request", "absences.write").RequestAbsence(request)
    assert made.creator == "employees/300"
    assert here.office.inbox(MAX) == ["Antrag: Urlaub 09.03.2026 bis 13.03.2026, Max Meyer"]
    assert len(here.office.inbox(TOM)) == 0


async def test_who_is_concerned_sees_a_request_and_nobody_else(here: Absentees) -> None:
    asked = await here.request(informed=["employees/100"])
    get = pb.GetAbsenceRequest(name=asked.name)
    for one in (EVA, LEA, JAN, TOM, "100", "103"):
        assert (await here.by(one).GetAbsence(get)).name == asked.name
    for stranger in (here.by(MAX), here.by("")):
        assert (await refused(stranger.GetAbsence(get))).code() is grpc.StatusCode.PERMISSION_DENIED
    missing = pb.GetAbsenceRequest(name="absences/99")
    assert (await refused(here.by(MAX).GetAbsence(missing))).code() is grpc.StatusCode.PERMISSION_DENIED
    assert (await refused(here.chief().GetAbsence(missing))).code() is grpc.StatusCode.NOT_FOUND


async def names(stub: Any, **fields: Any) -> list[str]:
    return [one.name for one in (await stub.ListAbsences(pb.ListAbsencesRequest(**fields))).absences]


async def test_lists_show_own_ones_those_to_approve_and_those_for_information(here: Absentees) -> None:
    first = await here.request()
    second = await here.request(days="2026-04-20 2026-04-21")
    other = await here.request(MAX, "2026-05-04", informed=["employees/101"])
    assert await names(here.by(EVA)) == [second.name, first.name]
    assert await names(here.by(EVA), view=pb.ABSENCE_VIEW_FOR_INFORMATION) == [other.name]
    to_approve = {"view": pb.ABSENCE_VIEW_TO_APPROVE}
    assert await names(here.by(LEA), **to_approve) == [other.name, second.name, first.name]
    assert await names(here.by(MAX), **to_approve) == []
    assert await names(here.by(""), **to_approve) == []
    await here.approve(LEA, first)
    await here.reject(TOM, second)
    assert await names(here.by(JAN), **to_approve) == [other.name]
    assert await names(here.by(TOM), **to_approve) == [other.name, first.name]
    denied = await refused(here.by(EVA).ListAbsences(pb.ListAbsencesRequest(view=pb.ABSENCE_VIEW_ALL)))
    assert denied.code() is grpc.StatusCode.PERMISSION_DENIED

    everything = {"view": pb.ABSENCE_VIEW_ALL}
    stub = here.chief()
    assert await names(stub, **everything, states=[pb.ABSENCE_STATE_REJECTED]) == [second.name]
    assert await names(stub, **everything, employee="employees/102") == [other.name]
    assert await names(stub, **everything, start_date="2026-03-13", end_date="2026-04-20") == [second.name, first.name]
    assert await names(stub, **everything, start_date="2026-03-14", end_date="2026-04-19") == []
    page = await stub.ListAbsences(pb.ListAbsencesRequest(**everything, page_size=2))
    rest = await stub.ListAbsences(pb.ListAbsencesRequest(**everything, page_size=2, page_token=page.next_page_token))
    assert [one.name for one in (*page.absences, *rest.absences)] == [other.name, second.name, first.name]
    assert rest.next_page_token == ""


async def test_a_popup_is_out_of_date_when_the_absence_has_begun(here: Absentees) -> None:
    asked = await here.request()
    await here.approve(JAN, asked)
    with here.office.served.database.reading() as unit:
        (to_decide,) = INBOXES.fetch(unit, [(LEA, 1)])
        (told,) = INBOXES.fetch(unit, [(EVA, 1)])
    assert to_decide.content.kind == told.content.kind == Kind.POPUP
    assert to_decide.content.about == asked.name
    assert to_decide.content.expire_time == datetime(2026, 3, 8, 23, tzinfo=UTC)
    assert told.content.expire_time is None
    assert told.content.text == "Lead: genehmigt von Jan Jung\nOffice: noch offen"


async def test_appointments_are_found_by_employee_and_span(here: Absentees) -> None:
    await here.approved()
    await here.approved(days="2026-03-16")
    stub, request = here.appointments, appointments_pb2.ListAppointmentsRequest
    here.chief()
    page = await stub.ListAppointments(request(page_size=1))
    rest = await stub.ListAppointments(request(page_size=1, page_token=page.next_page_token))
    assert [one.origin for one in (*page.appointments, *rest.appointments)] == ["absences/1", "absences/2"]
    later = request(employee="employees/101")
    later.start_time.FromDatetime(berlin("2026-03-14 00:00"))
    later.end_time.FromDatetime(berlin("2026-03-17 00:00"))
    (found,) = (await stub.ListAppointments(later)).appointments
    assert await stub.GetAppointment(appointments_pb2.GetAppointmentRequest(name=found.name)) == found
    missing = await refused(stub.GetAppointment(appointments_pb2.GetAppointmentRequest(name="appointments/99")))
    assert missing.code() is grpc.StatusCode.NOT_FOUND
    here.office.served.caller = person("absences.request")
    assert (await refused(stub.ListAppointments(request()))).code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_kind_that_may_be_overdrawn_is_never_refused_for_that(here: Absentees) -> None:
    made = kind("unpaid", title="Unbezahlt", takes_leave=True, may_overdraw=True, activity_type="unbezahlt")
    await here.chief().CreateAbsenceKind(made)
    assert (await here.request(days="2026-03-02 2026-06-30", kind="absenceKinds/unpaid")).days > 30
