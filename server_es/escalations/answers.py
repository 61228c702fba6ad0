"""Escalations as the contract shows them."""

from collections.abc import Iterable
from typing import Any

from esoffice.es.v1 import escalations_pb2 as pb

from server_es.calendars import mapping
from server_es.escalations import names
from server_es.escalations.telling import Delivery
from server_es.service_levels.names import STATE
from server_es.servicecalls.names import SERVICECALL


def escalation(row: Any, deliveries: Iterable[Delivery] = ()) -> pb.Escalation:
    """Return one firing, from its row."""
    return pb.Escalation(
        name=names.ESCALATION.build(row.id),
        servicecall=SERVICECALL.build(row.servicecall),
        point=names.POINT.build(row.point),
        point_title=row.point_title,
        event=names.EVENT.build(row.event),
        cycle=row.cycle,
        round=row.round,
        due_time=mapping.timestamp(row.due_time),
        fire_time=mapping.timestamp(row.fire_time),
        late=row.late,
        held=row.held,
        hastened=row.hastened,
        actor=row.actor,
        outcome=row.outcome,
        subject=row.subject,
        text=row.text,
        new_state=STATE.build(row.new_state) if row.new_state else "",
        acknowledge_time=mapping.timestamp(row.acknowledge_time),
        acknowledger=row.acknowledger,
        deliveries=[
            pb.EscalationDelivery(recipient=one.recipient, channel=one.channel, state=one.state, reason=one.reason)
            for one in deliveries
        ],
    )
