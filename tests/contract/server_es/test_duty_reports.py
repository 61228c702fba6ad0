"""Reports, previews, exports, swaps and feeds of rosters. The clock starts on Monday, 2026-03-02, 09:00 in Berlin."""

from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import calendars_pb2
from esoffice.es.v1 import duty_pb2 as pb
from icalendar import Calendar

from server_es.duty.facts import duties
from tests.builders import directory as build
from tests.builders.duty import WEEK, duty_office, layer, override, planned, roster
from tests.builders.office import BERLIN, Office, berlin, request_id
from tests.contract.conftest import Serve, person, refused

KIND = pb.DutyFindingKind


class Rota:
    """The office and its duty; after `as_("101")` a technician calls."""

    def __init__(self, office: Office, stub: Any) -> None:
        self.office, self.stub = office, stub
        self.chief = office.served.caller

    def as_(self, employee: str, *more: str) -> None:
        permissions = ("duty.read", "duty.swap", "duty.feed", *more)
        self.office.served.caller = person(*permissions, name=f"user{employee}", employee=employee)

    def as_chief(self) -> None:
        self.office.served.caller = self.chief

    async def create(self, message: pb.Roster) -> pb.Roster:
        made: pb.Roster = await self.stub.CreateRoster(pb.CreateRosterRequest(roster=message))
        return made

    async def absent(self, employee: str, start: str, end: str) -> None:
        times = {"absence_start_time": berlin(start), "absence_end_time": berlin(end)}
        await self.office.directory.BatchUpsertRecords(build.upsert(build.employee(employee, **times)))

    async def report(self, **fields: Any) -> pb.GetDutyReportResponse:
        answer: pb.GetDutyReportResponse = await self.stub.GetDutyReport(pb.GetDutyReportRequest(**fields))
        return answer

    async def who(self, when: str) -> list[str]:
        answer = await self.stub.WhoIsOnDuty(pb.WhoIsOnDutyRequest(roster=WEEK, time=berlin(when)))
        return [one.employee for one in answer.on_duty]

    async def offer(self, start: str, end: str, **fields: Any) -> pb.DutySwap:
        id_ = fields.pop("request_id", "")
        swap = pb.DutySwap(roster=WEEK, start_time=berlin(start), end_time=berlin(end), **fields)
        made: pb.DutySwap = await self.stub.RequestDutySwap(pb.RequestDutySwapRequest(swap=swap, request_id=id_))
        return made

    async def take(self, swap: pb.DutySwap, **fields: Any) -> pb.TakeDutySwapResponse:
        answer: pb.TakeDutySwapResponse = await self.stub.TakeDutySwap(pb.TakeDutySwapRequest(name=swap.name, **fields))
        return answer


@pytest.fixture
async def rota(serve: Serve) -> Rota:
    return Rota(*await duty_office(serve))


def kinds(findings: Any) -> list[str]:
    return [KIND.Name(one.kind).removeprefix("DUTY_FINDING_KIND_") for one in findings]


# -- reports ----------------------------------------------------------------------------------------------------------


async def test_the_report_tells_gaps_open_turns_absences_and_short_rest(rota: Rota) -> None:
    nights = layer("101", "", rotation=pb.ROTATION_KIND_DAILY, handoff_minute=1080, end_minute=360, title="Nacht")
    await rota.create(roster(WEEK, nights, coverage=[_nights()]))
    day = layer("101", rotation=pb.ROTATION_KIND_DAILY, handoff_minute=600, end_minute=900)
    await rota.create(roster("rosters/day", day, title="Tag", coverage=[_nights()]))
    await rota.absent("101", "2026-03-04T20:00", "2026-03-05T00:00")
    found = await rota.report(roster=WEEK, start_time=berlin("2026-03-04"), end_time=berlin("2026-03-06T12:00"))
    said = [one.english_text for one in found.findings]
    assert kinds(found.findings) == ["REST", "OPEN_TURN", "REST", "ABSENCE", "OPEN_TURN"]
    assert (
        "Woche: nobody is on duty from Thu 2026-03-05 18:00 to Fri 2026-03-06 06:00." not in said
    )  # Monday nights only
    assert "Woche: the turn in Nacht from Thu 2026-03-05 18:00 to Fri 2026-03-06 06:00 is not taken." in said
    text = "Woche: Name101 is on duty and away from Wed 2026-03-04 20:00 to Thu 2026-03-05 00:00 (employees/101)."
    assert text in said
    assert any("Name101 rests 3 h instead of 11 h between Wed 2026-03-04 15:00" in one for one in said)
    loads = {one.employee: one.total_duration.seconds for one in found.loads}
    assert loads == {"employees/101": 12 * 3600}
    everything = await rota.report(start_time=berlin("2026-03-04"), end_time=berlin("2026-03-06T12:00"))
    assert {one.roster for one in everything.loads} == {WEEK, "rosters/day"}


def _nights() -> calendars_pb2.WeekdayWindow:
    window = calendars_pb2.TimeWindow(start_minute=1080, end_minute=360)
    return calendars_pb2.WeekdayWindow(weekday=calendars_pb2.WEEKDAY_MONDAY, window=window)


async def test_a_report_of_an_unknown_roster_is_refused(rota: Rota) -> None:
    error = await refused(rota.stub.GetDutyReport(pb.GetDutyReportRequest(roster="rosters/none")))
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_a_preview_tells_what_would_be_new_and_changes_nothing(rota: Rota) -> None:
    await rota.create(roster(WEEK, layer("100", ""), layer("102", rank=2, start_date="2026-03-16")))
    await rota.absent("103", "2026-03-03", "2026-03-05")
    end = {"end_time": berlin("2026-03-05")}
    request = pb.PreviewRosterRequest(
        name=WEEK,
        overrides=[override(pb.DUTY_CHANGE_REPLACE, "103", "100", **end).override],
        plans=[
            pb.DutyPlan(roster=WEEK, title="Ostern", start_time=berlin("2026-03-20"), end_time=berlin("2026-03-22"))
        ],
        end_time=berlin("2026-03-30"),
    )
    found = await rota.stub.PreviewRoster(request)
    new = [(KIND.Name(one.kind)[20:], one.employee) for one in found.findings if one.is_new]
    assert ("DUTY_FINDING_KIND_ABSENCE"[20:], "employees/103") in new
    assert any(one.is_new and one.kind == pb.DUTY_FINDING_KIND_GAP for one in found.findings)
    assert any(not one.is_new and one.kind == pb.DUTY_FINDING_KIND_OPEN_TURN for one in found.findings)
    assert found.shifts[0].employee == "employees/103"
    assert {one.employee for one in found.loads} == {"employees/100", "employees/102", "employees/103"}
    assert await rota.who("2026-03-04") == ["employees/100"]


async def test_a_roster_can_be_looked_at_before_there_is_one(rota: Rota) -> None:
    found = await rota.stub.PreviewRoster(pb.PreviewRosterRequest(name=WEEK, roster=roster()))
    assert [one.employee[-3:] for one in found.shifts[:3]] == ["100", "101", "102"]
    assert kinds(found.findings) == []
    error = await refused(rota.stub.PreviewRoster(pb.PreviewRosterRequest(name=WEEK)))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    wrong = pb.PreviewRosterRequest(
        name=WEEK, roster=roster(), overrides=[override(pb.DUTY_CHANGE_ADD, end_time=berlin("2026-04-01")).override]
    )
    error = await refused(rota.stub.PreviewRoster(wrong))
    assert error.details() == "overrides[0].employee: is required for ADD"


# -- hours of standby -------------------------------------------------------------------------------------------------


async def test_standby_hours_are_told_by_weekday_night_and_holiday_of_the_state(rota: Rota) -> None:
    rota.office.go_to(berlin("2026-05-25T00:00"))
    await rota.office.directory.BatchUpsertRecords(build.upsert(build.employee("100", family_name="=Kern")))
    daily = layer("100", "101", rotation=pb.ROTATION_KIND_DAILY, start_date="2026-06-03")
    await rota.create(roster(WEEK, daily, holidays=calendars_pb2.HolidayRegion(subdivision="BY")))
    answer = await rota.stub.ExportStandbyHours(
        pb.ExportStandbyHoursRequest(start_date="2026-06-03", end_date="2026-06-04")
    )
    first = answer.hours[0]
    assert (first.employee, first.subdivision) == ("employees/100", "BY")
    hours = {
        field: getattr(first, field).seconds / 3600
        for field in ("weekday_duration", "weekday_night_duration", "holiday_duration", "holiday_night_duration")
    }
    assert list(hours.values()) == [15.0, 1.0, 2.0, 6.0]  # 4 June 2026 is Fronleichnam in Bavaria
    lines = answer.csv.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("Personalnummer;Name;Bereitschaftsplan;Bundesland;Werktag;Werktag Nacht;Samstag")
    assert lines[1] == "100;'=Kern;week;BY;15,00;1,00;0,00;0,00;0,00;0,00;2,00;6,00;24,00"
    assert lines[2] == "101;Name101;week;BY;0,00;0,00;0,00;0,00;0,00;0,00;15,00;1,00;16,00"


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2026-02-30", "2026-03-01", "start_date: '2026-02-30' is no date"),
        ("2026-03-02", "2026-03-01", "end_date: must not be before start_date"),
        ("2026-03-02", "2028-03-01", "nor more than 400 days after it"),
        ("1990-03-02", "1990-03-03", "start_date: must lie between 2000 and 2190"),
    ],
)
async def test_wrong_days_are_refused(rota: Rota, start: str, end: str, said: str) -> None:
    request = pb.ExportStandbyHoursRequest(start_date=start, end_date=end)
    error = await refused(rota.stub.ExportStandbyHours(request))
    assert said in (error.details() or "")


# -- swaps ------------------------------------------------------------------------------------------------------------


async def test_an_offered_shift_is_taken_and_both_know(rota: Rota) -> None:
    await rota.create(roster())
    rota.as_("100")
    id_ = request_id()
    offer = await rota.offer("2026-03-03", "2026-03-05", reason="Konzert", request_id=id_)
    assert offer == await rota.offer("2026-03-03", "2026-03-05", reason="Konzert", request_id=id_)
    assert offer.state == pb.DUTY_SWAP_STATE_OPEN
    told = "Name100 gibt eine Bereitschaft ab: Woche, Di 03.03.2026 00:00 bis Do 05.03.2026 00:00"
    assert [rota.office.inbox(one) for one in ("100", "101", "102", "103")] == [[], [told], [told], []]
    rota.as_("101")
    checked = await rota.take(offer, validate_only=True)
    assert checked.swap.state == pb.DUTY_SWAP_STATE_OPEN
    taken = (await rota.take(offer)).swap
    assert (taken.state, taken.taken_by) == (pb.DUTY_SWAP_STATE_TAKEN, "employees/101")
    assert (await rota.take(offer)).swap == taken
    assert [await rota.who(f"2026-03-0{day}") for day in (2, 3, 4, 5)][1:] == [
        ["employees/101"], ["employees/101"], ["employees/100"],
    ]  # fmt: skip
    assert rota.office.inbox("100") == [
        "Name101 übernimmt Ihre Bereitschaft: Woche, Di 03.03.2026 00:00 bis Do 05.03.2026 00:00"
    ]
    rota.as_("102")
    error = await refused(rota.stub.TakeDutySwap(pb.TakeDutySwapRequest(name=offer.name)))
    assert error.details() == f"{offer.name} is not open any more: taken."
    listed = await rota.stub.ListDutySwaps(pb.ListDutySwapsRequest(roster=WEEK))
    assert list(listed.swaps) == [taken]
    assert not (await rota.stub.ListDutySwaps(pb.ListDutySwapsRequest(open_only=True))).swaps


async def test_who_takes_a_shift_hears_of_too_little_rest(rota: Rota) -> None:
    await rota.create(roster())
    rota.as_("100")
    offer = await rota.offer("2026-03-08T12:00", "2026-03-09T00:00", asked="employees/101")
    assert rota.office.inbox("102") == []
    rota.as_("101")
    answer = await rota.take(offer)
    assert kinds(answer.findings) == ["REST"]
    assert "rests 8 h instead of 11 h" in answer.findings[0].english_text


async def test_who_cannot_take_or_offer_hears_why(rota: Rota) -> None:
    await rota.create(roster())
    await rota.absent("102", "2026-03-03", "2026-03-04")
    rota.as_("101")
    swap = pb.DutySwap(roster=WEEK, start_time=berlin("2026-03-03"), end_time=berlin("2026-03-04"))
    error = await refused(rota.stub.RequestDutySwap(pb.RequestDutySwapRequest(swap=swap)))
    assert "employees/101 is not on duty in all of this time" in (error.details() or "")
    swap.employee = "employees/100"
    error = await refused(rota.stub.RequestDutySwap(pb.RequestDutySwapRequest(swap=swap)))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    rota.as_chief()
    offer = (await rota.stub.RequestDutySwap(pb.RequestDutySwapRequest(swap=swap))).name
    for employee, said in (("102", "is away in this time: employees/102"), ("103", "does not stand in the roster")):
        rota.as_(employee)
        error = await refused(rota.stub.TakeDutySwap(pb.TakeDutySwapRequest(name=offer)))
        assert said in (error.details() or "")
        error = await refused(rota.stub.WithdrawDutySwap(pb.WithdrawDutySwapRequest(name=offer)))
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    rota.as_("100")
    withdrawn = await rota.stub.WithdrawDutySwap(pb.WithdrawDutySwapRequest(name=offer))
    assert withdrawn.state == pb.DUTY_SWAP_STATE_WITHDRAWN
    assert withdrawn == await rota.stub.WithdrawDutySwap(pb.WithdrawDutySwapRequest(name=offer))
    rota.as_("")
    for call in (
        rota.stub.TakeDutySwap(pb.TakeDutySwapRequest(name=offer)),
        rota.stub.RequestDutySwap(
            pb.RequestDutySwapRequest(
                swap=pb.DutySwap(roster=WEEK, start_time=berlin("2026-03-03"), end_time=berlin("2026-03-04"))
            )
        ),
        rota.stub.TakeDutySwap(pb.TakeDutySwapRequest(name="dutySwaps/99")),
    ):
        await refused(call)


# -- feeds ------------------------------------------------------------------------------------------------------------


async def fed(rota: Rota, token: str) -> list[tuple[str, str, str]]:
    """Read a feed back as a calendar program does."""
    body = await rota.stub.GetDutyFeed(pb.GetDutyFeedRequest(token=token))
    assert body.content_type == "text/calendar; charset=utf-8"
    show: Callable[[Any], str] = lambda at: f"{at.dt.astimezone(BERLIN):%d.%m. %H:%M}"  # noqa: E731
    events = Calendar.from_ical(body.data).walk("VEVENT")
    assert len({str(one["uid"]) for one in events}) == len(events)
    return [(str(one["summary"]), show(one["dtstart"]), show(one["dtend"])) for one in events]


async def test_a_feed_is_read_back_as_the_shifts_are_until_it_is_revoked(rota: Rota) -> None:
    await rota.create(roster())
    rota.as_("101")
    made = await rota.stub.CreateDutyFeed(pb.CreateDutyFeedRequest(feed=pb.DutyFeed(employee="employees/101")))
    of_roster = await rota.stub.CreateDutyFeed(pb.CreateDutyFeedRequest(feed=pb.DutyFeed(roster=WEEK)))
    rota.office.served.caller = person()
    assert (await fed(rota, made.token + ".ics"))[:2] == [
        ("Bereitschaft Woche: Name101", "09.03. 08:00", "16.03. 08:00"),
        ("Bereitschaft Woche: Name101", "30.03. 08:00", "06.04. 08:00"),
    ]
    assert [one[0][-3:] for one in (await fed(rota, of_roster.token))[:4]] == ["100", "101", "102", "100"]
    rota.as_("102")
    error = await refused(rota.stub.RevokeDutyFeed(pb.RevokeDutyFeedRequest(name=made.name)))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    rota.as_("101")
    listed = await rota.stub.ListDutyFeeds(pb.ListDutyFeedsRequest(page_size=1))
    assert [(one.name, one.token) for one in listed.feeds] == [(of_roster.name, "")]
    await rota.stub.RevokeDutyFeed(pb.RevokeDutyFeedRequest(name=made.name))
    for token in (made.token, "1.wrong", "nonsense", "99." + made.token.partition(".")[2]):
        error = await refused(rota.stub.GetDutyFeed(pb.GetDutyFeedRequest(token=token)))
        assert (error.code(), error.details()) == (
            grpc.StatusCode.NOT_FOUND,
            "There is no such feed, or it was revoked.",
        )


async def test_a_feed_shows_a_swap_as_soon_as_it_is_taken(rota: Rota) -> None:
    await rota.create(roster())
    rota.as_("101")
    made = await rota.stub.CreateDutyFeed(pb.CreateDutyFeedRequest(feed=pb.DutyFeed(employee="employees/101")))
    rota.as_("100")
    offer = await rota.offer("2026-03-03T08:00", "2026-03-03T20:00")
    rota.as_("101")
    await rota.take(offer)
    assert (await fed(rota, made.token))[0] == ("Bereitschaft Woche: Name101", "03.03. 08:00", "03.03. 20:00")


async def test_nobody_makes_a_feed_of_somebody_else(rota: Rota) -> None:
    rota.as_("101")
    request = pb.CreateDutyFeedRequest(feed=pb.DutyFeed(employee="employees/100"))
    assert (await refused(rota.stub.CreateDutyFeed(request))).code() is grpc.StatusCode.PERMISSION_DENIED
    both = pb.CreateDutyFeedRequest(feed=pb.DutyFeed(employee="employees/100", roster=WEEK))
    assert "either a roster or an employee" in ((await refused(rota.stub.CreateDutyFeed(both))).details() or "")
    rota.as_chief()
    assert (await rota.stub.CreateDutyFeed(request)).token
    assert len((await rota.stub.ListDutyFeeds(pb.ListDutyFeedsRequest())).feeds) == 1


async def test_other_rooms_ask_for_the_shifts_of_an_employee(rota: Rota) -> None:
    await rota.create(roster())
    plan = pb.DutyPlan(
        roster=WEEK,
        title="Ostern",
        start_time=berlin("2026-03-10"),
        end_time=berlin("2026-03-12"),
        shifts=[planned(berlin("2026-03-10"), 24, "103")],
    )
    await rota.stub.CreateDutyPlan(pb.CreateDutyPlanRequest(plan=plan))
    with rota.office.served.database.reading() as unit:
        found = duties(unit, "101", berlin("2026-03-02").astimezone(UTC), berlin("2026-03-20").astimezone(UTC))
    assert [(one.roster, one.end - one.start) for one in found] == [
        ("Woche", timedelta(hours=16)),
        ("Woche", timedelta(days=4, hours=8)),
    ]
