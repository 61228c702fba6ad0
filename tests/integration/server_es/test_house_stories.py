"""Weeks in the whole of server_es, fast-forwarded, on both databases: nights, holidays, downtime, changes.

The rooms have stories of their own; here they meet: who is on duty, who is away, who is told how, and when.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from esoffice.config.v1 import settings_pb2
from esoffice.es.v1 import (
    absences_pb2,
    calendars_pb2,
    duty_pb2,
    escalations_pb2,
    follow_ups_pb2,
    forwarding_pb2,
    messages_pb2,
    notices_pb2,
    status_events_pb2,
    text_modules_pb2,
)

from tests.builders.office import INTERRUPTED, STARTED, berlin, state
from tests.builders.whole_house import EVA, JAN, LEA, MAX, WholeHouse, shown, small_company
from tests.simulation import furnish
from tests.simulation.company import HOUR, MAIL, POPUP, SMS, Wishes

Open = Callable[..., WholeHouse]
EVA_MAIL, EVA_SMS, MAX_SMS = f"p{EVA}@example.com", f"+49170000{EVA}", f"+49170000{MAX}"


@pytest.fixture
def opened(database_url: str, tmp_path: Path) -> Iterator[Open]:
    houses: list[WholeHouse] = []

    def open_(start: str, **wishes: Wishes) -> WholeHouse:
        houses.append(WholeHouse(database_url, tmp_path, small_company(start, **wishes)))
        return houses[-1]

    yield open_
    for one in houses:
        one.close()


def forward(house: WholeHouse, call: str, *, by: str, **to: str) -> str:
    request = forwarding_pb2.ForwardServicecallRequest(servicecall=call, text="Bitte!", **to)
    name: str = house.ask("ForwardServicecall", request, by).name
    return name


def away(house: WholeHouse, employee: str, first: str, last: str, *, decided: bool = True) -> absences_pb2.Absence:
    """Somebody asks for days; Lea and Jan agree."""
    asked = absences_pb2.Absence(
        employee=f"employees/{employee}", kind="absenceKinds/illness", start_date=first, end_date=last
    )
    made = house.ask("RequestAbsence", absences_pb2.RequestAbsenceRequest(absence=asked), employee)
    for approver in (LEA, JAN) if decided else ():
        made = house.ask("ApproveAbsence", absences_pb2.ApproveAbsenceRequest(name=made.name, etag=made.etag), approver)
    return made


def remind(house: WholeHouse, employee: str, at: str, subject: str) -> str:
    task = follow_ups_pb2.FollowUpTask(employee=f"employees/{employee}", due_time=berlin(at), subject=subject)
    name: str = house.ask("CreateFollowUp", follow_ups_pb2.CreateFollowUpRequest(follow_up=task)).name
    return name


def put_aside(house: WholeHouse, employee: str, until: str) -> None:
    """Somebody gets a message and wants to see it again later."""
    sent = messages_pb2.SendMessageRequest(employees=[f"employees/{employee}"], subject="Später")
    house.ask("SendMessage", sent)
    newest = house.ask("ListMessages", messages_pb2.ListMessagesRequest(page_size=1), employee).messages[0]
    request = messages_pb2.SnoozeMessagesRequest(names=[newest.name], until_time=berlin(until))
    house.ask("SnoozeMessages", request, employee)


def test_a_night(opened: Open) -> None:
    """A pump stops at ten in the evening. Who is on duty is called at once, who is asleep finds it in the morning."""
    house = opened("2026-03-02 08:00", p101=Wishes((MAIL,), (), 0, quiet=(22 * 60, 6 * 60)))
    house.point(1, 50, "duty", level=2)
    house.point(2, 50, "mail", level=1)
    office = house.call(responsible_team="", responsible_employee=f"employees/{EVA}")
    house.go_to("2026-03-02 22:30")
    urgent = house.call(level=2)
    house.do("ChangeState", urgent, LEA, state=state(STARTED))
    forward(house, urgent, by=LEA, employee=f"employees/{EVA}")
    remind(house, MAX, "2026-03-03 03:00", "Pumpe anhören")
    house.go_to("2026-03-03 08:00")
    assert house.escalated() == [("P2", "02.03. 12:00", False), ("P1", "03.03. 00:30", False)]
    assert house.letters(EVA_SMS) == [("03.03. 00:30", f"P1/0 Call {urgent.rpartition('/')[2]}")]
    assert [time for time, _ in house.letters(EVA_MAIL)] == ["02.03. 12:00", "03.03. 06:01"]
    assert house.inbox(MAX)[-1] == "Wiedervorlage: Pumpe anhören"
    assert "Pumpe steht" in house.letters(EVA_MAIL)[1][1]
    assert office != urgent


def test_easter(opened: Open) -> None:
    """From Thursday to Tuesday nobody works: what is promised in office hours waits, everything else does not."""
    house = opened("2026-04-02 08:00")
    house.point(1, 25, "team", level=1)
    house.point(2, 100, "mail", level=1)
    house.point(3, 100, "duty", level=2)
    house.go_to("2026-04-02 16:00")
    mine = house.call(responsible_team="", responsible_employee=f"employees/{EVA}")
    urgent = house.call(level=2)
    outlook = house.ask("SimulateEscalations", escalations_pb2.SimulateEscalationsRequest(servicecall=mine))
    seen = [(one.point_title, shown(one.time.ToDatetime(UTC))) for one in outlook.steps if one.point]
    remind(house, LEA, "2026-04-05 10:00", "Ostereier")
    away(house, EVA, "2026-04-07", "2026-04-10")
    house.go_to("2026-04-08 18:00")
    assert seen == [("P1", "07.04. 09:00"), ("P2", "07.04. 15:00")]
    assert house.escalated(mine) == [("P1", "07.04. 09:00", False), ("P2", "07.04. 15:00", False)]
    assert house.escalated(urgent) == [("P3", "02.04. 20:00", False)]
    assert "Wiedervorlage: Ostereier" in house.inbox(LEA)
    first, second = (f"escalations/{one}" for one in (2, 3))
    # Eva is ill since this morning; Max does not read his popup.
    assert house.notices(first) == [(f"employees/{MAX}", POPUP), (f"employees/{MAX}", SMS)]
    assert house.notices(second) == [(f"p{MAX}@example.com", MAIL)]
    # Max ends his week on Easter Monday, holiday or not.
    assert "Bereitschaft Week: Ihr Dienst ist zu Ende" in house.inbox(EVA)


@pytest.mark.parametrize(
    ("evening", "hours", "reminded"),
    [("2026-03-28 23:00", ("04:00", "06:00"), "03:30"), ("2026-10-24 23:00", ("02:00", "04:00"), "02:30")],
)
def test_the_nights_of_the_clock_change(opened: Open, evening: str, hours: tuple[str, str], reminded: str) -> None:
    """Four hours last four hours, quiet hours end at six, and nobody is told twice of what comes twice."""
    sunday = (berlin(evening) + timedelta(hours=12)).date()
    monday = (berlin(evening) - timedelta(days=5)).date()
    reminded = f"{sunday} {reminded}"
    house = opened(f"{monday} 08:00", p101=Wishes((MAIL,), (), 0, quiet=(22 * 60, 6 * 60)))
    house.point(1, 100, "team", level=2, repeat=2 * HOUR, repeat_real=True, limit=1)
    house.go_to(evening)
    urgent = house.call(level=2)
    house.do("ChangeState", urgent, LEA, state=state(STARTED))
    forward(house, urgent, by=LEA, employee=f"employees/{EVA}")
    remind(house, MAX, reminded, "Uhr gestellt")
    put_aside(house, LEA, reminded)
    before = len(house.inbox(LEA))
    house.go_to(f"{sunday + timedelta(days=1)} 12:00")
    assert house.escalated(urgent) == [("P1", f"{sunday:%d.%m.} {hour}", False) for hour in hours]
    assert [time for time, subject in house.letters(EVA_MAIL) if "weitergeleitet" in subject] == [
        f"{sunday:%d.%m.} 06:01"
    ]
    assert house.inbox(MAX).count("Wiedervorlage: Uhr gestellt") == 1
    assert len(house.inbox(LEA)) == before + 1
    # The week of duty ends on Monday at eight by the clock that holds then.
    began = "Bereitschaft Week: Sie haben jetzt Dienst"
    assert sum(one.startswith(began) for one in house.inbox(MAX)) == 1


def test_eight_hours_of_downtime(opened: Open) -> None:
    """Killed at ten in the evening, up again at six: everything is made up for once, and what is late says so."""
    house = opened("2026-03-02 08:00", p101=Wishes((POPUP,), (SMS,), 30))
    house.point(1, 50, "duty", level=2)
    house.point(2, 100, "team", level=2)
    house.go_to("2026-03-08 21:00")
    put_aside(house, EVA, "2026-03-09 01:00")
    urgent = house.call(level=2)
    remind(house, EVA, "2026-03-09 02:00", "Nachts")
    asked = away(house, EVA, "2026-03-10", "2026-03-11", decided=False)
    house.go_to("2026-03-08 21:59")
    before = house.inbox(EVA)
    house.business.away_until = berlin("2026-03-09 06:10")
    house.down_until("2026-03-09 06:00")
    assert house.escalated(urgent) == [("P1", "09.03. 06:00", True), ("P2", "09.03. 06:00", True)]
    assert house.inbox(EVA)[len(before) :].count("Wiedervorlage: Nachts") == 1
    assert len(house.inbox(EVA)) == len(before) + 3  # what was put aside, the reminder, and point 2
    house.go_to("2026-03-09 09:00")
    assert [text for _, text in house.letters(EVA_SMS)].count(f"P1/0 Call {urgent.rpartition('/')[2]}") == 1
    assert house.escalated(urgent)[2:] == []
    # The week of duty changed hands on this Monday at eight, and the request still waits for its two groups.
    assert sum(one.startswith("Bereitschaft Week: Sie haben jetzt Dienst") for one in house.inbox(MAX)) == 1
    found = house.ask("GetAbsence", absences_pb2.GetAbsenceRequest(name=asked.name))
    for approver in (LEA, JAN):
        request = absences_pb2.ApproveAbsenceRequest(name=found.name, etag=found.etag)
        found = house.ask("ApproveAbsence", request, approver)
    assert found.state == absences_pb2.ABSENCE_STATE_APPROVED


def test_what_waited_for_eight_hours_is_late_even_if_somebody_touches_the_call_first(opened: Open) -> None:
    house = opened("2026-03-02 08:00")
    house.point(1, 50, "team", level=2)
    urgent = house.call(level=2)
    house.house.kill()
    house.clock.advance(timedelta(hours=8))
    house.house.open()
    house.do("RecordReaction", urgent, LEA)
    house.work()
    assert house.escalated(urgent) == [("P1", "02.03. 16:00", True)]


def test_policies_that_change_while_everything_runs(  # noqa: PLR0915 - a day in the life of an administrator
    opened: Open,
) -> None:
    """A point, a text, a calendar, a wish, a roster, a group, a status event and a setting: each holds at once."""
    house = opened("2026-03-02 08:00")
    point = house.point(1, 100, "team", level=1)
    first, second = house.call(), house.call()
    house.go_to("2026-03-02 10:00")

    text = text_modules_pb2.GetTextModuleRequest(name="textModules/alarm")
    module = house.ask("GetTextModule", text)
    module.text = "Neu: <ServCall.ServicecallNr>\n."
    house.ask("UpdateTextModule", text_modules_pb2.UpdateTextModuleRequest(text_module=module))
    name = f"escalationPoints/{point.number}"
    stored = house.ask("GetEscalationPoint", escalations_pb2.GetEscalationPointRequest(name=name))
    stored.percent = 50
    house.ask("UpdateEscalationPoint", escalations_pb2.UpdateEscalationPointRequest(escalation_point=stored))
    house.go_to("2026-03-02 11:00")
    calendar = house.ask("GetCalendar", calendars_pb2.GetCalendarRequest(name="calendars/office"))
    calendar.exceptions.add(date="2026-03-02", closes_at_minute=11 * 60 + 30)
    house.ask("UpdateCalendar", calendars_pb2.UpdateCalendarRequest(calendar=calendar))
    house.do("ChangeState", second, LEA, state=state(INTERRUPTED))
    house.go_to("2026-03-03 09:00")
    # Three and a half hours on Monday, and half of one on Tuesday.
    assert house.escalated() == [("P1", "03.03. 08:30", False)]
    assert house.inbox(EVA)[-1] == f"Neu: {first.rpartition('/')[2]}"

    event = house.ask("GetStatusEvent", status_events_pb2.GetStatusEventRequest(name="statusEvents/solved"))
    event.disabled = True
    house.ask("UpdateStatusEvent", status_events_pb2.UpdateStatusEventRequest(status_event=event))
    house.do("SolveServicecall", first, LEA)
    house.go_to("2026-03-03 10:00")
    assert house.letters("kunde1001@example.org") == []

    wishes = notices_pb2.GetNotificationPreferencesRequest(name=f"employees/{EVA}/notificationPreferences")
    stored = house.ask("GetNotificationPreferences", wishes)
    house.ask("UpdateNotificationPreferences", furnish.preferences(EVA, Wishes((SMS,), (), 0), stored.etag))
    house.do("ChangeState", second, LEA, state=state(STARTED))
    forward(house, second, by=LEA, employee=f"employees/{EVA}")

    def slower(settings: settings_pb2.Settings) -> None:
        settings.server_es.notifications.bundle_duration.FromTimedelta(timedelta(minutes=10))

    house.go_to("2026-03-03 10:02")
    house.choose(slower)
    forward(house, second, by=LEA, employee=f"employees/{MAX}")
    forward(house, second, by=LEA, employee=f"employees/{EVA}")
    house.go_to("2026-03-03 10:30")
    assert [time for time, text in house.letters(EVA_SMS) if "weitergeleitet" in text] == [
        "03.03. 10:01",
        "03.03. 10:12",
    ]

    asked = away(house, EVA, "2026-03-04", "2026-03-05", decided=False)
    group = house.ask("GetApprovalGroup", absences_pb2.GetApprovalGroupRequest(name="approvalGroups/office"))
    group.members[:] = [f"employees/{MAX}"]
    house.ask("UpdateApprovalGroup", absences_pb2.UpdateApprovalGroupRequest(approval_group=group))
    for approver in (LEA, MAX):
        request = absences_pb2.ApproveAbsenceRequest(name=asked.name, etag=asked.etag)
        asked = house.ask("ApproveAbsence", request, approver)
    assert asked.state == absences_pb2.ABSENCE_STATE_APPROVED

    house.point(9, 100, "duty", level=2)
    urgent = house.call(level=2)
    roster = house.ask("GetRoster", duty_pb2.GetRosterRequest(name="rosters/week"))
    roster.layers[0].groups[0].employees[:] = [f"employees/{MAX}"]
    house.ask("UpdateRoster", duty_pb2.UpdateRosterRequest(roster=roster))
    house.go_to("2026-03-03 15:00")
    called = ("03.03. 14:30", f"Neu: {urgent.rpartition('/')[2]}")
    assert called in house.letters(MAX_SMS)
    assert called not in house.letters(EVA_SMS)
