"""The company as requests of the contracts: what an administrator types in before the first day."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from esoffice.config.v1 import settings_pb2
from esoffice.es.v1 import (
    absences_pb2,
    calendars_pb2,
    directory_pb2,
    duty_pb2,
    escalations_pb2,
    notices_pb2,
    service_levels_pb2,
    status_events_pb2,
    text_modules_pb2,
)

from tests.builders import directory as build
from tests.simulation.company import DONE, ESCALATED, SOLVED, Company, Event, Level, Point, Roster, Wishes
from tests.simulation.worktime import Hours

_KINDS = {"reaction": 1, "arrival": 2, "solution": 3}
_CHANNELS = {2: 1, 3: 2, 4: 3, 5: 4}
"""From the channels of notices to those of escalations; a popup is an esMessage there."""
_AT_ONCE = 400


def settings(company: Company) -> settings_pb2.Settings:
    """Return the settings of the site."""
    made = settings_pb2.Settings()
    made.common.site.time_zone = "Europe/Berlin"
    es = made.server_es
    es.messages.heartbeat_duration.FromTimedelta(timedelta(seconds=20))
    es.messages.kept_days = 365
    es.clients.kept_days = 30
    es.escalations.fallback_employee, es.escalations.late_per_minute = company.fallback, 600
    es.servicecalls.notify_team_on_creation = es.servicecalls.reopen_solved = es.servicecalls.reopen_done = True
    es.absences.calendar = "calendars/office"
    said = es.notifications
    said.fallback_duration.FromTimedelta(timedelta(minutes=30))
    said.bundle_duration.FromTimedelta(timedelta(seconds=60))
    said.identical_duration.FromTimedelta(timedelta(minutes=5))
    said.mails_per_hour, said.sms_per_hour = 30, 6
    es.status_events.customer_mails_per_day, es.status_events.call_mark = 20, "Call <ServCall.ServicecallNr>"
    return made


def furnish(call: Callable[[str, Any], Any], company: Company) -> None:
    """Type it all in, with a function that makes calls."""
    for method, request in _requests(company):
        if method == "SetDefaults":
            request.defaults.etag = call("GetDefaults", service_levels_pb2.GetDefaultsRequest()).etag
        answer = call(method, request)
        refused = [one.status.message for one in getattr(answer, "results", ()) if one.HasField("status")]
        if refused:
            raise AssertionError(f"{method}: {refused[:3]}")
    for number, wishes in company.wishes.items():
        name = f"employees/{number}/notificationPreferences"
        stored = call("GetNotificationPreferences", notices_pb2.GetNotificationPreferencesRequest(name=name))
        call("UpdateNotificationPreferences", preferences(number, wishes, stored.etag))


def _requests(company: Company) -> Iterator[tuple[str, Any]]:
    """Return method and request, in the order in which they refer to each other."""
    for id_, hours in company.hours.items():
        yield "CreateCalendar", calendars_pb2.CreateCalendarRequest(calendar=calendar(id_, hours))
    pb = service_levels_pb2
    for number, title in ((1, "Hoch"), (2, "Normal")):
        priority = pb.Priority(name=f"priorities/{number}", title=title)
        yield "CreatePriority", pb.CreatePriorityRequest(priority=priority)
    category = pb.ProblemCategory(name="problemCategories/fault", title="Störung")
    yield "CreateProblemCategory", pb.CreateProblemCategoryRequest(problem_category=category)
    escalated = pb.ServicecallState(
        name=f"servicecallStates/{ESCALATED}", title="Eskaliert", meaning=pb.STATE_MEANING_FORWARDED
    )
    yield "CreateServicecallState", pb.CreateServicecallStateRequest(servicecall_state=escalated)
    for one in company.levels.values():
        yield "CreateServiceLevel", pb.CreateServiceLevelRequest(service_level=level(one))
    defaults = pb.ServicecallDefaults(service_level="serviceLevels/1", problem_category="problemCategories/fault")
    yield "SetDefaults", pb.SetDefaultsRequest(defaults=defaults)
    for records in ([*_people(company)], [*_records(company)]):
        for start in range(0, len(records), _AT_ONCE):
            yield "BatchUpsertRecords", build.upsert(*records[start : start + _AT_ONCE])
    for one in company.rosters.values():
        yield "CreateRoster", duty_pb2.CreateRosterRequest(roster=roster(one))
    yield from _absences(company)
    yield from _escalations(company)


def calendar(id_: str, hours: Hours, etag: str = "") -> calendars_pb2.Calendar:
    pb = calendars_pb2
    windows = [
        pb.WeekdayWindow(weekday=day, window=pb.TimeWindow(start_minute=start, end_minute=end))  # type: ignore[arg-type]
        for day, start, end in hours.windows
    ]
    return pb.Calendar(
        name=f"calendars/{id_}", title=id_.title(), windows=windows, etag=etag,
        holidays=pb.HolidayRegion(subdivision=hours.state) if hours.state else None,
        exceptions=[
            *(pb.CalendarException(date=f"--{month:02}-{day:02}", closes_at_minute=minute)
              for (month, day), minute in hours.early.items()),
            *(pb.CalendarException(date=day.isoformat()) for day in sorted(hours.closed)),
        ],
        accept_until=[
            pb.AcceptUntil(weekday=day, minute=minute)  # type: ignore[arg-type]
            for day, minute in hours.accept_until.items()
        ],
    )  # fmt: skip


def level(one: Level, etag: str = "") -> service_levels_pb2.ServiceLevel:
    made = service_levels_pb2.ServiceLevel(
        name=f"serviceLevels/{one.number}", title=f"Level {one.number}", priority=f"priorities/{one.priority}",
        calendar=f"calendars/{one.hours}" if one.hours else "", etag=etag,
    )  # fmt: skip
    for kind in _KINDS:
        if (promised := one.promised(kind)) is not None:
            getattr(made, f"{kind}_working_duration").FromTimedelta(promised)
    return made


def point(one: Point, etag: str = "") -> escalations_pb2.EscalationPoint:
    pb = escalations_pb2
    row = pb.EscalationAssignment(
        service_level=f"serviceLevels/{one.level}" if one.level else "",
        priority=f"priorities/{one.priority}" if one.priority else "",
    )
    made = pb.EscalationPoint(
        name=f"escalationPoints/{one.number}", title=f"P{one.number}", event=f"escalationEvents/{one.event}",
        milestone=_KINDS[one.kind], percent=one.percent, state_ceiling=one.ceiling, assignments=[row],  # type: ignore[arg-type]
        new_state=f"servicecallStates/{one.new_state}" if one.new_state else "", repeat_limit=one.limit,
        after_acknowledgement=one.always, disabled=one.disabled, etag=etag,
    )  # fmt: skip
    if one.delay:
        (made.delay_duration if one.real else made.delay_working_duration).FromTimedelta(one.delay)
    elif one.real:
        made.delay_duration.FromTimedelta(one.delay)
    if one.repeat is not None:
        (made.repeat_duration if one.repeat_real else made.repeat_working_duration).FromTimedelta(one.repeat)
    return made


def event(one: Event) -> escalations_pb2.EscalationEvent:
    pb = escalations_pb2
    rows = [
        pb.EscalationRecipient(
            employee=f"employees/{row.employee}" if row.employee else "", team=f"teams/{row.team}" if row.team else "",
            roster=f"rosters/{row.roster}" if row.roster else "", mail_address=row.mail,
            additional_mail_address=row.additional, mobile=row.mobile,
        )
        for row in one.rows
    ]  # fmt: skip
    return pb.EscalationEvent(
        name=f"escalationEvents/{one.id}", title=one.id.title(), message_text_module="textModules/alarm",
        channels=[_CHANNELS[channel] for channel in sorted(one.channels)],  # type: ignore[misc]
        notify_responsible_employee=one.responsible, notify_by_forwarding=one.forwarding, recipients=rows,
    )  # fmt: skip


def roster(one: Roster) -> duty_pb2.Roster:
    layer = duty_pb2.DutyLayer(
        rotation=duty_pb2.ROTATION_KIND_WEEKLY, start_date=one.start.isoformat(), handoff_minute=480,
        groups=[duty_pb2.DutyGroup(employees=[f"employees/{number}"]) for number in one.crew],
    )  # fmt: skip
    made = duty_pb2.Roster(name=f"rosters/{one.id}", title=one.id.title(), layers=[layer])
    made.notice_lead_duration.FromTimedelta(timedelta(hours=24))
    return made


def preferences(number: str, wishes: Wishes, etag: str) -> notices_pb2.UpdateNotificationPreferencesRequest:
    pb = notices_pb2
    said = pb.NotificationPreferences(
        name=f"employees/{number}/notificationPreferences", channels=wishes.channels, etag=etag,  # type: ignore[arg-type]
        fallback_channels=wishes.fallback,  # type: ignore[arg-type]
    )  # fmt: skip
    said.fallback_duration.FromTimedelta(timedelta(minutes=wishes.minutes))
    if wishes.quiet is not None:
        start, end = wishes.quiet
        said.quiet_hours.add(window=calendars_pb2.TimeWindow(start_minute=start, end_minute=end))
    return pb.UpdateNotificationPreferencesRequest(notification_preferences=said)


def _people(company: Company) -> Iterator[directory_pb2.Record]:
    """A substitute has to be there before who names him."""
    for one in company.people.values():
        yield build.employee(one.number, mail_address=one.mail, mobile=one.mobile)


def _records(company: Company) -> Iterator[directory_pb2.Record]:
    for one in company.people.values():
        if one.substitute:
            name = f"employees/{one.substitute}"
            yield build.employee(one.number, mail_address=one.mail, mobile=one.mobile, substitute=name)
    for team, members in company.teams.items():
        yield build.team(team, *members)
    for number in company.customers:
        yield build.address(number, mail_addresses=[f"kunde{number}@example.org"])
    for at, (number, address) in enumerate(company.systems.items()):
        chosen = f"serviceLevels/{1 + at % len(company.levels)}"
        yield build.system(number, address, service_level=chosen if at % 3 else "")


def _absences(company: Company) -> Iterator[tuple[str, Any]]:
    pb = absences_pb2
    kinds = (pb.AbsenceKind(name="absenceKinds/illness", title="Krank", activity_type="krank"),
             pb.AbsenceKind(name="absenceKinds/course", title="Schulung", activity_type="schulung"))  # fmt: skip
    for kind in kinds:
        yield "CreateAbsenceKind", pb.CreateAbsenceKindRequest(absence_kind=kind)
    for team, leads in company.leads.items():
        yield "CreateApprovalGroup", _group(f"lead-{team}", leads, [team])
    yield "CreateApprovalGroup", _group("office", company.office, [])


def _group(id_: str, members: tuple[str, ...], teams: list[str]) -> absences_pb2.CreateApprovalGroupRequest:
    made = absences_pb2.ApprovalGroup(
        name=f"approvalGroups/{id_}", title=id_.title(), members=[f"employees/{one}" for one in members],
        teams=[f"teams/{one}" for one in teams],
    )  # fmt: skip
    return absences_pb2.CreateApprovalGroupRequest(approval_group=made)


def _escalations(company: Company) -> Iterator[tuple[str, Any]]:
    texts = {
        "alarm": "<Escalation.Matchcode>/<Escalation.Round> Call <ServCall.ServicecallNr>\nbis <Deadline.Solution>",
        "solved": "Call <ServCall.ServicecallNr> ist gelöst\nVielen Dank.",
    }
    for id_, text in texts.items():
        module = text_modules_pb2.TextModule(name=f"textModules/{id_}", title=id_.title(), text=text)
        yield "CreateTextModule", text_modules_pb2.CreateTextModuleRequest(text_module=module)
    for one in company.events.values():
        yield "CreateEscalationEvent", escalations_pb2.CreateEscalationEventRequest(escalation_event=event(one))
    for point_ in company.points.values():
        yield "CreateEscalationPoint", escalations_pb2.CreateEscalationPointRequest(escalation_point=point(point_))
    told = status_events_pb2.StatusEvent(
        name="statusEvents/solved", title="Gelöst", previous_state_to=DONE, new_state=f"servicecallStates/{SOLVED}",
        text_module="textModules/solved", notify_customer=True, notify_responsible_employee=True,
    )  # fmt: skip
    yield "CreateStatusEvent", status_events_pb2.CreateStatusEventRequest(status_event=told)
