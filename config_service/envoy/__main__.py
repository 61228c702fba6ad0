"""Becomes an Envoy of the site: `python -m config_service.envoy --certs … --folder … --control-plane HOST:PORT`."""

import argparse
import os
import socket
from pathlib import Path

from config_service.envoy import bootstrap, launch
from config_service.envoy.rules import LAN_NODE, KeyPair
from mesh import certificates


def main() -> None:
    """Write the file Envoy starts with, and become Envoy."""
    parser = argparse.ArgumentParser(prog="python -m config_service.envoy", description="Runs an Envoy of the site.")
    add = parser.add_argument
    add("--certs", type=Path, required=True, help="folder of the site's certificates, made by `esconfig pki`")
    add("--folder", type=Path, required=True, help="folder for Envoy's own files; made when it is missing")
    add("--control-plane", action="append", required=True, metavar="HOST:PORT", help="config_service; once for each")
    add("--node", default=LAN_NODE, help="group of this Envoy, and the name in its certificate (default: %(default)s)")
    add("--threads", type=int, default=0, help="0: one per core")
    said = parser.parse_args()
    certs: Path = said.certs.absolute()
    own = certs / said.node
    settings = bootstrap.Bootstrap(
        site=certificates.read(certs, said.node).spiffe_id.site,
        node=said.node,
        instance=socket.gethostname(),
        control_plane=tuple(_place(parser, one) for one in said.control_plane),
        identity=KeyPair(certificate=str(own / "cert.pem"), key=str(own / "key.pem")),
        ca=str(certs / "ca.pem"),
    )
    line = launch.command(bootstrap.write(settings, said.folder), threads=said.threads)
    os.execv(line[0], line)  # noqa: S606 - the Envoy of this environment


def _place(parser: argparse.ArgumentParser, said: str) -> tuple[str, int]:
    host, _, port = said.rpartition(":")
    if not host or not port.isdigit():
        parser.error(f"--control-plane {said}: write HOST:PORT")
    return host.strip("[]"), int(port)


if __name__ == "__main__":
    main()
