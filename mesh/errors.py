"""The words for what can go wrong. Standard library only, so that rules may raise them; `mesh.status` makes them gRPC.

A subclass names its `reason` from `esoffice.errors.v1.ErrorReason`; its message is one clear sentence for the caller:
what, where, what would be right.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that is wrong. `field` is a path such as `address.mail_addresses[0]`."""

    field: str
    description: str


class DomainError(Exception):
    """A refusal the caller can understand. Keyword arguments become the metadata of its ErrorInfo.

    Args:
        message: one sentence for the caller.
        metadata: facts a program may want beside the sentence, as strings.
    """

    reason: ClassVar[str] = "ERROR_REASON_UNSPECIFIED"

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata


class InvalidArgument(DomainError):
    """The request is wrong whatever the state of the system is; carries every violation at once."""

    reason = "INVALID_ARGUMENT"

    def __init__(self, violations: Iterable[Violation], **metadata: str) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(f"{one.field}: {one.description}" for one in self.violations), **metadata)


class NotFound(DomainError):
    """What the request names does not exist."""

    reason = "NOT_FOUND"


class AlreadyExists(DomainError):
    """What the request would make exists already."""

    reason = "ALREADY_EXISTS"


class FailedPrecondition(DomainError):
    """The state of the system forbids it; trying again changes nothing before the state does."""

    reason = "FAILED_PRECONDITION"


class Conflict(DomainError):
    """Somebody else was faster: read again, then decide again (stale etag)."""

    reason = "STALE_ETAG"


class OutOfRange(DomainError):
    """A cursor or revision that cannot be served: from the future, or older than the kept history."""

    reason = "CURSOR_OUT_OF_RANGE"


class Exhausted(DomainError):
    """A limit is reached."""

    reason = "LIMIT_REACHED"


class Unauthenticated(DomainError):
    """Who calls is not known."""

    reason = "UNAUTHENTICATED"


class PermissionDenied(DomainError):
    """Who calls is known and may not do this."""

    reason = "PERMISSION_DENIED"


class Unavailable(DomainError):
    """Something needed for the answer does not answer itself; trying again later is right."""

    reason = "UNAVAILABLE"
