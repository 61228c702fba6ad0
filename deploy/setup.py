"""Makes a new site for docker-compose.yml: certificates, first administrator, settings. Again: it renews."""

import sys
import threading
from datetime import timedelta
from pathlib import Path

from esoffice.config.v1 import business_settings_pb2, settings_pb2
from sqlalchemy.exc import OperationalError

from config_service import pki, schema
from config_service.app import definition
from config_service.identity import bootstrap
from config_service.settings.first import ensure_first_revision
from config_service.settings.paths import completed, merged
from config_service.settings.rules import problems
from mesh import migrations, private_files
from mesh.clock import Clock, SystemClock
from mesh.database import Database
from mesh.errors import FailedPrecondition, InvalidArgument, Unavailable
from mesh.sealing import FILE as SECRETS_FILE
from mesh.sealing import SecretBox

SITE = "demo"
SITE_FOLDER = Path("/site")  # the CA's key is in no other container
TRUST = Path("/trust/ca.pem")
KEYS = Path("/data/keys")
PASSWORD = Path("/administrator/password")
MAILDIR = Path("/mail/demo")
DOCUMENTS = Path("/documents")
HOSTS = {"envoy-lan": ["envoy", "localhost"], "envoy-dmz": ["envoy-dmz", "localhost"], "postgres": ["postgres"]}
POSTGRES_SECONDS = 60


def certificates(clock: Clock) -> None:
    """Make the CA and what certificates are missing, renew those that are due."""
    if not (SITE_FOLDER / "ca.pem").exists():
        pki.init_site(SITE_FOLDER, SITE, clock)
    for service in (*pki.SERVICES, "postgres"):
        if not (SITE_FOLDER / service / "cert.pem").exists():
            loopback = ["127.0.0.1"] if service.startswith("envoy-") else []
            pki.issue(SITE_FOLDER, service, now=clock.now(), dns=HOSTS.get(service, []), ip=loopback)
    for one in pki.renew_due(SITE_FOLDER, clock.now()):
        said(f"certificate of {one.service}: {one.problem or 'renewed'}")
    private_files.replace(TRUST, (SITE_FOLDER / "ca.pem").read_bytes(), private_files.PUBLIC)


def address(service: str) -> str:
    """Return the database of a service, who shows its certificate instead of a password."""
    own = f"/certs/{service}"
    return (
        f"postgresql://{service}@postgres/{service}?sslmode=verify-full&sslrootcert=/trust/ca.pem"
        f"&sslcert={own}/cert.pem&sslkey={own}/key.pem"
    )


def wait_for(database: Database, clock: Clock) -> None:
    """Wait until PostgreSQL, which starts when it has its certificate, has the tables of config_service."""
    until = clock.monotonic() + POSTGRES_SECONDS
    while True:
        try:
            migrations.upgrade(database, definition.migrations)
        except (OperationalError, Unavailable):
            if clock.monotonic() > until:
                raise
            clock.wait(threading.Event(), timedelta(seconds=0.5))
        else:
            return


def administrator(database: Database, clock: Clock) -> None:
    """Make the user `admin` with a password that stands in a file of its own, unless there are users."""
    password = bootstrap.new_password()
    user = bootstrap.first_administrator("admin", password, clock.now())
    try:
        with database.unit() as unit:
            bootstrap.write(unit, schema.users, user)
            private_files.replace(PASSWORD, f"{password}\n".encode())
    except FailedPrecondition:
        said("there are users already")


def settings(database: Database) -> None:
    """Save where the services keep their data, and the mailbox of the demo, unless somebody has saved settings."""
    box = SecretBox.load(KEYS) if (KEYS / SECRETS_FILE).exists() else SecretBox.create(KEYS)
    wanted = settings_pb2.Settings()
    wanted.server_es.database.url = address("server_es")
    wanted.server_business.database.url = address("server_business")
    account = wanted.server_business.mail.accounts["demo"]
    account.active = True
    account.action = business_settings_pb2.MailAccount.ACTION_CREATE_SERVICECALL
    account.kind = business_settings_pb2.MailAccount.KIND_MAILDIR
    account.path = str(MAILDIR)
    account.responsible_team = account.open_mail_team = "teams/disposition"
    account.poll_duration.FromSeconds(2)
    wanted.server_es.servicecalls.notify_team_on_creation = True
    documents = wanted.server_es.web_documents
    documents.root, documents.address = str(DOCUMENTS), "0.0.0.0"  # noqa: S104 - of its container
    folder = documents.folders["documents"]
    folder.german_title, folder.english_title, folder.path = "Dokumente", "Documents", "Dokumente"
    wanted.server_es.servicecalls.reopen_solved = True
    paths = [
        "server_es.database.url",
        "server_es.servicecalls.notify_team_on_creation",
        "server_es.web_documents",
        "server_es.servicecalls.reopen_solved",
        "server_business.database.url",
        "server_business.mail.accounts.demo",
    ]
    with database.unit() as unit:
        ensure_first_revision(unit, schema.revisions, box)
        newest = schema.revisions.newest(unit)
        assert newest is not None
        if newest.number > 1:
            said("there are settings already")
            return
        content, wrong = merged(newest.settings, wanted, paths)
        content = completed(content)
        if wrong := wrong or problems(content):
            raise InvalidArgument(wrong)
        schema.revisions.append(unit, content, box, after=1, author="setup", reason="docker-compose.yml")


def said(line: str) -> None:
    """Tell what was done."""
    sys.stdout.write(f"setup: {line}\n")


def main() -> None:
    """Do what is not done yet."""
    clock = SystemClock()
    certificates(clock)
    for folder in ("tmp", "new", "cur"):
        (MAILDIR / folder).mkdir(parents=True, exist_ok=True)
    with Database(address("config_service"), metadata=schema.metadata, clock=clock) as database:
        wait_for(database, clock)
        administrator(database, clock)
        settings(database)
    said("done")


if __name__ == "__main__":
    main()
