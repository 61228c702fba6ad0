"""A folder of documents as a site has it, and an office that shows them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from esoffice.es.v1 import web_documents_pb2 as pb
from esoffice.es.v1.web_documents_pb2_grpc import WebDocumentServiceStub

from config_service.identity.keyring import Keyring
from mesh.database import Database
from mesh.key_set import KeySet
from mesh.threads import Threads
from mesh.tokens import AUDIENCE as PEOPLE
from mesh.tokens import Verifier
from mesh.wakeups import Doorbell
from server_es.web_documents import rules
from server_es.web_documents.admission import Admission
from server_es.web_documents.publishing import Publishing
from server_es.web_documents.reading import Reading
from server_es.web_documents.rules import Folder, Structure
from server_es.web_documents.service import WebDocuments
from server_es.web_documents.settings import WebDocumentSettings
from server_es.web_documents.shelf import Shelf
from server_es.web_documents.tickets import AUDIENCE, Signed, Tickets
from tests.builders import directory as build
from tests.builders.office import Office, open_office
from tests.builders.site import SITE

PDF = b"%PDF-1.4\n" + bytes(range(256)) * 40


def structure(root: Path) -> Structure:
    """Plans, with electrical ones in them, reports, and a folder for staff."""
    said = [
        ("plans", "Pläne", "Plans", ("Pläne",), False),
        ("electrical", "Elektropläne", "Electrical plans", ("Pläne", "Elektro"), False),
        ("reports", "Wartungsberichte", "Maintenance reports", ("Wartung",), False),
        ("staff", "Kalkulation", "Costing", ("Intern",), True),
    ]
    folders = [
        Folder(id=id_, german_title=german, english_title=english, path=path, staff_only=staff)
        for id_, german, english, path, staff in said
    ]
    return rules.structure(str(root), "<nr>_<matchcode>", folders, ["*_entwurf.*"])


def fill(root: Path) -> Path:
    """Lay down the documents of system A-1 and return its folder."""
    system = root / "A-1_Anlage A-1"
    for folder in ("Pläne/Elektro", "Intern", "Nicht in der Struktur"):
        (system / folder).mkdir(parents=True)
    (system / "Pläne" / "Schaltplan Übersicht.pdf").write_bytes(PDF)
    (system / "Pläne" / "Foto.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (system / "Pläne" / "Plan_Entwurf.pdf").write_bytes(b"unfinished")
    (system / "Pläne" / ".versteckt").write_bytes(b"hidden")
    (system / "Pläne" / "Elektro" / "Verteiler.dwg").write_bytes(b"AC1032")
    (system / "Intern" / "Preise.xlsx").write_bytes(b"PK")
    (system / "Nicht in der Struktur" / "Geheim.pdf").write_bytes(b"secret")
    return system


@dataclass
class WebOffice:
    """An office with web documents; `post` holds the mails that left."""

    office: Office
    stub: Any
    service: WebDocuments
    tickets: Tickets
    shelf: Shelf
    disk: Threads
    keyring: Keyring
    post: list[tuple[str, str, str, str]] = field(default_factory=list)

    def mail(self, request_id: str, recipient: str, subject: str, text: str) -> None:
        self.post.append((request_id, recipient, subject, text))

    async def code(self, mail_address: str = "kunde@example.de", system: str = "A-1") -> None:
        await self.stub.RequestAccessCode(pb.RequestAccessCodeRequest(system_number=system, mail_address=mail_address))


def tickets_of(database: Database, keyring: Keyring, *, lifetime: timedelta = timedelta(hours=1)) -> Tickets:
    async def sign(person: str, scopes: Sequence[str], lifetime: timedelta) -> Signed:
        made = keyring.issue_ticket(person, scopes, lifetime)
        return Signed(made.text, made.token_id, made.expiry_time)

    verifier = Verifier(SITE, AUDIENCE, KeySet.from_jwks(keyring.jwks), database.clock)
    return Tickets(database, verifier=verifier, sign=sign, clock=database.clock, lifetime=lifetime)


async def web_office(serve: Any, folder: Path, clock: Any) -> WebOffice:
    """Serve an office whose customer 1001 has the mail address kunde@example.de and the systems A-1 and A-2."""
    keyring = Keyring(folder / "keys", SITE, PEOPLE, clock)
    root = folder / "documents"
    fill(root)
    shelf, disk = Shelf(structure(root)), Threads(2, name="documents")
    made: list[Any] = []

    def room(database: Database) -> WebDocuments:
        tickets = tickets_of(database, keyring)
        service = WebDocuments(
            database, tickets=tickets, admission=Admission(WebDocumentSettings()), reading=Reading(shelf),
            disk=disk, asked=Doorbell("codes", lambda _: None),
            publishing=Publishing(database, shelf, disk),
        )  # fmt: skip
        made.extend((service, tickets))
        return service

    office = await open_office(serve, more=[(pb.DESCRIPTOR, room)])
    answer = await office.directory.BatchUpsertRecords(
        build.upsert(
            build.address("1001", mail_addresses=["kunde@example.de"]),
            build.address("1002", mail_addresses=["fremd@example.de"]),
            build.system("B-1", "1002"),
        )
    )
    assert not [one.status.message for one in answer.results if one.HasField("status")]
    stub = WebDocumentServiceStub(office.served.channel)
    return WebOffice(office, stub, made[0], made[1], shelf, disk, keyring)
