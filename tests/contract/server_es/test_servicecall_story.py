"""Calls through nights, weekends, holidays and changes of mind, told on the office's clock; time is fast-forwarded."""

from datetime import UTC, timedelta

import pytest
from esoffice.es.v1 import calendars_pb2, contacts_pb2
from esoffice.es.v1 import service_levels_pb2 as levels
from esoffice.es.v1 import servicecalls_pb2 as pb
from esoffice.es.v1.contacts_pb2_grpc import ContactServiceStub

from server_es.contacts.service import Contacts
from tests.builders.office import (
    BERLIN,
    HOUR,
    INTERRUPTED,
    STARTED,
    Office,
    Rooms,
    berlin,
    level,
    office_hours,
    open_office,
    state,
)
from tests.contract.conftest import Serve, person, refused


@pytest.fixture
def database_address(database_url: str) -> str:
    """On SQLite and on PostgreSQL."""
    return database_url


def on(call: pb.Servicecall, kind: str = "solution") -> pb.Milestone:
    wanted = pb.MilestoneKind.Value(f"MILESTONE_KIND_{kind.upper()}")
    return next(one for one in call.milestones if one.kind == wanted)


def due(call: pb.Servicecall, kind: str = "solution") -> str:
    return f"{on(call, kind).due_time.ToDatetime(UTC).astimezone(BERLIN):%d.%m. %H:%M}"


def left(call: pb.Servicecall, kind: str = "solution") -> timedelta:
    span: timedelta = on(call, kind).remaining_working_duration.ToTimedelta()
    return span


async def test_a_call_through_night_holiday_weekend_pause_and_complaint(office: Office) -> None:
    calendar = await office.calendars.GetCalendar(calendars_pb2.GetCalendarRequest(name="calendars/office"))
    calendar.holidays.CopyFrom(calendars_pb2.HolidayRegion(subdivision="BY"))
    await office.calendars.UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=calendar))
    office.served.caller = person("*", name="eva", employee="100")

    office.go_to(berlin("2026-04-01 20:00"))  # the Wednesday before Easter, at night
    call = await office.call(responsible_team="teams/technik")
    assert due(call, "reaction") == "02.04. 09:00"
    assert due(call) == "02.04. 16:00"
    assert left(call) == 8 * HOUR

    office.go_to(berlin("2026-04-02 08:30"))
    call = await office.do("AcceptServicecall", call.name)
    assert due(call, "arrival") == "02.04. 12:30"
    assert not on(call, "reaction").missed

    office.go_to(berlin("2026-04-02 10:00"))
    call = await office.do("ChangeState", call.name, state=state(INTERRUPTED), text="Teil bestellt")
    assert (call.clock_stopped, call.HasField("next_due_time"), on(call).paused) == (True, False, True)
    office.go_to(berlin("2026-04-02 14:00"))
    assert (
        due(await office.get(call.name)) == "07.04. 11:00"
    )  # if work went on now: Good Friday, weekend, Easter Monday

    short = level(9, solution_working_duration=3 * HOUR)
    await office.levels.CreateServiceLevel(levels.CreateServiceLevelRequest(service_level=short))
    call = await office.do("ChangeServiceLevel", call.name, service_level="serviceLevels/9")
    assert (call.clock_stopped, left(call), due(call)) == (True, 1 * HOUR, "02.04. 15:00")

    office.go_to(berlin("2026-04-07 08:00"))
    call = await office.do("ChangeState", call.name, state=state(STARTED))
    assert (due(call), on(call).missed) == ("07.04. 09:00", False)
    office.go_to(berlin("2026-04-07 08:40"))
    call = await office.do("SolveServicecall", call.name)
    assert (on(call).missed, left(call)) == (False, timedelta(minutes=20))

    office.go_to(berlin("2026-04-07 11:00"))
    call = await office.do("AddAddendum", call.name, text="Rechnung bitte an die Zentrale")
    assert due(call) == "07.04. 09:00"
    office.go_to(berlin("2026-04-08 09:00"))
    call = await office.do("ReopenServicecall", call.name, text="tropft wieder")
    assert (call.state, on(call).HasField("met_time")) == (state(STARTED), False)
    assert (due(call), left(call)) == ("08.04. 09:20", timedelta(minutes=20))
    office.go_to(berlin("2026-04-08 10:00"))
    late = await office.get(call.name)
    assert (on(late).missed, left(late)) == (True, -timedelta(minutes=40))
    assert office.inbox("100") == []
    assert office.inbox("101") == [
        "Neuer Servicecall 1: Pumpe steht",
        "Nachtrag zu Servicecall 1: Pumpe steht",
        "Servicecall 1 wieder geöffnet: Pumpe steht",
    ]


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        ("2026-03-28 23:00", "29.03. 08:00"),  # the hour from 2 to 3 does not exist
        ("2026-10-24 23:00", "25.10. 06:00"),  # the hour from 2 to 3 comes twice
    ],
)
async def test_the_nights_of_the_clock_change_count_what_they_last(
    office: Office, received: str, expected: str
) -> None:
    around = level(9, calendar="", reaction_working_duration=None, arrival_working_duration=None)
    await office.levels.CreateServiceLevel(levels.CreateServiceLevelRequest(service_level=around))
    defaults = await office.levels.GetDefaults(levels.GetDefaultsRequest())
    defaults.service_level = "serviceLevels/9"
    await office.levels.SetDefaults(levels.SetDefaultsRequest(defaults=defaults))
    office.go_to(berlin(received))
    assert due(await office.call()) == expected


async def test_a_new_holiday_moves_what_is_open_at_once(office: Office) -> None:
    office.go_to(berlin("2026-06-03 16:00"))
    call = await office.call()
    assert due(call) == "04.06. 15:00"
    calendar = office_hours(holidays=calendars_pb2.HolidayRegion(subdivision="BY"))
    calendar.etag = (await office.calendars.GetCalendar(calendars_pb2.GetCalendarRequest(name=calendar.name))).etag
    await office.calendars.UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=calendar))
    assert due(await office.get(call.name)) == "05.06. 15:00"  # Fronleichnam


async def test_a_site_that_tells_nobody(serve: Serve) -> None:
    from server_es.servicecalls.settings import ServicecallSettings

    office = await open_office(serve, rooms=Rooms(ServicecallSettings(notify_responsible=False, first_number=50_000)))
    call = await office.call(responsible_employee="employees/101")
    assert (call.name, office.inbox("101")) == ("servicecalls/50000", [])


async def test_a_mail_on_a_solved_call_is_an_addendum_or_reopens_it(serve: Serve) -> None:
    rooms = Rooms()
    made = []

    def contacts(database: object) -> Contacts:
        made.append(Contacts(database, rooms.servicecalls(database).contacts))  # type: ignore[arg-type]
        return made[0]

    office = await open_office(serve, rooms=rooms, more=[(contacts_pb2.DESCRIPTOR, contacts)])
    stub = ContactServiceStub(office.served.channel)
    call = await office.call(responsible_employee="employees/101")

    async def write(text: str, *, reopen: bool = False) -> contacts_pb2.Contact:
        contact = contacts_pb2.Contact(
            servicecall=call.name,
            activity_type="mail",
            direction=contacts_pb2.CONTACT_DIRECTION_INBOUND,
            subject="AW: Pumpe",
            text=text,
        )
        written: contacts_pb2.Contact = await stub.CreateContact(
            contacts_pb2.CreateContactRequest(contact=contact, reopen=reopen)
        )
        return written

    assert not (await write("Wann kommt wer?")).addendum
    await office.do("SolveServicecall", call.name)
    assert (await write("Danke")).addendum
    office.served.caller = person("contacts.write", name="otto")
    error = await refused(write("Tropft wieder", reopen=True))
    assert "servicecalls.reopen" in (error.details() or "")
    office.served.caller = person("contacts.write", "servicecalls.*", name="otto")
    assert not (await write("Tropft wieder", reopen=True)).addendum
    assert (await office.get(call.name)).state == state(STARTED)
    assert office.inbox("101")[1:] == [
        "Nachtrag zu Servicecall 1: Pumpe steht",
        "Servicecall 1 wieder geöffnet: Pumpe steht",
    ]
    log = await office.calls.ListServicecallEvents(pb.ListServicecallEventsRequest(servicecall=call.name))
    assert [one.text for one in log.events][2:] == ["AW: Pumpe\nDanke", "AW: Pumpe\nTropft wieder"]
