"""Measures everything beside its peers and prints one table: `python -m benchmarks [--json] [--write] [NAME …]`.

`--write` brings `docs/benchmarks.md` up to date. What was not run keeps its figures and their date, which stand in
`docs/benchmarks.json`.
"""

import argparse
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from mesh.clock import SystemClock

ABOUT = {
    "due_time": "Due times: working time added to an instant, Bavarian holidays, beside PyPI's workclock (Rust) and "
    "businesstimedelta. All three give the same answer. Microseconds of CPU a call.",
    "pipeline": "A call through the whole pipeline (log line, metrics, signed token, permission, validation, audit) "
    "beside the same method on a bare grpc.aio server, both on uvloop, asked by h2load. Microseconds of the server's "
    "CPU a call, ratios per round, their median. The bare server checks nothing and touches no database, so the read "
    "from the database stands there to be seen, not to be compared.",
    "fanout": "Popups to all open streams, from the commit to the last client, beside a bare grpc.aio fan-out of the "
    "same bytes. Server and clients are processes of their own that share the machine. Bare hands the same bytes "
    "to all; ours makes an event of its own for each inbox (cursor before and after, name, recipient), which is what "
    "the ratio shows. Most of a stream's memory is gRPC's own.",
    "mail_import": "Mails from a real Dovecot to committed calls, beside a raw drain, a raw insert of the same "
    "bytes with fsync, and `mbsync` with fsync.",
    "mail_parse": "Reading mails, beside the standard library, which does less: no strict sender, no sanitising, no "
    "hashes, no budget. Mails a second of CPU.",
    "mesh_database": "Units of work on SQLite, beside a pooled engine and `asyncio.to_thread`. Microseconds each.",
    "sms": "Short messages over SMPP to a null SMS centre in a process of its own, until every receipt is stored, on "
    "SQLite with fsync: queued before, beside Kannel, whose HTTP interface is part of its way and whose spool is not "
    "synced; and accepted over gRPC by 16 callers while they are sent.",
    "servicecalls": "Servicecalls over a real channel on SQLite: batches of 500 beside the same calls one by one.",
    "escalations": "Escalations with a million waiting: how late they are told, a burst, waiting, re-timing.",
    "forwarding": "A dispatcher forwards a servicecall; the technician's open stream gets the popup. Milliseconds at "
    "the clients, the whole of server_es with all its workers in a process of its own.",
    "duty": "Who is on duty: 10,000 compiled rosters at random instants, beside dateutil's RRULE, which knows neither "
    "layers nor replacements; and the month view of 1,000 rosters. CPU time of one thread.",
    "documents": "Documents through the DMZ Envoy with its ticket check, beside nginx (sendfile) behind the same "
    "Envoy, both over TLS 1.3. Requests a second, the best of three rounds each, asked by h2load on the same machine.",
    "exchange": "The sync of a mailbox over EWS, with a server of the tests in its own process and a real server_es: "
    "new appointments on both sides at once. Calls to Exchange beside the fewest: tokens by 512, items by 100.",
    "document_store": "Documents of server_business, bytes and rows durable, beside what the disk gives without it; "
    "client and service share the machine.",
    "idle": "The whole mesh while nothing happens: three services with their supervisors, the real Envoy, a mailbox.",
}
FOLDER = Path(__file__).resolve().parent.parent / "docs"
KEPT = FOLDER / "benchmarks.json"
PAGE = FOLDER / "benchmarks.md"
HEAD = """# Benchmarks

Every figure was measured by `make benchmarks`; none is copied from elsewhere. Run one by its name:
`python -m benchmarks pipeline`; `--write` brings this page up to date.

How to read it: the *ratio* says how many times as good as the peer ours is, so 1 is even and less is worse. Ours and
the peer take turns in the same run, so load on the machine moves both: trust ratios, and take absolute figures for
what that machine gave at that moment. The load before each run is noted; a load above the number of cores means that
others were working on it.
"""


def main() -> int:
    """Run what is asked for; exit code 1 when something could not be run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures everything beside its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which ones (default: all): {', '.join(ABOUT)}")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    parser.add_argument("--write", action="store_true", help="bring docs/benchmarks.md up to date")
    said = parser.parse_args()
    if unknown := set(said.names) - set(ABOUT):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    runs: dict[str, dict[str, Any]] = {}
    for name in said.names or ABOUT:
        print(f"{name} …", file=sys.stderr, flush=True)
        runs[name] = run = measured(name)
        show(name, run, as_json=said.json)
        if said.write and not run["problem"]:
            write({name: run})
    return 1 if any(run["problem"] for run in runs.values()) else 0


def measured(name: str) -> dict[str, Any]:
    """Run one benchmark; what fails is told and does not stop the next."""
    run: dict[str, Any] = {
        "date": f"{SystemClock().now():%Y-%m-%d}", "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1),
        "python": sys.version.partition(" ")[0], "lines": [], "problem": "",
    }  # fmt: skip
    try:
        run["lines"] = importlib.import_module(f"benchmarks.{name}").measure()
    except Exception as error:  # noqa: BLE001 - whatever it is, the others run
        traceback.print_exc()
        run["problem"] = f"{type(error).__name__}: {error}"
    return run


def show(name: str, run: dict[str, Any], *, as_json: bool) -> None:
    """Print the lines of one benchmark."""
    if as_json:
        for one in run["lines"]:
            print(json.dumps({"benchmark": name, **one}, ensure_ascii=False))
        return
    print(f"\n{name}" + (f": did not run: {run['problem']}" if run["problem"] else ""))
    for one in run["lines"]:
        case, figure, peer, ratio, goal, met = cells(one)
        print(f"  {case:<52}{figure:>16}  {peer:<44}{ratio:>8}  {goal} {met}".rstrip())
    sys.stdout.flush()


def cells(one: dict[str, Any]) -> tuple[str, ...]:
    """Return a line as it stands in the table."""
    peer = one["peer"] + (f": {one['peer_measured']:,} {one['unit']}" if one["peer_measured"] is not None else "")
    met = {True: "met", False: "**missed**", None: ""}[one["met"]]
    ratio = "" if one["ratio"] is None else f"{one['ratio']:,}"
    return one["case"], f"{one['measured']:,} {one['unit']}", peer, ratio, one["goal"], met


def write(runs: dict[str, dict[str, Any]]) -> None:
    """Keep the runs and write the page anew."""
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    kept |= runs
    KEPT.write_text(
        json.dumps({name: kept[name] for name in ABOUT if name in kept}, indent=1, ensure_ascii=False) + "\n"
    )
    parts = [HEAD]
    for name, about in ABOUT.items():
        if name in kept:
            parts.append(section(name, about, kept[name]))
    PAGE.write_text("\n".join(parts))


def section(name: str, about: str, run: dict[str, Any]) -> str:
    """Return a benchmark's part of the page."""
    rows = ["| " + " | ".join(cells(one)) + " |" for one in run["lines"]]
    where = f"Python {run['python']}, {run['cores']} cores, load {run['load']} before the run, {run['date']}."
    head = ["| case | ours | beside | ratio | goal | |", "| --- | ---: | --- | ---: | --- | --- |"]
    return "\n".join([f"## {name}\n", f"{about}\n", f"{where}\n", *head, *rows, ""])


if __name__ == "__main__":
    sys.exit(main())
