"""The servicer of the follow-ups."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from esoffice.es.v1 import follow_ups_pb2 as pb
from esoffice.es.v1 import follow_ups_pb2_grpc as grpc_
from sqlalchemy import Row

from mesh import etags, masks
from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import FailedPrecondition, InvalidArgument, NotFound, Violation
from mesh.instants import instant
from mesh.names import NamePattern
from mesh.pages import page_of
from mesh.workers import Turn, Worker
from server_es.directory import facts
from server_es.directory.subjects import existing_employees, members_of
from server_es.follow_ups import store
from server_es.notices.rules import Notice, Recipient
from server_es.schema import REQUESTS
from server_es.servicecalls.actors import Actor, actor_of

FOLLOW_UP: Final = NamePattern("followUps/{follow_up}", numeric=True)
_CHANGED: Final = ("employee", "team", "due_time", "subject", "text")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_AT_ONCE: Final = 200


class FollowUpDone(FailedPrecondition):
    """Nothing is left to do about it."""

    reason = "FOLLOW_UP_DONE"


class Tell(Protocol):
    """The notices, as this room needs them."""

    def tell(self, unit: UnitOfWork, notices: Sequence[Notice]) -> None:
        """Tell people in the transaction of what they are told about."""

    def withdraw(self, unit: UnitOfWork, causes: Collection[str], reason: str) -> None:
        """Tell nobody any more because of these."""


class FollowUps(grpc_.FollowUpServiceServicer):
    """Keeps follow-ups and tells of them when they are due.

    Args:
        database: of server_es.
        notices: tell who has to come back to something.
    """

    def __init__(self, database: Database, notices: Tell) -> None:
        self._database = database
        self._notices = notices

    async def CreateFollowUp(self, request: pb.CreateFollowUpRequest, _context: Any) -> pb.FollowUpTask:
        return await self._database.run(_create, request, actor_of(caller()))

    async def GetFollowUp(self, request: pb.GetFollowUpRequest, _context: Any) -> pb.FollowUpTask:
        return _answer(await self._database.read(_get, request.name))

    async def ListFollowUps(self, request: pb.ListFollowUpsRequest, _context: Any) -> pb.ListFollowUpsResponse:
        return await self._database.read(_list, request)

    async def UpdateFollowUp(self, request: pb.UpdateFollowUpRequest, _context: Any) -> pb.FollowUpTask:
        return await self._database.run(self._update, request)

    async def CompleteFollowUp(self, request: pb.CompleteFollowUpRequest, _context: Any) -> pb.FollowUpTask:
        return await self._database.run(self._complete, request, actor_of(caller()))

    def worker(self) -> Worker:
        """Return what tells of those that are due."""
        return Worker(name="follow_ups.due", work=self.turn, every=timedelta(seconds=10))

    def turn(self, _: Turn) -> bool:
        """Tell of those that are due; return whether there may be more."""
        with self._database.unit() as unit:
            rows = store.take_due(unit, _AT_ONCE)
            members = members_of(unit, {row.team for row in rows if row.team}) if rows else {}
            self._notices.tell(unit, [one for row in rows for one in _notices(row, members)])
        return len(rows) == _AT_ONCE

    def _update(self, unit: UnitOfWork, request: pb.UpdateFollowUpRequest) -> pb.FollowUpTask:
        given = request.follow_up
        row = _open(unit, given.name)
        stored = _answer(row)
        etags.check(given.etag, stored.etag, given.name)
        wanted = masks.merged(stored, given, request.update_mask, fields=_CHANGED, field="follow_up")
        _check_people(unit, wanted)
        columns = _columns(wanted)
        told_anew = any(columns[name] != getattr(row, name) for name in ("due_time", "employee", "team"))
        if told_anew:
            self._notices.withdraw(unit, [_cause(row)], f"{given.name} was changed")
        more = {"tell_time": columns["due_time"]} if told_anew else {}
        return _answer(store.change(unit, row, **columns, **more))

    def _complete(self, unit: UnitOfWork, request: pb.CompleteFollowUpRequest, by: Actor) -> pb.FollowUpTask:
        row = _open(unit, request.name)
        self._notices.withdraw(unit, [_cause(row)], f"done by {by.name}")
        return _answer(store.change(unit, row, done_time=unit.now, done_by=by.name, tell_time=None))


def _cause(row: Row[Any]) -> str:
    return f"{FOLLOW_UP.build(row.id)}/{row.due_time:%Y-%m-%dT%H:%M:%S.%f}"


def _notices(row: Row[Any], members: Mapping[str, Sequence[str]]) -> list[Notice]:
    name = FOLLOW_UP.build(row.id)
    return [
        Notice(
            cause=_cause(row),
            about=row.about or name,
            recipient=Recipient(employee=employee),
            subject=f"Wiedervorlage: {row.subject}"[:200],
            text=row.text,
        )
        for employee in ([row.employee] if row.employee else members.get(row.team, ()))
    ]


def _create(unit: UnitOfWork, request: pb.CreateFollowUpRequest, by: Actor) -> pb.FollowUpTask:
    def create() -> pb.FollowUpTask:
        _check_people(unit, request.follow_up)
        (row,) = store.add(unit, [_columns(request.follow_up)], by.name)
        return _answer(row)

    return REQUESTS.once(unit, request, create, answer=pb.FollowUpTask, caller=by.caller)


def _get(unit: UnitOfWork, name: str, *, lock: bool = False) -> Row[Any]:
    row = store.get(unit, int(FOLLOW_UP.parse(name)[0]), lock=lock)
    if row is None:
        raise NotFound(f"{name} does not exist.", resource=name)
    return row


def _list(unit: UnitOfWork, request: pb.ListFollowUpsRequest) -> pb.ListFollowUpsResponse:
    page = page_of(request)
    after = (_EPOCH + int(page.after[0]) * _MICROSECOND, int(page.after[1])) if page.after else None
    employee = request.employee.rpartition("/")[2]
    teams = facts.staff(unit).teams if employee else {}
    rows = store.page(
        unit,
        employee=employee,
        teams=[team for team, members in teams.items() if employee in members],
        about=request.about,
        include_done=request.include_done,
        before=instant(request.due_before_time) if request.HasField("due_before_time") else None,
        after=after,
        limit=page.size + 1,
    )
    token = ""
    if len(rows) > page.size:
        last = rows[page.size - 1]
        token = page.token_after(((last.due_time - _EPOCH) // _MICROSECOND, last.id))
    return pb.ListFollowUpsResponse(follow_ups=[_answer(row) for row in rows[: page.size]], next_page_token=token)


def _open(unit: UnitOfWork, name: str) -> Row[Any]:
    row = _get(unit, name, lock=True)
    if row.done_time is not None:
        raise FollowUpDone(f"{name} was done by {row.done_by}.", done_by=row.done_by)
    return row


def _check_people(unit: UnitOfWork, task: pb.FollowUpTask) -> None:
    employee, team = task.employee.rpartition("/")[2], task.team.rpartition("/")[2]
    if employee and employee not in existing_employees(unit, {employee}):
        raise InvalidArgument([Violation("follow_up.employee", f"{task.employee} does not exist")])
    if team and team not in members_of(unit, {team}):
        raise InvalidArgument([Violation("follow_up.team", f"{task.team} does not exist")])


def _columns(task: pb.FollowUpTask) -> dict[str, Any]:
    return {
        "employee": task.employee.rpartition("/")[2] or None,
        "team": task.team.rpartition("/")[2] or None,
        "due_time": instant(task.due_time),
        "subject": task.subject,
        "text": task.text,
        "about": task.about,
    }


def _answer(row: Row[Any]) -> pb.FollowUpTask:
    return pb.FollowUpTask(
        name=FOLLOW_UP.build(row.id),
        employee=f"employees/{row.employee}" if row.employee else "",
        team=f"teams/{row.team}" if row.team else "",
        due_time=row.due_time,
        subject=row.subject,
        text=row.text,
        about=row.about,
        create_time=row.create_time,
        creator=row.creator,
        done_time=row.done_time,
        done_by=row.done_by or "",
        etag=etags.etag(row.id, row.revision),
    )
