"""Seeded histories of one document on a real database, against a model of what a person expects."""

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from esoffice.business.v1 import documents_pb2 as pb
from google.protobuf.duration_pb2 import Duration
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.errors import DomainError
from server_business.app import definition
from server_business.documents import contents, rules, store
from server_business.documents.content_store import Parcel
from server_business.documents.custody import Custody
from server_business.documents.file_tree import FileTree
from server_business.documents.writing import Writing, version_row
from tests.builders.documents import SETTINGS, creation

PEOPLE = st.sampled_from(["users/eva", "users/tom"])
MACHINES = st.sampled_from(["PC", "Laptop"])
MINUTES = st.integers(1, 90)
TEXTS = st.sampled_from([b"a", b"b", b"c"])


class House:
    """One database for all histories; each makes a document of its own."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")  # what is flushed to a disk is not the question here
        folder = Path(tempfile.mkdtemp(prefix="documents-", dir=memory if memory.is_dir() else None))
        self.clock = ManualClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
        self.database = Database(f"sqlite:///{folder / 'a.db'}", metadata=definition.metadata, clock=self.clock)
        definition.metadata.create_all(self.database.engine)
        self.folder = folder
        self.tree = FileTree(folder)
        self.writing = Writing(SETTINGS)
        self.custody = Custody(SETTINGS, self.writing, self.tree)

    def parcel(self, text: bytes) -> tuple[Parcel, dict[str, str]]:
        parcel = Parcel(sha256=sha256(text).hexdigest(), size=len(text), data=text)
        with self.database.unit() as unit:
            missing = contents.intend(unit, [parcel])
        return parcel, dict(zip([one.sha256 for one in missing], self.tree.put(missing), strict=True))


HOUSE: list[House] = []


class History(RuleBasedStateMachine):
    """The model: the texts of all versions, and who has it out until when."""

    def __init__(self) -> None:
        super().__init__()
        self.house = HOUSE[0]
        self.versions: list[bytes] = [b"a"]
        self.out: tuple[str, str, datetime] | None = None
        parcel, stored = self.house.parcel(b"a")
        with self.house.database.unit() as unit:
            self.house.writing.settle(unit, [parcel], stored)
            (made,) = self.house.writing.create(unit, [(creation(b"a"), parcel)], by="users/eva")
        assert isinstance(made, pb.Document)
        self.name = made.name
        self.id = int(made.name.rpartition("/")[2])

    @property
    def holder(self) -> tuple[str, str] | None:
        if self.out is None or self.house.clock.now() >= self.out[2]:
            return None
        return self.out[:2]

    def done(self, act: Callable[[Any], object]) -> str:
        """Do something in one transaction; return why it was refused, or an empty text."""
        try:
            with self.house.database.unit() as unit:
                act(unit)
        except DomainError as refusal:
            return refusal.reason
        return ""

    def write(self, text: bytes, by: str, decide: Callable[[Any, datetime], int], *, keep_out: bool = False) -> str:
        parcel, stored = self.house.parcel(text)
        row = version_row(creation(text).content, parcel, by=by, field="content")

        def act(unit: Any) -> None:
            self.house.writing.settle(unit, [parcel], stored)
            self.house.writing.write(unit, self.id, row, decide, kind="x", keep_out=keep_out)

        return self.done(act)

    @rule(minutes=MINUTES)
    def time_passes(self, minutes: int) -> None:
        self.house.clock.advance(timedelta(minutes=minutes))

    @rule(by=PEOPLE, machine=MACHINES, minutes=MINUTES)
    def check_out(self, by: str, machine: str, minutes: int) -> None:
        asked = pb.CheckOutDocumentRequest(
            name=self.name, machine=machine, keep_duration=Duration(seconds=60 * minutes)
        )
        said = self.done(lambda unit: self.house.custody.check_out(unit, asked, by=by))
        assert said == ("" if self.holder in (None, (by, machine)) else "DOCUMENT_CHECKED_OUT")
        if not said:
            self.out = (by, machine, self.house.clock.now() + timedelta(minutes=minutes))

    @rule(by=PEOPLE)
    def undo(self, by: str) -> None:
        asked = pb.UndoCheckOutRequest(name=self.name)
        said = self.done(lambda unit: self.house.custody.undo(unit, asked, by=by))
        assert said == ("" if self.holder and self.holder[0] == by else "DOCUMENT_NOT_CHECKED_OUT")
        if not said:
            self.out = None

    @rule()
    def break_(self) -> None:
        asked = pb.BreakCheckOutRequest(name=self.name, reason="x")
        said = self.done(lambda unit: self.house.custody.break_(unit, asked, by="users/chief"))
        assert said == ("" if self.holder else "DOCUMENT_NOT_CHECKED_OUT")
        if not said:
            self.out = None

    @rule(by=PEOPLE, text=TEXTS, keep=st.booleans())
    def check_in(self, by: str, text: bytes, *, keep: bool) -> None:
        held = self.holder
        said = self.write(text, by, lambda facts, now: rules.check_in(facts, by=by, now=now), keep_out=keep)
        assert said == ("" if held and held[0] == by else "DOCUMENT_NOT_CHECKED_OUT")
        if not said:
            self.versions.append(text)
            self.out = self.out if keep else None

    @rule(by=PEOPLE, text=TEXTS, behind=st.integers(0, 1))
    def replace(self, by: str, text: bytes, behind: int) -> None:
        base = len(self.versions) - behind
        held = self.holder
        said = self.write(text, by, lambda facts, now: rules.replace(facts, base=base, now=now))
        assert said == ("DOCUMENT_CHECKED_OUT" if held else "VERSION_CONFLICT" if behind else "")
        if not said:
            self.versions.append(text)
            self.out = None

    @invariant()
    def every_version_is_what_was_written(self) -> None:
        with self.house.database.reading() as unit:
            rows = store.versions_of(unit, self.id, before=None, limit=1000)
            document = self.house.writing.one(unit, self.id)
        assert [row.sha256 for row in reversed(rows)] == [sha256(text).hexdigest() for text in self.versions]
        assert [row.number for row in reversed(rows)] == list(range(1, len(self.versions) + 1))
        assert document.latest.name == f"{self.name}/versions/{len(self.versions)}"
        shown = (document.check_out.owner, document.check_out.machine) if document.HasField("check_out") else None
        assert shown == self.holder


def test_every_history_ends_as_a_person_expects() -> None:
    HOUSE[:] = [House()]
    try:
        machine = History.TestCase
        machine.settings = settings(max_examples=20, stateful_step_count=20, deadline=None, derandomize=True)
        machine("runTest").runTest()
    finally:
        house = HOUSE.pop()
        house.database.close()
        shutil.rmtree(house.folder)
