"""What a service must be told before it has settings: its command line.

Standard library only, the supervisor reads it too.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """See the help texts of `parse`."""

    data: Path
    certs: Path
    config_address: str
    listen: str
    advertise: str = ""
    envoy: str = ""
    database: str = ""
    peers: tuple[tuple[str, str], ...] = ()
    readable_log: bool = False
    healthy_within: float = 30.0
    drain_within: float = 20.0


def parse(service: str, arguments: Sequence[str] | None = None) -> Bootstrap:
    """Read the command line of a service; ends the process with a sentence when it is wrong."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {service}", description=f"Runs {service} until it is told to stop."
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder for the service's own files; made when it is missing")
    add("--certs", type=Path, required=True, help="folder of the site's certificates, made by `esconfig pki`")
    add("--listen", default="127.0.0.1:0", help="host:port to listen on; port 0: any free one (default: %(default)s)")
    add("--config-address", default="127.0.0.1:12170", help="host:port of config_service (default: %(default)s)")
    add("--advertise", default="", help="host:port under which others reach this instance (default: as it listens)")
    add("--envoy", default="", help="host:port of the LAN Envoy, over which other services are called")
    add("--database", default="", help="database of config_service (default: SQLite in the data folder)")
    add(
        "--peer",
        action="append",
        default=[],
        metavar="SERVICE=HOST:PORT",
        help="calls a service directly, not over Envoy",
    )
    add("--readable-log", action="store_true", help="log for people instead of JSON")
    add(
        "--healthy-within",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="how long a start on new settings may take",
    )
    add("--drain-within", type=float, default=20.0, metavar="SECONDS", help="how long running calls get to end")
    said = parser.parse_args(arguments)
    wrong = [one for one in said.peer if not all(one.partition("="))]
    if wrong:
        parser.error(f"--peer {wrong[0]}: write SERVICE=HOST:PORT")
    return Bootstrap(
        data=said.data.absolute(),
        certs=said.certs.absolute(),
        config_address=said.config_address,
        listen=said.listen,
        advertise=said.advertise,
        envoy=said.envoy,
        database=said.database,
        peers=tuple((name, address) for name, _, address in (one.partition("=") for one in said.peer)),
        readable_log=said.readable_log,
        healthy_within=said.healthy_within,
        drain_within=said.drain_within,
    )
