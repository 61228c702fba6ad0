"""What is written down of every call: its series, its line, its trace id; and what is not validated."""

import asyncio
import json
import re

import pytest
from esoffice.config.v1 import audit_pb2, identity_pb2
from prometheus_client import CollectorRegistry, generate_latest

from mesh import validation
from mesh.call import Call
from mesh.log import CallLines
from mesh.metrics import Calls
from mesh.tokens import Caller, Kind
from mesh.wakeups import Doorbell, Gathering


def test_calls_are_exported_as_counter_and_histogram() -> None:
    registry = CollectorRegistry()
    series = Calls(registry).of("a.B/C")
    for code, seconds in (("OK", 0.0005), ("OK", 0.02), ("NOT_FOUND", 99.0)):
        series.count(code)
        series.observe(seconds)
    text = generate_latest(registry).decode()
    assert 'esoffice_calls_total{code="OK",method="a.B/C"} 2.0' in text
    assert 'esoffice_calls_total{code="NOT_FOUND",method="a.B/C"} 1.0' in text
    assert 'esoffice_call_seconds_bucket{le="0.001",method="a.B/C"} 1.0' in text
    assert 'esoffice_call_seconds_bucket{le="0.025",method="a.B/C"} 2.0' in text
    assert 'esoffice_call_seconds_bucket{le="+Inf",method="a.B/C"} 3.0' in text
    assert 'esoffice_call_seconds_count{method="a.B/C"} 3.0' in text


def test_a_time_on_a_bound_belongs_to_its_bucket() -> None:
    series = Calls(None).of("a.B/C")
    series.observe(0.001)
    assert series.observed[0] == 1


async def test_a_line_says_who_what_when_and_under_which_id(capfd: pytest.CaptureFixture[str]) -> None:
    lines = CallLines()
    lines.begin(service="server_es", on=True, human=False)
    call = Call("/a.B/C", "x.read", 1, 0.0)
    call.caller = Caller(kind=Kind.PERSON, name='Anna "A"')
    call.address = "192.0.2.7"
    lines.write(call, "OK", 0.00123)
    lines.flush()
    said = json.loads(capfd.readouterr().err)
    assert (said["caller"], said["address"], said["ms"], said["code"]) == ('Anna "A"', "192.0.2.7", 1.23, "OK")
    assert said["trace_id"] == call.trace_id
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", said["timestamp"])


def test_a_trace_id_is_made_once() -> None:
    call = Call("/a.B/C", "x.read", 1, 0.0)
    assert re.fullmatch("[0-9a-f]{32}", call.trace_id)
    assert call.trace_id == call.trace_id
    assert call.trace_id != Call("/a.B/C", "x.read", 1, 0.0).trace_id


def test_rules_are_found_in_what_a_message_holds() -> None:
    assert validation.has_rules(audit_pb2.ListAuditEntriesRequest.DESCRIPTOR)
    assert validation.has_rules(audit_pb2.RecordAuditEntriesRequest.DESCRIPTOR)
    assert not validation.has_rules(identity_pb2.GetKeySetRequest.DESCRIPTOR)


async def test_many_reasons_ring_once_and_a_later_one_again() -> None:
    rings: list[int] = []
    bell = Doorbell("x", lambda _: None)
    gathering = Gathering(bell, 0.01)
    with bell.listening_async() as rung:
        for _ in range(2):
            for number in range(5):
                await asyncio.to_thread(gathering.ring)
                rings.append(number)
            await asyncio.wait_for(rung.wait(), 5)
            rung.clear()
        assert not rung.is_set()
    assert len(rings) == 10
