"""Puts the short messages together."""

import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from esoffice.business.v1 import outgoing_mail_pb2, sms_pb2
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.app import App
from mesh.http_server import HttpServer
from mesh.wakeups import Doorbell
from mesh.workers import Turn, Worker
from server_business.outgoing_mail.tables import MAILS
from server_business.sms import inbox, store, webhook
from server_business.sms.accepting import Terms
from server_business.sms.answering import Answering, Tell
from server_business.sms.delivery import Delivery
from server_business.sms.es_server import Escalations
from server_business.sms.http_gateway import HttpGateway
from server_business.sms.mail_gateway import MailGateway
from server_business.sms.outbox import Outbox
from server_business.sms.presets import PRESETS
from server_business.sms.providers import Provider
from server_business.sms.routing import Quiet, Way
from server_business.sms.service import ShortMessages
from server_business.sms.smpp import Centre, SmppProvider
from server_business.sms.tables import SMS, sms_inbound
from server_business.sms.templates import Gateway
from server_business.sms.webhook import Hook
from server_business.sms.worker import Lane, LaneTerms

_Kind = settings.SmsProvider.Kind
_AT_ONCE: Final = 1000
_LAST_RANK: Final = 1000
_TLS_PORT, _PORT = 3550, 2775


async def add_sms(app: App, said: settings.SmsSettings, tell: Tell, message_id_domain: str) -> None:
    """Add the room.

    Args:
        app: the service.
        said: the settings.
        tell: sends an esMessage to a team; see `answering.Tell`.
        message_id_domain: of mails to gateways.
    """

    def bell_of(name: str) -> Doorbell:
        return app.bell(f"sms.{name}")

    active = _active(said)
    ways = tuple(Way(name=name, prefixes=tuple(one.prefixes), rank=one.rank) for name, one in active.items())
    receipts = said.receipt_duration.ToTimedelta()
    quiet = _quiet(said, app.settings.common.site.time_zone or "Europe/Berlin")
    terms = Terms(
        country=said.country, give_up=said.give_up_duration.ToTimedelta(), ways=ways, quiet=quiet,
        transliterate=said.transliterate,
    )  # fmt: skip
    app.serve(sms_pb2.DESCRIPTOR, ShortMessages(app.database, bell_of, terms))
    app.queue(SMS.table)
    app.queue(sms_inbound)
    for way in ways:
        one = active[way.name]
        provider = _provider(app, way.name, one, bell_of(way.name), message_id_domain)
        query = one.smpp.query_duration.ToTimedelta() if one.smpp.HasField("query_duration") else None
        lane = Lane(
            app.database,
            provider,
            LaneTerms(
                way=way,
                window=one.window or 10,
                per_second=one.parts_per_second,
                query_after=query or None,
                receipts=receipts,
                quiet=quiet,
            ),
            ways=ways,
            owner=app.instance,
            line=app.module(f"sms.{way.name}"),
            bell_of=bell_of,
        )
        app.work(lane.worker())
        app.on_close(provider.close)
    _keep_house(app, ways, receipts, bell_of)
    escalations = Escalations(app.channel("server_es"), app.wait)
    answering = Answering(app.database, escalations.acknowledge, tell, said.inbound_team, app.instance)
    app.work(answering.worker(bell_of(inbox.BELL)))
    await _add_webhooks(app, said.webhooks, active, bell_of)


def _active(said: settings.SmsSettings) -> dict[str, settings.SmsProvider]:
    """Return the providers that are used, by name."""
    if not said.active:
        return {}
    found = {name: one for name, one in sorted(said.providers.items()) if one.active}
    if said.outbox_folder:
        outbox = settings.SmsProvider(kind=_Kind.KIND_OUTBOX, rank=_LAST_RANK, outbox_folder=said.outbox_folder)
        found.setdefault("outbox", outbox)
    return found


def _keep_house(app: App, ways: tuple[Way, ...], receipts: timedelta, bell_of: Callable[[str], Doorbell]) -> None:
    """Route what no provider of today has, and give receipts up that do not come."""
    names = [way.name for way in ways]
    line = app.module("sms")

    def route(_: Turn) -> bool:
        with app.database.unit() as unit:
            moved = store.move(unit, SMS.table.c.provider.not_in(names), ways, store.away(unit))
            for name in moved:
                bell_of(name).ring_after(unit)
            store.end_abandoned(unit, names)
            waiting = SMS.waiting(unit)
        line.sentence = f"{'sends' if names else 'is off'}{f'; {waiting} wait' if waiting else ''}"
        return bool(moved)

    def give_up(_: Turn) -> bool:
        with app.database.unit() as unit:
            return store.give_up(unit, receipts, _AT_ONCE) == _AT_ONCE

    app.work(
        Worker(name="sms.route", work=route, every=timedelta(seconds=10)),
        Worker(name="sms.receipts", work=give_up, every=timedelta(minutes=1)),
    )


def _provider(app: App, name: str, said: settings.SmsProvider, bell: Doorbell, message_id_domain: str) -> Provider:
    timeout = said.timeout_duration.ToTimedelta().total_seconds()
    if said.kind == _Kind.KIND_SMPP:
        smpp = said.smpp
        centre = Centre(
            name=name, host=smpp.host, port=smpp.port or (_TLS_PORT if smpp.tls else _PORT), system_id=smpp.system_id,
            password=smpp.password.value, system_type=smpp.system_type, window=said.window or 10, timeout=timeout,
            enquire=smpp.enquire_duration.ToTimedelta().total_seconds() or 30.0, sender=said.sender,
            latin1=smpp.latin1,
        )  # fmt: skip
        context = ssl.create_default_context() if smpp.tls else None
        return SmppProvider(centre, context, app.clock, bell.ring_here)
    if said.kind == _Kind.KIND_HTTP:
        return HttpGateway(
            gateway_of(said.http), sender=said.sender, user=said.http.user, password=said.http.password.value,
            site=app.site, window=said.window or 10, timeout=timeout, clock=app.clock,
        )  # fmt: skip
    if said.kind == _Kind.KIND_MAIL:
        return MailGateway(said.mail_address, partial(_post, app, message_id_domain))
    return Outbox(Path(said.outbox_folder))


def gateway_of(said: settings.SmsGatewaySettings) -> Gateway:
    """Return the preset with what the settings say instead."""
    own: dict[str, Any] = {
        name: getattr(said, name)
        for name in (
            "url", "method", "body", "basic", "success_path", "id_path", "idempotent", "receipt_id_path",
            "receipt_state_path", "inbound_from_path", "inbound_to_path", "inbound_text_path", "inbound_id_path",
        )
        if getattr(said, name)
    }  # fmt: skip
    preset = PRESETS.get(said.preset, Gateway())
    if said.headers:
        own["headers"] = {**preset.headers, **said.headers}
    if said.success_values:
        own["success_values"] = tuple(said.success_values)
    if said.later_values:
        own["later_values"] = tuple(said.later_values)
    if said.receipt_states:
        own["receipt_states"] = {word.casefold(): _DELIVERIES[state] for word, state in said.receipt_states.items()}
    return replace(preset, **own)


_DELIVERIES: Final = {
    settings.SMS_RECEIPT_STATE_UNKNOWN: Delivery.UNKNOWN,
    settings.SMS_RECEIPT_STATE_EXPIRED: Delivery.EXPIRED,
    settings.SMS_RECEIPT_STATE_FAILED: Delivery.FAILED,
    settings.SMS_RECEIPT_STATE_DELIVERED: Delivery.DELIVERED,
}


def _post(app: App, domain: str, request_id: str, address: str, text: str) -> str:
    """Put a mail to a gateway into the queue of outgoing mails, once for each request id."""
    request = outgoing_mail_pb2.SendMailRequest(to=[address], text=text, request_id=request_id)
    with app.database.unit() as unit:
        row = MAILS.accept(
            unit, request, caller=app.name, give_up_time=unit.now + timedelta(hours=4), expire_time=None, to=[address],
            cc=[], subject="SMS", text=text, html="", reply_to="", in_reply_to="",
            origin=outgoing_mail_pb2.MAIL_ORIGIN_GENERATED, about="", message_id=f"<{request_id}@{domain}>",
        )  # fmt: skip
        app.bell("outgoing_mail.accepted").ring_after(unit)
    return MAILS.name(row.id)


def _quiet(said: settings.SmsSettings, zone: str) -> Quiet | None:
    if not said.quiet_start or not said.quiet_end:
        return None
    start, end = time.fromisoformat(said.quiet_start), time.fromisoformat(said.quiet_end)
    return Quiet(start=start, end=end, zone=ZoneInfo(zone))


async def _add_webhooks(
    app: App,
    said: settings.SmsWebhookSettings,
    active: dict[str, settings.SmsProvider],
    bell_of: Callable[[str], Doorbell],
) -> None:
    hooks = {
        name: Hook(
            gateway=gateway_of(one.http),
            secret=one.http.webhook_secret.value,
            signed_url=one.http.signed_url,
            key=one.http.password.value,
        )
        for name, one in active.items()
        if one.kind == _Kind.KIND_HTTP and one.http.webhook_secret.value
    }
    if said.port and hooks:
        server = HttpServer(webhook.app(app.database, hooks, bell_of), said.address, said.port, what="SMS webhooks")
        await server.start()
        app.on_close(server.stop)
