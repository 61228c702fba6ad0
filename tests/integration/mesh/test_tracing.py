"""Spans as a collector receives them over OTLP."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc

from mesh.call import WRITE, Call
from mesh.tracing import otlp


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self) -> None:
        self.spans: list[tuple[str, Any]] = []

    def Export(self, request: Any, context: Any) -> Any:
        for one in request.resource_spans:
            service = {each.key: each.value.string_value for each in one.resource.attributes}["service.name"]
            self.spans += [(service, span) for scope in one.scope_spans for span in scope.spans]
        return pb.ExportTraceServiceResponse()


@pytest.fixture
def collector() -> Iterator[tuple[Collector, int]]:
    servicer = Collector()
    server = grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, port
    server.stop(None).wait()


def test_a_call_arrives_as_a_span_with_its_status_and_its_length(collector: tuple[Collector, int]) -> None:
    servicer, port = collector
    tracer = otlp(f"http://127.0.0.1:{port}", service="server_es")
    assert tracer is not None
    call = Call("/esoffice.es.v1.ServicecallService/GetServicecall", "servicecalls.read", WRITE, 0.0)
    call.code, call.message = grpc.StatusCode.NOT_FOUND, "servicecalls/9 does not exist"
    tracer.record(call, 0.25)
    tracer.shutdown()
    ((service, span),) = servicer.spans
    assert (service, span.name) == ("server_es", call.method)
    assert 0.25e9 <= span.end_time_unix_nano - span.start_time_unix_nano < 5e9
    attributes = {one.key: one.value for one in span.attributes}
    assert attributes["rpc.grpc.status_code"].int_value == 5
    assert attributes["esoffice.trace_id"].string_value == call.trace_id
    assert span.status.message == "servicecalls/9 does not exist"


def test_without_an_endpoint_there_is_no_tracer() -> None:
    assert otlp("", service="server_es") is None
