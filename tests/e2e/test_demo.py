"""`make run`, as a newcomer sees it: the walk through the demo site, the commands it prints, and Ctrl-C."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.envoy, pytest.mark.timeout(400)]


def free_ports() -> int:
    """Return a port whose followers up to +8 are free too, below those that outgoing connections get."""
    for first in range(14000 + os.getpid() % 900 * 10, 32000, 10):
        try:
            for port in (first, first + 6, first + 7, first + 8):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no free ports")


@dataclass
class Running:
    process: subprocess.Popen[str]
    folder: Path
    port: int
    told: str = ""

    def command(self, *words: str) -> str:
        """Run one of the printed commands with the printed environment."""
        environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'stubs'}",
            "ESCONFIG_SERVER": f"localhost:{self.port}",
            "ESCLIENT_SERVER": f"localhost:{self.port}",
            "ESCONFIG_CA": str(self.folder / "pki/ca.pem"),
            "ESCLIENT_CA": str(self.folder / "pki/ca.pem"),
            "ESCONFIG_USER": "admin",
            "ESCONFIG_PASSWORD": "Verwaltung-2026",
            "ESCLIENT_USER": "petersen",
            "ESCLIENT_PASSWORD": "Verwaltung-2026" if "admin" in words else "Disposition-2026",
        }
        module = {"esconfig": "config_service.cli", "esclient": "esclient.cli"}[words[0]]
        done = subprocess.run(
            [sys.executable, "-m", module, *words[1:]], cwd=ROOT, env=environment, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, port = tmp_path_factory.mktemp("site"), free_ports()
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.run"], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'stubs'}", "SITE": str(folder), "LAN_PORT": str(port)},
    )  # fmt: skip
    site = Running(process, folder, port)
    assert process.stdout is not None
    for line in process.stdout:
        site.told += line
        if line.startswith("Logs:"):
            break
    assert "The mesh is running" in site.told, site.told
    yield site
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    process.stdout.close()


def test_mails_become_calls_and_the_doubtful_ones_wait_for_a_person(running: Running) -> None:
    told = running.told
    assert told.count("→ servicecall servicecalls/") == 2
    for reason in ("sender_ambiguous", "sender_unknown", "automatic", "sender_invalid"):
        assert f"→ open {reason}" in told
    assert "→ contact servicecalls/" in told


def test_the_customer_is_sent_the_number_of_her_call(running: Running) -> None:
    assert "acknowledgement to " in running.told
    queued = json.loads(
        running.command("esconfig", "--output", "json", "outgoing", "list", "--about", "servicecalls/1")
    )
    assert [one["subject"].startswith("Call 1 ") for one in queued] == [True]


def test_the_dispatcher_sees_popups_and_the_due_time_is_explained(running: Running) -> None:
    assert "☎ popup for Maike Petersen: Neuer Servicecall" in running.told
    assert "Lösung fällig" in running.told


def test_a_technician_asks_for_leave_and_the_dispatcher_agrees_in_her_popup(running: Running) -> None:
    assert "☎ popup for Maike Petersen: Antrag: Urlaub" in running.told
    assert "Maike Petersen agrees: absences/1 is approved" in running.told
    assert "approved" in running.command("esclient", "absences", "list", "--view", "all")


def test_a_technician_forwards_a_call_and_the_dispatcher_is_told(running: Running) -> None:
    assert "teams/disposition: Ersatzteil bestellen" in running.told
    assert "☎ popup for Maike Petersen: Servicecall" in running.told
    assert "Ersatzteil bestellen" in running.command("esclient", "calls", "forwardings", "1")


def test_who_prefers_a_short_message_gets_it_through_server_business(running: Running) -> None:
    running.command("esconfig", "settings", "set", "server_es.notifications.bundle_duration=1s", "--yes")
    running.command("esclient", "--user", "admin", "notifications", "set", "--employee", "102", "--channel", "sms")
    running.command("esclient", "calls", "forward", "1", "Bitte heute", "--employee", "102")
    for _ in range(100):
        told = json.loads(running.command("esclient", "-o", "json", "notifications", "list", "--employee", "102"))
        sms = [one for one in told if one["channel"] == "NOTICE_CHANNEL_SMS"]
        if sms and sms[0]["remoteName"]:
            break
    assert (sms[0]["remoteName"], sms[0]["state"], sms[0]["address"]) == (
        "sms/1", "NOTICE_STATE_SENT", "+4915100000102",
    )  # fmt: skip


def test_the_service_comes_back_on_the_new_revision(running: Running) -> None:
    assert "server_business is back: serving on revision" in running.told


def test_the_printed_commands_work(running: Running) -> None:
    instances = running.command("esconfig", "status")
    assert all(one in instances for one in ("config_service", "server_es", "server_business"))
    left_open = json.loads(running.command("esconfig", "--output", "json", "mails", "list"))
    assert len(left_open) == 4
    assert "OP 2" in running.command("esclient", "calls", "list", "--by-due")
    assert "fällig" in running.command("esclient", "calls", "explain", "1")


def test_ctrl_c_ends_every_process_it_started(running: Running) -> None:
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(60) == 0
    for port in (running.port, running.port + 6, running.port + 7, running.port + 8):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
