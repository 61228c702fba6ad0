"""A year of a service team: leave, illness, duty and a major incident; time is fast-forwarded. On both databases."""

import pytest
from esoffice.es.v1 import absences_pb2 as pb
from esoffice.es.v1 import calendars_pb2, duty_pb2
from esoffice.es.v1.duty_pb2_grpc import DutyServiceStub

from server_es.absences import facts
from server_es.app import duty_shifts
from server_es.inboxes import INBOXES
from tests.builders import directory as build
from tests.builders.absences import EVA, JAN, LEA, MAX, TOM, Absentees, entitlement, group, kind, open_absences
from tests.builders.duty import layer, roster
from tests.builders.office import berlin
from tests.contract.conftest import Serve

CHRISTMAS = "2026-12-23 2027-01-06"


@pytest.fixture
def database_address(database_url: str) -> str:
    return database_url


@pytest.fixture
async def here(serve: Serve) -> Absentees:
    made = await open_absences(serve, shifts=duty_shifts)
    half = [
        calendars_pb2.CalendarException(date=date, closes_at_minute=12 * 60, reason=reason)
        for date, reason in (("--12-24", "Heiligabend"), ("--12-31", "Silvester"))
    ]
    calendar = await made.office.calendars.GetCalendar(calendars_pb2.GetCalendarRequest(name="calendars/bavaria"))
    calendar.exceptions.extend(half)
    await made.office.calendars.UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=calendar))
    await made.chief().CreateApprovalGroup(group("board", JAN, employees=["employees/200"]))
    await made.chief().CreateLeaveEntitlement(entitlement(EVA, 2027))
    await made.chief().CreateLeaveEntitlement(entitlement(LEA, 2027))
    return made


def away(here: Absentees, *employees: str) -> dict[str, str]:
    """Who is away now, as notices and escalations ask it."""
    with here.office.served.database.reading() as unit:
        return dict(facts.absent(unit, employees, unit.now))


async def settle(here: Absentees, asked: pb.Absence, *approvers: str) -> pb.Absence:
    for one in approvers:
        asked = await here.approve(one, asked)
    return asked


async def test_christmas(here: Absentees) -> None:
    """Everybody wants the same days; the boss is away when her team asks; nothing is lost while nobody is signed in."""
    here.office.go_to(berlin("2026-11-02 09:00"))
    duty = DutyServiceStub(here.office.served.channel)
    here.chief()
    rota = roster("rosters/week", layer(MAX, EVA), title="Wochendienst")
    await duty.CreateRoster(duty_pb2.CreateRosterRequest(roster=rota))
    boss = await here.request(LEA, "2026-11-09 2026-11-13")
    assert (await settle(here, boss, JAN, TOM)).state == pb.ABSENCE_STATE_APPROVED
    assert away(here, LEA, MAX) == {}

    here.office.go_to(berlin("2026-11-10 08:00"))
    assert away(here, LEA, MAX) == {LEA: MAX}
    eva = await here.request(EVA, CHRISTMAS)
    # 23rd, half of the 24th, 28th to 30th, half of the 31st, 4th and 5th; Epiphany is a holiday in Bavaria
    assert eva.days == 1 + 0.5 + 3 + 0.5 + 2
    stands_in = await here.by(MAX).ListAbsences(pb.ListAbsencesRequest(view=pb.ABSENCE_VIEW_TO_APPROVE))
    assert [one.name for one in stands_in.absences] == [eva.name]
    with here.office.served.database.reading() as unit:
        sequence = len(here.office.inbox(MAX))
        (popup,) = INBOXES.fetch(unit, [(MAX, sequence)])
    lines = popup.content.text.splitlines()
    assert lines[0] == "7 Arbeitstage, danach 23 Tage Resturlaub 2027"  # the year of the last day
    assert [one for one in lines if one.startswith("Bereitschaft")] == [
        "Bereitschaft: Wochendienst, 28.12.2026 08:00 bis 04.01.2027 08:00"
    ]

    here.office.go_to(berlin("2026-11-16 08:00"))  # the boss is back: her deputy has nothing to decide any more
    assert away(here, LEA, MAX) == {}
    gone = await here.by(MAX).ListAbsences(pb.ListAbsencesRequest(view=pb.ABSENCE_VIEW_TO_APPROVE))
    assert list(gone.absences) == []
    assert len(here.office.inbox(LEA)) >= 2  # what came while she was away waits for her
    done = await settle(here, eva, LEA, TOM)
    assert done.state == pb.ABSENCE_STATE_APPROVED

    second = await here.request(MAX, "2026-12-28 2026-12-30")
    view = await here.by(MAX).GetTeamView(
        pb.GetTeamViewRequest(team="teams/service", start_date="2026-12-21", end_date="2027-01-10")
    )
    assert [one.date for one in view.conflicts] == ["2026-12-28", "2026-12-29", "2026-12-30"]
    assert all(one.nobody_left for one in view.conflicts)
    refusal = await here.reject(LEA, second, comment="Einer muss da sein")
    assert refusal.state == pb.ABSENCE_STATE_REJECTED

    here.office.go_to(berlin("2026-12-22 23:59"))
    assert away(here, EVA) == {}
    here.office.go_to(berlin("2026-12-23 00:00"))
    assert away(here, EVA) == {EVA: ""}
    here.office.go_to(berlin("2026-12-29 03:00"))  # a hospital without heating
    await here.by(LEA).RevokeAbsence(pb.RevokeAbsenceRequest(name=done.name, reason="Großstörung Klinikum"))
    assert away(here, EVA) == {}
    assert await here.termine() == []
    assert (await here.balance(year=2027)).remaining_days == 30
    assert here.office.inbox(EVA)[-1].startswith("Abwesenheit widerrufen: Urlaub 23.12.2026 bis 06.01.2027")


async def test_a_half_day_before_the_clock_jumps(here: Absentees) -> None:
    await here.chief().CreateAbsenceKind(kind("illness", title="Krank", activity_type="krank"))
    here.office.go_to(berlin("2026-03-27 08:00"))
    await here.directory(build.employee(EVA, given_name="Eva", family_name="Muster", substitute="employees/102"))
    done = await settle(here, await here.request(EVA, "2026-03-27 2026-03-30", starts_at_noon=True), LEA, TOM)
    assert done.days == 1.5
    for when, there in (
        ("2026-03-27 11:59", {}),
        ("2026-03-27 12:00", {EVA: MAX}),
        ("2026-03-29 03:30", {EVA: MAX}),
        ("2026-03-30 23:59", {EVA: MAX}),
        ("2026-03-31 00:00", {}),
    ):
        here.office.go_to(berlin(when))
        assert away(here, EVA) == there, when


async def test_the_years_leave_is_taken_carried_over_and_expires(here: Absentees) -> None:
    await here.chief().CarryLeaveOver(pb.CarryLeaveOverRequest(year=2026, carried_until_date="2027-03-31", most_days=5))
    here.office.go_to(berlin("2027-02-01 08:00"))
    assert (await here.balance(year=2027)).remaining_days == 35
    done = await settle(here, await here.request(EVA, "2027-02-08 2027-02-10"), LEA, TOM)
    assert done.days == 3
    here.office.go_to(berlin("2027-04-01 08:00"))
    april = await here.balance(year=2027)
    assert (april.carried_days, april.expired_days, april.remaining_days) == (5, 2, 30)
