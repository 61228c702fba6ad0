"""Every mail exactly once, whatever is killed when: the reception, server_es, the connection to the mailbox.

The real Dovecot, real processes of the reception and of server_es, real SIGKILLs.
"""

import random
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from esoffice.business.v1.outgoing_mail_pb2 import SendMailRequest
from sqlalchemy import insert, select, update

from server_business.mail.tables import MAIL, MAIL_ACCOUNT
from server_business.outgoing_mail.rules import Delivery
from server_business.outgoing_mail.tables import MAILS, MARKED_ADDRESS
from tests.builders import mails
from tests.builders.cutting import cutting
from tests.builders.kills import WANTED
from tests.builders.mail_kills import OURS, ImapMailbox, Site, mail_site
from tests.servers import dovecot

KILLS = max(50, WANTED // 2)
pytestmark = [
    pytest.mark.dovecot,
    pytest.mark.timeout(max(240, KILLS * 8)),
    pytest.mark.skipif(bool(dovecot.missing()), reason=dovecot.missing()),
]
# Of server_es: its start writes once, its pruning twice; then come calls, contacts, and what the team is told.
THEIRS = [f"database.{what}:{hit}" for hit in (4, 5, 6) for what in ("commit", "committed")]


@pytest.fixture(scope="module")
def server() -> Iterator[dovecot.Dovecot]:
    with dovecot.running() as one:
        yield one


@pytest.fixture
def site(server: dovecot.Dovecot, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    user = "".join(one for one in request.node.name if one.isalnum())[:40]
    with mail_site(tmp_path, ImapMailbox(server, user)) as made:
        yield made


def test_a_reception_killed_anywhere_takes_every_mail_in_once(site: Site) -> None:
    site.start_es()
    chosen = random.Random(4711)
    missed = []
    rounds = max(KILLS * 3 // 5, len(OURS))
    for number in range(rounds):
        site.send()
        if number % 6 == 5:
            process = site.start_reception()
            process.has_ended(chosen.uniform(0.05, 1.2))
            process.kill()
        else:
            armed = OURS[(number - number // 6) % len(OURS)]
            if not site.met(site.start_reception(armed)):
                missed.append(armed)
    site.start_reception()
    site.settle()
    site.check()
    print(f"{rounds - len(missed)} kills of the reception, {len(site.sent)} mails; not met: {missed}")
    assert len(missed) <= rounds // 10


def test_server_es_killed_around_its_commit_makes_nothing_twice(site: Site) -> None:
    reception = site.start_reception()
    missed = []
    rounds = max(KILLS * 2 // 5, len(THEIRS))
    for number in range(rounds):
        site.send()
        armed = THEIRS[number % len(THEIRS)]
        if not site.met(site.start_es(armed)):
            missed.append(armed)
    site.start_es()
    site.settle()
    site.check()
    assert not reception.has_ended()
    print(f"{rounds - len(missed)} kills of server_es, {len(site.sent)} mails; not met: {missed}")
    assert len(missed) <= rounds // 3


def test_a_connection_cut_in_the_middle_of_a_mail_loses_nothing(server: dovecot.Dovecot, site: Site) -> None:
    site.start_es()
    with cutting(server.plain_port) as proxy:
        proxy.limits = [(None, 4_000 * number) for number in range(1, 5)]
        assert isinstance(site.mailbox, ImapMailbox)
        site.mailbox.reach = str(proxy.port)
        site.send(6)
        site.start_reception()
        site.settle()
    site.check()


def test_a_folder_that_counts_anew_between_two_lives_makes_nothing_twice(server: dovecot.Dovecot, site: Site) -> None:
    site.start_es()
    for armed in ("mail.recorded", "mail.stored", "mail.called", "mail.filing"):
        site.send()
        assert site.met(site.start_reception(armed))
        place = server.root / "mail" / site.mailbox.user
        for file in place.glob("dovecot*"):
            if "uidlist" in file.name or "index" in file.name:
                file.unlink()
    site.start_reception()
    site.settle()
    site.check()


def test_a_report_on_our_mail_marks_its_recipient_once_whatever_is_killed(site: Site) -> None:
    site.start_es()
    missed = []
    commits = (f"database.{what}:{hit}" for hit in (4, 5) for what in ("commit", "committed"))
    armed = ["mail.stored:1", "mail.decided:1", *commits]
    for number, one in enumerate(armed):
        message_id, recipient = f"{number}@mesh.firma.example", f"gone{number}@kunde.example"
        with site.database.unit() as unit:
            MAILS.accept(
                unit, SendMailRequest(), caller="test", give_up_time=unit.now + timedelta(hours=1), expire_time=None,
                to=[recipient], cc=[], subject="Ihr Anruf", text="x", html="", reply_to="", in_reply_to="", origin=2,
                about="", message_id=f"<{message_id}>",
            )  # fmt: skip
        site.mailbox.deliver([mails.delivery_report(message_id, recipient)])
        site.sent.append("report")
        if not site.met(site.start_reception(one)):
            missed.append(one)
    site.start_reception()
    site.settle()
    with site.database.reading() as unit:
        rows = unit.connection.execute(select(MAIL)).all()
        marked = list(unit.connection.execute(select(MARKED_ADDRESS.c.mail_address)).scalars())
        sent = unit.connection.execute(select(MAILS.table)).all()
    assert [row.open_reason for row in rows] == ["bounced"] * len(armed)
    assert sorted(marked) == sorted(row.to[0] for row in sent)
    assert [(row.delivery, len(row.bounces)) for row in sent] == [(Delivery.BOUNCED, 1)] * len(armed)
    assert len(site.es.told()) == len({row.announcement_id for row in rows})
    print(f"{len(armed) - len(missed)} kills, {len(rows)} reports; not met: {missed}")
    assert len(missed) <= 2


def test_the_team_hears_of_silence_once_whatever_is_killed(site: Site) -> None:
    site.start_es()
    with site.database.unit() as unit:
        quiet = {"account": "info", "healthy": True, "status": "read", "seen_count": 0}
        unit.connection.execute(insert(MAIL_ACCOUNT).values(quiet))
    for hours, armed in ((2, "mail.silence_begun"), (3, "mail.silence_told")):
        with site.database.unit() as unit:
            unit.connection.execute(update(MAIL_ACCOUNT).values(last_mail_time=unit.now - timedelta(hours=hours)))
        assert site.start_reception(armed).has_ended(20)
        child, until = site.start_reception(), time.monotonic() + 20
        while len(site.es.told()) < hours - 1 or not _silence_told(site):
            assert time.monotonic() < until, site.said()
            threading.Event().wait(0.05)
        child.kill()
    subjects = [f"Seit {hours * 60} Minuten keine E-Mail in info" for hours in (2, 3)]
    assert sorted(subject for _, subject in site.es.told()) == subjects


def _silence_told(site: Site) -> bool:
    with site.database.reading() as unit:
        return bool(unit.connection.execute(select(MAIL_ACCOUNT.c.silence_told)).scalar_one())
