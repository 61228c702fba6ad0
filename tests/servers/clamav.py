"""A real clamd on a free port and a socket, whose only signature is that of the EICAR test file.

Needs Debian's `clamav-daemon`; the signatures of the world are not needed and not there.
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from server_business.documents.clamd import Clamd, ScannerAway
from tests.builders.processes import free_port

# In two pieces, so that no scanner takes this file for the test file.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-" + rb"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
FOUND = "Eicar-Test.UNOFFICIAL"
MOST_MIB = 3
_BINARY = shutil.which("clamd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def missing() -> str:
    """Return what the machine lacks, or an empty text."""
    return "" if _BINARY else "no clamd: apt-get install clamav-daemon"


@dataclass(frozen=True)
class Running:
    """A running daemon. `unix` and `tcp` are addresses as settings have them."""

    unix: str
    tcp: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def running(port: int = 0) -> Iterator[Running]:
    """Run it until the block ends."""
    with TemporaryDirectory(prefix="clamav-") as name:
        folder, port = Path(name), port or free_port()
        (folder / "signatures").mkdir()
        (folder / "signatures" / "own.ndb").write_text(f"Eicar-Test:0:*:{EICAR.hex()}\n")
        (folder / "clamd.conf").write_text(
            f"Foreground yes\nDatabaseDirectory {folder}/signatures\nLocalSocket {folder}/socket\nTCPSocket {port}\n"
            f"TCPAddr 127.0.0.1\nStreamMaxLength {MOST_MIB}M\nTemporaryDirectory {folder}\nLogFile {folder}/log\n"
            f"User {'root' if os.getuid() == 0 else os.environ.get('USER', '')}\n"
        )
        command = [_BINARY or "clamd", "--config-file", str(folder / "clamd.conf")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            one = Running(f"unix:{folder}/socket", f"127.0.0.1:{port}", process)
            _wait(one, folder)
            yield one
        finally:
            process.terminate()
            process.wait(10)


def _wait(one: Running, folder: Path) -> None:
    until = time.monotonic() + 30
    for address in (one.unix, one.tcp):
        while True:
            try:
                Clamd(address, timeout=5).scan([b"x"])
            except ScannerAway:
                assert one.process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until
                threading.Event().wait(0.02)
            else:
                break
