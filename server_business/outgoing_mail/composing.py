"""From a row to the mail as it goes over the wire."""

from collections.abc import Mapping
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final

GENERATED, REPLIED = 2, 3
"""The contract's `MailOrigin`."""
_AUTO_SUBMITTED: Final = {GENERATED: "auto-generated", REPLIED: "auto-replied"}
# 7bit: a server on the way that takes no 8-bit mail would write it anew, and break the signature.
_POLICY: Final = policy.SMTP.clone(max_line_length=76, cte_type="7bit")


def compose(row: Mapping[str, Any], *, sender: str, sender_name: str) -> EmailMessage:
    """Make the mail; the same row makes the same mail, whenever it is sent.

    Args:
        row: of the table `outgoing_mail`.
        sender: address it comes from.
        sender_name: beside the address.
    """
    mail = EmailMessage(_POLICY)
    mail["From"] = _address(sender, sender_name)
    mail["To"] = [_address(one) for one in row["to"]]
    if row["cc"]:
        mail["Cc"] = [_address(one) for one in row["cc"]]
    mail["Subject"] = row["subject"]
    created: datetime = row["create_time"]
    mail["Date"] = format_datetime(created)
    mail["Message-ID"] = row["message_id"]
    if row["reply_to"]:
        mail["Reply-To"] = _address(row["reply_to"])
    if row["in_reply_to"]:
        mail["In-Reply-To"] = row["in_reply_to"]
        mail["References"] = row["in_reply_to"]
    submitted = _AUTO_SUBMITTED.get(row["origin"])
    if submitted:
        mail["Auto-Submitted"] = submitted
        mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(row["text"])
    if row["html"]:
        mail.add_alternative(row["html"], subtype="html")
    return mail


def on_the_wire(address: str) -> str:
    """Return an address as a server wants it: a domain with umlauts in ASCII (IDNA), the part before the @ as it is."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}" if local.isascii() and not domain.isascii() else address


def _address(address: str, name: str = "") -> Address:
    local, _, domain = on_the_wire(address).rpartition("@")
    return Address(name, username=local, domain=domain)
