"""Escalations behind their real door, told as stories with a clock that is moved by hand."""

from datetime import UTC, timedelta
from typing import Any

import grpc
import pytest
from esoffice.es.v1 import calendars_pb2, text_modules_pb2
from esoffice.es.v1 import escalations_pb2 as pb
from esoffice.es.v1 import service_levels_pb2 as levels_pb
from esoffice.es.v1 import servicecalls_pb2 as calls_pb
from sqlalchemy import event

from server_es.escalations.recipients import Channel
from server_es.inboxes import INBOXES
from tests.builders.escalations import ADDITIONAL_MAIL, ES_MESSAGE, MAIL, SMS, Escalating, open_escalating
from tests.builders.office import FORWARDED, HOUR, INTERRUPTED, STARTED, berlin, level, request_id, state, weekday
from tests.contract.conftest import CHIEF, Serve, person, refused

TEAM = {"responsible_team": "teams/technik"}


@pytest.fixture
async def house(serve: Serve) -> Escalating:
    """Monday, 2 March 2026, 09:00 in Berlin; level 5: a solution within 8 working hours, 08:00 to 17:00."""
    return await open_escalating(serve)


def seen(escalations: list[pb.Escalation]) -> list[tuple[str, str]]:
    return [(one.point_title, one.fire_time.ToDatetime().strftime("%d. %H:%M")) for one in escalations]


async def test_points_fire_in_percent_order_each_once(house: Escalating) -> None:
    for number, percent in ((1, 100), (2, 50), (3, 125)):
        await house.point(number, percent)
    call = await house.office.call(responsible_employee="employees/101")
    house.go_to(berlin("2026-03-03 12:00"))
    assert seen(await house.escalations(call.name)) == [
        ("50 %", "02. 12:00"),
        ("100 %", "02. 16:00"),
        ("125 %", "03. 09:00"),
    ]
    assert house.subjects() == [("101", "50 % Call 1"), ("101", "100 % Call 1"), ("101", "125 % Call 1")]
    assert house.office.inbox("101")[1:] == ["50 % Call 1", "100 % Call 1", "125 % Call 1"]
    assert {(one.late, one.held, one.hastened) for one in await house.escalations()} == {(False, False, False)}


async def test_many_calls_escalate_with_a_handful_of_statements(house: Escalating) -> None:
    await house.point(1, 50)
    for _ in range(30):
        await house.office.call(responsible_employee="employees/101")
    house.retime()
    house.office.go_to(berlin("2026-03-02 13:00"))
    statements: list[str] = []
    event.listen(house.database.engine, "before_cursor_execute", lambda *said: statements.append(said[2]))
    house.turn()
    found = await house.escalations()
    assert len(found) == 30
    assert {one.text for one in found} == {"Lösung bis Mo 02.03.2026 17:00"}  # each from its own log
    assert len(statements) < 30


async def test_the_status_ceiling_is_strict(house: Escalating) -> None:
    await house.point(1, 50, state_ceiling=STARTED)
    await house.point(2, 50, state_ceiling=FORWARDED)
    call = await house.office.call(**TEAM)
    await house.office.do("ChangeState", call.name, state=state(STARTED))
    house.go_to(berlin("2026-03-02 18:00"))
    assert [one.point for one in await house.escalations()] == ["escalationPoints/2"]


async def test_a_solved_call_does_not_escalate(house: Escalating) -> None:
    await house.point(1, 50)
    call = await house.office.call(**TEAM)
    house.office.go_to(berlin("2026-03-02 13:00"))
    await house.office.do("SolveServicecall", call.name)
    house.turn()
    assert await house.escalations() == []


async def test_while_the_clock_stands_nothing_escalates_and_the_pause_does_not_count(house: Escalating) -> None:
    await house.point(1, 50)
    call = await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-02 11:00"))
    await house.office.do("ChangeState", call.name, state=state(INTERRUPTED))
    house.go_to(berlin("2026-03-03 11:00"))
    assert await house.escalations() == []
    await house.office.do("ChangeState", call.name, state=state(STARTED))
    house.go_to(berlin("2026-03-03 18:00"))
    assert seen(await house.escalations()) == [("50 %", "03. 12:00")]


async def test_a_reopened_call_is_armed_again(house: Escalating) -> None:
    await house.point(1, 50)
    call = await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-02 14:00"))
    await house.office.do("SolveServicecall", call.name)
    house.go_to(berlin("2026-03-02 15:00"))
    await house.office.do("ReopenServicecall", call.name)
    house.turn()
    found = await house.escalations()
    assert [(one.cycle, one.late) for one in found] == [(0, False), (1, False)]


async def test_another_level_arms_again(house: Escalating) -> None:
    await house.point(1, 50, assignments=[pb.EscalationAssignment(priority="priorities/1")])
    call = await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-02 14:00"))
    await house.office.do("ChangeServiceLevel", call.name, service_level="serviceLevels/4")
    house.turn()
    assert [one.cycle for one in await house.escalations()] == [0, 1]


async def test_delays_count_in_working_time_or_in_real_time(house: Escalating) -> None:
    await house.point(1, 100, title="working", delay_working_duration=2 * HOUR)
    await house.point(2, 100, title="real", delay_duration=2 * HOUR)
    await house.point(3, 100, title="before", delay_working_duration=-1 * HOUR)
    await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-04 08:00"))
    assert seen(await house.escalations()) == [
        ("before", "02. 15:00"),
        ("real", "02. 18:00"),
        ("working", "03. 09:00"),
    ]


async def test_points_measure_reaction_and_arrival_as_well(house: Escalating) -> None:
    await house.point(1, 100, title="reaction", milestone=calls_pb.MILESTONE_KIND_REACTION)
    await house.point(2, 50, title="arrival", milestone=calls_pb.MILESTONE_KIND_ARRIVAL)
    slow = await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-02 11:00"))
    await house.office.do("AcceptServicecall", slow.name)
    fast = await house.office.call(**TEAM)
    await house.office.do("RecordReaction", fast.name)
    house.go_to(berlin("2026-03-02 18:00"))
    assert [(one.point_title, one.servicecall) for one in await house.escalations()] == [
        ("reaction", slow.name),
        ("arrival", slow.name),
    ]


async def test_it_repeats_until_somebody_acknowledges_and_not_more_often_than_said(house: Escalating) -> None:
    await house.point(1, 50, repeat_duration=timedelta(minutes=30), repeat_limit=3)
    first = await house.office.call(**TEAM)
    second = await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-02 13:40"))
    answer = await house.stub.AcknowledgeEscalations(pb.AcknowledgeEscalationsRequest(servicecall=first.name))
    assert [(one.round, one.acknowledger) for one in answer.escalations] == [(1, "employees/100"), (0, "employees/100")]
    house.go_to(berlin("2026-03-02 20:00"))
    assert [one.round for one in await house.escalations(first.name)] == [0, 1]
    assert [one.round for one in await house.escalations(second.name)] == [0, 1, 2, 3]


async def test_acknowledging_stops_the_chain_but_for_points_that_say_so(house: Escalating) -> None:
    await house.point(1, 50)
    await house.point(2, 75)
    await house.point(3, 100, after_acknowledgement=True)
    call = await house.office.call(**TEAM)
    request = pb.AcknowledgeEscalationsRequest(servicecall=call.name)
    error = await refused(house.stub.AcknowledgeEscalations(request))
    assert "has not escalated" in (error.details() or "")
    house.go_to(berlin("2026-03-02 14:00"))
    await house.stub.AcknowledgeEscalations(request)
    await house.stub.AcknowledgeEscalations(request)
    house.go_to(berlin("2026-03-03 18:00"))
    assert [one.point_title for one in await house.escalations()] == ["50 %", "100 %"]


async def test_a_popup_acknowledges(house: Escalating) -> None:
    await house.point(1, 50)
    await house.point(2, 75)
    call = await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-02 14:00"))
    with house.office.served.database.unit() as unit:
        told = INBOXES.page(unit, "101", limit=1, newest_first=True)[0]
        said = house.rooms.actions.act(unit, told, "escalations.acknowledge", text="", who=CHIEF)
    assert said == "Bestätigt; es wird nicht weiter eskaliert."
    house.go_to(berlin("2026-03-03 18:00"))
    assert [one.acknowledger for one in await house.escalations(call.name)] == ["employees/100"]


async def test_nobody_reachable_goes_on_at_once_and_somebody_is_told(house: Escalating) -> None:
    house.rooms.choice.fallback_employee = "103"
    house.house.away["101"] = ""
    await house.event("boss", recipients=[pb.EscalationRecipient(employee="employees/102")], notify_by_forwarding=False)
    await house.point(1, 50)
    await house.point(2, 75, event="escalationEvents/boss")
    await house.point(3, 100)
    await house.office.call(responsible_employee="employees/101")
    house.turn()
    house.go_to(berlin("2026-03-02 13:00"))
    found = await house.escalations()
    assert [(one.point_title, one.outcome, one.hastened) for one in found] == [
        ("50 %", pb.ESCALATION_OUTCOME_NOBODY_REACHABLE, False),
        ("75 %", pb.ESCALATION_OUTCOME_TOLD, True),
    ]
    assert house.subjects() == [("103", "Niemand erreichbar: 50 % Call 1"), ("102", "75 % Call 1")]


async def test_when_nobody_is_reachable_and_the_last_resort_is_away_his_substitute_is_told(house: Escalating) -> None:
    house.rooms.choice.fallback_employee = "103"
    house.house.away |= {"101": "", "103": "102"}
    await house.point(1, 50)
    await house.office.call(responsible_employee="employees/101")
    house.go_to(berlin("2026-03-02 13:00"))
    assert [name for name, _ in house.subjects()] == ["102"]


async def test_what_waited_through_a_downtime_is_late_even_if_the_call_was_touched_before(house: Escalating) -> None:
    await house.point(1, 50)
    call = await house.office.call(**TEAM)
    house.retime()
    house.office.go_to(berlin("2026-03-02 21:00"))
    await house.office.do("RecordReaction", call.name)
    house.turn()
    assert [(one.late, one.held) for one in await house.escalations()] == [(True, False)]


async def test_what_is_acknowledged_in_a_maintenance_window_was_not_held_later(house: Escalating) -> None:
    await house.point(1, 10)
    await house.point(2, 25)
    await house.point(3, 75, after_acknowledgement=True)
    call = await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-02 10:00"))
    window = pb.MaintenanceWindow(
        name="maintenanceWindows/x",
        title="Umbau",
        address="addresses/1001",
        start_time=berlin("2026-03-02 10:30"),
        end_time=berlin("2026-03-02 13:00"),
    )
    await house.stub.CreateMaintenanceWindow(pb.CreateMaintenanceWindowRequest(maintenance_window=window))
    house.go_to(berlin("2026-03-02 12:00"))  # point 2 is held
    await house.stub.AcknowledgeEscalations(pb.AcknowledgeEscalationsRequest(servicecall=call.name))
    house.go_to(berlin("2026-03-02 16:00"))
    assert [(one.point_title, one.held) for one in await house.escalations()] == [("10 %", False), ("75 %", False)]


async def test_the_substitute_of_who_is_away_and_who_is_on_duty_are_told(house: Escalating) -> None:
    house.house.away["101"] = "103"
    house.house.duty["night"] = ["102"]
    await house.event(
        "night",
        recipients=[pb.EscalationRecipient(roster="rosters/night"), pb.EscalationRecipient(employee="employees/101")],
        notify_by_forwarding=False,
    )
    await house.point(1, 50, event="escalationEvents/night")
    await house.office.call()
    house.go_to(berlin("2026-03-02 13:00"))
    assert sorted(name for name, _ in house.subjects()) == ["102", "103"]


async def test_every_channel_leads_where_the_row_or_the_employee_says(house: Escalating) -> None:
    await house.event(
        "all",
        channels=[ES_MESSAGE, MAIL, ADDITIONAL_MAIL, SMS],
        notify_by_forwarding=False,
        recipients=[
            pb.EscalationRecipient(
                employee="employees/101", mobile="+49170111", additional_mail_address="2@example.org"
            ),
            pb.EscalationRecipient(mail_address="chef@example.org", mobile="+49170222"),
        ],
    )
    await house.point(1, 50, event="escalationEvents/all")
    await house.office.call()
    house.go_to(berlin("2026-03-02 13:00"))
    first, second = (dict(one.told.channels) for one in house.house.told)
    assert (first["esMessage"], first["additionalMail"], first["sms"]) == ("101", "2@example.org", "+49170111")
    assert second == {"mail": "chef@example.org", "sms": "+49170222"}
    (found,) = await house.escalations()
    whole = await house.stub.GetEscalation(pb.GetEscalationRequest(name=found.name))
    assert {(one.recipient, one.channel, one.state) for one in whole.deliveries} >= {
        ("employees/101", "esMessage", "sent"),
        ("+49170222", "sms", "waiting"),
        ("chef@example.org", "mail", "waiting"),
    }


async def test_an_escalation_can_set_the_state(house: Escalating) -> None:
    await house.point(1, 50, new_state=state(FORWARDED))
    await house.point(2, 75, state_ceiling=FORWARDED)
    call = await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-02 18:00"))
    assert [(one.point_title, one.new_state) for one in await house.escalations()] == [("50 %", state(FORWARDED))]
    assert (await house.office.get(call.name)).state == state(FORWARDED)


async def test_what_is_due_during_maintenance_escalates_at_its_end(house: Escalating) -> None:
    await house.point(1, 50, repeat_duration=timedelta(hours=1), repeat_limit=5)
    window = pb.MaintenanceWindow(
        name="maintenanceWindows/update",
        title="Umbau",
        system="systems/A-2",
        start_time=berlin("2026-03-02 12:30"),
        end_time=berlin("2026-03-02 16:00"),
    )
    await house.stub.CreateMaintenanceWindow(pb.CreateMaintenanceWindowRequest(maintenance_window=window))
    held = await house.office.call(system="systems/A-2", **TEAM)
    free = await house.office.call(system="systems/A-1", **TEAM)
    await house.office.do("ChangeServiceLevel", held.name, service_level="serviceLevels/5")
    await house.office.do("ChangeServiceLevel", free.name, service_level="serviceLevels/5")
    house.go_to(berlin("2026-03-02 16:30"))
    assert [(one.held, one.round) for one in await house.escalations(held.name)] == [(True, 0)]
    assert [one.held for one in await house.escalations(free.name)] == [False] * 4


async def test_a_window_that_is_deleted_lets_go_at_once(house: Escalating) -> None:
    await house.point(1, 50)
    window = pb.MaintenanceWindow(
        name="maintenanceWindows/update",
        title="Umbau",
        address="addresses/1001",
        start_time=berlin("2026-03-02 12:30"),
        end_time=berlin("2026-03-05 16:00"),
    )
    await house.stub.CreateMaintenanceWindow(pb.CreateMaintenanceWindowRequest(maintenance_window=window))
    await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-02 14:00"))
    assert await house.escalations() == []
    await house.stub.DeleteMaintenanceWindow(pb.DeleteMaintenanceWindowRequest(name=window.name))
    house.turn()
    assert [one.held for one in await house.escalations()] == [True]


async def test_after_a_downtime_late_ones_fire_once_marked_and_at_the_capped_rate(house: Escalating) -> None:
    house.rooms.choice.late_per_minute = 60
    for number, percent in ((1, 50), (2, 75)):
        await house.point(number, percent)
    for _ in range(5):
        await house.office.call(**TEAM)
    house.office.go_to(berlin("2026-03-02 20:00"))
    keeper = house.timekeeper()
    house.turn(keeper)
    assert len(await house.escalations()) == 2
    house.go_to(berlin("2026-03-02 20:00") + timedelta(seconds=10), keeper)
    found = await house.escalations()
    assert [(one.point_title, one.late) for one in found] == [("50 %", True), ("75 %", True)] * 5


async def test_a_policy_that_is_changed_while_it_runs_holds_for_open_calls(house: Escalating) -> None:
    await house.office.call(**TEAM)
    point = await house.point(1, 50)
    house.turn()
    house.go_to(berlin("2026-03-02 11:00"))
    point.percent = 25
    point = await house.stub.UpdateEscalationPoint(pb.UpdateEscalationPointRequest(escalation_point=point))
    house.turn()
    assert seen(await house.escalations()) == [("50 %", "02. 10:00")]
    await house.point(2, 60)
    await house.stub.DeleteEscalationPoint(pb.DeleteEscalationPointRequest(name="escalationPoints/1"))
    house.go_to(berlin("2026-03-02 18:00"))
    assert [one.point_title for one in await house.escalations()] == ["50 %", "60 %"]


async def test_another_calendar_moves_what_is_to_come(house: Escalating) -> None:
    await house.point(1, 50)
    await house.office.call(**TEAM)
    calendar = await house.office.calendars.GetCalendar(calendars_pb2.GetCalendarRequest(name="calendars/office"))
    del calendar.windows[:]
    calendar.windows.extend(weekday(day, "12:00-20:00") for day in range(1, 6))
    await house.office.calendars.UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=calendar))
    house.go_to(berlin("2026-03-02 21:00"))
    assert seen(await house.escalations()) == [("50 %", "02. 15:00")]


async def test_escalate_now_fires_the_next_point_before_its_time(house: Escalating) -> None:
    await house.point(1, 50)
    await house.point(2, 100)
    call = await house.office.call(**TEAM)
    request = pb.EscalateNowRequest(servicecall=call.name)
    first = await house.stub.EscalateNow(request)
    assert (first.point_title, first.actor, first.round) == ("50 %", "employees/100", 0)
    again = await house.stub.EscalateNow(pb.EscalateNowRequest(servicecall=call.name, point="escalationPoints/1"))
    assert again.round == 1
    house.go_to(berlin("2026-03-03 18:00"))
    assert [one.point_title for one in await house.escalations()] == ["50 %", "50 %", "100 %"]
    error = await refused(house.stub.EscalateNow(request))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_call_far_behind_fires_everything_at_once_in_percent_order(house: Escalating) -> None:
    for number, percent in ((3, 50), (2, 75), (1, 100)):
        await house.point(number, percent)
    await house.office.call(receive_time=berlin("2026-02-20 08:00"), **TEAM)
    house.turn()
    assert [(one.point_title, one.late) for one in await house.escalations()] == [
        ("50 %", False),
        ("75 %", False),
        ("100 %", False),
    ]


async def test_the_timer_sleeps_until_something_is_due(house: Escalating) -> None:
    await house.point(1, 50)
    await house.office.call(**TEAM)
    house.office.go_to(berlin("2026-03-02 12:59:58"))
    assert house.turn() == timedelta(seconds=2)


async def test_what_does_not_exist_is_refused_with_every_violation(house: Escalating) -> None:
    wrong: dict[str, Any] = {
        "new_state": state(60),
        "assignments": [pb.EscalationAssignment(service_level="serviceLevels/77", priority="priorities/9")],
    }
    error = await refused(house.point(1, 50, **wrong))
    for part in ("new_state", "serviceLevels/77 does not exist", "priorities/9 does not exist"):
        assert part in (error.details() or "")
    rows = [
        pb.EscalationRecipient(employee="employees/999"),
        pb.EscalationRecipient(team="teams/none"),
        pb.EscalationRecipient(roster="rosters/none"),
    ]
    error = await refused(house.event("x", recipients=rows, message_text_module="textModules/warning"))
    for part in ("employees/999", "teams/none", "rosters/none"):
        assert f"{part} does not exist" in (error.details() or "")
    error = await refused(house.event("x", notify_by_forwarding=False))
    assert "reaches nobody" in (error.details() or "")
    error = await refused(house.event("x", message_text_module="textModules/none"))
    assert "textModules/none does not exist" in (error.details() or "")


async def test_what_is_in_use_is_not_deleted(house: Escalating) -> None:
    await house.point(1, 50)
    error = await refused(
        house.stub.DeleteEscalationEvent(pb.DeleteEscalationEventRequest(name="escalationEvents/warn"))
    )
    assert error.details() == "escalationEvents/warn cannot be deleted: escalationPoints/1 refers to it."
    request = text_modules_pb2.DeleteTextModuleRequest(name="textModules/warning")
    error = await refused(house.texts.DeleteTextModule(request))
    assert "escalationEvents/warn refers to it" in (error.details() or "")


async def test_new_calls_made_together_are_timed_together(house: Escalating) -> None:
    await house.point(1, 50)
    requests = [
        calls_pb.CreateServicecallRequest(
            servicecall=calls_pb.Servicecall(
                title=f"Call {n}", address="addresses/1001", responsible_team="teams/technik"
            )
        )
        for n in range(50)
    ]
    await house.office.calls.BatchCreateServicecalls(calls_pb.BatchCreateServicecallsRequest(requests=requests))
    house.go_to(berlin("2026-03-02 13:00"))
    assert len(await house.escalations()) == 50


async def test_a_channel_that_is_not_set_up_is_refused(house: Escalating) -> None:
    house.rooms.channels.remove(Channel.SMS)
    error = await refused(house.event("x", channels=[ES_MESSAGE, SMS]))
    assert error.details() == "escalation_event.channels: sms is not set up here"


async def test_a_simulation_says_what_happens_if_nobody_touches_the_call(house: Escalating) -> None:
    await house.point(1, 50, repeat_duration=HOUR, repeat_limit=1)
    await house.point(2, 75, new_state=state(FORWARDED))
    call = await house.office.call("Pumpe <steht>", responsible_employee="employees/101")
    request = pb.SimulateEscalationsRequest(servicecall=call.name, picture=True, language="en")
    answer = await house.stub.SimulateEscalations(request)
    assert [(one.point_title, one.round, one.used_percent, one.english_text) for one in answer.steps] == [
        ("", 0, 100, "Mon 2026-03-02 10:00  Reaction due"),
        ("50 %", 0, 50, "Mon 2026-03-02 13:00  50 %: employees/101 (esMessage)"),
        ("50 %", 1, 62, "Mon 2026-03-02 14:00  50 %, repetition 1: employees/101 (esMessage)"),
        ("75 %", 0, 75, "Mon 2026-03-02 15:00  75 %: employees/101 (esMessage), new state Weitergeleitet"),
        ("", 0, 100, "Mon 2026-03-02 17:00  Solution due"),
    ]
    assert answer.steps[1].subject == "50 % Call 1"
    assert answer.svg.startswith("<svg")
    assert "Pumpe &lt;steht&gt;" in answer.svg
    house.go_to(berlin("2026-03-02 18:00"))
    fired = [(one.point_title, one.round) for one in await house.escalations()]
    assert fired == [(one.point_title, one.round) for one in answer.steps if one.point]


async def test_a_simulation_of_a_call_that_does_not_escalate_says_why(house: Escalating) -> None:
    draft = await house.office.call(draft=True)
    paused = await house.office.call()
    await house.office.do("ChangeState", paused.name, state=state(INTERRUPTED))
    for call, reason in ((draft, "The call is a draft."), (paused, "The clock stands: nothing escalates while")):
        request = pb.SimulateEscalationsRequest(servicecall=call.name, picture=True)
        answer = await house.stub.SimulateEscalations(request)
        assert answer.english_text.startswith(reason)
        assert answer.svg


async def test_catalogues_are_listed_read_and_changed(house: Escalating) -> None:
    point = await house.point(1, 50, delay_duration=HOUR, repeat_working_duration=HOUR, repeat_limit=2)
    listed = await house.stub.ListEscalationPoints(pb.ListEscalationPointsRequest())
    assert list(listed.escalation_points) == [point]
    assert await house.stub.GetEscalationPoint(pb.GetEscalationPointRequest(name=point.name)) == point
    listed = await house.stub.ListEscalationEvents(pb.ListEscalationEventsRequest())
    (event,) = listed.escalation_events
    assert await house.stub.GetEscalationEvent(pb.GetEscalationEventRequest(name=event.name)) == event
    event.title = "Anders"
    changed = await house.stub.UpdateEscalationEvent(pb.UpdateEscalationEventRequest(escalation_event=event))
    assert changed.title == "Anders"
    window = pb.MaintenanceWindow(
        name="maintenanceWindows/x",
        title="Umbau",
        address="addresses/1001",
        start_time=berlin("2026-03-02 12:30"),
        end_time=berlin("2026-03-02 13:30"),
    )
    made = await house.stub.CreateMaintenanceWindow(pb.CreateMaintenanceWindowRequest(maintenance_window=window))
    made.end_time.FromDatetime(berlin("2026-03-02 12:30"))
    error = await refused(
        house.stub.UpdateMaintenanceWindow(pb.UpdateMaintenanceWindowRequest(maintenance_window=made))
    )
    assert "end_time must lie after start_time" in (error.details() or "")
    made.end_time.FromDatetime(berlin("2026-03-02 14:30"))
    request = pb.UpdateMaintenanceWindowRequest(maintenance_window=made)
    made = await house.stub.UpdateMaintenanceWindow(request)
    assert await house.stub.GetMaintenanceWindow(pb.GetMaintenanceWindowRequest(name=made.name)) == made
    windows = await house.stub.ListMaintenanceWindows(pb.ListMaintenanceWindowsRequest())
    assert list(windows.maintenance_windows) == [made]


async def test_what_has_escalated_is_listed_page_by_page(house: Escalating) -> None:
    await house.point(1, 50)
    for _ in range(3):
        await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-02 14:00"))
    first = await house.stub.ListEscalations(pb.ListEscalationsRequest(page_size=2))
    rest = await house.stub.ListEscalations(pb.ListEscalationsRequest(page_size=2, page_token=first.next_page_token))
    names = [one.name for one in (*first.escalations, *rest.escalations)]
    assert names == ["escalations/3", "escalations/2", "escalations/1"]
    await house.stub.AcknowledgeEscalations(pb.AcknowledgeEscalationsRequest(servicecall="servicecalls/2"))
    left = await house.stub.ListEscalations(pb.ListEscalationsRequest(unacknowledged_only=True))
    assert len(left.escalations) == 2
    error = await refused(house.stub.GetEscalation(pb.GetEscalationRequest(name="escalations/9")))
    assert error.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("allowed", "request_", "method"),
    [
        ("escalations.read", pb.AcknowledgeEscalationsRequest(servicecall="servicecalls/1"), "AcknowledgeEscalations"),
        ("escalations.acknowledge", pb.EscalateNowRequest(servicecall="servicecalls/1"), "EscalateNow"),
        ("escalations.hold", pb.DeleteEscalationPointRequest(name="escalationPoints/1"), "DeleteEscalationPoint"),
    ],
)
async def test_each_verb_has_its_permission(house: Escalating, allowed: str, request_: Any, method: str) -> None:
    house.office.served.caller = person(allowed)
    error = await refused(getattr(house.stub, method)(request_))
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_a_repeated_request_escalates_once(house: Escalating) -> None:
    await house.point(1, 50)
    call = await house.office.call(**TEAM)
    request = pb.EscalateNowRequest(servicecall=call.name, request_id=request_id())
    assert await house.stub.EscalateNow(request) == await house.stub.EscalateNow(request)
    assert len(await house.escalations()) == 1


async def test_a_night_and_a_weekend_pass_without_a_sound(house: Escalating) -> None:
    await house.point(1, 100, repeat_working_duration=HOUR, repeat_limit=2)
    house.office.go_to(berlin("2026-03-06 15:00"))
    await house.office.call(**TEAM)
    house.go_to(berlin("2026-03-10 12:00"))
    assert seen(await house.escalations()) == [("100 %", "09. 13:00"), ("100 %", "09. 14:00"), ("100 %", "09. 15:00")]


async def test_in_the_night_in_which_the_clocks_change_real_time_counts(house: Escalating) -> None:
    level_ = level(9, solution_working_duration=4 * HOUR, calendar="")
    await house.office.levels.CreateServiceLevel(levels_pb.CreateServiceLevelRequest(service_level=level_))
    await house.point(1, 100, assignments=[pb.EscalationAssignment(service_level="serviceLevels/9")])
    house.office.go_to(berlin("2026-03-29 00:30"))
    call = await house.office.call(**TEAM)
    await house.office.do("ChangeServiceLevel", call.name, service_level="serviceLevels/9")
    house.go_to(berlin("2026-03-29 12:00"))
    (fired,) = await house.escalations()
    assert fired.fire_time.ToDatetime(tzinfo=UTC) == berlin("2026-03-29 05:30")
