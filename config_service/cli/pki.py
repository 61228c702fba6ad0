"""`esconfig pki …`: the site's certificates, on this machine (Zertifikate)."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from config_service import pki, pki_listing
from config_service.cli.exits import Failure
from config_service.cli.options import Pki, session_of
from config_service.cli.output import Output, show_data, show_table
from config_service.pki_listing import Row

app = typer.Typer(
    help="The site's own certificates (Zertifikate); works on files, without the server.", no_args_is_help=True
)
Service = Annotated[str, typer.Argument(help="Such as server_es, envoy-lan, or a further client.")]


def _folder(context: typer.Context, given: Path | None) -> Path:
    return given or session_of(context).pki


@app.command()
def init(
    context: typer.Context,
    site: Annotated[str, typer.Argument(help="Name of the site, such as muster-gmbh.")],
    folder: Pki = None,
    host: Annotated[
        list[str] | None, typer.Option(help="Host name or IP address under which this machine is reached, repeatable.")
    ] = None,
) -> None:
    """Make the site's CA and a certificate for each of its services."""
    place, clock = _folder(context, folder), session_of(context).clock
    pki.init_site(place, site, clock)
    for service in pki.SERVICES:
        _issue(place, service, host or [], pki.DEFAULT_LIFETIME, context)
    show(context, place)


@app.command()
def issue(
    context: typer.Context,
    service: Service,
    folder: Pki = None,
    host: Annotated[
        list[str] | None, typer.Option(help="Host name or IP address under which it is reached, repeatable.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it is valid.")] = pki.DEFAULT_LIFETIME.days,
) -> None:
    """Make a service's certificate, in place of the one before."""
    _issue(_folder(context, folder), service, host or [], timedelta(days=days), context)


@app.command()
def renew(
    context: typer.Context,
    service: Annotated[str, typer.Argument(help="Service; default: all that are due.")] = "",
    folder: Pki = None,
) -> None:
    """Renew certificates; running services take them over by themselves."""
    place, now = _folder(context, folder), session_of(context).clock.now()
    if service:
        pki.renew(place, service, now)
        return
    failed = []
    for one in pki.renew_due(place, now):
        sys.stdout.write(f"{one.service}: {one.problem or f'renewed until {one.not_after:%Y-%m-%d}'}\n")
        failed += [one.service] if one.problem else []
    if failed:
        raise Failure(f"Not renewed: {', '.join(failed)}.")


@app.command("list")
def list_(context: typer.Context, folder: Pki = None) -> None:
    """List the certificates and what is wrong with them. Exit code 1 when something is."""
    rows = show(context, _folder(context, folder))
    wrong = [row.name for row in rows if row.problem]
    if wrong:
        raise Failure(f"Look after {', '.join(wrong)}.")


def show(context: typer.Context, folder: Path) -> list[Row]:
    """Show the certificates in a folder, and return them."""
    session = session_of(context)
    rows = pki_listing.inspect(folder, session.clock.now())
    if session.output is Output.TABLE:
        head = ("NAME", "VALID UNTIL", "DAYS", "PROBLEM")
        show_table(head, ((row.name, _day(row), _days(row), row.problem) for row in rows))
    else:
        show_data(session.output, [data(row) for row in rows])
    return rows


def data(row: Row) -> dict[str, object]:
    """Return a certificate as JSON data."""
    return {
        "name": row.name,
        "spiffeId": row.spiffe_id,
        "notBefore": row.not_before.isoformat() if row.not_before else None,
        "notAfter": row.not_after.isoformat() if row.not_after else None,
        "serial": row.serial,
        "daysLeft": row.days_left,
        "problem": row.problem,
    }


def _day(row: Row) -> str:
    return f"{row.not_after:%Y-%m-%d}" if row.not_after else "-"


def _days(row: Row) -> str:
    return "-" if row.days_left is None else str(row.days_left)


def _issue(folder: Path, service: str, hosts: list[str], lifetime: timedelta, context: typer.Context) -> None:
    from config_service.pki_certificates import is_address

    ip = [host for host in hosts if is_address(host)]
    dns = [host for host in hosts if not is_address(host)]
    # A service on the same machine is reached by its loopback addresses too.
    pki.issue(
        folder,
        service,
        now=session_of(context).clock.now(),
        dns=list(dict.fromkeys(["localhost", *dns])),
        ip=list(dict.fromkeys(["127.0.0.1", "::1", *ip])),
        lifetime=lifetime,
    )
