"""What SMPP's fields and numbers mean in our words, and the reverse."""

from datetime import timedelta
from typing import Final

from smpplib import consts

from server_business.sms import delivery
from server_business.sms.encoding import Piece, as_latin1, coding, decode, encode, header, without_header
from server_business.sms.pdus import Delivered, Submit
from server_business.sms.providers import Arrival, Parcel, Received
from server_business.sms.rules import Alphabet

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


def submit(parcel: Parcel, number: int, sender: tuple[int, int, str], *, latin1: bool = False) -> Submit:
    """Return what is said of one part.

    Args:
        parcel: whose part it is.
        number: of the part.
        sender: as `address` returns it.
        latin1: the centre reads data_coding 0 as Latin-1, not as the alphabet of GSM.
    """
    text, alphabet = parcel.parts[number - 1], parcel.alphabet
    if latin1 and alphabet is Alphabet.GSM7:
        alphabet, body = as_latin1(parcel.parts, number)
    else:
        body = encode(text, alphabet)
    long = len(parcel.parts) > 1
    if long:
        body = header(Piece(parcel.id, len(parcel.parts), number)) + body
    return Submit(
        sender=sender, to=parcel.to.removeprefix("+"), esm_class=_UDHI if long else 0,
        validity=_validity(parcel.validity), data_coding=coding(alphabet, flash=parcel.flash), body=body,
    )  # fmt: skip


def arrival(pdu: Delivered, *, latin1: bool = False) -> Arrival | None:
    """Return what a deliver_sm or data_sm brings; None for reports about nothing we know."""
    body = pdu.body
    reference = pdu.text("receipted_message_id") if pdu.more else ""
    if pdu.esm_class & _RECEIPT or reference:
        state = pdu.number("message_state") if pdu.more else None
        return delivery.read(body.decode("latin-1"), reference=reference, state=state, number=pdu.sender)
    piece = None
    if pdu.esm_class & _UDHI:
        piece, body = without_header(body)
    elif (total := pdu.number("sar_total_segments")) and (number := pdu.number("sar_segment_seqnum")):
        piece = Piece(pdu.number("sar_msg_ref_num") or 0, total, number)
    sender = pdu.sender
    if pdu.sender_ton == consts.SMPP_TON_INTL and sender[:1].isdigit():
        sender = f"+{sender}"
    text = decode(body, pdu.data_coding, latin1=latin1)
    return Received(sender=sender, recipient=pdu.recipient, text=text, piece=piece)


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
