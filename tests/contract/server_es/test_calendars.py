"""Calendars behind their real door."""

from datetime import UTC, timedelta

import grpc
import pytest
from esoffice.es.v1 import calendars_pb2 as pb
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask
from grpc_status import rpc_status

from mesh.status import reason_of
from tests.builders.office import BERLIN, HOUR, Office, berlin, office_hours, weekday, window
from tests.contract.conftest import refused


def reason(error: grpc.aio.AioRpcError) -> str:
    found = rpc_status.from_call(error)
    assert found is not None
    return reason_of(found)


async def stored(office: Office, name: str = "calendars/office") -> pb.Calendar:
    found: pb.Calendar = await office.calendars.GetCalendar(pb.GetCalendarRequest(name=name))
    return found


async def due(
    office: Office, start: str, hours: float, calendar: str = "calendars/office"
) -> pb.ComputeDueTimeResponse:
    answer: pb.ComputeDueTimeResponse = await office.calendars.ComputeDueTime(
        pb.ComputeDueTimeRequest(calendar=calendar, start_time=berlin(start), working_duration=timedelta(hours=hours))
    )
    return answer


def on_the_clock(answer: pb.ComputeDueTimeResponse) -> str:
    return f"{answer.due_time.ToDatetime(UTC).astimezone(BERLIN):%d.%m. %H:%M}"


async def test_a_calendar_comes_back_as_it_was_made(office: Office) -> None:
    made = office_hours(
        name="calendars/full",
        time_zone="Europe/Vienna",
        holidays=pb.HolidayRegion(subdivision="BY", locality="catholic"),
        exceptions=[pb.CalendarException(date="--12-24", closes_at_minute=720, reason="Heiligabend")],
        accept_until=[pb.AcceptUntil(weekday=pb.WEEKDAY_FRIDAY, minute=900)],
    )
    answer = await office.calendars.CreateCalendar(pb.CreateCalendarRequest(calendar=made))
    assert answer.etag
    assert await stored(office, "calendars/full") == answer
    answer.etag = ""
    assert answer == made
    error = await refused(office.calendars.CreateCalendar(pb.CreateCalendarRequest(calendar=made)))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    first = await office.calendars.ListCalendars(pb.ListCalendarsRequest(page_size=1))
    rest = await office.calendars.ListCalendars(pb.ListCalendarsRequest(page_size=1, page_token=first.next_page_token))
    assert [one.name for one in (*first.calendars, *rest.calendars)] == ["calendars/full", "calendars/office"]


async def test_everything_that_is_wrong_is_said_at_once(office: Office) -> None:
    wrong = office_hours(
        name="calendars/x",
        holidays=pb.HolidayRegion(country="FR"),
        exceptions=[
            pb.CalendarException(date="2026-02-30"),
            pb.CalendarException(date="2026-12-24", closes_at_minute=720, windows=[window("08:00-09:00")]),
            pb.CalendarException(date="2026-12-24"),
        ],
    )
    wrong.windows.append(weekday(1, "16:00-18:00"))
    error = await refused(office.calendars.CreateCalendar(pb.CreateCalendarRequest(calendar=wrong)))
    for field in (
        "windows[5]",
        "holidays.country",
        "exceptions[0].date",
        "exceptions[1].windows",
        "exceptions[2].date",
    ):
        assert f"calendar.{field}: " in (error.details() or "")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"windows": []}, "windows"),
        ({"time_zone": "Europe/Nowhere"}, "time_zone"),
        ({"holidays": pb.HolidayRegion(subdivision="XX")}, "holidays.subdivision"),
        ({"holidays": pb.HolidayRegion(subdivision="HH", locality="catholic")}, "holidays.locality"),
    ],
)
async def test_a_calendar_that_cannot_work_is_refused(office: Office, fields: dict[str, object], field: str) -> None:
    request = pb.CreateCalendarRequest(calendar=office_hours(name="calendars/x", **fields), validate_only=True)
    error = await refused(office.calendars.CreateCalendar(request))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert f"calendar.{field}: " in (error.details() or "")


async def test_an_update_changes_what_its_mask_names(office: Office) -> None:
    before = await stored(office)
    said = pb.Calendar(name=before.name, etag=before.etag, title="Werkstatt")
    request = pb.UpdateCalendarRequest(calendar=said, update_mask=FieldMask(paths=["title"]), validate_only=True)
    checked = await office.calendars.UpdateCalendar(request)
    assert (checked.title, (await stored(office)).title) == ("Werkstatt", "Büro")
    request.validate_only = False
    changed = await office.calendars.UpdateCalendar(request)
    assert (changed.title, changed.windows) == ("Werkstatt", before.windows)
    error = await refused(office.calendars.UpdateCalendar(request))
    assert reason(error) == "STALE_ETAG"
    request.calendar.etag = changed.etag
    request.update_mask.paths[:] = ["windows"]
    error = await refused(office.calendars.UpdateCalendar(request))
    assert (error.details() or "").startswith("calendar.windows: never open")
    request.update_mask.paths[:] = ["etag"]
    error = await refused(office.calendars.UpdateCalendar(request))
    assert (error.details() or "").startswith("update_mask: 'etag' cannot be changed")


async def test_a_calendar_in_use_stays(office: Office) -> None:
    error = await refused(office.calendars.DeleteCalendar(pb.DeleteCalendarRequest(name="calendars/office")))
    assert (reason(error), error.details()) == (
        "STILL_IN_USE",
        "calendars/office cannot be deleted: serviceLevels/1 refers to it.",
    )
    await office.calendars.CreateCalendar(pb.CreateCalendarRequest(calendar=office_hours(name="calendars/spare")))
    error = await refused(office.calendars.DeleteCalendar(pb.DeleteCalendarRequest(name="calendars/spare", etag="x")))
    assert reason(error) == "STALE_ETAG"
    assert await office.calendars.DeleteCalendar(pb.DeleteCalendarRequest(name="calendars/spare")) == Empty()
    error = await refused(stored(office, "calendars/spare"))
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_holidays_are_those_of_the_state_and_the_parish(office: Office) -> None:
    for id_, region in (
        ("bavaria", pb.HolidayRegion(subdivision="BY", locality="Augsburg")),
        ("country", pb.HolidayRegion()),
    ):
        calendar = office_hours(name=f"calendars/{id_}", holidays=region)
        await office.calendars.CreateCalendar(pb.CreateCalendarRequest(calendar=calendar))

    async def titles(calendar: str) -> dict[str, str]:
        request = pb.ListHolidaysRequest(calendar=calendar, first_year=2026, last_year=2026)
        answer = await office.calendars.ListHolidays(request)
        return {one.date: one.title for one in answer.holidays}

    assert (await titles("calendars/bavaria"))["2026-08-08"] == "Augsburger Hohes Friedensfest"
    assert "2026-08-08" not in await titles("calendars/country")
    assert (await titles("calendars/country"))["2026-10-03"] == "Tag der Deutschen Einheit"
    assert await titles("calendars/office") == {}
    request = pb.ListHolidaysRequest(calendar="calendars/office", first_year=2026, last_year=2057)
    error = await refused(office.calendars.ListHolidays(request))
    assert (error.details() or "").startswith("last_year: ")


async def test_a_sum_proves_itself_in_two_languages(office: Office) -> None:
    calendar = office_hours(
        name="calendars/easter",
        holidays=pb.HolidayRegion(subdivision="HH"),
        breaks=[
            pb.CalendarBreak(
                start_time=berlin("2026-04-07 08:00"), end_time=berlin("2026-04-07 12:00"), reason="Inventur"
            )
        ],
    )
    await office.calendars.CreateCalendar(pb.CreateCalendarRequest(calendar=calendar))
    answer = await due(office, "2026-04-02 15:00", 4, "calendars/easter")  # Maundy Thursday
    assert on_the_clock(answer) == "07.04. 14:00"
    told = answer.explanation
    assert [one.title for one in told.holidays] == ["Karfreitag", "Ostermontag"]
    assert [one.reason for one in told.stops] == ["Inventur"]
    assert [one.total_working_duration.ToTimedelta() for one in told.stretches] == [2 * HOUR, 4 * HOUR]
    assert told.german_text.splitlines() == [
        "Fällig Di 07.04.2026 14:00: 4:00 h Arbeitszeit ab Do 02.04.2026 15:00.",
        "Gezählt: Do 02.04.2026 15:00 bis Do 02.04.2026 17:00 (2:00 h)",
        "Feiertag: Fr 03.04.2026 Karfreitag",
        "Feiertag: Mo 06.04.2026 Ostermontag",
        "Betriebsruhe: Di 07.04.2026 08:00 bis Di 07.04.2026 12:00 Inventur",
        "Gezählt: Di 07.04.2026 12:00 bis Di 07.04.2026 14:00 (2:00 h)",
    ]
    assert "Due Tue 2026-04-07 14:00" in told.english_text


async def test_a_yearly_day_counts_every_year_unless_a_dated_one_says_otherwise(office: Office) -> None:
    calendar = office_hours(
        name="calendars/xmas",
        exceptions=[
            pb.CalendarException(date="--12-24", windows=[window("08:00-12:00")], reason="Heiligabend"),
            pb.CalendarException(date="2026-12-24", reason="Umzug"),
            pb.CalendarException(date="--12-31", closes_at_minute=720, reason="Silvester"),
        ],
    )
    await office.calendars.CreateCalendar(pb.CreateCalendarRequest(calendar=calendar))
    assert on_the_clock(await due(office, "2025-12-24 11:00", 2, "calendars/xmas")) == "25.12. 09:00"
    moved = await due(office, "2026-12-23 16:00", 2, "calendars/xmas")
    assert on_the_clock(moved) == "25.12. 09:00"
    assert [one.title for one in moved.explanation.holidays] == ["Umzug"]
    assert on_the_clock(await due(office, "2026-12-31 11:00", 2, "calendars/xmas")) == "01.01. 09:00"


async def test_a_late_report_counts_from_the_next_opening(office: Office) -> None:
    until = [pb.AcceptUntil(weekday=pb.WEEKDAY_FRIDAY, minute=15 * 60)]
    calendar = office_hours(name="calendars/until", accept_until=until)
    await office.calendars.CreateCalendar(pb.CreateCalendarRequest(calendar=calendar))
    assert on_the_clock(await due(office, "2026-03-06 15:00", 1, "calendars/until")) == "06.03. 16:00"
    assert on_the_clock(await due(office, "2026-03-06 15:01", 1, "calendars/until")) == "09.03. 09:00"


async def test_without_a_calendar_it_is_counted_around_the_clock(office: Office) -> None:
    assert (
        on_the_clock(await due(office, "2026-03-28 23:00", 4, "")) == "29.03. 04:00"
    )  # the hour from 2 to 3 is missing
    many = await due(office, "2026-01-01 00:00", 24 * 365, "calendars/office")
    assert (len(many.explanation.stretches), many.explanation.omitted_stretch_count > 0) == (500, True)
    error = await refused(due(office, "2026-01-01 00:00", 1, "calendars/none"))
    assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_a_preview_says_which_calls_would_move_and_changes_nothing(office: Office) -> None:
    office.go_to(berlin("2026-03-02 09:00"))
    call = await office.call()
    reacted = await office.call(system="systems/A-1")
    await office.do("RecordReaction", reacted.name)
    await office.call("Entwurf", draft=True)
    calendar = await stored(office)
    calendar.exceptions.append(
        pb.CalendarException(date="2026-03-02", closes_at_minute=9 * 60 + 30, reason="Betriebsfeier")
    )
    request = pb.PreviewCalendarUpdateRequest(calendar=calendar, page_size=2)
    first = await office.calendars.PreviewCalendarUpdate(request)
    request.page_token = first.next_page_token
    rest = await office.calendars.PreviewCalendarUpdate(request)
    shifts = [*first.shifts, *rest.shifts]
    assert first.examined_count == 3
    assert sorted((one.servicecall, one.milestone) for one in shifts) == [
        (call.name, "reaction"),
        (call.name, "solution"),
        (reacted.name, "solution"),
    ]
    assert {one.shift_duration.ToTimedelta() for one in shifts} == {timedelta(hours=22, minutes=30)}
    assert (await office.get(call.name)).next_due_time == call.next_due_time
    await office.calendars.UpdateCalendar(pb.UpdateCalendarRequest(calendar=calendar))
    moved = {one.servicecall: one.new_due_time for one in shifts if one.milestone == "reaction"}
    assert (await office.get(call.name)).next_due_time == moved[call.name]
