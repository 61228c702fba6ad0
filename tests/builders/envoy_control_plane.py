"""A control plane in a process of its own: `python -m tests.builders.envoy_control_plane FACTS`."""

import asyncio
import pickle
import sys
from pathlib import Path

import grpc

from config_service.envoy.service import ControlPlane
from mesh.clock import SystemClock
from tests.builders.envoy_site import SITE


async def serve(handed: bytes) -> None:
    port, key, certificate, ca, facts = pickle.loads(handed)
    plane = ControlPlane(site=SITE, clock=SystemClock())
    plane.update(facts)
    server = grpc.aio.server()
    plane.add_to(server)
    credentials = grpc.ssl_server_credentials([(key, certificate)], root_certificates=ca, require_client_auth=True)
    server.add_secure_port(f"127.0.0.1:{port}", credentials)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]).read_bytes()))
