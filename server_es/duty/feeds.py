"""iCalendar feeds (RFC 5545): shifts as calendar programs read them, behind a token that can be revoked.

The token stands in the address, because calendar programs cannot sign in. It is random, only its digest is kept, and it
opens nothing but its one feed.
"""

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Any, Final

from esoffice.es.v1 import duty_pb2 as pb
from google.api.httpbody_pb2 import HttpBody
from sqlalchemy import insert, select, update

from mesh.database import UnitOfWork
from mesh.errors import InvalidArgument, NotFound, PermissionDenied, Violation
from mesh.instants import timestamp
from mesh.pages import page_of
from server_es.directory import facts as directory
from server_es.duty import changes, mapping, store
from server_es.duty import shifts as duty_shifts
from server_es.duty.compiled import Compiled
from server_es.duty.facts import ROSTERS
from server_es.duty.names import FEED, ROSTER
from server_es.duty.shifts import Shift
from server_es.duty.tables import duty_feed
from server_es.duty.wall import DAY, moment, seconds
from server_es.servicecalls.actors import Actor

_BEFORE: Final = 31 * DAY
_AHEAD: Final = 366 * DAY
_SECRET_BYTES: Final = 32


def create(unit: UnitOfWork, request: pb.CreateDutyFeedRequest, actor: Actor, *, for_others: bool) -> pb.DutyFeed:
    given = request.feed
    if bool(given.roster) == bool(given.employee):
        raise InvalidArgument([Violation("feed", "name either a roster or an employee")])
    employee = mapping.employee_id(given.employee)
    if employee and employee != actor.employee and not for_others:
        raise PermissionDenied(f"A feed of {given.employee} is not yours to make.", permission="duty.write")
    roster = store.get(unit, given.roster).id if given.roster else None
    changes.check_employees(unit, filter(None, (given.employee,)), field="feed.employee")
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    values = {
        "roster": roster,
        "employee": employee or None,
        "digest": _digest(secret),
        "creator": actor.name,
        "create_time": unit.now,
    }
    row = unit.connection.execute(insert(duty_feed).values(values).returning(*duty_feed.c)).one()
    made = message(row)
    made.token = f"{row.id}.{secret}"
    return made


def revoke(unit: UnitOfWork, name: str, actor: Actor, *, for_others: bool) -> pb.DutyFeed:
    row = _row(unit, int(FEED.parse(name)[0]))
    if row is None or (row.creator != actor.name and not for_others):
        raise NotFound(f"{name} does not exist, or is not yours", resource=name)
    if row.revoke_time is None:
        changed = update(duty_feed).where(duty_feed.c.id == row.id).values(revoke_time=unit.now)
        row = unit.connection.execute(changed.returning(*duty_feed.c)).one()
    return message(row)


def listed(
    unit: UnitOfWork, request: pb.ListDutyFeedsRequest, actor: Actor, *, for_others: bool
) -> pb.ListDutyFeedsResponse:
    page, columns = page_of(request), duty_feed.c
    query = select(duty_feed).order_by(columns.id.desc()).limit(page.size + 1)
    if not for_others:
        query = query.where(columns.creator == actor.name)
    if page.after:
        query = query.where(columns.id < int(page.after[0]))
    rows = unit.connection.execute(query).all()
    token = page.token([one._mapping for one in rows], ("id",))  # noqa: SLF001 - SQLAlchemy's public name
    return pb.ListDutyFeedsResponse(feeds=map(message, rows[: page.size]), next_page_token=token)


def read(unit: UnitOfWork, request: pb.GetDutyFeedRequest) -> HttpBody:
    """Return the file behind a token.

    Raises:
        NotFound: unknown, revoked or mistyped: which of them is not said.
    """
    row = _by_token(unit, request.token.removesuffix(".ics"))
    now = seconds(unit.now)
    names = {number: one.name or number for number, one in directory.staff(unit).employees.items()}
    if row.roster:
        rosters = [ROSTERS.get(unit, ROSTER.build(row.roster))]
        title = (rosters[0].said.at(now) or pb.Roster(title=row.roster)).title
    else:
        rosters = ROSTERS.several(unit, store.marks(unit, employee=row.employee))
        title = f"Bereitschaft {names[row.employee]}"
    found = [
        (roster, one)
        for roster in rosters
        for one in duty_shifts.shifts(roster.roster, now - _BEFORE, now + _AHEAD)
        if row.employee is None or one.on_duty.employee == row.employee
    ]
    content = _calendar(found, title, names, stamp=unit.now)
    return HttpBody(content_type="text/calendar; charset=utf-8", data=content)


def message(row: Any) -> pb.DutyFeed:
    return pb.DutyFeed(
        name=FEED.build(row.id),
        roster=ROSTER.build(row.roster) if row.roster else "",
        employee=f"employees/{row.employee}" if row.employee else "",
        creator=row.creator,
        create_time=timestamp(row.create_time),
        revoke_time=None if row.revoke_time is None else timestamp(row.revoke_time),
    )


def _calendar(found: list[tuple[Compiled, Shift]], title: str, names: dict[str, str], *, stamp: Any) -> bytes:
    from icalendar import Calendar, Event

    calendar = Calendar()
    calendar.add("prodid", "-//esoffice-mesh//duty//DE")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add(
        "x-wr-calname", title
    )  # what Outlook, Google and Apple show; `name` (RFC 7986) is what the others read
    calendar.add("name", title)
    calendar.add("refresh-interval", timedelta(hours=1), parameters={"value": "DURATION"})
    for roster, one in found:
        said = roster.said.at(one.start) or pb.Roster(title=roster.name)
        employee = one.on_duty.employee
        event = Event()
        event.add("uid", _uid(roster, one))
        event.add("dtstamp", stamp)
        event.add("dtstart", moment(one.start))
        event.add("dtend", moment(one.end))
        event.add("summary", f"Bereitschaft {said.title}: {names.get(employee, employee)}")
        event.add("description", one.on_duty.title)
        event.add("categories", ["Bereitschaft"])
        event.add("transp", "TRANSPARENT")  # being on call does not make one busy
        calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def _uid(roster: Compiled, shift: Shift) -> str:
    """Return what a calendar program knows a shift by: the same each time it asks."""
    begun = "earlier" if shift.begins_before else shift.start
    (id_,) = ROSTER.parse(roster.name)
    return f"{id_}-{shift.on_duty.employee}-{shift.on_duty.origin}-{begun}@duty.esoffice"


def _by_token(unit: UnitOfWork, token: str) -> Any:
    id_, _, secret = token.partition(".")
    row = _row(unit, int(id_)) if id_.isascii() and id_.isdigit() and len(id_) <= 18 else None  # noqa: PLR2004
    expected = row.digest if row is not None else bytes(32)
    if not hmac.compare_digest(_digest(secret), expected) or row is None or row.revoke_time is not None:
        raise NotFound("There is no such feed, or it was revoked.")
    return row


def _row(unit: UnitOfWork, id_: int) -> Any:
    return unit.connection.execute(select(duty_feed).where(duty_feed.c.id == id_)).one_or_none()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
