"""The field rules of the contracts (protovalidate), as violations with a path and a sentence each."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import protovalidate
from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from mesh.errors import Violation


@cache
def validator() -> protovalidate.Validator:
    """Return the process's validator; it compiles the rules of a message type once."""
    return protovalidate.Validator()


def violations(message: Message) -> tuple[Violation, ...]:
    """Return every violation of a message's own field rules, in the order of its fields.

    The pipeline calls it for each request. A batch that answers item by item marks its items `ignore: IGNORE_ALWAYS` in
    the contract and calls it for each of them.
    """
    found = validator().collect_violations(message)
    return tuple(Violation(_path(one), one.proto.message) for one in found) if found else ()


def has_rules(message: Descriptor) -> bool:
    """Tell whether a type of message, or what may stand in it, has any field rule; without, validating says nothing."""
    seen = {message.full_name: message}
    waiting = [message]
    while waiting:
        one = waiting.pop()
        if any(_marked(one)):
            return True
        inner = [field.message_type for field in one.fields if field.message_type is not None]
        fresh = [each for each in inner if each.full_name not in seen]
        seen.update((each.full_name, each) for each in fresh)
        waiting.extend(fresh)
    return False


def _marked(message: Descriptor) -> Iterator[bool]:
    yield message.GetOptions().HasExtension(validate_pb2.message)
    yield from (one.GetOptions().HasExtension(validate_pb2.field) for one in message.fields)
    yield from (one.GetOptions().HasExtension(validate_pb2.oneof) for one in message.oneofs)


def _path(violation: protovalidate.Violation) -> str:
    """Return the path of the field: `address.mail_addresses[0]`, through map keys `mail.accounts.inbox.host`.

    Empty when a rule of the whole message is broken.
    """
    path = violation.proto.field
    return ".".join(_spelled(element) for element in (path.elements if path else ()))


def _spelled(element: Any) -> str:
    name, subscript = str(element.field_name), element.subscript
    if subscript is None:
        return name
    return f"{name}[{subscript.value}]" if subscript.field == "index" else f"{name}.{subscript.value}"
