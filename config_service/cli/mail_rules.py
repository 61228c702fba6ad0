"""`esconfig mails try-rules`, `reconcile`, `suggest`: what rules would do, what a mailbox holds, whose mails are."""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from esoffice.business.v1 import mail_pb2 as pb
from esoffice.business.v1.mail_pb2_grpc import MailServiceStub
from esoffice.config.v1 import business_settings_pb2, settings_pb2
from esoffice.config.v1.settings_pb2_grpc import SettingsServiceStub

from config_service.cli import options, settings_file, values
from config_service.cli.exits import WrongUsage
from config_service.cli.options import session_of
from config_service.cli.output import Output, plain, show_data, show_list, show_one, show_table
from config_service.cli.plain import enum_word, local_time, printable, short
from config_service.cli.session import Session
from config_service.settings.paths import merged

_ACCOUNTS = "server_business.mail.accounts"
_SECRETS = ("password", "oauth2_token", "oauth2", "smime_certificate", "smime_key")
Account = Annotated[str, typer.Argument(help="Mail account (E-Mail-Konto), a further folder as account.folder.")]
_COUNTS = ("stored", "received", "servicecall", "contact", "open", "dismissed", "duplicate", "gone")


def try_rules(
    context: typer.Context,
    account: Account,
    assignments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SETTING=VALUE...",
            help="Changed settings of the account, such as rules.10-ads.senders=@werbung.example "
            "rules.10-ads.outcome=ignore, or mails_per_hour=20.",
        ),
    ] = None,
    file: Annotated[str, typer.Option(help="Settings file as of `settings apply`; - for standard input.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The newest mails, at most.")] = 1000,
) -> None:
    """Show what changed rules would make of the newest mails, beside what those of now make of them (Probelauf)."""
    session = session_of(context)
    changed = _changed(session, account.partition(".")[0], assignments or [], file)
    request = pb.TryMailRulesRequest(
        account=options.name_of("mailAccounts", account), settings=changed, limit=limit
    )  # fmt: skip
    differences: list[pb.MailDifference] = []
    compared = 0

    def take(step: Any) -> bool:
        nonlocal compared
        compared = step.compared_count
        differences.extend(step.differences)
        return True

    session.each(lambda channel: MailServiceStub(channel).TryMailRules(request), take)
    if session.output is not Output.TABLE:
        show_data(session.output, {"compared": compared, "differences": [plain(one) for one in differences]})
        return
    if differences:
        head = ("ID", "RECEIVED", "SENDER", "SUBJECT", "NOW", "CHANGED")
        show_table(head, (_cells(one) for one in differences))
    sys.stdout.write(f"{compared} mails compared, {len(differences)} differ. Nothing was changed.\n")


def reconcile(context: typer.Context, account: Account) -> None:
    """Look into the mailbox of an account: seen, imported, left (Abgleich)."""
    session = session_of(context)
    request = pb.ReconcileMailAccountRequest(name=options.name_of("mailAccounts", account))
    found = session.ask(lambda channel: MailServiceStub(channel).ReconcileMailAccount(request))
    show_one(
        session.output,
        found,
        {
            "account": lambda one: short(one.name),
            "folder": lambda one: one.folder,
            "seen": lambda one: str(one.stored_count + one.left_count),
            "lying in the folder": lambda one: str(one.lying_count),
            "left (not stored)": lambda one: str(one.left_count),
            "left uids": lambda one: ", ".join(one.left_uids),
            **{name: _count(name) for name in _COUNTS},
        },
    )


def _count(name: str) -> Callable[[Any], str]:
    return lambda one: str(getattr(one, f"{name}_count"))


def suggest(context: typer.Context, mail: Annotated[str, typer.Argument(help="Id of the mail.")]) -> None:
    """Say whose a mail may be, and why (Vorschläge); `adopt ID --suggested` takes the likeliest."""
    session = session_of(context)
    show_list(
        session.output,
        suggestions(session, mail),
        {
            "ADDRESS": lambda one: short(one.address),
            "MATCHCODE": lambda one: one.matchcode,
            "LIKELY": lambda one: f"{one.likelihood_percent} %",
            "BECAUSE": lambda one: "; ".join(
                f"{enum_word('EvidenceKind', pb.EvidenceKind.Name(why.kind))} {why.found} of {why.owner}"
                for why in one.evidence
            ),
        },
    )


def suggestions(session: Session, mail: str) -> list[Any]:
    """Return whose a mail may be, the likeliest first."""
    request = pb.SuggestAddressesRequest(name=options.name_of("mails", mail))
    return list(session.ask(lambda channel: MailServiceStub(channel).SuggestAddresses(request)).suggestions)


def likeliest(session: Session, mail: str) -> str:
    """Return the address that is suggested most. Raises WrongUsage: there is none, or two are as likely."""
    found = suggestions(session, mail)
    if not found:
        raise WrongUsage(f"Nothing in mail {mail} points to an address; name one.")
    if len(found) > 1 and found[0].likelihood_percent == found[1].likelihood_percent:
        raise WrongUsage(
            f"{short(found[0].address)} and {short(found[1].address)} are as likely; `suggest {mail}` shows why."
        )
    address: str = found[0].address
    return address


def _changed(session: Session, account: str, assignments: list[str], file: str) -> business_settings_pb2.MailAccount:
    wanted, paths = settings_file.read(file) if file else (settings_pb2.Settings(), [])
    for one in assignments:
        path, sign, text = one.partition("=")
        if not sign:
            raise WrongUsage(f"{path}: write SETTING=VALUE.")
        values.assign(wanted, f"{_ACCOUNTS}.{account}.{path}", text, _no_secret)
        paths.append(f"{_ACCOUNTS}.{account}.{path}")
    now = session.ask(lambda channel: SettingsServiceStub(channel).GetSettings(settings_pb2.GetSettingsRequest()))
    settings, wrong = merged(now.settings, wanted, paths)
    if wrong:
        raise WrongUsage("\n".join(one.description for one in wrong))
    accounts = settings.server_business.mail.accounts
    if account not in accounts:
        raise WrongUsage(f"There is no mail account {account!r}; there are: {', '.join(sorted(accounts)) or 'none'}.")
    changed = accounts[account]
    for name in _SECRETS:
        changed.ClearField(name)  # type: ignore[arg-type] # mails are tried, no mailbox is opened
    return changed


def _no_secret(path: str, _: str) -> str:
    raise WrongUsage(f"{path}: is a secret; it says nothing about what becomes of mails.")


def _cells(one: pb.MailDifference) -> tuple[str, ...]:
    cells = (one.sender, one.subject, _said(one.before), _said(one.after))
    return short(one.mail), local_time(one.receive_time), *(printable(cell) for cell in cells)


def _said(decided: pb.CheckMailResponse) -> str:
    state = enum_word("MailState", pb.MailState.Name(decided.state))
    if decided.open_reason:
        return f"{state}: {enum_word('OpenReason', pb.OpenReason.Name(decided.open_reason))}"
    return f"{state}: {decided.detail}"
