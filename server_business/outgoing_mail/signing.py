"""Our signature on the mails that leave (DKIM, RFC 6376)."""

from dataclasses import dataclass, field
from typing import Final

import dkim

# RFC 6376 section 5.4.1, and what makes a machine's mail one. Each once more than it is there: nobody can add another.
_SIGNED: Final = tuple(
    one.encode()
    for one in (
        "from", "to", "cc", "subject", "date", "message-id", "reply-to", "in-reply-to", "references", "mime-version",
        "content-type", "content-transfer-encoding", "auto-submitted",
    )
)  # fmt: skip
_ONCE_MORE: Final = (b"from", b"subject", b"to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Signs for a domain with the key that `{selector}._domainkey.{domain}` names; `key` in PEM."""

    domain: str
    selector: str
    key: bytes = field(repr=False)

    def signed(self, content: bytes) -> bytes:
        """Return a mail with its signature in front. Raises dkim.DKIMException: the key is none."""
        head = content.partition(b"\r\n\r\n")[0].lower()
        there = [one for one in _SIGNED if b"\n" + one + b":" in b"\n" + head]
        signature: bytes = dkim.sign(
            content,
            self.selector.encode(),
            self.domain.encode(),
            self.key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[*there, *_ONCE_MORE],
        )
        return signature + content
