"""Puts server_es together: the one place that names its concrete classes."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from esoffice.business.v1 import outgoing_mail_pb2
from esoffice.business.v1.outgoing_mail_pb2_grpc import OutgoingMailServiceStub
from esoffice.config.v1 import es_settings_pb2, identity_pb2, settings_pb2
from esoffice.config.v1.identity_pb2_grpc import IdentityServiceStub
from esoffice.es.v1 import (
    absences_pb2,
    appointments_pb2,
    calendars_pb2,
    clients_pb2,
    contacts_pb2,
    directory_pb2,
    duty_pb2,
    escalations_pb2,
    follow_ups_pb2,
    forwarding_pb2,
    messages_pb2,
    notices_pb2,
    service_levels_pb2,
    servicecalls_pb2,
    status_events_pb2,
    text_modules_pb2,
    web_documents_pb2,
)

from mesh.app import App, Definition
from mesh.database import UnitOfWork
from mesh.key_set import KeySet
from mesh.keys import KeyKeeper, published_keys
from mesh.streams import Streams
from mesh.threads import Threads
from mesh.tokens import Verifier
from mesh.workers import Turn, Worker
from server_es.absences import facts as absence_facts
from server_es.absences.service import Absences
from server_es.absences.settings import AbsenceSettings
from server_es.absences.surroundings import Shift
from server_es.appointments.service import Appointments
from server_es.calendars.compiled import Compiled
from server_es.calendars.service import Calendars
from server_es.clients import live as live_clients
from server_es.clients import store as client_store
from server_es.clients.rules import Policy
from server_es.clients.service import Clients
from server_es.contacts.service import Contacts
from server_es.directory import facts
from server_es.directory.service import Directory
from server_es.duty.announcing import Announcing
from server_es.duty.facts import duties
from server_es.duty.service import Duty
from server_es.duty.worker import Handover
from server_es.escalations import following, retiming
from server_es.escalations.engine import Engine
from server_es.escalations.entries import PlanEntries
from server_es.escalations.following import Following
from server_es.escalations.house import House
from server_es.escalations.notified import Notified
from server_es.escalations.outlook import Outlook
from server_es.escalations.plans import Plans
from server_es.escalations.retiming import Retiming
from server_es.escalations.service import Escalations
from server_es.escalations.settings import EscalationSettings
from server_es.escalations.verbs import Verbs
from server_es.escalations.worker import LONGEST, Retimer, Timekeeper
from server_es.follow_ups.service import FollowUps
from server_es.forwarding.service import Forwardings
from server_es.inboxes import INBOXES
from server_es.messages.actions import Actions
from server_es.messages.address import BELL, Messages
from server_es.messages.fanout import Fanout
from server_es.messages.service import MessageService
from server_es.messages.settings import MessageSettings
from server_es.notices import store as notice_store
from server_es.notices.business import Business
from server_es.notices.rules import Policy as NoticePolicy
from server_es.notices.service import Notifications
from server_es.notices.tables import notice
from server_es.notices.telling import BELL as NOTICES_BELL
from server_es.notices.telling import Notices
from server_es.notices.worker import Delivery
from server_es.schema import METADATA, OUTBOX, REQUESTS
from server_es.service_levels.seed import seed
from server_es.service_levels.service import ServiceLevels
from server_es.service_levels.site import Sites
from server_es.service_levels.store import existing_levels
from server_es.servicecalls.due_times import DueTimes
from server_es.servicecalls.observers import Observer
from server_es.servicecalls.service import Servicecalls
from server_es.servicecalls.settings import ServicecallSettings
from server_es.servicecalls.transitions import Reopening
from server_es.status_events.following import StatusFollowing
from server_es.status_events.service import StatusEvents
from server_es.status_events.settings import StatusEventSettings
from server_es.text_modules.call_texts import CallTexts
from server_es.text_modules.service import TextModules
from server_es.web_documents import page as web_page
from server_es.web_documents.admission import Admission
from server_es.web_documents.fetches import Fetches
from server_es.web_documents.gate import Gate
from server_es.web_documents.reading import Reading
from server_es.web_documents.service import WebDocuments
from server_es.web_documents.serving import Serving
from server_es.web_documents.settings import settings_of, structure_of
from server_es.web_documents.shelf import Shelf
from server_es.web_documents.tickets import AUDIENCE, Signed, Tickets
from server_es.web_documents.worker import CodeSender, prune

NAME: Final = "server_es"
_PRUNED_AT_ONCE: Final = 5000
_WOKEN_AT_ONCE: Final = 500
_CLIENT_HEARTBEAT: Final = timedelta(seconds=20)


class DirectoryStaff:
    """What the messages room asks the directory: who works here, who belongs to a team."""

    def existing(self, unit: UnitOfWork, employees: Collection[str]) -> Collection[str]:
        known = facts.staff(unit).employees
        return [one for one in employees if one in known]

    def members(self, unit: UnitOfWork, teams: Collection[str]) -> Mapping[str, Collection[str]]:
        staff = facts.staff(unit)
        return {one: staff.members(one) for one in teams if one in staff.teams}


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
    due_times = DueTimes(sites, retiming_)
    actions = Actions()
    messages = _add_messages(app, settings.messages, actions)
    _add_clients(app, messages)
    notices = _add_notices(app, messages, zone)
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
    app.serve(contacts_pb2.DESCRIPTOR, Contacts(app.database, calls.contacts))
    follow_ups = FollowUps(app.database, notices)
    app.serve(follow_ups_pb2.DESCRIPTOR, follow_ups)
    app.work(follow_ups.worker())
    app.serve(duty_pb2.DESCRIPTOR, Duty(app.database, REQUESTS, absences=absence_facts, tell=notices.tell))
    app.work(Handover(app.database, Announcing(notices.tell)).worker())
    app.serve(appointments_pb2.DESCRIPTOR, Appointments(app.database))
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
    await _add_web_documents(app, settings.web_documents)
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
    _add_escalations(app, engine, retiming_, actions)


def _add_escalations(app: App, engine: Engine, retiming_: Retiming, actions: Actions) -> None:
    settings = engine.settings

    def take(chosen: settings_pb2.Settings) -> None:
        said = chosen.server_es.escalations
        settings.fallback_employee, settings.fallback_team = said.fallback_employee, said.fallback_team
        settings.late_per_minute = said.late_per_minute

    app.live(take)
    service = Escalations(
        app.database,
        entries=PlanEntries(engine.sites, retiming_, engine.reach.existing_rosters, engine.teller.channels),
        verbs=Verbs(engine),
        outlook=Outlook(engine),
        teller=engine.teller,
    )
    service.offer(actions)
    app.serve(escalations_pb2.DESCRIPTOR, service)
    timekeeper, retimer = Timekeeper(app.database, engine, settings), Retimer(app.database, retiming_)
    app.work(
        Worker(name="escalations.due", work=timekeeper.turn, every=LONGEST, bell=app.bell(following.BELL)),
        Worker(name="escalations.retime", work=retimer.turn, every=LONGEST, bell=app.bell(retiming.BELL)),
    )


def _add_messages(app: App, said: es_settings_pb2.MessageSettings, actions: Actions) -> Messages:
    chosen = MessageSettings(
        heartbeat=said.heartbeat_duration.ToTimedelta(), kept=timedelta(days=said.kept_days), poll=timedelta(seconds=5)
    )
    streams = Streams(heartbeat=chosen.heartbeat)
    fanout = Fanout(app.database, INBOXES, app.bell(BELL), streams, poll=chosen.poll)
    messages = Messages(INBOXES, app.bell(BELL), fanout.offer)
    service = MessageService(
        database=app.database,
        store=INBOXES,
        messages=messages,
        fanout=fanout,
        staff=DirectoryStaff(),
        requests=REQUESTS,
        settings=chosen,
        actions=actions,
    )
    app.serve(messages_pb2.DESCRIPTOR, service)
    app.background(fanout.run())
    app.background(_drained(app.draining, fanout))

    def prune(_: Turn) -> bool:
        with app.database.unit() as unit:
            gone = INBOXES.prune(unit, unit.now - chosen.kept, limit=_PRUNED_AT_ONCE)
        with app.database.unit() as unit:
            gone = max(gone, REQUESTS.prune(unit, limit=_PRUNED_AT_ONCE))
        return gone == _PRUNED_AT_ONCE

    def wake(_: Turn) -> bool:
        with app.database.unit() as unit:
            return service.wake(unit, limit=_WOKEN_AT_ONCE)

    app.work(Worker(name="messages.wake", work=wake, every=timedelta(seconds=10)))
    app.work(Worker(name="messages.prune", work=prune, every=timedelta(minutes=10)))
    return messages


def _add_clients(app: App, messages: Messages) -> None:
    streams = Streams(heartbeat=_CLIENT_HEARTBEAT)
    live = live_clients.LiveClients(app.database, app.bell(live_clients.BELL), streams, poll=timedelta(seconds=5))
    clients = Clients(
        database=app.database,
        live=live,
        bell=app.bell(live_clients.BELL),
        messages=messages,
        requests=REQUESTS,
        clock=app.clock,
        policy=Policy(),
    )
    kept = timedelta(days=0)

    def take(chosen: settings_pb2.Settings) -> None:
        nonlocal kept
        said = chosen.server_es.clients
        kept = timedelta(days=said.kept_days)
        clients.policy = Policy(
            minimum_version=said.minimum_version,
            clients_per_employee=said.clients_per_employee,
            replace_oldest=said.replace_oldest,
            seats=said.seats,
        )

    def sweep(_: Turn) -> None:
        with app.database.unit() as unit:
            clients.sweep(unit)

    def prune(_: Turn) -> bool:
        with app.database.unit() as unit:
            return client_store.forget(unit, unit.now - kept, _PRUNED_AT_ONCE) == _PRUNED_AT_ONCE

    app.live(take)
    app.serve(clients_pb2.DESCRIPTOR, clients)
    app.background(live.run())
    app.background(_drained(app.draining, live))
    app.work(Worker(name="clients.sweep", work=sweep, every=_CLIENT_HEARTBEAT / 2))
    app.work(Worker(name="clients.prune", work=prune, every=timedelta(hours=1)))


async def _add_web_documents(app: App, said: es_settings_pb2.WebDocumentSettings) -> None:
    settings = settings_of(said)
    verifier = Verifier(app.site, AUDIENCE, KeySet({}), app.clock)
    keys = KeyKeeper(verifier, app.upstream, app.data)
    keys.load()
    identity = IdentityServiceStub(app.channel("config_service"))

    async def sign(person: str, scopes: Sequence[str], lifetime: timedelta) -> Signed:
        request = identity_pb2.IssueTicketRequest(person=person, scopes=scopes)
        request.lifetime_duration.FromTimedelta(lifetime)
        made = await identity.IssueTicket(request)
        return Signed(made.ticket, made.ticket_id, made.expire_time.ToDatetime(UTC))

    def post(request_id: str, recipient: str, subject: str, text: str) -> None:
        mail = outgoing_mail_pb2.SendMailRequest(
            request_id=request_id, to=[recipient], subject=subject, text=text,
            origin=outgoing_mail_pb2.MAIL_ORIGIN_GENERATED,
        )  # fmt: skip
        app.wait(lambda: OutgoingMailServiceStub(app.channel("server_business")).SendMail(mail))

    async def renew(_: Turn) -> None:
        await keys.renew()

    disk = Threads(8, name="documents")
    app.on_close(disk.close)
    tickets = Tickets(app.database, verifier=verifier, sign=sign, clock=app.clock, lifetime=settings.ticket_lifetime)
    shelf = Shelf(structure_of(said)) if said.root else None
    asked = app.bell("web_documents.codes")
    app.serve(
        web_documents_pb2.DESCRIPTOR,
        WebDocuments(
            app.database, tickets=tickets, admission=Admission(settings), reading=Reading(shelf), disk=disk, asked=asked
        ),
    )
    sender, fetches = CodeSender(app.database, post), Fetches(app.clock)
    app.work(
        Worker(name="web_documents.keys", work=renew, every=timedelta(seconds=30), limit=timedelta(seconds=20)),
        Worker(name="web_documents.codes", work=sender.send, every=timedelta(seconds=10), bell=asked),
        Worker(name="web_documents.prune", work=partial(prune, app.database), every=timedelta(hours=1)),
    )
    if shelf is not None:
        gate = Gate(
            app.database, shelf=shelf, tickets=tickets, fetches=fetches, disk=disk, clock=app.clock, page=web_page.app()
        )
        serving = Serving(gate, app.certificate, said.address, said.port)
        await serving.start()
        app.on_close(serving.stop)
        write = partial(fetches.write, app.database)
        app.work(Worker(name="web_documents.fetches", work=write, every=timedelta(seconds=1)))


def _add_notices(app: App, messages: Messages, zone: str) -> Notices:
    policy = NoticePolicy(zone=ZoneInfo(zone))
    bell = app.bell(NOTICES_BELL)
    kept = timedelta(days=app.settings.server_es.messages.kept_days)

    def take(chosen: settings_pb2.Settings) -> None:
        said = chosen.server_es.notifications
        policy.fallback_after = said.fallback_duration.ToTimedelta()
        policy.bundle = said.bundle_duration.ToTimedelta()
        policy.mails_per_hour, policy.sms_per_hour = said.mails_per_hour, said.sms_per_hour
        policy.identical = said.identical_duration.ToTimedelta()

    def prune(_: Turn) -> bool:
        with app.database.unit() as unit:
            return notice_store.prune(unit, unit.now - kept, limit=_PRUNED_AT_ONCE) == _PRUNED_AT_ONCE

    app.live(take)
    app.serve(notices_pb2.DESCRIPTOR, Notifications(app.database, messages))
    business = Business(lambda: app.channel("server_business"), app.wait)
    app.queue(notice)
    app.work(Delivery(app.database, messages, business, policy, app.instance).worker(bell))
    app.work(Worker(name="notices.prune", work=prune, every=timedelta(hours=1)))
    return Notices(messages, absence_facts.absent, policy, bell)


async def _drained(draining: asyncio.Event, streams: Fanout | live_clients.LiveClients) -> None:
    await draining.wait()
    streams.drain()


definition = Definition(
    name=NAME,
    metadata=METADATA,
    migrations=Path(__file__).parent / "migrations",
    outbox=OUTBOX,
    build=build,
    keys=published_keys,
    allows={
        "server_business": [
            "directory.read",
            "levels.read",
            "servicecalls.read",
            "servicecalls.write",
            "servicecalls.reopen",
            "contacts.write",
            "messages.send",
        ]
    },
)
