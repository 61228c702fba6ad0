"""How a command ends: exit codes, and one sentence on standard error for everything that went wrong."""

import sys
from collections.abc import Iterator
from enum import IntEnum

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from config_service.cli.plain import printable
from mesh import errors
from mesh.status import DOMAIN

_UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_NOT_PERMITTED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


class Exit(IntEnum):
    """Exit codes."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_PERMITTED = 4


class Failure(Exception):
    """A command cannot go on; the text is the sentence to show."""

    def __init__(self, sentence: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(sentence)
        self.code = code


class WrongUsage(Failure):
    """What was typed is wrong."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, Exit.USAGE)


def say(sentence: str) -> None:
    """Write a sentence to standard error."""
    sys.stderr.write(f"esconfig: {printable(sentence)}\n")


def ended_by(error: Exception, server: str) -> tuple[Exit, list[str]]:
    """Return the exit code of an error and the sentences to show; an unknown error is raised again.

    Args:
        error: what came out of a command.
        server: the address that was called.
    """
    if isinstance(error, Failure):
        return error.code, [str(error)]
    if isinstance(error, errors.InvalidArgument):
        return Exit.FAILED, [f"{one.field}: {one.description}" for one in error.violations]
    if isinstance(error, errors.DomainError):
        return Exit.FAILED, [error.message]
    if isinstance(error, grpc.aio.AioRpcError):
        return _of_call(error, server)
    if isinstance(error, OSError):
        return Exit.FAILED, [
            f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror or error}."
        ]
    raise error


def _of_call(error: grpc.aio.AioRpcError, server: str) -> tuple[Exit, list[str]]:
    details = list(_details(error))
    fields = [
        one for detail in details if isinstance(detail, error_details_pb2.BadRequest) for one in detail.field_violations
    ]
    is_ours = any(isinstance(one, error_details_pb2.ErrorInfo) and one.domain == DOMAIN for one in details)
    sentence = error.details() or error.code().name
    if error.code() in _UNREACHABLE:
        return Exit.UNREACHABLE, [sentence if is_ours else f"{server} cannot be reached: {_cause(sentence)}."]
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return Exit.FAILED, [f"{server} does not offer this: {sentence}"]
    code = Exit.NOT_PERMITTED if error.code() in _NOT_PERMITTED else Exit.FAILED
    if fields:
        return code, [f"{one.field}: {one.description}" for one in fields]
    hint = (
        ""
        if error.code() is not grpc.StatusCode.UNAUTHENTICATED or "sign in" in sentence
        else " Run `esconfig sign-in`."
    )
    return code, [sentence + hint]


def _details(error: grpc.aio.AioRpcError) -> Iterator[Message]:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # it asks for three methods that both kinds have
    for packed in status.details if status is not None else ():
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest):
            detail = kind()
            if packed.Unpack(detail):
                yield detail


def _cause(text: str) -> str:
    """Return the part of gRPC's text that says something to a person."""
    text = text.removeprefix("failed to connect to all addresses; last error: ").strip()
    return text.removeprefix("UNKNOWN: ").removeprefix("UNAVAILABLE: ").rstrip(".") or "no answer"
