"""Pages of lists: how many, after which row, and the token that says so.

A token holds the sort key of the last row that was answered (keyset paging): rows written or deleted meanwhile make no
row appear twice and none get lost. It is checked, not secret: it grants nothing, and is bound to its list's conditions.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from mesh.errors import InvalidArgument, Violation

DEFAULT_SIZE: Final = 50
MOST: Final = 1000

_DIGEST: Final = 9
Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What a list request asks for.

    Attributes:
        size: rows in the answer, at most. Ask the store for one more to know whether another page follows.
        after: sort key of the last row of the page before; empty for the first page.
        conditions: fingerprint of the request apart from paging.
    """

    size: int
    after: Key
    conditions: bytes

    def token(self, rows: Sequence[Any], key: Sequence[str]) -> str:
        """Return the token of the next page, empty on the last.

        Args:
            rows: what the store found for `size + 1`, as mappings.
            key: names of the sort key's columns.
        """
        if len(rows) <= self.size:
            return ""
        last = rows[self.size - 1]
        return self.token_after(tuple(last[column] for column in key))

    def token_after(self, key: Key) -> str:
        """Return the token of the page that starts after the row with this sort key."""
        payload = json.dumps(key, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._digest(payload) + payload).decode().rstrip("=")

    def _digest(self, payload: bytes) -> bytes:
        return hashlib.blake2b(self.conditions + payload, digest_size=_DIGEST, person=b"esoffice-pages").digest()


def page_of(request: Message) -> Page:
    """Read `page_size` and `page_token` of a list request.

    Raises:
        InvalidArgument: the token is not one of this list with the same conditions.
    """
    plain: Any = type(request)()
    plain.CopyFrom(request)
    size, token = plain.page_size or DEFAULT_SIZE, plain.page_token
    plain.ClearField("page_size")
    plain.ClearField("page_token")
    conditions = request.DESCRIPTOR.full_name.encode() + b"\0" + plain.SerializeToString(deterministic=True)
    page = Page(min(size, MOST), (), conditions)
    if not token:
        return page
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    payload = raw[_DIGEST:]
    if not payload or page._digest(payload) != raw[:_DIGEST]:  # noqa: SLF001 - its own module
        raise InvalidArgument(
            [Violation("page_token", "is not of this list with these conditions; start again without it")]
        )
    return Page(page.size, tuple(json.loads(payload)), conditions)
