"""`esconfig status`: what runs, how it is, on which settings (Dienststatus, Status der Module)."""

import sys
from typing import Any

import typer
from esoffice.config.v1 import fleet_pb2 as pb
from esoffice.config.v1 import settings_pb2
from esoffice.config.v1.fleet_pb2_grpc import FleetServiceStub
from esoffice.config.v1.settings_pb2_grpc import SettingsServiceStub

from config_service import pki_listing
from config_service.cli import options
from config_service.cli.exits import Failure
from config_service.cli.options import session_of
from config_service.cli.output import Output, plain, show_data, show_table
from config_service.cli.pki import data
from config_service.cli.plain import enum_word, local_time, short
from config_service.cli.session import Session

_State = pb.Instance.State


def status(context: typer.Context) -> None:
    """Show instances, modules, revisions of the settings and certificates (Dienststatus, Status der Module).

    Exit code 1 when something does not work: an unhealthy module, refused settings, a certificate to look after.
    """
    session = session_of(context)
    newest = session.ask(
        lambda channel: SettingsServiceStub(channel).ListSettingsRevisions(
            settings_pb2.ListSettingsRevisionsRequest(page_size=1)
        )
    )
    revision = newest.revisions[0].number if newest.revisions else 0
    instances = options.pages(
        session,
        lambda channel, size, token: FleetServiceStub(channel).ListInstances(
            pb.ListInstancesRequest(page_size=size, page_token=token)
        ),
        "instances",
        10_000,
    )
    certificates = _certificates(session)
    if session.output is Output.TABLE:
        _show(instances, revision, certificates)
    else:
        everything = {
            "newestRevision": str(revision),
            "instances": [plain(one) for one in instances],
            "certificates": [data(one) for one in certificates],
        }
        show_data(session.output, everything)
    troubles = [*(trouble for one in instances if (trouble := _trouble(one))), *_due(certificates)]
    if troubles:
        raise Failure(" ".join(troubles))


def _show(instances: list[pb.Instance], revision: int, certificates: list[pki_listing.Row]) -> None:
    sys.stdout.write(f"newest revision of the settings: {revision}\n\n")
    head = ("SERVICE", "INSTANCE", "HOST", "STATE", "VERSION", "REVISION", "ADDRESS", "LAST SEEN", "SETTINGS")
    show_table(head, (_row(one) for one in instances))
    sys.stdout.write("\n")
    modules = [(one, module) for one in instances for module in one.modules if one.state != _State.STATE_GONE]
    show_table(
        ("MODULE", "OF", "STATE", "SAYS"),
        (
            (module.name, f"{one.service} {short(one.name)}", "works" if module.healthy else "FAILS", module.sentence)
            for one, module in modules
        ),
    )
    if certificates:
        sys.stdout.write("\n")
        show_table(
            ("CERTIFICATE", "DAYS LEFT", "PROBLEM"),
            ((one.name, str(one.days_left), one.problem) for one in certificates),
        )


def _row(one: pb.Instance) -> tuple[str, ...]:
    return (
        one.service,
        short(one.name),
        one.host,
        enum_word("State", _State.Name(one.state)),
        one.version,
        str(one.applied_revision or "-"),
        f"{one.address}:{one.port}" if one.port else "-",
        local_time(one.seen_time),
        _settings(one),
    )


def _settings(one: Any) -> str:
    if one.rejected_revision:
        return f"refused {one.rejected_revision}: {one.rejected_reason}"
    return "needs a restart" if one.needs_restart else "applied" if one.applied_revision else "none yet"


def _trouble(one: pb.Instance) -> str:
    if one.state == _State.STATE_GONE:
        return ""
    failing = [module.name for module in one.modules if not module.healthy]
    if failing:
        return f"{one.service} {short(one.name)}: {', '.join(failing)} does not work."
    if one.rejected_revision:
        return f"{one.service} {short(one.name)} refused revision {one.rejected_revision}."
    return ""


def _certificates(session: Session) -> list[pki_listing.Row]:
    """Return the certificates on this machine, if this is the machine that has them."""
    return pki_listing.inspect(session.pki, session.clock.now()) if (session.pki / "ca.pem").exists() else []


def _due(certificates: list[pki_listing.Row]) -> list[str]:
    return [f"Certificate of {one.name}: {one.problem}" for one in certificates if one.problem]
