"""What the whole mesh burns while nothing happens: three services with their supervisors, the LAN Envoy, a mailbox.

CPU seconds of every process from /proc, over a span in which nobody calls. Goal: less than 2 % of one core.
Run `python -m benchmarks idle`.
"""

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.lines import line

SECONDS = 30.0
SETTLED_AFTER_SECONDS = 15.0
ACCOUNT = "server_business.mail.accounts.info"
USER, PASSWORD = "admin", "Verwaltung-2026"


def measure(seconds: float = SECONDS) -> list[dict[str, Any]]:
    """Return a line for the whole mesh and one per process."""
    os.environ["LAN_PORT"] = str(_free_ports(9))
    from deploy import site as sites

    with tempfile.TemporaryDirectory() as folder, sites.Site(Path(folder), "idle") as site:
        _start(site, Path(folder) / "maildir", sites.LAN_PORT, sites.PORTS["config_service"])
        _pause(SETTLED_AFTER_SECONDS)
        processes = {pid: _named(pid) for pid in _descendants(os.getpid()) if _named(pid)}
        before, begun = {pid: _cpu(pid) for pid in processes}, time.perf_counter()
        _pause(seconds)
        spent = {pid: _cpu(pid) - before[pid] for pid in processes}
        passed = time.perf_counter() - begun
        memory = sum(_megabytes(pid) for pid in processes)
    used = sum(spent.values()) / passed * 100
    each = sorted(((name, spent[pid] / passed * 100) for pid, name in processes.items()), key=lambda one: -one[1])
    return [
        line("whole mesh", used, "% of a core", goal="< 2 %", met=used < 2),
        *(line(name, percent, "% of a core") for name, percent in each),
        line("whole mesh, resident memory", memory, "MB"),
    ]


def _start(site: Any, maildir: Path, lan_port: int, config_port: int) -> None:
    for part in ("tmp", "new", "cur"):
        (maildir / part).mkdir(parents=True)
    site.make_certificates()
    site.first_administrator(USER, PASSWORD)
    direct = ("--direct", "--server", f"127.0.0.1:{config_port}")
    site.start("config_service")
    site.wait_until_reachable(*direct)
    site.esconfig(
        *direct, "settings", "set", f"config_service.lan.port={lan_port}", "config_service.lan.address=127.0.0.1",
        f"{ACCOUNT}.active=true", f"{ACCOUNT}.kind=maildir", f"{ACCOUNT}.path={maildir}",
        f"{ACCOUNT}.action=create_servicecall", "--reason", "benchmark", "--yes",
        user=USER, password=PASSWORD,
    )  # fmt: skip
    site.start_envoy()
    site.start("server_es")
    site.start("server_business")
    site.wait_until_reachable()


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def _free_ports(count: int) -> int:
    """Return the first of so many ports in a row that nobody uses at this moment."""
    for first in range(15_000, 30_000, count):
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            yield child
            yield from _descendants(child)


def _named(pid: int) -> str:
    """Return what a process is called in the table; empty for what is not part of the mesh."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    if "mesh.run" in words:
        return f"{words[words.index('mesh.run') + 1].partition('.')[0]}, worker"
    if "-m" in words and words[words.index("-m") + 1].startswith(("config_service", "server_")):
        return f"{words[words.index('-m') + 1]}, supervisor"
    return "Envoy" if "envoy" in words[0].rpartition("/")[2] else ""


def _cpu(pid: int) -> float:
    """Return CPU seconds of all threads so far, exact to the nanosecond (schedstat), where stat counts in 10 ms."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _megabytes(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
