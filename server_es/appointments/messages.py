"""The contract's appointment, made of a row."""

from typing import Any

from esoffice.es.v1 import appointments_pb2 as pb

from mesh.instants import timestamp
from server_es.appointments.names import APPOINTMENT
from server_es.directory.names import EMPLOYEE


def message_of(row: Any) -> pb.Appointment:
    """Return a stored appointment as the contract's resource."""
    return pb.Appointment(
        name=APPOINTMENT.build(row.id),
        employee=EMPLOYEE.build(row.employee),
        title=row.title,
        activity_type=row.activity_type,
        start_time=timestamp(row.start_time),
        end_time=timestamp(row.end_time),
        origin=row.origin,
        create_time=timestamp(row.create_time),
    )
