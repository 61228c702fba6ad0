"""A process that takes mails apart as the reception does: reads a path a line, answers what it cost."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from server_business.mail.automatic import OwnMarks
from server_business.mail.budget import Budget
from server_business.mail.intake import arrival
from server_business.mail.source import MailIdentity, RawMail

_OWN = OwnMarks(site="firma.example", message_id_domain="mesh.firma.example")
_NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def _most_memory() -> float:
    """Return the most this program has had resident; `ru_maxrss` would count whoever started it, too."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def run() -> None:
    """Answer until standard input ends. The memory is the most there ever was, of all mails so far."""
    identity = MailIdentity(account="info", folder="INBOX", uidvalidity=1, uid="1")
    for line in sys.stdin:
        mail = RawMail(identity=identity, received=_NOW, content=Path(line.strip()).read_bytes(), complete=True)
        begun = time.thread_time()
        row = arrival(mail, budget=Budget(), own=_OWN, announce=False).row
        answer = {
            "state": row["state"], "reason": row["open_reason"], "seconds": time.thread_time() - begun,
            "megabytes": _most_memory(),
        }  # fmt: skip
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    run()
