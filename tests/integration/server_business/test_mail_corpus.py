"""Every mail there is trouble with is imported or waits for a person, soon and cheaply; read as the table says."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from server_business.mail.tables import State
from tests.builders import mails
from tests.builders.mail_corpus import corpus
from tests.builders.reception import Mailroom
from tests.corpus.mail_differences import TABLE, differences, written

SECONDS, MEGABYTES = 2.0, 300.0
UNREAD = {"unreadable", "oversize"}


@contextmanager
def taker() -> Iterator[Any]:
    """A process of its own that takes mails apart; yields what asks it about a file."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.mail_taker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None

    def ask(path: Path) -> dict[str, Any]:
        process.stdin.write(f"{path}\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        answer = process.stdout.readline()  # type: ignore[union-attr]
        assert answer, f"{path} ended the process"
        found: dict[str, Any] = json.loads(answer)
        return found

    try:
        yield ask
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_every_mail_is_taken_apart_or_put_aside_within_seconds_and_megabytes(tmp_path: Path) -> None:
    path, dear, ended = tmp_path / "mail.eml", [], set()
    with taker() as ask:
        for name, make in corpus():
            path.write_bytes(make())
            cost = ask(path)
            ended.add((State(cost["state"]), cost["reason"] in UNREAD))
            if cost["seconds"] > SECONDS or cost["megabytes"] > MEGABYTES:
                dear.append((name, cost))
                break  # the memory is the most so far: what follows would be accused, too
    assert dear == []
    assert ended == {(State.RECEIVED, False), (State.OPEN, True)}


def test_in_what_we_read_a_mail_otherwise_than_the_standard_library_stands_in_the_table() -> None:
    found = list(differences())
    assert [(one.case, one.field) for one in found if not one.because] == []
    # `python -m tests.corpus.mail_differences` writes it anew.
    assert written(found) == TABLE.read_text(encoding="utf-8")


@pytest.mark.timeout(120)
def test_the_whole_mailbox_ends_in_named_states_and_folders(room: Mailroom) -> None:
    room.begin(size_limit=2_000_000)
    raws = [raw for name, make in corpus() if not name.startswith("bomb/") and len(raw := make()) < 500_000]
    raws += [mails.part_bomb(9_000), mails.mail(headers=[("Subject", "=?utf-8?Q?a?= " * 15_000)])]
    found = room.receive(*raws)
    assert len(found) == len(raws)
    assert {mail.state for mail in found} <= {State.SERVICECALL, State.CONTACT, State.OPEN, State.DUPLICATE}
    assert all(mail.filed for mail in found)
    assert room.folder("INBOX") == []
    assert len(room.folder("Done")) + len(room.folder("Failed")) + len(room.folder("Unknown")) == len(raws)
