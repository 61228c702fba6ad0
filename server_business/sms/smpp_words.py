"""What SMPP's fields and numbers mean in our words, and the reverse."""

from datetime import timedelta
from typing import Any, Final

from smpplib import consts

from server_business.sms import delivery
from server_business.sms.encoding import Piece, coding, decode, encode, header, without_header
from server_business.sms.providers import Arrival, Parcel, Received

_UDHI: Final = 0x40
_RECEIPT: Final = 0x3C
"""Bits of esm_class that tell a receipt or another report from a message (SMPP 3.4, 5.2.12)."""
_LATEST_VALIDITY: Final = timedelta(days=99)
TOO_FAST: Final = frozenset({consts.SMPP_ESME_RTHROTTLED, consts.SMPP_ESME_RMSGQFUL})
LATER: Final = frozenset(
    {
        consts.SMPP_ESME_RSYSERR,
        consts.SMPP_ESME_RINVBNDSTS,
        consts.SMPP_ESME_RSUBMITFAIL,
        consts.SMPP_ESME_RX_T_APPN,
        consts.SMPP_ESME_RUNKNOWNERR,
    }
)


def submit(parcel: Parcel, number: int, sender: str) -> dict[str, Any]:
    """Return the fields of a submit_sm of one part."""
    body = encode(parcel.parts[number - 1], parcel.alphabet)
    long = len(parcel.parts) > 1
    if long:
        body = header(Piece(parcel.id, len(parcel.parts), number)) + body
    ton, npi, address_ = address(sender)
    return {
        "source_addr_ton": ton,
        "source_addr_npi": npi,
        "source_addr": address_,
        "dest_addr_ton": consts.SMPP_TON_INTL,
        "dest_addr_npi": consts.SMPP_NPI_ISDN,
        "destination_addr": parcel.to.removeprefix("+"),
        "esm_class": _UDHI if long else 0,
        "validity_period": _validity(parcel.validity),
        "registered_delivery": 1,
        "data_coding": coding(parcel.alphabet, flash=parcel.flash),
        "short_message": body,
    }


def arrival(pdu: Any) -> Arrival | None:
    """Return what a deliver_sm brings; None for reports about nothing we know."""
    body: bytes = pdu.short_message or getattr(pdu, "message_payload", None) or b""
    sender, recipient = _text(pdu.source_addr), _text(pdu.destination_addr)
    reference = _text(getattr(pdu, "receipted_message_id", None))
    if (pdu.esm_class or 0) & _RECEIPT or reference:
        return delivery.read(body.decode("latin-1"), reference=reference, state=pdu.message_state, number=sender)
    piece = None
    if (pdu.esm_class or 0) & _UDHI:
        piece, body = without_header(body)
    elif getattr(pdu, "sar_total_segments", None) and pdu.sar_segment_seqnum:
        piece = Piece(pdu.sar_msg_ref_num or 0, pdu.sar_total_segments, pdu.sar_segment_seqnum)
    number = f"+{sender}" if pdu.source_addr_ton == consts.SMPP_TON_INTL and sender[:1].isdigit() else sender
    return Received(sender=number, recipient=recipient, text=decode(body, pdu.data_coding or 0), piece=piece)


def _text(value: bytes | None) -> str:
    return (value or b"").decode("latin-1")


def address(sender: str) -> tuple[int, int, str]:
    """Return type of number, numbering plan and address of a sender."""
    if not sender:
        return 0, 0, ""
    if sender.startswith("+"):
        return consts.SMPP_TON_INTL, consts.SMPP_NPI_ISDN, sender[1:]
    if sender.isdigit():
        return consts.SMPP_TON_UNK, consts.SMPP_NPI_ISDN, sender
    return consts.SMPP_TON_ALNUM, 0, sender[:11]


def _validity(span: timedelta | None) -> str:
    """Return a relative time, YYMMDDhhmmss000R (SMPP 3.4, 7.1.1.2)."""
    if span is None:
        return ""
    span = min(max(span, timedelta(seconds=1)), _LATEST_VALIDITY)
    days, seconds = span.days, span.seconds
    months, days = divmod(days, 30)
    return f"00{months:02}{days:02}{seconds // 3600:02}{seconds // 60 % 60:02}{seconds % 60:02}000R"


def status(code: int) -> str:
    """Return what an answer says."""
    return f"{consts.DESCRIPTIONS.get(code, 'unknown status')} ({code:#x})"
