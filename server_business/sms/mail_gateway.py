"""E-mail-to-SMS: a mail to a gateway for each message, put into the site's own queue of outgoing mails."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from server_business.sending.rules import Answer, Outcome
from server_business.sms import templates
from server_business.sms.providers import Handed, Parcel, Plain, Take

Post = Callable[[str, str, str], str]
"""Puts a mail into the queue: request id, address, text; returns its name. A repeat of the id finds the same mail."""
_NAMESPACE: Final = uuid.UUID("8f1f6f0e-6f0b-4d4b-9d5e-3c5b7a0c2d11")


class MailGateway(Plain):
    """Posts mails.

    Args:
        address: a template.
        post: of the outgoing mail.
    """

    def __init__(self, address: str, post: Post) -> None:
        self._address = address
        self._post = post

    def hand_over(self, parcels: Sequence[Parcel], take: Take) -> Mapping[int, Handed]:
        handed = {}
        for parcel in parcels:
            if take() > 0:
                break
            handed[parcel.id] = Handed(outcome=self._posted(parcel))
        return handed

    def found(self, parcel: Parcel) -> Outcome | None:
        """Post it again: the queue of mails knows the id."""
        return self._posted(parcel)

    def _posted(self, parcel: Parcel) -> Outcome:
        values = {"to": parcel.to, "digits": parcel.to.removeprefix("+"), "text": "", "sender": "", "reference": "",
                  "user": "", "password": ""}  # fmt: skip
        address = templates.filled(self._address, values, str)
        name = self._post(str(uuid.uuid5(_NAMESPACE, f"sms/{parcel.id}")), address, parcel.text)
        return Outcome(answer=Answer.TAKEN, reason="handed to the outgoing mail", reference=name)
