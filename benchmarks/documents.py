"""Documents through the DMZ Envoy with its ticket check, beside nginx (sendfile) as upstream behind the same Envoy.

h2load asks over HTTP/2 for 1 kB, 100 kB and 10 MB. Both upstreams are reached over TLS 1.3 with the Envoy's
certificate and serve the same files; ours also checks the ticket once more, walks to the file without following links
and notes the fetch.
Goals: at 10 MB half of nginx, at 1 kB 0.3 of its requests. Needs Debian's nginx and nghttp2-client.
Run `python -m benchmarks documents`.
"""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.lines import line

SIZES = {"1 kB": (1_000, 6000, 0.3), "100 kB": (100_000, 2000, None), "10 MB": (10_000_000, 40, 0.5)}
ROUNDS = 3


def measure() -> list[dict[str, Any]]:
    """Return a line for each size."""
    for needed in ("nginx", "h2load"):
        if shutil.which(needed, path=f"{os.environ['PATH']}:/usr/sbin") is None:
            raise RuntimeError(f"{needed} is missing: apt-get install nginx-light nghttp2-client")
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)  # as the services run
    with tempfile.TemporaryDirectory() as folder, runner:
        return runner.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[dict[str, Any]]:
    from tests.builders.dmz_site import dmz_site, settled
    from tests.builders.envoy_site import free_port

    async with dmz_site(folder) as site:
        for size, _, _ in SIZES.values():
            (site.gate.system / "Pläne" / f"{size}.bin").write_bytes(os.urandom(size))
        ours: dict[str, list[float]] = {name: [] for name in SIZES}
        theirs: dict[str, list[float]] = {name: [] for name in SIZES}
        port = free_port()
        nginx = _nginx(folder, site.gate.certs, site.gate.system / "Pläne", port)
        try:
            for _ in range(ROUNDS):
                for figures, upstream in ((ours, site.gate.port), (theirs, port)):
                    site.envoys.served_on(upstream)
                    await settled(site)
                    await asyncio.sleep(2)  # its health check has passed
                    for name, (size, count, _) in SIZES.items():
                        url = f"{site.url}/documents/A-1/plans/{size}.bin"
                        figures[name].append(await asyncio.to_thread(_ask, url, site.gate.shown, count))
        finally:
            nginx.terminate()
            nginx.wait(10)
    return [_line(name, goal, max(ours[name]), max(theirs[name])) for name, (_, _, goal) in SIZES.items()]


def _line(name: str, goal: float | None, ours: float, theirs: float) -> dict[str, Any]:
    ratio = ours / theirs
    return line(
        f"{name} through the DMZ Envoy, with ticket check", ours, "requests/s", peer="nginx, sendfile",
        peer_measured=theirs, ratio=ratio, goal=f"≥ {goal} of nginx" if goal else "",
        met=ratio >= goal if goal else None,
    )  # fmt: skip


def _ask(url: str, ticket: str, count: int) -> float:
    """Return requests a second; every answer must be a 200."""
    command = ["h2load", "-n", str(count), "-c", "4", "-m", "4", "-H", f"x-ticket: {ticket}", url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"status codes: {count} 2xx" in done.stdout, done.stdout
    found = re.search(r"([\d.]+) req/s", done.stdout)
    assert found is not None
    return float(found[1])


def _nginx(folder: Path, certs: Path, files: Path, port: int) -> "subprocess.Popen[bytes]":
    (folder / "nginx").mkdir()
    own = certs / "server_es"
    config = f"""
        daemon off; worker_processes 1; user root; pid {folder}/nginx/pid; error_log {folder}/nginx/error;
        events {{ worker_connections 1024; }}
        http {{
            access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
            client_body_temp_path {folder}/nginx/body; proxy_temp_path {folder}/nginx/proxy;
            fastcgi_temp_path {folder}/nginx/fastcgi; uwsgi_temp_path {folder}/nginx/uwsgi;
            scgi_temp_path {folder}/nginx/scgi;
            server {{
                listen 127.0.0.1:{port} ssl;
                ssl_certificate {own}/cert.pem; ssl_certificate_key {own}/key.pem; ssl_protocols TLSv1.3;
                ssl_client_certificate {certs}/ca.pem; ssl_verify_client on;
                location /healthz {{ return 200; }}
                location /documents/A-1/plans/ {{ alias "{files}/"; }}
            }}
        }}
    """
    (folder / "nginx" / "nginx.conf").write_text(config)
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    return subprocess.Popen([nginx, "-c", f"{folder}/nginx/nginx.conf", "-p", str(folder / "nginx")])
