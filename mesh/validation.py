"""The field rules of the contracts (protovalidate), as violations with a path and a sentence each."""

from functools import cache

import protovalidate
from google.protobuf.message import Message

from mesh.errors import Violation
from mesh.violations import path_of


@cache
def validator() -> protovalidate.Validator:
    """Return the process's validator; it compiles the rules of a message type once."""
    return protovalidate.Validator()


def violations(message: Message) -> tuple[Violation, ...]:
    """Return every violation of a message's own field rules, in the order of its fields.

    The pipeline does the same for each request. A batch that answers item by item marks its items `ignore:
    IGNORE_ALWAYS` in the contract and calls this for each of them.
    """
    found = validator().collect_violations(message)
    return tuple(Violation(path_of(one), one.proto.message) for one in found) if found else ()
