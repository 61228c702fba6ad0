"""The settings of an account in the words of this room."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.clock import Clock
from mesh.exchange_online import EWS_ENDS, is_online
from server_business.ews_access import Access
from server_business.ews_ears import Ear
from server_business.mail.decryption import Decryption
from server_business.mail.ews import EwsAccount, EwsMailbox
from server_business.mail.filters import HeaderPattern, Outcome, Rule, SenderPatterns
from server_business.mail.graph import GraphAccount, GraphMailbox
from server_business.mail.imap import ImapSource
from server_business.mail.imap_account import ImapAccount, Security
from server_business.mail.maildir import MaildirAccount, MaildirSource
from server_business.mail.recognition import SubjectTemplate, compile_template
from server_business.mail.rules import AccountRules, Action
from server_business.mail.screening import EVERYDAY, Policy
from server_business.mail.silence import Silence, hours_of
from server_business.mail.source import MailSource, Shelves
from server_business.mail.synced import Respite, SyncedFolder, SyncedSource
from server_business.oauth2 import Tokens, TokenSource
from server_business.sign_ins.settings import oauth2_client

_TEMPLATE: Final = "{Call <ServCall.ServicecallNr>} <ServCall.Matchcode>"
_SIZE_LIMIT: Final = 50 * 1024 * 1024
_POLL: Final = timedelta(seconds=60)
_ACTIVITY: Final = "mail"
_ZONE: Final = "Europe/Berlin"
_GRAPH: Final = "https://graph.microsoft.com/v1.0"

_pb = settings.MailAccount
_SECURITY: Final = {
    _pb.SECURITY_UNSPECIFIED: Security.TLS,
    _pb.SECURITY_NONE: Security.PLAIN,
    _pb.SECURITY_STARTTLS: Security.STARTTLS,
    _pb.SECURITY_TLS: Security.TLS,
}
_OUTCOMES: Final = {
    settings.MailRule.OUTCOME_UNSPECIFIED: Outcome.LEAVE_OPEN,  # config_service saves none; never lose a mail by it
    settings.MailRule.OUTCOME_IGNORE: Outcome.IGNORE,
    settings.MailRule.OUTCOME_LEAVE_OPEN: Outcome.LEAVE_OPEN,
    settings.MailRule.OUTCOME_CREATE_CONTACT: Outcome.CREATE_CONTACT,
    settings.MailRule.OUTCOME_CREATE_SERVICECALL: Outcome.CREATE_SERVICECALL,
    settings.MailRule.OUTCOME_CONTINUE: Outcome.CONTINUE,
}
# As the directory names its kinds of addresses. Contact persons are always looked at with their main address.
_KINDS: Final = {
    _pb.ADDRESS_KIND_CUSTOMER: "customer",
    _pb.ADDRESS_KIND_SUPPLIER: "supplier",
    _pb.ADDRESS_KIND_PROSPECT: "prospect",
    _pb.ADDRESS_KIND_OTHER: "other",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A mailbox and what becomes of its mails.

    Args:
        name: its key in the settings.
        location: where it is, for people; without secrets.
        folder: which folder is read, `/` between levels.
        source: opens it; the event ends a wait early.
        rules: what the rules need to know.
        template: how a subject names a servicecall.
        exclusions: senders whose mails are left to people.
        kinds: kinds of addresses a sender is looked for at; empty: all.
        activity_type: of the contacts.
        follow_up_employee, follow_up_team: who has to come back to a contact; empty: nobody.
        by_sent_date: a contact happened when the mail was sent, not when it was received.
        responsible_employee, responsible_team: in charge of calls that mails make.
        open_mail_team: told of open mails; empty: nobody.
        size_limit: of one mail, in bytes.
        poll: how often the folder is looked at.
        idle: the server tells of new mails by itself, too.
        policy: what is looked at before the action.
        silence: when the account counts as silent; None: never.
        ending: says that the way into the mailbox ends, and when; empty: it does not.
        ear: makes what listens to a server that tells of new mails over a connection of its own; given is what rings.
    """

    name: str
    location: str
    folder: str
    source: Callable[[threading.Event], MailSource] = field(repr=False)
    rules: AccountRules
    template: SubjectTemplate
    exclusions: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    activity_type: str = _ACTIVITY
    follow_up_employee: str = ""
    follow_up_team: str = ""
    by_sent_date: bool = False
    responsible_employee: str = ""
    responsible_team: str = ""
    open_mail_team: str = ""
    size_limit: int = _SIZE_LIMIT
    poll: timedelta = _POLL
    idle: bool = False
    policy: Policy = EVERYDAY
    silence: Silence | None = None
    ending: str = ""
    ear: Callable[[Callable[[], object]], Ear] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Way:
    """Into a mailbox; as in `Account`."""

    location: str
    source: Callable[[threading.Event], MailSource]
    ear: Callable[[Callable[[], object]], Ear] | None = None


TokensOf = Callable[[str, settings.OAuth2Client], TokenSource]


def active_accounts(
    mail: settings.MailSettings, clock: Clock, zone: str = _ZONE, tokens_of: TokensOf | None = None
) -> dict[str, Account]:
    """Return the active accounts by name, each further folder as one of its own.

    Args:
        mail: the settings.
        clock: for all of them.
        zone: of the site.
        tokens_of: gives the tokens of an account that signs in by OAuth 2; None: each signs in as the service itself.

    Raises:
        InvalidArgument: the recognition template of one is none.
    """
    found: Mapping[str, settings.MailAccount] = mail.accounts
    return {
        name: account(name, one, clock, zone, tokens_of)
        for key, said in sorted(found.items())
        if said.active
        for name, one in with_folders(key, said)
    }


def with_folders(name: str, said: settings.MailAccount) -> Iterator[tuple[str, settings.MailAccount]]:
    """Yield an account, and for each further folder of it one that inherits what the folder does not say."""
    yield name, said
    for key, folder in sorted(said.folders.items()):
        inherited = settings.MailAccount()
        inherited.CopyFrom(said)
        inherited.folders.clear()
        for said_there, value in folder.ListFields():
            setattr(inherited, said_there.name, value)
        yield f"{name}.{key}", inherited


def account(
    name: str, said: settings.MailAccount, clock: Clock, zone: str = _ZONE, tokens_of: TokensOf | None = None
) -> Account:
    """Read one account. Raises as `active_accounts`."""
    folder = said.folder or "INBOX"
    contact = said.action == said.ACTION_CREATE_CONTACT
    poll = said.poll_duration.ToTimedelta() if said.HasField("poll_duration") else _POLL
    tokens: TokenSource | None = None
    if said.oauth2.token_url:
        tokens = tokens_of(name, said.oauth2) if tokens_of else Tokens(oauth2_client(said.oauth2), clock)
    way = _way(name, said, poll, clock, tokens)
    return Account(
        name=name,
        location=way.location,
        folder=folder,
        source=way.source,
        rules=AccountRules(
            action=Action.CREATE_CONTACT if contact else Action.CREATE_SERVICECALL,
            reopen_on_reply=said.reopen_solved,
            mails_per_hour=said.mails_per_hour,
        ),
        template=compile_template(said.recognition_template or _TEMPLATE),
        exclusions=tuple(said.excluded_senders),
        kinds=tuple(_KINDS[one] for one in said.address_kinds if one in _KINDS),
        activity_type=said.activity_type or _ACTIVITY,
        follow_up_employee=said.follow_up_employee,
        follow_up_team=said.follow_up_team,
        by_sent_date=said.contact_date == said.CONTACT_DATE_SENT,
        responsible_employee=said.responsible_employee,
        responsible_team=said.responsible_team,
        open_mail_team=said.open_mail_team,
        size_limit=said.max_mail_bytes or _SIZE_LIMIT,
        poll=poll,
        idle=said.use_idle and said.kind == said.KIND_IMAP,
        policy=_policy(said),
        silence=Silence(after=timedelta(minutes=said.silence_minutes), hours=hours_of(said.silence_hours, zone))
        if said.silence_minutes
        else None,
        ending=EWS_ENDS if said.kind == said.KIND_EWS and is_online(said.url or said.host) else "",
        ear=way.ear if said.use_idle else None,
    )


def _policy(said: settings.MailAccount) -> Policy:
    return Policy(
        rules=tuple(_rule(name, one) for name, one in sorted(said.rules.items())),
        reply_to_senders=SenderPatterns.of(said.reply_to_senders),
        forwarding_senders=SenderPatterns.of(said.forwarding_senders),
        authentication_server=said.authentication_server,
        spam_signs=tuple(HeaderPattern.of(one) for one in said.spam_signs),
        decryption=Decryption(said.smime_certificate, said.smime_key.value) if said.smime_certificate else None,
    )


def _rule(name: str, said: settings.MailRule) -> Rule:
    return Rule(
        name=name,
        outcome=_OUTCOMES[said.outcome],
        headers=tuple(HeaderPattern.of(one) for one in said.headers),
        senders=SenderPatterns.of(said.senders),
        folders=frozenset(said.folders),
        min_bytes=said.min_bytes,
        max_bytes=said.max_bytes,
    )


def _way(name: str, said: settings.MailAccount, poll: timedelta, clock: Clock, tokens: TokenSource | None) -> _Way:
    folder = said.folder or "INBOX"
    shelves = _shelves(said)
    if said.kind == said.KIND_MAILDIR:
        maildir = MaildirAccount(name=name, path=Path(said.path), folder=folder, shelves=shelves)
        return _Way(f"maildir:{said.path}", lambda stop: MaildirSource(maildir, clock, stop))
    if said.kind in (said.KIND_EWS, said.KIND_GRAPH):
        synced = SyncedFolder(name=name, folder=folder, shelves=shelves, poll=poll)
        return _synced(said, synced, tokens, clock)
    security = _SECURITY[said.security]
    port = said.port or (993 if security is Security.TLS else 143)
    token = said.oauth2_token.value
    imap = ImapAccount(
        name=name,
        host=said.host,
        port=port,
        security=security,
        user=said.user,
        password=said.password.value,
        token=tokens.current if tokens else (lambda: token) if token else None,
        refused=tokens.forget if tokens else lambda: None,
        folder=folder,
        shelves=shelves,
        poll=poll,
    )
    return _Way(f"imap://{said.host}:{port}/{folder}", lambda stop: ImapSource(imap, clock, stop))


def _synced(said: settings.MailAccount, folder: SyncedFolder, tokens: TokenSource | None, clock: Clock) -> _Way:
    given = said.oauth2_token.value
    token = tokens.current if tokens else lambda: given
    refused = tokens.forget if tokens else lambda: None
    mailbox = said.mailbox or said.user
    respite = Respite(clock)
    if said.kind == said.KIND_GRAPH:
        graph = GraphAccount(
            name=folder.name, url=said.url or _GRAPH, mailbox=mailbox, token=token, refused=refused, respite=respite
        )
        location = f"graph:{mailbox}/{folder.folder}"
        return _Way(location, lambda stop: SyncedSource(folder, GraphMailbox(graph), clock, stop, respite))
    access = Access(
        url=said.url or (f"https://{said.host}/EWS/Exchange.asmx" if said.host else ""),
        user=said.user,
        password=said.password.value,
        basic=said.authentication == said.AUTHENTICATION_BASIC,
        token=token if tokens or given else None,
        refused=refused,
        ca_file=said.ca_certificate_file,
    )
    by_person = bool(said.oauth2.device_authorization_url)
    ews = EwsAccount(
        name=folder.name,
        mailbox=mailbox,
        access=access,
        impersonate=bool(tokens or given) and not by_person,
        respite=respite,
    )
    location = f"ews:{mailbox}/{folder.folder}"
    return _Way(
        location,
        lambda stop: SyncedSource(folder, EwsMailbox(ews), clock, stop, respite),
        lambda ring: EwsMailbox(ews).ear(folder.folder, ring),
    )


def _shelves(said: settings.MailAccount) -> Shelves:
    if said.after_import == said.AFTER_IMPORT_FLAG:
        return Shelves(done=None, failed=None, unknown=None)
    return Shelves(
        done=said.done_folder or "Done",
        failed=said.failed_folder or "Failed",
        unknown=said.unknown_folder or "Unknown",
    )
