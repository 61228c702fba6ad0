"""The servicer of contacts."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from esoffice.es.v1 import contacts_pb2 as pb
from esoffice.es.v1 import contacts_pb2_grpc as grpc_

from mesh import status
from mesh.batches import answer_each
from mesh.call import caller
from mesh.database import Database, UnitOfWork
from mesh.errors import DomainError, InvalidArgument, NotFound, Violation
from mesh.pages import page_of
from mesh.tokens import Caller, Kind
from server_es.contacts import rules, store
from server_es.contacts.messages import CONTACT, SERVICECALL, message_of, referred, row_of
from server_es.contacts.store import Row
from server_es.directory import facts, names
from server_es.follow_ups import store as follow_ups
from server_es.schema import REQUESTS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Servicecalls(Protocol):
    """The room of servicecalls, as contacts see it."""

    def addresses_of_calls(self, unit: UnitOfWork, servicecalls: Collection[int]) -> Mapping[int, str]:
        """Return the number of the address of each of these calls; without those that do not exist."""

    def on_call_contact(self, unit: UnitOfWork, servicecall: int, contact: rules.NewContact, *, reopen: bool) -> bool:
        """Note that a contact is written on a call: add the addendum or reopen the call, tell who has to know.

        Returns:
            Whether the contact is an addendum: the call is solved or done, and stays so.

        Raises:
            DomainError: the call must not be reopened by the caller. It is raised before anything is written, because
                the rest of a batch is committed nevertheless.
        """


class Contacts(grpc_.ContactServiceServicer):
    """Serves the communication history.

    Args:
        database: of server_es.
        servicecalls: the room that knows the calls.
    """

    def __init__(self, database: Database, servicecalls: Servicecalls) -> None:
        self._database = database
        self._servicecalls = servicecalls

    async def GetContact(self, request: pb.GetContactRequest, _context: Any) -> pb.Contact:
        return await self._database.read(_get, request.name)

    async def ListContacts(self, request: pb.ListContactsRequest, _context: Any) -> pb.ListContactsResponse:
        return await self._database.read(_list, request)

    async def CreateContact(self, request: pb.CreateContactRequest, _context: Any) -> pb.Contact:
        made = await self._database.run(self._create, [request], caller())
        if isinstance(made[0], DomainError):
            raise made[0]
        # What is remembered leaves the long texts out; a repeat is one only if they are the same.
        made[0].text, made[0].html = request.contact.text, request.contact.html
        return made[0]

    async def BatchCreateContacts(
        self, request: pb.BatchCreateContactsRequest, _context: Any
    ) -> pb.BatchCreateContactsResponse:
        made = await self._database.run(self._create, request.requests, caller())
        return pb.BatchCreateContactsResponse(results=[_result(one) for one in made])

    def _create(
        self, unit: UnitOfWork, requests: Sequence[pb.CreateContactRequest], who: Caller
    ) -> list[pb.Contact | DomainError]:
        return answer_each(
            unit,
            REQUESTS,
            requests,
            lambda positions: self._write(unit, [requests[at] for at in positions], who),
            answer=pb.Contact,
            caller=who.name,
        )

    def _write(
        self, unit: UnitOfWork, requests: Sequence[pb.CreateContactRequest], who: Caller
    ) -> list[pb.Contact | DomainError]:
        asked = {name for one in requests for name in referred(one.contact).values()}
        gone = facts.missing(unit, asked)
        calls = {int(SERVICECALL.parse(name)[0]) for one in requests if (name := one.contact.servicecall)}
        addresses = self._servicecalls.addresses_of_calls(unit, calls) if calls else {}
        made: list[Row | DomainError] = []
        for request in requests:
            try:
                made.append(self._placed(unit, request, gone, addresses, who))
            except DomainError as error:
                made.append(error)
        rows = [one for one in made if not isinstance(one, DomainError)]
        for row, number in zip(rows, store.add(unit, rows), strict=True):
            row["id"] = number
        follow_ups.add(unit, [_follow_up(row) for row in rows if row["follow_up_due_time"]], _creator(who))
        return [one if isinstance(one, DomainError) else _short(one) for one in made]

    def _placed(
        self,
        unit: UnitOfWork,
        request: pb.CreateContactRequest,
        gone: AbstractSet[str],
        calls: Mapping[int, str],
        who: Caller,
    ) -> Row:
        """Return the row of a contact in its place; what is on a servicecall has been noted there then."""
        contact = request.contact
        wrong = [
            Violation(field, f"{name} does not exist") for field, name in referred(contact).items() if name in gone
        ]
        row = row_of(contact, unit.now, _creator(who))
        number = row["servicecall"]
        if number and number not in calls:
            wrong.append(Violation("contact.servicecall", f"{contact.servicecall} does not exist"))
        if wrong:
            raise InvalidArgument(wrong)
        person = names.CONTACT_PERSON.ids(contact.contact_person)
        row["address"] = rules.place(
            row["address"] or "",
            (person[0], person[1]) if person else None,
            (number, calls[number]) if number else None,
        )
        if number:
            row["addendum"] = self._servicecalls.on_call_contact(unit, number, _new(row), reopen=request.reopen)
        return row


def _get(unit: UnitOfWork, name: str) -> pb.Contact:
    row = store.get(unit, int(CONTACT.parse(name)[0]))
    if row is None:
        raise NotFound(f"{name} does not exist", resource=name)
    return message_of(row)


def _list(unit: UnitOfWork, request: pb.ListContactsRequest) -> pb.ListContactsResponse:
    page = page_of(request)
    conditions: Row = {}
    if request.address:
        conditions["address"] = names.ADDRESS.parse(request.address, field="address")[0]
    if request.servicecall:
        conditions["servicecall"] = int(SERVICECALL.parse(request.servicecall, field="servicecall")[0])
    after = (_EPOCH + int(page.after[0]) * _MICROSECOND, int(page.after[1])) if page.after else None
    rows = store.page(unit, conditions, after, page.size + 1)
    token = ""
    if len(rows) > page.size:
        last = rows[page.size - 1]
        token = page.token_after(((last["happened_time"] - _EPOCH) // _MICROSECOND, last["id"]))
    return pb.ListContactsResponse(contacts=[message_of(row) for row in rows[: page.size]], next_page_token=token)


def _result(made: pb.Contact | DomainError) -> pb.ContactResult:
    if isinstance(made, DomainError):
        return pb.ContactResult(status=status.status_of(made))
    return pb.ContactResult(contact=made)


def _short(row: Row) -> pb.Contact:
    return message_of({**row, "text": "", "html": ""})


def _new(row: Row) -> rules.NewContact:
    return rules.NewContact(
        activity_type=row["activity_type"],
        inbound=row["direction"] == pb.CONTACT_DIRECTION_INBOUND,
        subject=row["subject"],
        text=row["text"],
        happened_time=row["happened_time"],
        employee=row["employee"] or "",
        creator=row["creator"],
    )


def _follow_up(row: Row) -> dict[str, Any]:
    """Return what somebody has to come back to: the call, if the contact is on one."""
    about = SERVICECALL.build(row["servicecall"]) if row["servicecall"] else CONTACT.build(row["id"])
    return {
        "employee": row["follow_up_employee"],
        "team": None if row["follow_up_employee"] else row["follow_up_team"],
        "due_time": row["follow_up_due_time"],
        "subject": row["subject"][:200] or "Kontakt",
        "text": row["text"][:4000],
        "about": about,
    }


def _creator(who: Caller) -> str:
    return f"{'services' if who.kind is Kind.SERVICE else 'users'}/{who.name}"
