"""Puts server_es together: the one place that names its concrete classes."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from esoffice.config.v1 import settings_pb2
from esoffice.es.v1 import (
    absences_pb2,
    calendars_pb2,
    contacts_pb2,
    directory_pb2,
    duty_pb2,
    follow_ups_pb2,
    forwarding_pb2,
    service_levels_pb2,
    servicecalls_pb2,
    status_events_pb2,
    text_modules_pb2,
    visits_pb2,
)

from mesh.app import App, Definition
from mesh.database import UnitOfWork
from mesh.keys import published_keys
from server_es.absences import facts as absence_facts
from server_es.absences.service import Absences
from server_es.absences.settings import AbsenceSettings
from server_es.absences.surroundings import Shift
from server_es.assembly.appointments import add_appointments
from server_es.assembly.documents import add_web_documents
from server_es.assembly.escalating import add_escalations
from server_es.assembly.telling import add_clients, add_messages, add_notices
from server_es.calendars.compiled import Compiled
from server_es.calendars.service import Calendars
from server_es.contacts.service import Contacts
from server_es.directory.service import Directory
from server_es.duty.announcing import Announcing
from server_es.duty.facts import duties
from server_es.duty.service import Duty
from server_es.duty.worker import Handover
from server_es.escalations import following, retiming
from server_es.escalations.engine import Engine
from server_es.escalations.following import Following
from server_es.escalations.house import House
from server_es.escalations.notified import Notified
from server_es.escalations.plans import Plans
from server_es.escalations.retiming import Retiming
from server_es.escalations.settings import EscalationSettings
from server_es.follow_ups.service import FollowUps
from server_es.forwarding.service import Forwardings
from server_es.messages.actions import Actions
from server_es.schema import METADATA, OUTBOX, REQUESTS
from server_es.service_levels.seed import seed
from server_es.service_levels.service import ServiceLevels
from server_es.service_levels.site import Sites
from server_es.service_levels.store import existing_levels
from server_es.servicecalls.due_times import DueTimes
from server_es.servicecalls.observers import Observer
from server_es.servicecalls.refreshing import BELL as REFRESH_BELL
from server_es.servicecalls.refreshing import Refresher, Refreshing
from server_es.servicecalls.service import Servicecalls
from server_es.servicecalls.settings import ServicecallSettings
from server_es.servicecalls.transitions import Reopening
from server_es.status_events.following import StatusFollowing
from server_es.status_events.service import StatusEvents
from server_es.status_events.settings import StatusEventSettings
from server_es.text_modules.call_texts import CallTexts
from server_es.text_modules.service import TextModules
from server_es.visits.service import Visits

NAME: Final = "server_es"


def duty_shifts(unit: UnitOfWork, employee: str, start: datetime, end: datetime) -> list[Shift]:
    """Answer what the absences room asks the duty rosters: when somebody is on duty."""
    return [Shift(roster=one.roster, start=one.start, end=one.end) for one in duties(unit, employee, start, end)]


async def build(app: App) -> None:
    """Add the rooms."""
    await app.database.run(seed)
    settings = app.settings.server_es
    zone = app.settings.common.site.time_zone or "Europe/Berlin"
    compiled = Compiled()
    sites = Sites(compiled)
    plans = Plans()
    retiming_ = Retiming(sites, plans, app.bell(retiming.BELL), app.bell(following.BELL))
    refreshing = Refreshing(sites, app.bell(REFRESH_BELL))
    due_times = DueTimes(sites, refreshing, retiming_)
    app.work(Refresher(app.database, refreshing, retiming_).worker())
    actions = Actions()
    messages = add_messages(app, settings.messages, actions)
    add_clients(app, messages)
    notices = add_notices(app, messages, zone)
    texts = CallTexts(sites, zone)
    status_events = StatusEventSettings(zone=ZoneInfo(zone))
    observers: list[Observer] = [
        Following(sites, plans, app.bell(following.BELL)),
        StatusFollowing(texts, notices, status_events),
    ]
    calls = Servicecalls(
        app.database,
        sites=sites,
        messages=messages,
        absent=absence_facts.absent,
        settings=ServicecallSettings(notify_responsible=settings.servicecalls.notify_team_on_creation, site_zone=zone),
        observers=observers,
    )

    absences = AbsenceSettings()
    forwarding = Forwardings(app.database, calls.cases, notices)

    def take(chosen: settings_pb2.Settings) -> None:
        said = chosen.server_es.servicecalls
        calls.notices.active = said.notify_team_on_creation
        within = timedelta(days=said.reopen_within_days) or None
        calls.settings.reopening = Reopening(solved=said.reopen_solved, done=said.reopen_done, within=within)
        forwarding.created_too = said.forward_created_calls
        absences.take(chosen.server_es.absences)
        told = chosen.server_es.status_events
        status_events.mails_per_day, status_events.call_mark = told.customer_mails_per_day, told.call_mark

    app.live(take)
    app.serve(directory_pb2.DESCRIPTOR, Directory(app.database, existing_levels))
    app.serve(calendars_pb2.DESCRIPTOR, Calendars(app.database, due_times, compiled=compiled, site_zone=zone))
    app.serve(service_levels_pb2.DESCRIPTOR, ServiceLevels(app.database, sites, due_times))
    app.serve(servicecalls_pb2.DESCRIPTOR, calls)
    app.serve(forwarding_pb2.DESCRIPTOR, forwarding)
    app.serve(visits_pb2.DESCRIPTOR, Visits(app.database, calls.cases, notices, zone))
    app.serve(contacts_pb2.DESCRIPTOR, Contacts(app.database, calls.contacts))
    _add_follow_ups(app, FollowUps(app.database, notices))
    app.serve(duty_pb2.DESCRIPTOR, Duty(app.database, REQUESTS, absences=absence_facts, tell=notices.tell))
    app.work(Handover(app.database, Announcing(notices.tell)).worker())
    add_appointments(app, zone)
    absence_room = Absences(
        app.database,
        compiled=compiled,
        notices=notices,
        settings=absences,
        site_zone=zone,
        shifts=duty_shifts,
    )
    absence_room.offer(actions)
    app.serve(absences_pb2.DESCRIPTOR, absence_room)
    await add_web_documents(app, settings.web_documents)
    app.serve(text_modules_pb2.DESCRIPTOR, TextModules(app.database, texts))
    app.serve(status_events_pb2.DESCRIPTOR, StatusEvents(app.database))
    engine = Engine(
        sites=sites,
        plans=plans,
        call_texts=texts,
        reach=House(),
        teller=Notified(notices, messages),
        states=calls.states,
        settings=EscalationSettings(),
    )
    add_escalations(app, engine, retiming_, actions)


def _add_follow_ups(app: App, follow_ups: FollowUps) -> None:
    app.serve(follow_ups_pb2.DESCRIPTOR, follow_ups)
    app.work(follow_ups.worker())


definition = Definition(
    name=NAME,
    metadata=METADATA,
    migrations=Path(__file__).parent / "migrations",
    outbox=OUTBOX,
    build=build,
    keys=published_keys,
    allows={
        "server_business": [
            "appointments.sync",
            "appointments.write",
            "directory.read",
            "levels.read",
            "servicecalls.read",
            "servicecalls.write",
            "servicecalls.reopen",
            "contacts.write",
            "messages.send",
            "escalations.acknowledge",
            "webdocuments.publish",
        ]
    },
)
