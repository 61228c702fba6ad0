"""Asks one service of a container for its health: `python -m deploy.healthy server_es 127.0.0.1:12171`; 0: serving."""

import asyncio
import ssl
import sys
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

import grpc
from esoffice.config.v1 import identity_pb2, identity_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from mesh import certificates
from mesh.spiffe import SpiffeId

LIMIT_SECONDS = 10


async def is_healthy(service: str, address: str, certs: Path) -> bool:
    """Ask a service with its own certificate; an Envoy has no health of its own: what it leads to is tried."""
    own = certificates.read(certs, service)
    if service == "envoy-dmz":
        return await asyncio.to_thread(_shows_its_page, address, certs)
    name = SpiffeId(own.spiffe_id.site, service).dns_name
    credentials = grpc.ssl_channel_credentials(own.ca, own.key, own.chain)
    async with grpc.aio.secure_channel(address, credentials, [("grpc.ssl_target_name_override", name)]) as channel:
        if service.startswith("envoy-"):
            await identity_pb2_grpc.IdentityServiceStub(channel).GetKeySet(
                identity_pb2.GetKeySetRequest(), timeout=LIMIT_SECONDS
            )
            return True
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=LIMIT_SECONDS)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _shows_its_page(address: str, certs: Path) -> bool:
    context = ssl.create_default_context(cafile=certs / "ca.pem")
    with urllib.request.urlopen(f"https://{address}/", timeout=LIMIT_SECONDS, context=context) as answer:
        return bool(answer.status == HTTPStatus.OK)


def main(service: str, address: str) -> int:
    """Ask, and say in one line what is wrong."""
    try:
        if asyncio.run(is_healthy(service, address, Path("/certs"))):
            return 0
        reason = "not serving"
    except grpc.aio.AioRpcError as error:
        reason = f"{error.code().name}: {error.details()}"
    except OSError as error:
        reason = str(error)
    sys.stderr.write(f"{service} at {address}: {reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
