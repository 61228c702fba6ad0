"""The contract's messages, made of rows."""

from datetime import datetime
from typing import Any, Final

from esoffice.es.v1 import clients_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from mesh import etags
from mesh.names import NamePattern

CLIENT: Final = NamePattern("clients/{client}")


def client(row: Any) -> pb.Client:
    return pb.Client(
        name=CLIENT.build(row.id),
        employee=f"employees/{row.employee}",
        user=row.user,
        machine=row.machine,
        version=row.version,
        address=row.address,
        connect_time=_stamp(row.connect_time),
        last_heard_time=_stamp(row.heard_time),
        update_answer=row.update_answer,
        end_time=_stamp(row.end_time),
        end_reason=row.end_reason,
        end_text=row.end_text,
    )


def update(row: Any) -> pb.ClientUpdate:
    if row is None:
        return pb.ClientUpdate()
    return pb.ClientUpdate(
        state=row.state,
        text=row.text,
        starter=row.starter,
        start_time=_stamp(row.start_time),
        announced_time=_stamp(row.announced_time),
        finish_time=_stamp(row.finish_time),
        etag=etags.etag("client_update", row.id, row.state),
    )


def _stamp(instant: datetime | None) -> Timestamp | None:
    if instant is None:
        return None
    made = Timestamp()
    made.FromDatetime(instant)
    return made
