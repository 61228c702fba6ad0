"""`esconfig healthcheck`: for monitoring and containers."""

import sys
from typing import Annotated, Any

import grpc
import typer
from esoffice.config.v1 import identity_pb2
from esoffice.config.v1.identity_pb2_grpc import IdentityServiceStub
from grpc_health.v1 import health_pb2, health_pb2_grpc

from config_service.cli.exits import Failure
from config_service.cli.options import session_of
from config_service.cli.output import Output, show_data

_SERVING = health_pb2.HealthCheckResponse.SERVING


def healthcheck(
    context: typer.Context,
    module: Annotated[
        str, typer.Option(help="With --direct: a service or module by its health name; default: the whole server.")
    ] = "",
    limit: Annotated[float, typer.Option("--within", min=0.1, help="Seconds the answer may take.")] = 5.0,
) -> None:
    """Ask whether the server works: exit code 0 if it does, 1 if it says no, 3 if it does not answer.

    Over the Envoy the whole way to config_service is tried, with --direct gRPC's health service is asked.
    """
    session = session_of(context)
    if session.direct:
        request = health_pb2.HealthCheckRequest(service=module)
        answer = session.ask(
            lambda channel: _stub(channel).Check(request, timeout=limit),
            signed_in=False,
        )
        state = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    else:
        session.ask(
            lambda channel: IdentityServiceStub(channel).GetKeySet(identity_pb2.GetKeySetRequest(), timeout=limit),
            signed_in=False,
        )
        state = "SERVING"
    if session.output is Output.TABLE:
        sys.stdout.write(f"{session.server} {state.lower().replace('_', ' ')}\n")
    else:
        show_data(session.output, {"server": session.server, "status": state})
    if state != "SERVING":
        raise Failure(f"{session.server} is not serving.")


def _stub(channel: grpc.aio.Channel) -> Any:
    return health_pb2_grpc.HealthStub(channel)
