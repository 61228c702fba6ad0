"""The call being served: who, what, since when. Known to everything the call does, in its worker thread too."""

import random
from contextvars import ContextVar
from dataclasses import dataclass, field

import grpc

from mesh.tokens import Caller, Kind

READ, WRITE = 1, 2


@dataclass(slots=True)
class Call:
    """One call on its way through the pipeline. Written by the pipeline alone."""

    method: str
    permission: str
    effect: int
    started: float
    address: str = ""
    caller: Caller | None = None
    code: grpc.StatusCode = grpc.StatusCode.OK
    message: str = ""
    target: str = ""
    request_id: str = ""
    audited: bool = field(default=False)
    _trace_id: str = ""

    @property
    def trace_id(self) -> str:
        """32 hex digits: the id under which a call stands in log, audit log and trace. Made when first asked for."""
        if not self._trace_id:
            self._trace_id = f"{random.getrandbits(128):032x}"
        return self._trace_id


CURRENT: ContextVar[Call | None] = ContextVar("call", default=None)


def caller() -> Caller:
    """Return who makes the current call; only for code that runs inside a call with an identity.

    Raises:
        RuntimeError: there is no call, or a public one; a programming error.
    """
    call = CURRENT.get()
    if call is None or call.caller is None:
        raise RuntimeError("caller() outside a call with an identity")
    return call.caller


def actor() -> str:
    """Return who makes the current call as resources name him: `users/{name}` or `services/{name}`."""
    who = caller()
    return f"{'services' if who.kind is Kind.SERVICE else 'users'}/{who.name}"


def about(resource: str) -> None:
    """Name the resource the current call is about, for the audit log, where its request does not say so by itself."""
    call = CURRENT.get()
    if call is not None:
        call.target = resource
