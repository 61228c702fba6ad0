"""What may be wrong with settings: everything at once, each with its path and a sentence.

Works on the protobuf messages themselves, an exception from the house rule: docs/decisions/settings-are-messages.md.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from esoffice.config.v1 import business_settings_pb2, common_settings_pb2, settings_pb2

from config_service.identity import rules as roles
from config_service.settings.documents import documents
from config_service.settings.sms import SMS, short_messages, unprotected
from mesh.errors import FailedPrecondition, InvalidArgument, Violation
from mesh.exchange_online import EWS_ENDS, is_online
from mesh.setting_paths import secrets
from mesh.validation import violations

NUMBER = "<ServCall.ServicecallNr>"
_MailAccount = business_settings_pb2.MailAccount
_ACCOUNTS = "server_business.mail.accounts"
_OUTGOING = "server_business.outgoing_mail"
_EXCHANGE = "server_business.exchange"
_FQDN = re.compile(r"(?=.{4,253}$)([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?\.?")


def problems(settings: settings_pb2.Settings) -> list[Violation]:
    """Return all that is wrong with the settings as they would be in effect.

    What is switched off is not looked at.
    """
    business = settings.server_business
    asleep = [f"{_ACCOUNTS}.{name}." for name, account in business.mail.accounts.items() if not account.active]
    asleep += [] if business.outgoing_mail.active else [f"{_OUTGOING}."]
    asleep += [] if business.sms.active else [f"{SMS}."]
    asleep += [f"{SMS}.providers.{name}." for name, one in business.sms.providers.items() if not one.active]
    found = [one for one in violations(settings) if not one.field.startswith(tuple(asleep))]
    found += _site(settings.common.site)
    found += _roles(settings.common.roles)
    for service in ("server_es", "server_business"):
        found += _database(f"{service}.database", getattr(settings, service).database)
    found += _accounts(business.mail.accounts)
    found += _outgoing(business.outgoing_mail)
    found += _calendars(business.exchange)
    found += short_messages(business.sms)
    found += documents(business.documents)
    return sorted(found, key=lambda one: one.field)


def warnings(settings: settings_pb2.Settings) -> list[Violation]:
    """Return what is allowed but probably not meant."""
    found = []
    name = settings.config_service.lan.server_name
    if name == "localhost":
        text = "'localhost' hides the services: clients on other machines do not find them; write the full host name"
        found.append(Violation("config_service.lan.server_name", text))
    elif name and not _FQDN.fullmatch(name):
        text = f"{name!r} is not a full host name such as es.example.de; clients and certificates need one"
        found.append(Violation("config_service.lan.server_name", text))
    taken: dict[int, str] = {settings.config_service.lan.port: "config_service.lan.port"}
    for service in ("config_service", "server_es", "server_business"):
        port = getattr(settings, service).metrics.port
        if port and port in taken:
            text = f"port {port} is also that of {taken[port]}; on one machine only one of them can have it"
            found.append(Violation(f"{service}.metrics.port", text))
        taken.setdefault(port, f"{service}.metrics.port")
    for key, account in sorted(settings.server_business.mail.accounts.items()):
        if account.active and account.kind == _MailAccount.KIND_IMAP and account.security == _MailAccount.SECURITY_NONE:
            text = "without TLS the password and the mails can be read on the wire"
            found.append(Violation(f"{_ACCOUNTS}.{key}.security", text))
        found += _exchange_warnings(f"{_ACCOUNTS}.{key}", account) if account.active else []
    mark = settings.server_es.status_events.call_mark
    for key, account in sorted(settings.server_business.mail.accounts.items()):
        calls = account.active and account.action == _MailAccount.ACTION_CREATE_SERVICECALL
        if calls and mark and f"{{{mark}}}" not in account.recognition_template:
            text = f"answers to our own mails are not recognised: server_es.status_events.call_mark is '{mark}'"
            found.append(Violation(f"{_ACCOUNTS}.{key}.recognition_template", text))
    calendars = settings.server_business.exchange
    if calendars.active and calendars.protocol != calendars.PROTOCOL_GRAPH and is_online(calendars.url):
        found.append(Violation(f"{_EXCHANGE}.protocol", f"{EWS_ENDS}: change to PROTOCOL_GRAPH"))
    found += unprotected(settings.server_business.sms)
    return found + list(_outgoing_warnings(settings.server_business.outgoing_mail))


def foreign_secrets(before: settings_pb2.Settings, after: settings_pb2.Settings) -> list[Violation]:
    """Return the references to stored secrets in `after` that did not stand at the same place in `before`.

    Otherwise who may write settings could send a stored password to a server of his own choice.
    """
    known = {path: secret.stored for path, secret in secrets(before)}
    return [
        Violation(f"{path}.stored", f"{secret.stored!r} did not stand here before; enter the secret itself in `value`")
        for path, secret in secrets(after)
        if secret.stored and not secret.value and secret.stored != known.get(path)
    ]


def visible_to(service: str, settings: settings_pb2.Settings) -> settings_pb2.Settings:
    """Return the part of the settings that a service sees: the common one and its own."""
    seen = settings_pb2.Settings()
    if settings.HasField("common"):
        seen.common.CopyFrom(settings.common)
    if service in settings.DESCRIPTOR.fields_by_name and service != "common" and settings.HasField(service):  # type: ignore[arg-type]
        getattr(seen, service).CopyFrom(getattr(settings, service))
    return seen


def template_problem(template: str) -> str:
    """Return what is wrong with a recognition template, empty when nothing is."""
    opening, closing = template.count("{"), template.count("}")
    if (opening, closing) != (1, 1) or template.index("{") > template.index("}"):
        return "put exactly one part in braces: the one that names the servicecall in a subject"
    pattern = template[template.index("{") + 1 : template.index("}")]
    if pattern.count(NUMBER) != 1:
        return f"the part in braces must hold {NUMBER} exactly once"
    if not pattern.replace(NUMBER, "").strip():
        return (
            f"put a word beside {NUMBER} into the braces, otherwise any number in a subject is taken for a servicecall"
        )
    return ""


def _exchange_warnings(path: str, account: business_settings_pb2.MailAccount) -> Iterator[Violation]:
    if account.kind == _MailAccount.KIND_EWS and is_online(account.url or account.host):
        yield Violation(f"{path}.kind", f"{EWS_ENDS}: change to KIND_GRAPH")
    if account.kind in (_MailAccount.KIND_EWS, _MailAccount.KIND_GRAPH) and account.url.startswith("http://"):
        yield Violation(f"{path}.url", "without TLS the password and the mails can be read on the wire")


def _outgoing_warnings(outgoing: business_settings_pb2.OutgoingMailSettings) -> Iterator[Violation]:
    if outgoing.active and outgoing.user and outgoing.security == outgoing.SECURITY_NONE:
        text = "without TLS the password and the mails can be read on the wire"
        yield Violation(f"{_OUTGOING}.security", text)
    domain = outgoing.sender.rpartition("@")[2].lower()
    signing = outgoing.dkim.domain.lower()
    if outgoing.active and signing and domain != signing and not domain.endswith(f".{signing}"):
        text = f"mails come from {outgoing.sender}; signed by {signing} they do not count as signed (DMARC)"
        yield Violation(f"{_OUTGOING}.dkim.domain", text)


def _site(site: common_settings_pb2.SiteSettings) -> Iterator[Violation]:
    if site.time_zone not in available_timezones():
        yield Violation("common.site.time_zone", f"{site.time_zone!r} is no IANA time zone such as Europe/Berlin")


def _roles(own: Mapping[str, common_settings_pb2.Role]) -> Iterator[Violation]:
    for name, role in own.items():
        try:
            roles.checked(name, role.permissions)
        except FailedPrecondition as built_in:
            yield Violation(f"common.roles.{name}", built_in.message)
        except InvalidArgument as wrong:
            for one in wrong.violations:
                if one.field.startswith("permissions["):  # the rest is said by the contract's own rules
                    yield Violation(f"common.roles.{name}.{one.field}", one.description)


def _database(path: str, database: common_settings_pb2.DatabaseSettings) -> Iterator[Violation]:
    has_password = bool(database.password.value or database.password.stored)
    if database.url.startswith("postgresql://"):
        try:
            password = urlsplit(database.url).password
        except ValueError as wrong:
            yield Violation(f"{path}.url", f"is not an address: {wrong}")
        else:
            if password:
                yield Violation(f"{path}.url", f"the password does not belong here; write it into {path}.password")
        return
    if database.url.startswith("sqlite:///") and not database.url.startswith("sqlite:////"):
        yield Violation(f"{path}.url", "name the file by its absolute path: sqlite:////var/lib/esoffice/file.db")
    if has_password:
        yield Violation(f"{path}.password", "SQLite knows no password")


def _accounts(accounts: Mapping[str, business_settings_pb2.MailAccount]) -> Iterator[Violation]:
    seen: dict[tuple[str, ...], str] = {}
    for name, account in sorted(accounts.items()):
        if not account.active:
            continue
        path = f"{_ACCOUNTS}.{name}"
        yield from _account(path, account)
        folders = {f"{path}.folders.{key}": one.folder for key, one in account.folders.items() if one.folder}
        folders[path] = account.folder
        for where, folder in sorted(folders.items()):
            mailbox = (*_mailbox(account), folder)
            if mailbox in seen:
                yield Violation(
                    where, f"is the same mailbox and folder as {seen[mailbox]!r}; every mail would be taken twice"
                )
            seen.setdefault(mailbox, where.removeprefix(f"{_ACCOUNTS}."))


def _account(path: str, account: business_settings_pb2.MailAccount) -> Iterator[Violation]:
    if account.kind == _MailAccount.KIND_UNSPECIFIED:
        yield Violation(f"{path}.kind", "say KIND_IMAP, KIND_MAILDIR, KIND_EWS or KIND_GRAPH")
    if account.kind == _MailAccount.KIND_IMAP:
        yield from _imap(path, account)
    if account.kind in (_MailAccount.KIND_EWS, _MailAccount.KIND_GRAPH):
        yield from _exchange(path, account)
    if account.kind == _MailAccount.KIND_MAILDIR and not account.path.startswith("/"):
        yield Violation(f"{path}.path", "a Maildir needs the absolute path of its folder")
    if account.action == _MailAccount.ACTION_UNSPECIFIED:
        yield Violation(f"{path}.action", "say ACTION_CREATE_CONTACT or ACTION_CREATE_SERVICECALL")
    template = template_problem(account.recognition_template)
    if account.action == _MailAccount.ACTION_CREATE_SERVICECALL and template:
        yield Violation(f"{path}.recognition_template", template)
    if account.after_import == _MailAccount.AFTER_IMPORT_MOVE:
        yield from _folders(path, account)
    yield from _procedures(path, account)


def _procedures(path: str, account: business_settings_pb2.MailAccount) -> Iterator[Violation]:
    for name, rule in sorted(account.rules.items()):
        if rule.outcome == business_settings_pb2.MailRule.OUTCOME_UNSPECIFIED:
            yield Violation(f"{path}.rules.{name}.outcome", "say what happens to a mail that the rule fits")
        if rule.max_bytes and rule.max_bytes < rule.min_bytes:
            yield Violation(f"{path}.rules.{name}.max_bytes", "is smaller than min_bytes; no mail would fit")
    for name, folder in sorted(account.folders.items()):
        if not folder.folder:
            yield Violation(f"{path}.folders.{name}.folder", "say which folder of the mailbox is meant")
    has_key = bool(account.smime_key.value or account.smime_key.stored)
    if bool(account.smime_certificate) != has_key:
        yield Violation(f"{path}.smime_key", "opening encrypted mails needs both smime_certificate and smime_key")
    first, _, last = account.silence_hours.partition("-")
    if last and int(first) >= int(last):
        yield Violation(f"{path}.silence_hours", "ends before it begins; write it like 7-18")


def _imap(path: str, account: business_settings_pb2.MailAccount) -> Iterator[Violation]:
    if not account.host:
        yield Violation(f"{path}.host", "an IMAP account needs the name of its server")
    if not account.user:
        yield Violation(f"{path}.user", "an IMAP account needs the name to sign in with")
    has_password = bool(account.password.value or account.password.stored)
    has_token = bool(account.oauth2_token.value or account.oauth2_token.stored)
    if [has_password, has_token, bool(account.oauth2.token_url)].count(True) != 1:
        yield Violation(f"{path}.password", "an IMAP account needs either a password, an oauth2_token, or oauth2")
    yield from _oauth2(f"{path}.oauth2", account.oauth2)


def _exchange(path: str, account: business_settings_pb2.MailAccount) -> Iterator[Violation]:
    by_ews = account.kind == _MailAccount.KIND_EWS
    if "@" not in (account.mailbox or account.user):
        yield Violation(f"{path}.mailbox", "an account of Exchange needs the mail address of its mailbox")
    has_password = bool(account.password.value or account.password.stored)
    has_token = bool(account.oauth2_token.value or account.oauth2_token.stored)
    if not by_ews and has_password:
        yield Violation(f"{path}.password", "Microsoft Graph takes no password; sign in by oauth2")
    elif [has_password, has_token, bool(account.oauth2.token_url)].count(True) != 1:
        ways = "a password, an oauth2_token, or oauth2" if by_ews else "an oauth2_token or oauth2"
        yield Violation(f"{path}.oauth2", f"an account of Exchange needs either {ways}")
    if has_password and not account.user:
        yield Violation(f"{path}.user", "an account of Exchange with a password needs the name to sign in with")
    yield from _oauth2(f"{path}.oauth2", account.oauth2)


def _oauth2(path: str, client: business_settings_pb2.OAuth2Client) -> Iterator[Violation]:
    by_person = bool(client.device_authorization_url)
    secret = bool(client.client_secret.value or client.client_secret.stored)
    if client.token_url and not (client.client_id and (secret or by_person)):
        yield Violation(f"{path}.client_id", "asking for tokens needs a client_id and a client_secret")
    if by_person and not client.token_url:
        yield Violation(f"{path}.token_url", "a person's sign-in needs the token_url of the issuer, too")


def _folders(path: str, account: business_settings_pb2.MailAccount) -> Iterator[Violation]:
    taken = {account.folder: "folder", **{one.folder: "folder" for one in account.folders.values()}}
    for field in ("done_folder", "failed_folder", "unknown_folder"):
        folder = getattr(account, field)
        if folder in taken and "folder" in (taken[folder], field):
            yield Violation(
                f"{path}.{field}", f"{folder!r} is the folder that mail is taken from; it would be read again"
            )
        taken.setdefault(folder, field)


def _mailbox(account: business_settings_pb2.MailAccount) -> tuple[str, ...]:
    if account.kind == _MailAccount.KIND_MAILDIR:
        return ("maildir", account.path.rstrip("/"))
    if account.kind in (_MailAccount.KIND_EWS, _MailAccount.KIND_GRAPH):
        return ("exchange", (account.mailbox or account.user).lower())
    return ("imap", account.host.lower(), str(account.port), account.user)


def _calendars(said: business_settings_pb2.ExchangeSettings) -> Iterator[Violation]:
    if not said.active:
        return
    has_password = bool(said.password.value or said.password.stored)
    if said.protocol == said.PROTOCOL_GRAPH:
        yield from _calendars_by_graph(said, has_password=has_password)
    elif said.oauth2.token_url and has_password:
        yield Violation(f"{_EXCHANGE}.password", "signing in needs either a password or oauth2")
    if said.oauth2.device_authorization_url:
        text = "calendars are opened by the service itself, not by a person: leave it empty"
        yield Violation(f"{_EXCHANGE}.oauth2.device_authorization_url", text)
    yield from _oauth2(f"{_EXCHANGE}.oauth2", said.oauth2)


def _calendars_by_graph(said: business_settings_pb2.ExchangeSettings, *, has_password: bool) -> Iterator[Violation]:
    if not said.oauth2.token_url:
        yield Violation(f"{_EXCHANGE}.oauth2", "Microsoft Graph needs oauth2 to sign in by")
    if has_password:
        yield Violation(f"{_EXCHANGE}.password", "Microsoft Graph takes no password; sign in by oauth2")
    if said.url.endswith(".asmx"):
        yield Violation(
            f"{_EXCHANGE}.url", "that is an address of Exchange Web Services; leave it empty for Microsoft Graph"
        )


def _outgoing(said: business_settings_pb2.OutgoingMailSettings) -> Iterator[Violation]:
    if not said.active:
        return
    if not said.host:
        yield Violation(f"{_OUTGOING}.host", "sending mails needs the name of the SMTP server")
    if not said.sender:
        yield Violation(f"{_OUTGOING}.sender", "mails need an address they come from")
    has_password = bool(said.password.value or said.password.stored)
    if has_password and said.oauth2.token_url:
        yield Violation(f"{_OUTGOING}.password", "signing in needs either a password or oauth2")
    elif bool(said.user) != (has_password or bool(said.oauth2.token_url)):
        yield Violation(f"{_OUTGOING}.password", "signing in needs both a user and a password, or oauth2")
    yield from _oauth2(f"{_OUTGOING}.oauth2", said.oauth2)
    dkim = said.dkim
    if dkim.domain and not (dkim.selector and (dkim.private_key.value or dkim.private_key.stored)):
        yield Violation(f"{_OUTGOING}.dkim.selector", "signing mails needs a selector and a private_key")
