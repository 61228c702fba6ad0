"""What hangs on an imported mail becomes documents at its servicecall and its contact, once."""

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from mesh.workers import Turn
from server_business.documents.content_store import StoreAway
from server_business.documents.file_tree import FileTree
from server_business.documents.mail_attachments import MailAttachments
from server_business.documents.tables import ASSIGNMENT, CONTENT, DOCUMENT, VERSION
from server_business.documents.writing import Writing
from server_business.mail.tables import Attached
from server_business.schema import LEASES
from tests.builders import mails
from tests.builders.documents import SETTINGS
from tests.builders.reception import Mailroom

PLAN = b"%PDF-1.4 Plan"


class Desk:
    """Takes attachments over as the worker does."""

    def __init__(self, room: Mailroom, folder: Path) -> None:
        self.room = room
        self.tree = FileTree(folder)
        self.taking = MailAttachments(room.database, LEASES, self.tree, Writing(SETTINGS))

    def work(self) -> None:
        while self.taking.turn(Turn(threading.Event())):
            pass

    def rows(self, table: Any) -> list[Any]:
        with self.room.database.reading() as unit:
            return list(unit.connection.execute(select(table).order_by(*table.primary_key.columns)).all())


@pytest.fixture
def desk(room: Mailroom, tmp_path: Path) -> Desk:
    return Desk(room, tmp_path / "documents")


def test_an_attachment_lands_with_its_case(desk: Desk) -> None:
    (mail,) = desk.room.receive(mails.with_attachment(PLAN))
    assert mail.attached == Attached.DUE
    desk.work()
    (document,), (version,) = desk.rows(DOCUMENT), desk.rows(VERSION)
    assert (document.title, document.kind, document.creator) == (
        "Plan.pdf",
        "mail-attachment",
        "services/server_business",
    )
    assert (version.origin, version.mime_type) == ("mails/1/attachments/1", "application/pdf")
    assert b"".join(desk.tree.read(version.sha256, "")) == PLAN
    assert [(one.business_case, one.number) for one in desk.rows(ASSIGNMENT)] == [
        (mail.servicecall, 1), (mail.contact, 1),
    ]  # fmt: skip
    assert desk.room.mails()[0].attached == Attached.MADE
    desk.work()
    assert len(desk.rows(DOCUMENT)) == 1


def test_the_same_bytes_of_many_mails_are_stored_once(desk: Desk) -> None:
    for number in range(3):
        raw = mails.with_attachment(PLAN).replace(b"Message-ID: <", b"Message-ID: <%d" % number)
        desk.room.receive(raw)
    desk.work()
    assert (len(desk.rows(DOCUMENT)), len(desk.rows(CONTENT))) == (3, 1)


def test_a_mail_without_attachments_or_left_open_makes_no_document(desk: Desk) -> None:
    desk.room.receive(mails.mail(), mails.with_attachment(PLAN).replace(b"hans@kunde.example", b"wer@fremd.example"))
    desk.work()
    assert desk.rows(DOCUMENT) == []


def test_while_the_store_is_away_everything_waits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: Any) -> list[str]:
        raise StoreAway("no answer")

    desk.room.receive(mails.with_attachment(PLAN))
    with monkeypatch.context() as patched:
        patched.setattr(desk.tree, "put", away)
        with pytest.raises(StoreAway):
            desk.work()
    assert (desk.rows(DOCUMENT), desk.room.mails()[0].attached) == ([], Attached.DUE)
    desk.work()
    assert len(desk.rows(DOCUMENT)) == 1
