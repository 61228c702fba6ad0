"""Every mail of a mailbox in Exchange exactly once, by EWS and by Graph, wherever the reception is killed."""

from pathlib import Path

import pytest

from tests.builders.kills import places
from tests.builders.mail_kills import ExchangeMailbox, mail_site
from tests.servers import ews_mail, graph_mail

STEPS = ("fetched", "stored", "decided", "calling", "called", "recorded", "filing", "marked")
PLACES = [
    *(f"mail.{step}:1" for step in STEPS), *(f"mail.filed:{hit}" for hit in (1, 2, 3)),
    "database.commit:3", "database.committed:3",
]  # fmt: skip
KILLS = places(PLACES, 0.05)
pytestmark = pytest.mark.timeout(max(180, len(KILLS) * 8))


@pytest.mark.parametrize("kind", ["ews", "graph"])
def test_a_reception_from_exchange_killed_anywhere_takes_every_mail_in_once(kind: str, tmp_path: Path) -> None:
    running = ews_mail.running if kind == "ews" else graph_mail.running
    with running() as server, mail_site(tmp_path, ExchangeMailbox(server, "info", kind)) as site:
        site.start_es()
        missed = []
        rounds = len(KILLS)
        for armed in KILLS:
            site.send()
            if not site.met(site.start_reception(armed)):
                missed.append(armed)
        site.start_reception()
        site.settle()
        site.check()
    print(f"{rounds - len(missed)} kills of the reception, {len(site.sent)} mails; not met: {missed}")
    assert len(missed) <= rounds // 5
