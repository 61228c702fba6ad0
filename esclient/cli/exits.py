"""How a command ends: exit codes, and one sentence on standard error for everything that went wrong. As esconfig."""

import sys
from collections.abc import Iterator
from enum import IntEnum

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from esclient.calls import NoSuchState
from esclient.cli.output import printable
from esclient.documents import BrokenOff, NotWhatWasSent
from esclient.door import NoCertificate
from esclient.notifications import NoEmployee

CODES = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 unreachable, 4 not signed in or not permitted."
_DOMAIN = "esoffice"


class Exit(IntEnum):
    """Exit codes."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_PERMITTED = 4


class WrongUsage(Exception):
    """What was typed is wrong; the text is the sentence to show."""


_CODES = {
    grpc.StatusCode.UNAVAILABLE: Exit.UNREACHABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Exit.UNREACHABLE,
    grpc.StatusCode.UNAUTHENTICATED: Exit.NOT_PERMITTED,
    grpc.StatusCode.PERMISSION_DENIED: Exit.NOT_PERMITTED,
}


def say(sentence: str) -> None:
    """Write a sentence to standard error."""
    sys.stderr.write(f"esclient: {printable(sentence)}\n")


def ended_by(error: Exception, server: str) -> tuple[Exit, list[str]]:
    """Return the exit code of an error and the sentences to show; an unknown error is raised again.

    Args:
        error: what came out of a command.
        server: the address that was called.
    """
    if isinstance(error, WrongUsage | NoCertificate):
        return Exit.USAGE, [str(error)]
    if isinstance(error, NoEmployee | BrokenOff | NotWhatWasSent):
        return Exit.FAILED, [str(error)]
    if isinstance(error, NoSuchState):
        return Exit.FAILED, [f"{error}; give --state."]
    if isinstance(error, grpc.aio.AioRpcError):
        return _CODES.get(error.code(), Exit.FAILED), _sentences(error, server)
    if isinstance(error, OSError):
        return Exit.FAILED, [f"{error.filename}: {error.strerror}." if error.filename else f"{error}."]
    raise error


def _sentences(error: grpc.aio.AioRpcError, server: str) -> list[str]:
    details = list(_details(error))
    fields = [
        one for detail in details if isinstance(detail, error_details_pb2.BadRequest) for one in detail.field_violations
    ]
    if fields:
        return [f"{one.field}: {one.description}" for one in fields]
    sentence = error.details() or error.code().name
    is_ours = any(isinstance(one, error_details_pb2.ErrorInfo) and one.domain == _DOMAIN for one in details)
    if is_ours or _CODES.get(error.code()) is not Exit.UNREACHABLE:
        return [sentence]
    cause = sentence.removeprefix("failed to connect to all addresses; last error: ").strip()
    cause = cause.removeprefix("UNKNOWN: ").removeprefix("UNAVAILABLE: ").rstrip(".")
    return [f"{server} cannot be reached: {cause or 'no answer'}."]


def _details(error: grpc.aio.AioRpcError) -> Iterator[Message]:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # it asks for three methods that both kinds have
    for packed in status.details if status is not None else ():
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest):
            detail = kind()
            if packed.Unpack(detail):
                yield detail
