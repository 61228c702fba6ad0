"""Where in a message protovalidate found something wrong, in the spelling that our errors and update masks use."""

from typing import Any

import protovalidate


def path_of(violation: protovalidate.Violation) -> str:
    """Return the path of a violation: `address.mail_addresses[0]`, through map keys `mail.accounts.inbox.host`.

    Empty when a rule of the whole message is broken.
    """
    path = violation.proto.field
    return ".".join(_spelled(element) for element in path.elements) if path else ""


def _spelled(element: Any) -> str:
    name, subscript = str(element.field_name), element.subscript
    if subscript is None:
        return name
    return f"{name}[{subscript.value}]" if subscript.field == "index" else f"{name}.{subscript.value}"
