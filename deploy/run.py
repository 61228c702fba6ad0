"""`make run`: a demo site on this machine, the walk through it, and then yours to play with until Ctrl-C."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from deploy.site import DMZ_PORT, DOCUMENTS_PORT, LAN_PORT, PORTS, Site

FOLDER = Path(os.environ.get("SITE", "var/demo"))
ADMIN, PASSWORD = "admin", "Verwaltung-2026"
ACCOUNT = "server_business.mail.accounts.demo"
FOLDERS = {
    "plans": ("Pläne", "Plans", "Pläne", "no"),
    "electrical": ("Elektropläne", "Electrical plans", "Pläne/Elektro", "no"),
    "reports": ("Wartungsberichte", "Maintenance reports", "Wartung", "no"),
    "staff": ("Kalkulation", "Costing", "Intern", "yes"),
}

NEXT = """
The mesh is running; Ctrl-C ends it. In another terminal, in this folder:

   export ESCONFIG_SERVER=localhost:{port} ESCLIENT_SERVER=localhost:{port}
   export ESCONFIG_CA={folder}/pki/ca.pem ESCONFIG_USER={admin} ESCONFIG_PASSWORD={password}
   export ESCLIENT_CA={folder}/pki/ca.pem ESCLIENT_USER=petersen ESCLIENT_PASSWORD=Disposition-2026
   .venv/bin/esconfig status                                        # who runs what, on which revision
   .venv/bin/esconfig mails list                                    # mails that wait for a person, and why
   .venv/bin/esclient calls list --by-due                           # open calls, the most urgent first
   .venv/bin/esclient popups                                        # the dispatcher's popups, live
   cp deploy/demo/mails/4-unknown-sender.eml {folder}/maildir/new/  # another mail arrives

Documents of systems, as technicians see them: https://localhost:{dmz}/, user petersen. The browser warns: the
certificate is the demo site's own.

Logs: {folder}/log/. Where next: README.md, docs/architecture.md, `make help`.
"""


def main() -> int:
    """Start, walk, wait."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Site(FOLDER, "demo") as site:
        try:
            print(f"Starting the demo site in {FOLDER} …", flush=True)
            site.make_certificates()
            site.first_administrator(ADMIN, PASSWORD)
            site.check_ports()
            site.start("config_service")
            configure(site)
            site.start_envoy()
            site.start_envoy("envoy-dmz")
            site.start("server_es")
            site.start("server_business")
            site.wait_until_reachable()
            walk(site)
            print(NEXT.format(folder=FOLDER, port=LAN_PORT, dmz=DMZ_PORT, admin=ADMIN, password=PASSWORD), flush=True)
            site.wait()
        except KeyboardInterrupt:
            print("\nEnding the demo site …", flush=True)
            return 0
        except (RuntimeError, subprocess.CalledProcessError) as error:
            print(f"run: {error}\nrun: the logs are in {FOLDER / 'log'}", file=sys.stderr)
            return 1
    return 0


def configure(site: Site) -> None:
    """Save the demo's settings, past the Envoy, which waits for them; a run that finds them saved changes nothing."""
    direct = ("--direct", "--server", f"127.0.0.1:{PORTS['config_service']}")
    site.wait_until_reachable(*direct)
    maildir = site.folder / "maildir"
    for folder in ("tmp", "new", "cur"):
        (maildir / folder).mkdir(parents=True, exist_ok=True)
    site.esconfig(
        *direct, "settings", "set",
        f"config_service.lan.port={LAN_PORT}",
        "config_service.lan.address=127.0.0.1",
        "server_es.servicecalls.notify_team_on_creation=true",
        "server_es.servicecalls.reopen_solved=true",
        f"{ACCOUNT}.active=true",
        f"{ACCOUNT}.kind=maildir",
        f"{ACCOUNT}.path={maildir}",
        f"{ACCOUNT}.action=create_servicecall",
        f"{ACCOUNT}.responsible_team=teams/disposition",
        f"{ACCOUNT}.open_mail_team=teams/disposition",
        f"{ACCOUNT}.poll_duration=2s",
        f"config_service.dmz.port={DMZ_PORT}",
        "config_service.dmz.address=127.0.0.1",
        f"server_es.web_documents.root={documents(site.folder / 'documents')}",
        f"server_es.web_documents.port={DOCUMENTS_PORT}",
        *(
            f"server_es.web_documents.folders.{id_}.{name}={value}"
            for id_, folder in FOLDERS.items()
            for name, value in zip(("german_title", "english_title", "path", "staff_only"), folder, strict=True)
        ),
        "--reason", "demo site", "--yes",
        user=ADMIN, password=PASSWORD,
    )  # fmt: skip


def documents(root: Path) -> Path:
    """Lay down some documents of one system."""
    system = root / "A-1001_Klinikum Notstrom und Lüftung OP"
    for name, text in (
        ("Pläne/Schaltplan Übersicht.txt", "Einspeisung → Notstromaggregat → Lüftung OP"),
        ("Pläne/Elektro/Verteiler UV-3.txt", "F1 bis F12"),
        ("Wartung/Wartungsbericht 2026-02.txt", "Filter gewechselt, Probelauf 30 min ohne Befund."),
        ("Intern/Kalkulation.txt", "Nur für Mitarbeiter."),
    ):
        path = system / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def walk(site: Site) -> None:
    """Walk through the running site."""
    command = [sys.executable, "-m", "deploy.demo", "--server", f"localhost:{LAN_PORT}", "--ca", str(site.ca)]
    command += ["--maildir", str(site.folder / "maildir")]
    environment = {**os.environ, "ESCONFIG_USER": ADMIN, "ESCONFIG_PASSWORD": PASSWORD}
    subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    sys.exit(main())
