"""Update masks: which fields of a resource a request changes (AIP-134)."""

from collections.abc import Collection
from typing import TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from mesh import validation
from mesh.errors import InvalidArgument, Violation

Resource = TypeVar("Resource", bound=Message)


def merged(stored: Resource, given: Resource, mask: FieldMask, *, fields: Collection[str], field: str) -> Resource:
    """Return the stored resource with the masked fields as given; all of `fields` when the mask is empty.

    Args:
        stored: the resource as it is.
        given: the resource as it was sent.
        mask: what was meant.
        fields: what may be changed.
        field: name of the request's field that holds the resource, for the sentences about what is wrong.

    Raises:
        InvalidArgument: the mask names something else, or the result breaks the contract's field rules.
    """
    paths = list(mask.paths) or list(fields)
    wrong = [
        Violation("update_mask", f"'{path}' cannot be changed; choose from {', '.join(fields)}")
        for path in paths
        if path not in fields
    ]
    if wrong:
        raise InvalidArgument(wrong)
    result = type(stored)()
    result.CopyFrom(stored)
    for path in paths:
        result.ClearField(path)
    wanted = type(stored)()
    wanted.CopyFrom(given)
    for descriptor, _ in given.ListFields():
        if descriptor.name not in paths:
            wanted.ClearField(descriptor.name)
    result.MergeFrom(wanted)
    check(result, field=field)
    return result


def check(resource: Message, *, field: str) -> None:
    """Check the contract's field rules of a resource within a request.

    Raises:
        InvalidArgument: with every violation, below `field`.
    """
    wrong = validation.violations(resource)
    if wrong:
        raise InvalidArgument(Violation(f"{field}.{one.field}", one.description) for one in wrong)


def etag_given(etag: str, *, field: str) -> None:
    """Insist on the etag that a change was decided on.

    Raises:
        InvalidArgument: there is none.
    """
    if not etag:
        raise InvalidArgument(
            [Violation(f"{field}.etag", "is required: read the resource first, then send its etag along")]
        )
