"""server_es, as the reception needs it: who a sender is, what became of a call, the making of calls and contacts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import grpc
from esoffice.es.v1 import (
    contacts_pb2,
    contacts_pb2_grpc,
    directory_pb2,
    directory_pb2_grpc,
    messages_pb2,
    messages_pb2_grpc,
    service_levels_pb2,
    service_levels_pb2_grpc,
    servicecalls_pb2,
    servicecalls_pb2_grpc,
)
from google.rpc import status_pb2
from grpc_status import rpc_status

from mesh.errors import Unavailable
from mesh.status import reason_of
from server_business.mail.rules import Call
from server_business.mail.suggestions import Hints, Hit, Kind

_READ_LIMIT: Final = timedelta(seconds=10)
_WRITE_LIMIT: Final = timedelta(seconds=25)
_MOST_NAMES: Final = 1_000
# These say nothing about what was asked for: the same may be done later.
_LATER: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
_LATER_NUMBERS: Final = frozenset(one.value[0] for one in _LATER)


_KINDS: Final = {"domain": Kind.DOMAIN, "phone": Kind.PHONE, "system": Kind.SYSTEM}


class EsServerAway(Unavailable):
    """server_es does not answer, or not to us; everything is asked again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Whose a mail address is: of nobody, one or several `addresses`."""

    addresses: tuple[str, ...] = ()
    contact_person: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Whether the site's default level and category are valid; `problem` says why not."""

    level: bool
    category: bool
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What was asked for is refused.

    Args:
        sentence: for a person.
        reason: from `ErrorReason`; may be empty.
        later: it is worth to ask for the same again.
    """

    sentence: str
    reason: str = ""
    later: bool = False


class EsServer:
    """The client, for plain threads. Every method may raise EsServerAway.

    Args:
        channel: to server_es, directly or through the LAN Envoy; blocking, or asynchronous together with `wait`.
        wait: waits for a call over an asynchronous channel; a blocking one needs none.
    """

    def __init__(
        self, channel: grpc.Channel | grpc.aio.Channel, wait: Callable[[Callable[[], Any]], Any] = lambda call: call()
    ) -> None:
        self._wait = wait
        wire: Any = channel  # the typed stubs are those of asynchronous channels
        self._directory: Any = directory_pb2_grpc.DirectoryServiceStub(wire)
        self._levels: Any = service_levels_pb2_grpc.ServiceLevelServiceStub(wire)
        self._calls: Any = servicecalls_pb2_grpc.ServicecallServiceStub(wire)
        self._contacts: Any = contacts_pb2_grpc.ContactServiceStub(wire)
        self._messages: Any = messages_pb2_grpc.MessageServiceStub(wire)

    def defaults(self) -> Defaults:
        """Say whether a call can be made from a mail at all."""
        said = self._read(self._levels.GetDefaults, service_levels_pb2.GetDefaultsRequest())
        if said.valid:
            return Defaults(level=True, category=True)
        both = bool(said.service_level and said.problem_category)  # one of them names what is not there any more
        return Defaults(
            level=bool(said.service_level) and not both, category=bool(said.problem_category), problem=said.problem
        )

    def identify(self, mail_addresses: Iterable[str], kinds: Sequence[str]) -> dict[str, Sender]:
        """Say whose mail addresses are, by the address as it was asked for."""
        found: dict[str, Sender] = {}
        for part in _parts(sorted(mail_addresses)):
            asked = directory_pb2.BatchIdentifySendersRequest(mail_addresses=part, kinds=kinds)
            for one in self._read(self._directory.BatchIdentifySenders, asked).senders:
                addresses = (one.address,) if one.address else tuple(one.candidates)
                found[one.mail_address] = Sender(addresses=addresses, contact_person=one.contact_person)
        return found

    def find(self, hints: Hints) -> list[Hit]:
        """Say which addresses something in a mail points to."""
        asked = directory_pb2.FindAddressesRequest(
            domains=[hints.domain] if hints.domain else [], phones=hints.phones, systems=hints.words
        )
        return [
            Hit(
                kind=_KINDS[kind],
                asked=getattr(one, kind),
                address=one.address,
                matchcode=one.matchcode,
                owner=one.owner,
            )
            for one in self._read(self._directory.FindAddresses, asked).hits
            if (kind := one.WhichOneof("asked")) is not None
        ]

    def calls(self, numbers: Iterable[int]) -> dict[int, Call]:
        """Return the calls that exist, by number."""
        found: dict[int, Call] = {}
        for part in _parts([f"servicecalls/{number}" for number in sorted(numbers)]):
            asked = servicecalls_pb2.BatchGetServicecallsRequest(names=part)
            for one in self._read(self._calls.BatchGetServicecalls, asked).servicecalls:
                number = int(one.name.rpartition("/")[2])
                locked = one.meaning >= service_levels_pb2.STATE_MEANING_SOLVED
                found[number] = Call(number=number, address=one.address, locked=locked)
        return found

    def create_calls(self, requests: Sequence[servicecalls_pb2.CreateServicecallRequest]) -> list[str | Refusal]:
        """Make servicecalls; for each its name, or why there is none."""
        asked = servicecalls_pb2.BatchCreateServicecallsRequest(requests=requests, names_only=True)
        answer = self._write(self._calls.BatchCreateServicecalls, asked)
        if isinstance(answer, Refusal):
            return self._halved(self.create_calls, requests, answer)
        return [_refusal(one.status) if one.HasField("status") else one.servicecall.name for one in answer.results]

    def create_contacts(self, requests: Sequence[contacts_pb2.CreateContactRequest]) -> list[str | Refusal]:
        """Write contacts; for each its name, or why there is none."""
        asked = contacts_pb2.BatchCreateContactsRequest(requests=requests)
        answer = self._write(self._contacts.BatchCreateContacts, asked)
        if isinstance(answer, Refusal):
            return self._halved(self.create_contacts, requests, answer)
        return [_refusal(one.status) if one.HasField("status") else one.contact.name for one in answer.results]

    def tell(self, team: str, *, subject: str, text: str, about: str, request_id: str) -> Refusal | None:
        """Send an esMessage to a team; None when it was sent."""
        asked = messages_pb2.SendMessageRequest(
            teams=[team], subject=subject, text=text, about=about, request_id=request_id
        )
        answer = self._write(self._messages.SendMessage, asked)
        return answer if isinstance(answer, Refusal) else None

    def _halved(self, ask: Any, requests: Sequence[Any], refusal: Refusal) -> list[str | Refusal]:
        """A batch that is refused as a whole is asked for in halves, until only what is wrong is refused."""
        if len(requests) == 1:
            return [refusal]
        middle = len(requests) // 2
        return [*ask(requests[:middle]), *ask(requests[middle:])]

    def _read(self, method: Any, request: Any) -> Any:
        try:
            return self._wait(lambda: method(request, timeout=_READ_LIMIT.total_seconds()))
        except grpc.RpcError as error:
            raise _away(_code(error).name) from error
        except TimeoutError as error:
            raise _away("no answer in time") from error

    def _write(self, method: Any, request: Any) -> Any:
        try:
            return self._wait(lambda: method(request, timeout=_WRITE_LIMIT.total_seconds()))
        except TimeoutError as error:
            raise _away("no answer in time") from error
        except grpc.RpcError as error:
            code = _code(error)
            if code in _LATER:
                raise _away(code.name) from error
            answered: Any = error  # the error is the call
            status = rpc_status.from_call(answered)
            if status is not None:
                return _refusal(status)
            return Refusal(sentence=f"server_es: {code.name}", later=False)


def _refusal(status: status_pb2.Status) -> Refusal:
    return Refusal(sentence=status.message, reason=reason_of(status), later=status.code in _LATER_NUMBERS)


def _code(error: Any) -> grpc.StatusCode:
    code: grpc.StatusCode = error.code()
    return code


def _away(what: str) -> EsServerAway:
    return EsServerAway(f"server_es does not answer as it should ({what}); it is asked again later.")


def _parts(items: Sequence[str]) -> list[Sequence[str]]:
    return [items[start : start + _MOST_NAMES] for start in range(0, len(items), _MOST_NAMES)]
