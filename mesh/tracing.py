"""OpenTelemetry by setting: one span a call, exported over OTLP. Without an endpoint nothing of it is imported."""

from collections.abc import Callable
from typing import Any

from mesh.call import Call
from mesh.clock import SystemClock


class Tracer:
    """Records finished calls as spans. `record` is called once a call, after its status is known."""

    def __init__(self, make_span: Callable[[Call, float], None], shutdown: Callable[[], Any]) -> None:
        self.record = make_span
        self.shutdown = shutdown


def otlp(endpoint: str, *, service: str) -> Tracer | None:
    """Return a tracer that exports to an OTLP/gRPC collector, or None for an empty endpoint.

    Args:
        endpoint: `http://host:4317`; the scheme says whether TLS is used.
        service: `service.name` of the resource, such as `server_es`.
    """
    if not endpoint:
        return None
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import SpanKind, Status, StatusCode

    provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    tracer = provider.get_tracer("mesh")

    def record(call: Call, seconds: float) -> None:
        span = tracer.start_span(call.method, kind=SpanKind.SERVER, start_time=_nanoseconds_ago(seconds))
        span.set_attribute("rpc.system", "grpc")
        span.set_attribute("rpc.grpc.status_code", call.code.value[0])
        span.set_attribute("esoffice.trace_id", call.trace_id)
        if call.code.value[0]:
            span.set_status(Status(StatusCode.ERROR, call.message))
        span.end()

    return Tracer(record, provider.shutdown)


def _nanoseconds_ago(seconds: float) -> int:
    return SystemClock().epoch_nanoseconds() - round(seconds * 1e9)
