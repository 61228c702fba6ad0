"""The servicer of the sync."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from esoffice.business.v1 import exchange_pb2 as pb
from esoffice.business.v1 import exchange_pb2_grpc as grpc_

from mesh.database import Database, UnitOfWork
from mesh.errors import FailedPrecondition, NotFound, Unavailable
from mesh.instants import timestamp
from mesh.names import NamePattern
from mesh.pages import page_of
from mesh.threads import Threads
from mesh.wakeups import Doorbell
from server_business.exchange import store
from server_business.exchange.calendar import Departed
from server_business.exchange.draft import Draft
from server_business.exchange.engine import Question, Report
from server_business.exchange.items import PRIVATE_TITLE, Fields, Kind, is_private
from server_business.exchange.mailboxes import Desk, Mailbox
from server_business.exchange.rules import Event, Note, Place

NAME: Final = NamePattern("exchangeMailboxes/{mailbox}")
_MOST_ACTS: Final = 1000


class Exchange(grpc_.ExchangeServiceServicer):
    """Shows administrators the sync and takes their answers.

    Args:
        desk: puts together what works on a mailbox.
        mailboxes: of the settings, by personnel number.
        bell: of a mailbox; rings when it is to be looked at.
    """

    def __init__(self, desk: Desk, mailboxes: Mapping[str, Mailbox], bell: Callable[[str], Doorbell]) -> None:
        self._desk = desk
        self._database: Database = desk.database
        self._mailboxes = mailboxes
        self._bell = bell
        self._planning = Threads(2, name="exchange-plan")

    def close(self) -> None:
        """Let the threads of plans end."""
        self._planning.close()

    async def ListMailboxes(self, _request: pb.ListMailboxesRequest, _context: Any) -> pb.ListMailboxesResponse:
        def read(unit: UnitOfWork) -> list[pb.ExchangeMailbox]:
            return [_mailbox(unit, one) for one in self._mailboxes.values()]

        return pb.ListMailboxesResponse(mailboxes=await self._database.read(read))

    async def PlanSync(self, request: pb.PlanSyncRequest, _context: Any) -> pb.SyncPlan:
        report = await self._planning.run(self._plan, self._named(request.name))
        return pb.SyncPlan(
            acts=[
                pb.SyncAct(
                    place=pb.SyncPlace.ValueType(act.place),
                    kind=pb.SyncKind.ValueType(link.kind),
                    verb=pb.SyncVerb.ValueType(act.verb),
                    title=_title(act.changes, link.erp.seen, link.exchange.seen),
                    fields=sorted(act.changes),
                )
                for link, act in report.acts[:_MOST_ACTS]
            ],
            act_count=len(report.acts),
            questions=[_question(one) for one in report.questions],
        )

    async def SyncNow(self, request: pb.SyncNowRequest, _context: Any) -> pb.ExchangeMailbox:
        mailbox = self._named(request.name)
        self._bell(mailbox.employee).ring()
        return await self._database.read(_mailbox, mailbox)

    async def NoteCalendarChanges(
        self, request: pb.NoteCalendarChangesRequest, _context: Any
    ) -> pb.NoteCalendarChangesResponse:
        for name in request.employees:
            employee = name.removeprefix("employees/")
            if employee in self._mailboxes:
                self._bell(employee).ring()
        return pb.NoteCalendarChangesResponse()

    async def ListMappings(self, request: pb.ListMappingsRequest, _context: Any) -> pb.ListMappingsResponse:
        page = page_of(request)
        employee = NAME.parse(request.mailbox, field="mailbox")[0]
        after = int(page.after[0]) if page.after else 0

        def read(unit: UnitOfWork) -> Any:
            return store.mappings(unit, employee, only_waiting=request.only_waiting, after=after, limit=page.size + 1)

        rows = await self._database.read(read)
        token = page.token_after((rows[page.size - 1].id,)) if len(rows) > page.size else ""
        return pb.ListMappingsResponse(mappings=[_mapping(row) for row in rows[: page.size]], next_page_token=token)

    async def ListSyncLog(self, request: pb.ListSyncLogRequest, _context: Any) -> pb.ListSyncLogResponse:
        page = page_of(request)
        employee = NAME.parse(request.mailbox, field="mailbox")[0]
        before = int(page.after[0]) if page.after else None

        def read(unit: UnitOfWork) -> Any:
            return store.log_lines(unit, employee, before=before, limit=page.size + 1)

        rows = await self._database.read(read)
        token = page.token_after((rows[page.size - 1].id,)) if len(rows) > page.size else ""
        return pb.ListSyncLogResponse(entries=[_entry(row) for row in rows[: page.size]], next_page_token=token)

    async def ReleaseBrake(self, request: pb.ReleaseBrakeRequest, _context: Any) -> pb.ExchangeMailbox:
        return await self._database.run(self._release, request, self._named(request.name))

    def _plan(self, mailbox: Mailbox) -> Report:
        book = self._desk.book(mailbox)
        draft = Draft(book.marks(), book.all())
        try:
            return self._desk.engine(mailbox, draft, self._desk.sides(mailbox)).plan()
        except Departed as error:
            raise Unavailable(f"{error}; nothing would be done.") from error

    def _release(self, unit: UnitOfWork, request: pb.ReleaseBrakeRequest, mailbox: Mailbox) -> pb.ExchangeMailbox:
        marks = store.marks_of(unit, mailbox.employee)
        place, kind = Place(request.place), Kind(request.kind)
        asked = next((one for one in marks.questions if (one.place, one.kind) == (place, kind)), None)
        if asked is None:
            raise FailedPrecondition(f"{request.name} asks nothing about {kind.name.lower()}s on this side.")
        if asked.deletions > request.deletion_count:
            raise FailedPrecondition(
                f"{asked.deletions} deletions wait by now, not {request.deletion_count}; look again before you answer."
            )
        restore = request.decision == pb.ReleaseBrakeRequest.DECISION_RESTORE
        if restore and not asked.deletions:
            raise FailedPrecondition("An empty side is filled again by PROCEED; until then nothing is done.")
        if restore:
            marks = replace(marks, restored=marks.restored | {(place, kind)})
        else:
            marks = replace(marks, allowed={**marks.allowed, (place, kind): asked.deletions})
        questions = tuple(one for one in marks.questions if one is not asked)
        store.put_marks(unit, mailbox.employee, replace(marks, questions=questions))
        note = Note(
            uid="", kind=kind, event=Event.RELEASED, place=place, overruled="restored" if restore else "proceeded"
        )
        store.add_notes(unit, mailbox.employee, [note])
        self._bell(mailbox.employee).ring_after(unit)
        return _mailbox(unit, mailbox)

    def _named(self, name: str) -> Mailbox:
        found = self._mailboxes.get(NAME.parse(name)[0])
        if found is None:
            raise NotFound(f"{name} is not in the settings, or the sync is off.", resource=name)
        return found


def _mailbox(unit: UnitOfWork, mailbox: Mailbox) -> pb.ExchangeMailbox:
    row = store.state(unit, mailbox.employee)
    linked, due = store.counts(unit, mailbox.employee)
    questions = store.marks_of(unit, mailbox.employee).questions
    return pb.ExchangeMailbox(
        name=NAME.build(mailbox.employee),
        employee=f"employees/{mailbox.employee}",
        address=mailbox.address,
        healthy=row.healthy if row is not None else True,
        status=row.status if row is not None else "has not run yet",
        success_time=row.success_time if row is not None else None,
        mapping_count=linked,
        waiting_count=due,
        questions=[_question(one) for one in questions],
        warning=mailbox.warning,
    )


def _question(one: Question) -> pb.BrakeQuestion:
    return pb.BrakeQuestion(
        place=pb.SyncPlace.ValueType(one.place),
        kind=pb.SyncKind.ValueType(one.kind),
        deletion_count=one.deletions,
        mapping_count=one.linked,
    )


def _mapping(row: Any) -> pb.Mapping:
    link = store.link_of(row)
    return pb.Mapping(
        uid=link.uid,
        kind=pb.SyncKind.ValueType(link.kind),
        record=link.erp.id if link.erp.seen is not None else "",
        exchange_id=link.exchange.id if link.exchange.seen is not None else "",
        title=_title(link.erp.seen, link.exchange.seen),
        origin=pb.SyncPlace.ValueType(link.origin),
        detached=link.detached,
        waiting=row.due,
        problem=link.problem,
    )


def _entry(row: Any) -> pb.SyncLogEntry:
    return pb.SyncLogEntry(
        time=timestamp(row.time),
        event=row.event,
        place=row.place,
        kind=row.kind,
        uid=row.uid,
        field=row.field,
        overruled=row.overruled,
    )


def _title(*told: Fields | None) -> str:
    """Return the title; of what is private on either side nobody else is told it."""
    said = [one for one in told if one]
    if any(is_private(one) for one in said):
        return PRIVATE_TITLE
    return next((one["title"] for one in said if one.get("title")), "")
