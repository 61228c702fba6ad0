"""Rosters as the contract has them, and an office that has them."""

from datetime import datetime, timedelta
from typing import Any

from esoffice.es.v1 import duty_pb2 as pb
from esoffice.es.v1.duty_pb2_grpc import DutyServiceStub

from mesh.database import Database
from server_es.duty.announcing import Announcing
from server_es.duty.worker import Handover
from tests.builders.office import Office, Rooms, open_office

WEEK = "rosters/week"


def layer(*groups: str, **fields: Any) -> pb.DutyLayer:
    """Weekly from Monday at 08:00; a group is written as its personnel numbers: `"100 101"`."""
    said = {"rotation": pb.ROTATION_KIND_WEEKLY, "start_date": "2026-03-02", "handoff_minute": 480, **fields}
    return pb.DutyLayer(
        groups=[pb.DutyGroup(employees=[f"employees/{one}" for one in group.split()]) for group in groups], **said
    )


def roster(name: str = WEEK, *layers: pb.DutyLayer, **fields: Any) -> pb.Roster:
    return pb.Roster(name=name, layers=layers or [layer("100", "101", "102")], **{"title": "Woche", **fields})


async def duty_office(serve: Any) -> tuple[Office, Any]:
    """Return an office with rosters, and the stub of its duty."""
    office = await open_office(serve)
    return office, DutyServiceStub(office.served.channel)


def override(change: Any, employee: str = "", replaced: str = "", **fields: Any) -> pb.CreateDutyOverrideRequest:
    said = {"roster": WEEK, **fields}
    return pb.CreateDutyOverrideRequest(
        request_id=said.pop("request_id", ""),
        override=pb.DutyOverride(
            change=change,
            employee=f"employees/{employee}" if employee else "",
            replaced=f"employees/{replaced}" if replaced else "",
            **said,
        ),
    )


def planned(start: datetime, hours: float, *employees: str) -> pb.PlannedShift:
    return pb.PlannedShift(
        start_time=start,
        end_time=start + timedelta(hours=hours),
        employees=[f"employees/{one}" for one in employees],
    )


def handover(database: Database) -> Handover:
    """Return the worker that tells of handoffs."""
    return Handover(database, Announcing(Rooms().notices.tell))
