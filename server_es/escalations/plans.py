"""All points and events of a site, ready to reckon with and kept in memory as long as the site stays as it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from esoffice.es.v1 import escalations_pb2 as pb
from esoffice.es.v1 import servicecalls_pb2 as calls_pb
from sqlalchemy import select

from mesh.database import UnitOfWork
from server_es.directory import names as directory
from server_es.escalations import names
from server_es.escalations.recipients import Channel, Event, Row
from server_es.escalations.rules import Point, Repeat
from server_es.escalations.tables import escalation_event, escalation_point
from server_es.service_levels import names as levels
from server_es.service_levels.rules import Level
from server_es.service_levels.site import Site
from server_es.servicecalls.rules import Kind

KINDS: Final[Mapping[int, Kind]] = {
    calls_pb.MILESTONE_KIND_REACTION: Kind.REACTION,
    calls_pb.MILESTONE_KIND_ARRIVAL: Kind.ARRIVAL,
    calls_pb.MILESTONE_KIND_SOLUTION: Kind.SOLUTION,
}
CHANNELS: Final[Mapping[int, Channel]] = {
    pb.ESCALATION_CHANNEL_ES_MESSAGE: Channel.ES_MESSAGE,
    pb.ESCALATION_CHANNEL_MAIL: Channel.MAIL,
    pb.ESCALATION_CHANNEL_ADDITIONAL_MAIL: Channel.ADDITIONAL_MAIL,
    pb.ESCALATION_CHANNEL_SMS: Channel.SMS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What holds at one instant.

    Attributes:
        points: those that hold for a level, by its number; a level without points is not in it.
        events: by id.
    """

    points: Mapping[int, Sequence[Point]] = field(default_factory=dict)
    events: Mapping[str, Event] = field(default_factory=dict)

    def of(self, level: int) -> Sequence[Point]:
        return self.points.get(level, ())


class Plans:
    """The plan as a unit of work sees it. Whoever changes it changes the site's mark, and so the site."""

    def __init__(self) -> None:
        self._kept: tuple[Site, Plan] | None = None

    def of(self, unit: UnitOfWork, site: Site) -> Plan:
        """Return the plan that goes with a site."""
        kept = self._kept
        if kept is not None and kept[0] is site:
            return kept[1]
        plan = _read(unit, site)
        self._kept = site, plan
        return plan


def _read(unit: UnitOfWork, site: Site) -> Plan:
    query = select(escalation_point).where(~escalation_point.c.disabled).order_by(escalation_point.c.number)
    rows = unit.connection.execute(query).all()
    events = unit.connection.execute(select(escalation_event)) if rows else ()
    points: dict[int, list[Point]] = {}
    for row in rows:
        point = point_of(row)
        for level in site.levels.values():
            if fits(row.assignments, level):
                points.setdefault(level.number, []).append(point)
    return Plan(points=points, events={row.id: event_of(row) for row in events})


def fits(assignments: Sequence[Mapping[str, str]], level: Level) -> bool:
    """Tell whether a row of a point names a level, its priority, or both."""
    here = (levels.SERVICE_LEVEL.build(level.number), levels.PRIORITY.build(level.priority))
    return any(
        row.get("service_level", here[0]) == here[0] and row.get("priority", here[1]) == here[1] for row in assignments
    )


def point_of(row: Any) -> Point:
    """Return the rules' point of a row."""
    real = row.delay_duration is not None
    delay = row.delay_duration if real else row.delay_working_duration
    every = row.repeat_working_duration if row.repeat_duration is None else row.repeat_duration
    repeat = None
    if every is not None:
        repeat = Repeat(
            every=timedelta(microseconds=every), limit=row.repeat_limit, real=row.repeat_duration is not None
        )
    return Point(
        number=row.number,
        event=row.event,
        title=row.title,
        kind=KINDS[row.milestone],
        percent=row.percent,
        delay=timedelta(microseconds=delay or 0),
        real=real,
        ceiling=row.state_ceiling,
        new_state=row.new_state,
        repeat=repeat,
        after_acknowledgement=row.after_acknowledgement,
    )


def event_of(row: Any) -> Event:
    """Return the rules' event of a row."""
    return Event(
        id=row.id,
        subject=row.subject_text_module or "",
        message=row.message_text_module,
        channels=frozenset(CHANNELS[one] for one in row.channels),
        responsible=row.notify_responsible_employee,
        forwarding=row.notify_by_forwarding,
        rows=tuple(_rows(row.recipients)),
    )


def _rows(kept: Sequence[Mapping[str, str]]) -> Iterator[Row]:
    for row in kept:
        yield Row(
            employee=_id(directory.EMPLOYEE.ids(row.get("employee", ""))),
            team=_id(directory.TEAM.ids(row.get("team", ""))),
            roster=_id(names.ROSTER.ids(row.get("roster", ""))),
            mail_address=row.get("mail_address", ""),
            additional_mail_address=row.get("additional_mail_address", ""),
            mobile=row.get("mobile", ""),
        )


def _id(found: tuple[str, ...] | None) -> str:
    return found[0] if found else ""
