"""Rows of the mail reception to the messages of its contract."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from esoffice.business.v1 import mail_pb2 as pb

from server_business.mail.rules import (
    ContactOnCall,
    CreateContact,
    CreateServicecall,
    Decision,
    OpenMail,
    PutAside,
    Reason,
)
from server_business.mail.screening import Source, Verdicts
from server_business.mail.signatures import Signature
from server_business.mail.suggestions import Suggestion
from server_business.mail.tables import State

Row = Mapping[str, Any]

OPEN_REASONS: Final = {
    Reason.SENDER_UNKNOWN: pb.OPEN_REASON_SENDER_UNKNOWN,
    Reason.SENDER_AMBIGUOUS: pb.OPEN_REASON_SENDER_AMBIGUOUS,
    Reason.SENDER_INVALID: pb.OPEN_REASON_SENDER_INVALID,
    Reason.SENDER_NOT_OF_CALL: pb.OPEN_REASON_SENDER_NOT_OF_CALL,
    Reason.NO_DEFAULT_LEVEL: pb.OPEN_REASON_NO_DEFAULTS,
    Reason.NO_DEFAULT_CATEGORY: pb.OPEN_REASON_NO_DEFAULTS,
    Reason.AUTOMATIC: pb.OPEN_REASON_AUTOMATIC,
    Reason.UNREADABLE: pb.OPEN_REASON_UNREADABLE,
    Reason.OVERSIZE: pb.OPEN_REASON_OVERSIZE,
    Reason.EXCLUDED: pb.OPEN_REASON_EXCLUDED,
    Reason.REFUSED: pb.OPEN_REASON_REFUSED,
    Reason.OWN_LOOP: pb.OPEN_REASON_OWN_MAIL,
    Reason.SENDER_FORGED: pb.OPEN_REASON_SENDER_FORGED,
    Reason.SENDER_BUDGET: pb.OPEN_REASON_SENDER_BUDGET,
    Reason.SPAM: pb.OPEN_REASON_SPAM,
    Reason.NEWSLETTER: pb.OPEN_REASON_NEWSLETTER,
    Reason.RULE: pb.OPEN_REASON_RULE,
    Reason.BOUNCED: pb.OPEN_REASON_BOUNCED,
}
_SOURCES: Final = {
    Source.FROM: pb.SENDER_SOURCE_FROM,
    Source.REPLY_TO: pb.SENDER_SOURCE_REPLY_TO,
    Source.FORWARDED: pb.SENDER_SOURCE_FORWARDED,
}


def mail_message(row: Row, attachments: Sequence[Row] = (), *, full: bool = True) -> pb.Mail:
    """Return a mail; `full` needs its text, HTML and attachments beside the columns of `mail`."""
    name = f"mails/{row['id']}"
    verdicts = Verdicts.restored(row["verdicts"])
    made = pb.Mail(
        name=name,
        account=f"mailAccounts/{row['account']}",
        folder=row["folder"],
        uid_validity=str(row["uidvalidity"]),
        uid=row["uid"],
        sha256=row["sha256"],
        size_bytes=row["size"],
        sender=row["sender"],
        subject=row["subject"],
        message_id=f"<{row['message_id']}>" if row["message_id"] else "",
        text=row["text"] if full else row["preview"],
        html=row["html"] if full else "",
        attachments=[_attachment(name, one) for one in attachments],
        state=row["state"],
        open_reason=open_reason(row["open_reason"]) if row["state"] == State.OPEN else pb.OPEN_REASON_UNSPECIFIED,
        open_detail=row["open_detail"],
        automatic_signals=[f"{header}: {value}" for _, header, value in row["signals"]],
        servicecall=row["servicecall"],
        contact=row["contact"],
        address=row["address"],
        candidates=row["candidates"],
        duplicate_of=f"mails/{row['duplicate_of']}" if row["duplicate_of"] else "",
        filed=row["filed"],
        decided_by=row["decided_by"],
        problems=row["problems"],
        sender_source=_SOURCES[verdicts.source],
        from_address=verdicts.from_address,
        rule=verdicts.rule,
        authentication=verdicts.authentication,
        outgoing_mail=row["outgoing_mail"],
    )
    made.receive_time.FromDatetime(row["store_time"])
    if row["sent_time"] is not None:
        made.sent_time.FromDatetime(row["sent_time"])
    return made


def open_reason(stored: str) -> pb.OpenReason.ValueType:
    """Return the contract's word for a stored reason."""
    return OPEN_REASONS[Reason(stored)] if stored else pb.OPEN_REASON_UNSPECIFIED


def decision_message(decision: Decision) -> pb.CheckMailResponse:
    """Return what is decided, with one sentence."""
    match decision:
        case OpenMail(reason=reason, detail=detail, call=call):
            return pb.CheckMailResponse(
                state=pb.MAIL_STATE_OPEN,
                open_reason=open_reason(reason.value),
                detail=detail or reason.value,
                servicecall=f"servicecalls/{call}" if call else "",
            )
        case PutAside(detail=detail):
            return pb.CheckMailResponse(state=pb.MAIL_STATE_DISMISSED, detail=detail)
        case CreateServicecall(address=address):
            detail = f"a new servicecall for {address}"
            return pb.CheckMailResponse(state=pb.MAIL_STATE_SERVICECALL, address=address, detail=detail)
        case CreateContact(address=address):
            detail = f"a contact on {address}"
            return pb.CheckMailResponse(state=pb.MAIL_STATE_CONTACT, address=address, detail=detail)
        case ContactOnCall(call=number, addendum=addendum, reopen=reopen):
            how = "which is reopened" if reopen else "as an addendum" if addendum else ""
            detail = f"a contact on servicecall {number} {how}".strip()
            return pb.CheckMailResponse(
                state=pb.MAIL_STATE_CONTACT, servicecall=f"servicecalls/{number}", detail=detail
            )


def signature_message(one: Signature) -> pb.MailSignature:
    """Return a signature."""
    made = pb.MailSignature(
        signer=one.signer, mail_addresses=one.mail_addresses, issuer=one.issuer, valid=one.valid, detail=one.detail
    )
    if one.expires is not None:
        made.expire_time.FromDatetime(one.expires)
    return made


def suggestion_message(one: Suggestion) -> pb.AddressSuggestion:
    """Return a suggestion with its evidence."""
    return pb.AddressSuggestion(
        address=one.address,
        matchcode=one.matchcode,
        likelihood_percent=min(max(round(one.likelihood * 100), 1), 99),
        evidence=[
            pb.AddressEvidence(kind=pb.EvidenceKind.ValueType(why.kind), found=why.found, owner=why.owner)
            for why in one.evidence
        ],
    )


def account_message(name: str, location: str, state: Row | None, counts: Row, now: datetime) -> pb.MailAccount:
    """Return an account.

    Args:
        name: its key in the settings.
        location: where it is.
        state: its row of `mail_account`; None: it was not looked at yet.
        counts: how many mails `stored`, `imported`, `open`, `unfiled`, and when the `newest` was stored.
        now: the instant.
    """
    made = pb.MailAccount(
        name=f"mailAccounts/{name}",
        location=location,
        healthy=state["healthy"] if state else False,
        status=state["status"] if state else "not looked at yet",
        seen_count=state["seen_count"] if state else 0,
        stored_count=counts["stored"],
        imported_count=counts["imported"],
        open_count=counts["open"],
        unfiled_count=counts["unfiled"],
    )
    if state and state["last_success_time"] is not None:
        made.last_success_time.FromDatetime(state["last_success_time"])
    if counts["newest"] is not None:
        made.silence_duration.FromTimedelta(now - counts["newest"])
    return made


def _attachment(mail: str, row: Row) -> pb.MailAttachment:
    return pb.MailAttachment(
        name=f"{mail}/attachments/{row['number']}",
        file_name=row["file_name"],
        content_type=row["content_type"],
        size_bytes=row["size"],
        sha256=row["sha256"],
        content_id=row["content_id"],
    )
