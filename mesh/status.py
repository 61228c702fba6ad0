"""One table from domain error to gRPC status, with ErrorInfo and every field violation in the details."""

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

from mesh import errors

DOMAIN = "esoffice"

_CODES: tuple[tuple[type[errors.DomainError], grpc.StatusCode], ...] = (
    (errors.InvalidArgument, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.NotFound, grpc.StatusCode.NOT_FOUND),
    (errors.AlreadyExists, grpc.StatusCode.ALREADY_EXISTS),
    (errors.Conflict, grpc.StatusCode.ABORTED),
    (errors.OutOfRange, grpc.StatusCode.OUT_OF_RANGE),
    (errors.Exhausted, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.Unauthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (errors.PermissionDenied, grpc.StatusCode.PERMISSION_DENIED),
    (errors.Unavailable, grpc.StatusCode.UNAVAILABLE),
    (errors.FailedPrecondition, grpc.StatusCode.FAILED_PRECONDITION),
)

INTERNAL_TEXT = "internal error; the log has the detail under this trace id"


def code_of(error: errors.DomainError) -> grpc.StatusCode:
    """Return the status code of a domain error.

    Raises:
        TypeError: the error is of none of the kinds in `mesh.errors`.
    """
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    raise TypeError(f"{type(error).__name__} belongs to no kind of mesh.errors")


def status_of(error: errors.DomainError) -> status_pb2.Status:
    """Return the google.rpc.Status of a domain error: code, sentence, ErrorInfo, BadRequest where fields are wrong."""
    details = [_packed(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata))]
    if isinstance(error, errors.InvalidArgument):
        bad = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field=one.field, description=one.description)
                for one in error.violations
            ]
        )
        details.append(_packed(bad))
    return status_pb2.Status(code=code_of(error).value[0], message=error.message, details=details)


def internal(trace_id: str) -> status_pb2.Status:
    """Return the status of a defect: nothing of its cause leaves the service, the trace id finds it in the log."""
    reason = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"trace_id": trace_id})
    return status_pb2.Status(code=code_pb2.INTERNAL, message=INTERNAL_TEXT, details=[_packed(reason)])


def reason_of(status: status_pb2.Status) -> str:
    """Return the `ErrorReason` name in a status, or an empty string when it carries none of ours."""
    for detail in status.details:
        reason = error_details_pb2.ErrorInfo()
        if detail.Unpack(reason) and reason.domain == DOMAIN:
            return str(reason.reason)
    return ""


def _packed(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
