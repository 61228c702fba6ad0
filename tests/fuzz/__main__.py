"""Fuzzing with coverage (atheris): only typed errors, whatever the bytes are. `python -m tests.fuzz TARGET SECONDS`.

Starts from the mails of the corpus; what makes a target fail is written to `crash-…` in the working directory.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports():
    from server_business.mail.budget import Budget
    from server_business.mail.parsing import parse
    from server_business.mail.problems import UnreadableMail
    from server_business.mail.reports import read_report
    from server_business.mail.rules import CreateContact  # noqa: F401 - instrumented with what it imports
    from server_business.mail.screening import Verdicts, screen
    from server_business.mail.signatures import Authorities, signatures

from datetime import UTC, datetime

from server_business.mail.filters import HeaderPattern, Outcome, Rule, SenderPatterns
from server_business.mail.screening import Policy
from server_business.mail.suggestions import hints
from server_business.outgoing_mail.rules import judge
from tests.builders import mails
from tests.builders.mail_corpus import corpus

_MX = "mx.firma.example"
_SMALL = Budget(size=200_000, parts=100, depth=8)
_POLICY = Policy(
    rules=(Rule(name="10", outcome=Outcome.IGNORE, headers=(HeaderPattern.of("Subject: *a*b?c*"),)),),
    reply_to_senders=SenderPatterns.of(["*@kunde.example"]),
    forwarding_senders=SenderPatterns.of(["@*"]),
    authentication_server=_MX,
    spam_signs=(HeaderPattern.of("X-Spam-Flag: YES*"),),
)
_NOW = datetime(2026, 11, 24, tzinfo=UTC)
_NOBODY = Authorities("")


def mail(data: bytes) -> None:
    """A whole mail: read, screened, its verdicts kept and restored; every text is one that every database keeps."""
    try:
        read = parse(data, _SMALL, _POLICY.wanted)
    except UnreadableMail:
        return
    _, verdicts = screen(read, "INBOX", _POLICY)
    assert Verdicts.restored(verdicts.stored()) == verdicts
    kept = (read.subject, read.text, read.html, read.message_id, *read.thread, *read.problems)
    for one in (
        *kept,
        *(text for file in read.attachments for text in (file.name, file.content_type, file.content_id)),
    ):
        assert "\0" not in one, one
        one.encode()
    hints("", read.subject, read.text[:2_000], "DE")
    signatures(data, "", _NOW, _NOBODY)


class _Part:
    def __init__(self, content: bytes) -> None:
        self.content_type, self.content = "message/delivery-status", content


def report(data: bytes) -> None:
    """The fields of a report on a delivery, and what it means."""
    found = read_report([_Part(data)], ["1@firma.example"], data.decode("utf-8", "replace"))
    assert found is not None
    judgement = judge(found.recipients, ["hans@kunde.example"])
    if judgement is not None:
        judgement.sentence("outgoingMails/1").encode("utf-8", "surrogatepass")


_TARGETS: dict[str, Callable[[bytes], None]] = {"mail": mail, "report": report}


def _seeds(target: str, folder: Path) -> None:
    if target == "report":
        for number, fields in enumerate((b"Action: failed\r\nStatus: 5.1.1\r\n", mails.delivery_report("1@x", "a@b"))):
            (folder / str(number)).write_bytes(fields)
        return
    for number, (name, make) in enumerate(corpus()):
        if not name.startswith("bomb/"):
            (folder / str(number)).write_bytes(make())


def main() -> None:
    """Fuzz one target for so many seconds."""
    target, seconds = sys.argv[1], sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        _seeds(target, Path(folder))
        flags = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1500", "-max_len=20000", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *flags, "-print_final_stats=1", folder], _TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
