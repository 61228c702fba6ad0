"""What the contracts promise as a whole: permissions, reasons, doors, the page in docs/, retries and deadlines."""

import ast
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from esoffice.errors.v1 import errors_pb2
from esoffice.options.v1 import options_pb2
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from mesh import channel
from mesh.errors import DomainError

ROOT = Path(__file__).parents[2]
PROTOS = ROOT / "protos"
APPS = {"config": "config_service", "es": "server_es", "business": "server_business"}
RESERVED = ("public", "signed-in", "service")
SENT_BY_THE_PIPELINE = {"INTERNAL"}


def services() -> Iterator[ServiceDescriptor]:
    for path in sorted(PROTOS.rglob("*.proto")):
        stub = ".".join(path.relative_to(PROTOS).with_suffix("").parts) + "_pb2"
        yield from importlib.import_module(stub).DESCRIPTOR.services_by_name.values()


def methods() -> dict[str, MethodDescriptor]:
    """Return every method by the name gRPC calls it by."""
    return {f"{one.full_name}/{method.name}": method for one in services() for method in one.methods}


def permission(method: MethodDescriptor) -> str:
    said: str = method.GetOptions().Extensions[options_pb2.permission]
    return said


def streams(method: MethodDescriptor) -> bool:
    return bool(method.client_streaming or method.server_streaming)


def may_be_repeated(method: MethodDescriptor) -> bool:
    """Tell whether a second execution does nothing new: it reads, or its `request_id` is recognised."""
    request = method.input_type
    batch = request.fields_by_name.get("requests")
    types = [request, *([batch.message_type] if batch is not None and batch.message_type is not None else [])]
    reads = method.GetOptions().Extensions[options_pb2.effect] == options_pb2.EFFECT_READ
    return reads or any("request_id" in one.fields_by_name for one in types)


def domain_errors() -> set[type[DomainError]]:
    """Return every error class of the services and of what they stand on."""
    for package in ("mesh", *APPS.values()):
        root = importlib.import_module(package)
        for module in pkgutil.walk_packages(root.__path__, f"{package}."):
            if "migrations" not in module.name and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    found: set[type[DomainError]] = set()
    new = {DomainError}
    while new:
        new = {sub for one in new for sub in one.__subclasses__() if sub.__module__.split(".")[0] != "tests"} - found
        found |= new
    return found


def test_every_method_says_which_permission_it_needs() -> None:
    shape = re.compile(r"[a-z]+\.[a-z]+")
    wrong = {
        name: permission(one)
        for name, one in methods().items()
        if permission(one) not in RESERVED and not shape.fullmatch(permission(one))
    }
    assert wrong == {}


def test_every_refusal_has_a_reason_of_the_contract_and_every_reason_a_refusal() -> None:
    known = {name.removeprefix("ERROR_REASON_") for name in errors_pb2.ErrorReason.DESCRIPTOR.values_by_name} - {
        "UNSPECIFIED"
    }
    raised = {one.reason for one in domain_errors()}
    assert raised - known == set()
    assert known - raised == SENT_BY_THE_PIPELINE


@pytest.mark.parametrize("area", APPS)
def test_every_service_has_a_door(area: str) -> None:
    files = [ROOT / APPS[area] / "app.py", *(ROOT / APPS[area] / "assembly").glob("*.py")]
    served = {
        ast.unparse(call.args[0]).removesuffix(".DESCRIPTOR")
        for file in files
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "serve"
    }
    promised = {
        Path(one.file.name).stem + "_pb2" for one in services() if one.full_name.startswith(f"esoffice.{area}.")
    }
    assert served == promised


# -- docs/contracts.md ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Documented:
    """What docs/contracts.md lists: methods with their permission, and what is only planned."""

    methods: dict[str, str]
    planned: set[str]


def documented() -> Documented:
    """Read the tables. `○` before a service or a method: planned. Words in brackets and after a colon explain."""
    listed: dict[str, str] = {}
    planned: set[str] = set()
    package, service = "", ""
    for line in (ROOT / "docs" / "contracts.md").read_text().splitlines():
        if line.startswith("## "):
            package, service = (re.findall(r"`(esoffice\.\w+\.v1)`", line) or [""])[0], ""
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not package or not line.startswith("|") or cells[0] in ("service", "---"):
            continue
        first, names, needed = cells
        service = first.partition("(")[0].strip() or service
        for name in re.sub(r"\([^)]*\)", "", names).split(" · "):
            word = name.partition(":")[0].partition("→")[0].strip()
            full = f"{package}.{service.removeprefix('○ ')}/{word.removeprefix('○ ')}"
            if service.startswith("○") or word.startswith("○"):
                planned.add(full)
            else:
                assert full not in listed, f"{full} is listed twice"
                listed[full] = needed.partition("(")[0].strip()
    return Documented(listed, planned)


def test_the_page_lists_exactly_the_methods_there_are_with_their_permissions() -> None:
    assert documented().methods == {name: permission(one) for name, one in methods().items()}


def test_what_is_planned_is_not_there_yet() -> None:
    page, there = documented(), methods()
    planned_services = {name.partition("/")[0] for name in page.planned} - {
        name.partition("/")[0] for name in page.methods
    }
    assert page.planned & there.keys() == set()
    assert planned_services & {one.full_name for one in services()} == set()


# -- retries and deadlines --------------------------------------------------------------------------------------------


def policies(area: str) -> dict[str, dict[str, Any]]:
    """Return the policy of each method that is listed in an area's file."""
    path = PROTOS / "esoffice" / area / "v1" / f"{area}_grpc_service_config.json"
    found: dict[str, dict[str, Any]] = {}
    for policy in json.loads(path.read_text())["methodConfig"]:
        for one in policy["name"]:
            name = f"{one['service']}/{one['method']}"
            assert name not in found, f"{name} is listed twice"
            found[name] = policy
    return found


def of_area(area: str) -> dict[str, MethodDescriptor]:
    return {name: one for name, one in methods().items() if name.startswith(f"esoffice.{area}.")}


@pytest.mark.parametrize("area", channel.AREAS)
def test_only_what_may_be_repeated_is_repeated(area: str) -> None:
    repeated = {name for name, policy in policies(area).items() if "retryPolicy" in policy}
    assert {name for name in repeated if not may_be_repeated(of_area(area)[name])} == set()


@pytest.mark.parametrize("area", channel.AREAS)
def test_every_call_has_a_deadline_and_no_stream_has_one(area: str) -> None:
    given = {name for name, policy in policies(area).items() if "timeout" in policy}
    assert given == {name for name, one in of_area(area).items() if not streams(one)}


@pytest.mark.parametrize("area", channel.AREAS)
def test_clients_read_the_policies_that_stand_beside_the_contracts(area: str) -> None:
    file = Path("esoffice") / area / "v1" / f"{area}_grpc_service_config.json"
    assert (ROOT / "stubs" / file).read_bytes() == (PROTOS / file).read_bytes()
