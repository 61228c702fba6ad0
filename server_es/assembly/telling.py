"""Puts together what tells people: inboxes, notices, and the clients that show them."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from esoffice.config.v1 import es_settings_pb2, settings_pb2
from esoffice.es.v1 import clients_pb2, messages_pb2, notices_pb2

from mesh.app import App
from mesh.database import UnitOfWork
from mesh.streams import Streams
from mesh.workers import Turn, Worker
from server_es.absences import facts as absence_facts
from server_es.clients import live as live_clients
from server_es.clients import store as client_store
from server_es.clients.rules import Policy
from server_es.clients.service import Clients
from server_es.directory import facts
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
from server_es.schema import REQUESTS

_PRUNED_AT_ONCE: Final = 5000
_WOKEN_AT_ONCE: Final = 500
_CLIENT_HEARTBEAT: Final = timedelta(seconds=20)


def add_messages(app: App, said: es_settings_pb2.MessageSettings, actions: Actions) -> Messages:
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


def add_clients(app: App, messages: Messages) -> None:
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


def add_notices(app: App, messages: Messages, zone: str) -> Notices:
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
    notices = Notices(messages, absence_facts.absent, policy, bell)
    app.work(Delivery(app.database, messages, business, notices, app.instance).worker(bell))
    app.work(Worker(name="notices.prune", work=prune, every=timedelta(hours=1)))
    return notices


async def _drained(draining: asyncio.Event, streams: Fanout | live_clients.LiveClients) -> None:
    await draining.wait()
    streams.drain()


class DirectoryStaff:
    """What the messages room asks the directory: who works here, who belongs to a team."""

    def existing(self, unit: UnitOfWork, employees: Collection[str]) -> Collection[str]:
        known = facts.staff(unit).employees
        return [one for one in employees if one in known]

    def members(self, unit: UnitOfWork, teams: Collection[str]) -> Mapping[str, Collection[str]]:
        staff = facts.staff(unit)
        return {one: staff.members(one) for one in teams if one in staff.teams}
