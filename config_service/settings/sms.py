"""What may be wrong with the settings of short messages."""

from collections.abc import Iterator

from esoffice.config.v1 import business_settings_pb2

from mesh.errors import Violation

SMS = "server_business.sms"
_LEAST_SECRET = 16
_FOLDER = "needs the absolute path of a folder to be written to"
_Provider = business_settings_pb2.SmsProvider
_Gateway = business_settings_pb2.SmsGatewaySettings


def short_messages(said: business_settings_pb2.SmsSettings) -> Iterator[Violation]:
    """Return what is wrong; what is switched off is not looked at."""
    if not said.active:
        return
    active = {name: one for name, one in said.providers.items() if one.active}
    if not active and not said.outbox_folder:
        yield Violation(f"{SMS}.providers", "sending short messages needs an active provider")
    if said.outbox_folder and not said.outbox_folder.startswith("/"):
        yield Violation(f"{SMS}.outbox_folder", _FOLDER)
    for name, one in active.items():
        for field, text in _provider(one):
            yield Violation(f"{SMS}.providers.{name}.{field}", text)
    if bool(said.quiet_start) != bool(said.quiet_end):
        yield Violation(f"{SMS}.quiet_end", "quiet hours need a beginning and an end")


def unprotected(said: business_settings_pb2.SmsSettings) -> Iterator[Violation]:
    """Return what is allowed but can be read on the wire."""
    for name, one in said.providers.items():
        if not (said.active and one.active):
            continue
        if one.kind == _Provider.KIND_SMPP and not one.smpp.tls:
            text = "without TLS the password and the messages can be read on the wire"
            yield Violation(f"{SMS}.providers.{name}.smpp.tls", text)
        if one.kind == _Provider.KIND_HTTP and one.http.url.startswith("http:"):
            text = "without TLS the password and the messages can be read on the wire"
            yield Violation(f"{SMS}.providers.{name}.http.url", text)


def _provider(one: business_settings_pb2.SmsProvider) -> Iterator[tuple[str, str]]:
    if one.kind == _Provider.KIND_UNSPECIFIED:
        yield "kind", "choose what kind of way it is"
    elif one.kind == _Provider.KIND_SMPP:
        if not one.smpp.host:
            yield "smpp.host", "SMPP needs the name of the SMS centre"
        if not one.smpp.system_id:
            yield "smpp.system_id", "SMPP needs a name to bind with"
    elif one.kind == _Provider.KIND_HTTP:
        yield from _gateway(one.http)
    elif one.kind == _Provider.KIND_MAIL:
        if one.mail_address.count("@") != 1 or not ("{digits}" in one.mail_address or "{to}" in one.mail_address):
            yield "mail_address", "write an address with the number in it, such as {digits}@sms.example.de"
    elif not one.outbox_folder.startswith("/"):
        yield "outbox_folder", _FOLDER


def _gateway(said: business_settings_pb2.SmsGatewaySettings) -> Iterator[tuple[str, str]]:
    if said.preset == _Gateway.PRESET_UNSPECIFIED and not said.url:
        yield "http.url", "a gateway without a preset needs an address"
    secret = said.webhook_secret
    if secret.value and len(secret.value) < _LEAST_SECRET:
        yield "http.webhook_secret", f"needs at least {_LEAST_SECRET} characters, or it can be guessed"
