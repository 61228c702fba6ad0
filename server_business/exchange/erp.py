"""The ERP as a side of the sync: one employee's calendar in server_es."""

import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

import grpc
from esoffice.es.v1 import appointments_pb2 as pb
from esoffice.es.v1 import appointments_pb2_grpc as grpc_

from mesh.status import reason_of
from server_business.exchange.calendar import (
    Away,
    Departed,
    Item,
    Missing,
    Outcome,
    Page,
    Refused,
    Stale,
    TokenLost,
    Write,
    Written,
)
from server_business.exchange.erp_items import appointment_of, item_of, task_of
from server_business.exchange.items import CARRIED, Kind
from server_business.exchange.rules import Verb

_LIMIT: Final = timedelta(seconds=25)
_PAGE: Final = 500
Wait = Callable[[Callable[[], Any]], Any]


class ErpCalendar:
    """The calendar, for plain threads.

    Args:
        channel: to server_es; blocking, or asynchronous together with `wait`.
        employee: whose; `employees/{personnel_number}`.
        site_zone: in which whole days are written.
        wait: waits for a call over an asynchronous channel.
    """

    def __init__(
        self,
        channel: grpc.Channel | grpc.aio.Channel,
        employee: str,
        site_zone: str,
        wait: Wait = lambda call: call(),
    ) -> None:
        wire: Any = channel  # the typed stubs are those of asynchronous channels
        self._stub: Any = grpc_.AppointmentServiceStub(wire)
        self._employee = employee
        self._site_zone = site_zone
        self._wait = wait

    def carried(self, kind: Kind) -> frozenset[str]:
        return CARRIED[kind]

    def changes(self, kind: Kind, token: str) -> Page:
        asked = pb.ListCalendarChangesRequest(
            employee=self._employee, kind=pb.CalendarKind.ValueType(kind), cursor=token, page_size=_PAGE
        )
        answer = self._call(self._stub.ListCalendarChanges, asked)
        return Page(items=[_item(one) for one in answer.changes], token=answer.next_cursor, more=answer.has_more)

    def look(self, _kind: Kind, _ids: Sequence[str], /) -> Sequence[Item]:
        """Nothing has to be looked at: whoever reads everything is told of everything."""
        return ()

    def find(self, _kind: Kind, _uids: Sequence[str], /) -> Sequence[Item]:
        """Nothing has to be looked for: what is committed there is always among the changes."""
        return ()

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        asked = pb.BatchWriteCalendarRequest(
            employee=self._employee, writes=[self._asked(one) for one in writes], request_id=str(uuid.uuid4())
        )
        return [_outcome(one) for one in self._call(self._stub.BatchWriteCalendar, asked).results]

    def _asked(self, one: Write) -> pb.CalendarWrite:
        if one.verb is Verb.DELETE:
            return pb.CalendarWrite(deleted=one.id, etag=one.version)
        version = one.version if one.verb is Verb.UPDATE else ""
        if one.kind is Kind.TASK:
            return pb.CalendarWrite(task=task_of(one.target, name=one.id, uid=one.uid), etag=version)
        said = appointment_of(one.target, name=one.id, uid=one.uid, site_zone=self._site_zone)
        return pb.CalendarWrite(appointment=said, etag=version)

    def _call(self, method: Any, asked: Any) -> Any:
        try:
            return self._wait(lambda: method(asked, timeout=_LIMIT.total_seconds()))
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            if code is grpc.StatusCode.OUT_OF_RANGE:
                raise TokenLost from error
            if code is grpc.StatusCode.NOT_FOUND:
                raise Departed(f"{self._employee} is not in the directory any more") from error
            raise _away(code.name) from error
        except TimeoutError as error:
            raise _away("no answer in time") from error


def _item(change: pb.CalendarChange) -> Item:
    which = change.WhichOneof("item")
    if which is None:
        return Item(id=change.name)
    return item_of(change.task if which == "task" else change.appointment)


def _outcome(result: pb.CalendarWriteResult) -> Outcome:
    which = result.WhichOneof("outcome")
    if which == "deleted":
        return Written()
    if which != "status":
        item = item_of(result.task if which == "task" else result.appointment)
        return Written(id=item.id, version=item.version, modified=item.modified)
    reason = reason_of(result.status)
    if reason == "STALE_ETAG":
        return Stale()
    return Missing() if reason == "NOT_FOUND" else Refused(f"server_es: {result.status.message}")


def _away(what: str) -> Away:
    return Away(f"server_es does not answer as it should ({what}); it is asked again later.")
