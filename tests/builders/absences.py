"""An office with absences: kinds, approval groups and leave, behind the office's real door."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from esoffice.es.v1 import absences_pb2 as pb
from esoffice.es.v1 import appointments_pb2, calendars_pb2
from esoffice.es.v1.absences_pb2_grpc import AbsenceServiceStub
from esoffice.es.v1.appointments_pb2_grpc import AppointmentServiceStub

from mesh.tokens import Caller
from server_es.absences.settings import AbsenceSettings
from server_es.absences.surroundings import Shifts
from server_es.messages.actions import Actions
from tests.builders import directory as build
from tests.builders.office import Office, Rooms, office_hours, open_office
from tests.contract.conftest import CHIEF, person

EVA, MAX, LEA, JAN, TOM = "101", "102", "200", "201", "300"
"""Two technicians, two in the lead, one in the personnel office."""


@dataclass
class Absentees:
    """A served office with absences; who calls is said by `by`."""

    office: Office
    stub: Any
    appointments: Any
    settings: AbsenceSettings
    actions: Actions

    def by(self, employee: str, *permissions: str) -> Any:
        """Call as this employee from now on; `chief` may do everything."""
        said = permissions or ("absences.request", "appointments.read")
        self.office.served.caller = person(*said, name=f"user{employee}", employee=employee)
        return self.stub

    def chief(self, caller: Caller = CHIEF) -> Any:
        self.office.served.caller = caller
        return self.stub

    async def request(self, employee: str = EVA, days: str = "2026-03-09 2026-03-13", **fields: Any) -> pb.Absence:
        """Ask for an absence as this employee."""
        id_ = fields.pop("request_id", "")
        request = pb.RequestAbsenceRequest(absence=absence(employee, days, **fields), request_id=id_)
        made: pb.Absence = await self.by(employee).RequestAbsence(request)
        return made

    async def approve(self, employee: str, asked: pb.Absence, **fields: Any) -> pb.Absence:
        said = pb.ApproveAbsenceRequest(name=asked.name, etag=asked.etag, **fields)
        made: pb.Absence = await self.by(employee).ApproveAbsence(said)
        return made

    async def reject(self, employee: str, asked: pb.Absence, **fields: Any) -> pb.Absence:
        said = pb.RejectAbsenceRequest(name=asked.name, etag=asked.etag, **fields)
        made: pb.Absence = await self.by(employee).RejectAbsence(said)
        return made

    async def approved(self, employee: str = EVA, days: str = "2026-03-09 2026-03-13", **fields: Any) -> pb.Absence:
        """Ask, and have both groups agree."""
        asked = await self.request(employee, days, **fields)
        await self.approve(LEA, asked)
        return await self.approve(TOM, asked)

    async def termine(self, employee: str = EVA) -> list[appointments_pb2.Appointment]:
        request = appointments_pb2.ListAppointmentsRequest(employee=f"employees/{employee}")
        self.chief()
        return list((await self.appointments.ListAppointments(request)).appointments)

    async def directory(self, *records: Any) -> None:
        self.chief()
        answer = await self.office.directory.BatchUpsertRecords(build.upsert(*records))
        assert not [one.status.message for one in answer.results if one.HasField("status")]

    async def balance(self, employee: str = EVA, year: int = 2026) -> pb.LeaveBalance:
        request = pb.GetLeaveBalanceRequest(employee=f"employees/{employee}", year=year)
        made: pb.LeaveBalance = await self.chief().GetLeaveBalance(request)
        return made


def absence(employee: str = EVA, days: str = "2026-03-09 2026-03-13", **fields: Any) -> pb.Absence:
    """Vacation of an employee: one day, or the first and the last."""
    first, _, last = days.partition(" ")
    said = {"kind": "absenceKinds/vacation", "start_date": first, "end_date": last or first, **fields}
    return pb.Absence(employee=f"employees/{employee}", **said)


def group(id_: str, *members: str, **fields: Any) -> pb.CreateApprovalGroupRequest:
    made = pb.ApprovalGroup(
        name=f"approvalGroups/{id_}", title=id_.title(), members=[f"employees/{one}" for one in members], **fields
    )
    return pb.CreateApprovalGroupRequest(approval_group=made)


def kind(id_: str, **fields: Any) -> pb.CreateAbsenceKindRequest:
    return pb.CreateAbsenceKindRequest(absence_kind=pb.AbsenceKind(name=f"absenceKinds/{id_}", **fields))


def entitlement(employee: str = EVA, year: int = 2026, **fields: Any) -> pb.CreateLeaveEntitlementRequest:
    name = f"employees/{employee}/leaveEntitlements/{year}"
    return pb.CreateLeaveEntitlementRequest(leave_entitlement=pb.LeaveEntitlement(name=name, **{"days": 30, **fields}))


async def open_absences(serve: Any, *, shifts: Shifts | None = None, more: Sequence[Any] = ()) -> Absentees:
    """Serve an office in which Eva and Max are technicians, Lea and Jan lead them, and Tom is the personnel office."""
    rooms = Rooms()
    rooms.absences.calendar, rooms.shifts = "calendars/bavaria", shifts
    office = await open_office(serve, rooms=rooms, more=more)
    channel = office.served.channel
    made = Absentees(
        office=office,
        stub=AbsenceServiceStub(channel),
        appointments=AppointmentServiceStub(channel),
        settings=rooms.absences,
        actions=rooms.actions,
    )
    await office.calendars.CreateCalendar(
        calendars_pb2.CreateCalendarRequest(
            calendar=office_hours(
                name="calendars/bavaria", title="Bayern", holidays=calendars_pb2.HolidayRegion(subdivision="BY")
            )
        )
    )
    await made.directory(
        build.employee(EVA, given_name="Eva", family_name="Muster"),
        build.employee(MAX, given_name="Max", family_name="Meyer"),
        build.employee(LEA, given_name="Lea", family_name="Lang", substitute=f"employees/{MAX}"),
        build.employee(JAN, given_name="Jan", family_name="Jung"),
        build.employee(TOM, given_name="Tom", family_name="Thoma"),
        build.team("service", EVA, MAX),
    )
    stub = made.chief()
    await stub.CreateAbsenceKind(kind("vacation", title="Urlaub", takes_leave=True, activity_type="urlaub"))
    await stub.CreateAbsenceKind(kind("training", title="Schulung", activity_type="schulung"))
    await stub.CreateApprovalGroup(group("lead", LEA, JAN, teams=["teams/service"]))
    await stub.CreateApprovalGroup(group("office", TOM, informed=["employees/103"]))
    for employee in (EVA, MAX, LEA):
        await stub.CreateLeaveEntitlement(entitlement(employee))
    return made
