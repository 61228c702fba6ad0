"""Whatever bytes come from an SMS centre, they are read or refused by name."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib import smpp
from smpplib.client import SimpleSequenceGenerator

from server_business.sms import smpp_words
from server_business.sms.delivery import Delivery, Receipt
from server_business.sms.pdus import DATA, DELIVER, Delivered, Submit, acknowledgement, submit_sm
from server_business.sms.providers import Parcel, Received
from server_business.sms.rules import Alphabet
from server_business.sms.smpp_wire import Garbled, parse
from tests.servers.smsc import message, pdu, receipt

COMMANDS = [0x4, 0x5, 0x9, 0x15, 0x21, 0x103, 0x80000000, 0x80000003, 0x80000004, 0x80000005, 0x80000009, 0x7777]
GOOD = [
    receipt("m1", "+491701234567", tlv="m1", state=2),
    message("+491701234567", b"Hallo"),
    pdu(0x80000004, 7, b"m1\0"),
]


def reads(frame: bytes) -> None:
    """Read a PDU as the lane does; what is wrong with it must have the name Garbled."""
    with contextlib.suppress(Garbled):
        said = parse(frame)
        if isinstance(said, Delivered):
            smpp_words.arrival(said)


@given(st.sampled_from(COMMANDS), st.integers(0, 2**32 - 1), st.binary(max_size=300))
def test_any_body_is_read_or_refused(command: int, status: int, body: bytes) -> None:
    reads(pdu(command, 1, body, status))


@given(st.sampled_from(GOOD), st.lists(st.tuples(st.integers(16, 400), st.integers(0, 255)), max_size=4), st.data())
def test_a_good_pdu_with_bytes_changed_or_cut_is_read_or_refused(
    frame: bytes, changes: list[tuple[int, int]], data: st.DataObject
) -> None:
    changed = bytearray(frame)
    for at, byte in changes:
        if at < len(changed):
            changed[at] = byte
    reads(bytes(changed[: data.draw(st.integers(16, len(changed)))]))


@pytest.mark.parametrize(("command", "name"), [(DELIVER, "deliver_sm_resp"), (DATA, "data_sm_resp")])
def test_an_acknowledgement_is_what_smpplib_would_make_of_it(command: int, name: str) -> None:
    said = parse(acknowledgement(4711, command, 0x64))
    assert (said.command, said.sequence, said.status) == (name, 4711, 0x64)


@given(
    sender=st.sampled_from(["", "+4930123", "84000", "Firma"]), to=st.integers(1, 10**15), body=st.binary(max_size=254),
    validity=st.sampled_from(["", "000001000000000R"]), coding=st.sampled_from([0, 8, 0x10]),
    esm_class=st.sampled_from([0, 0x40]),
)  # fmt: skip
def test_a_submit_is_read_by_smpplib_as_it_was_meant(
    *, sender: str, to: int, body: bytes, validity: str, coding: int, esm_class: int
) -> None:
    address = smpp_words.address(sender)
    frame = submit_sm(
        7, Submit(sender=address, to=str(to), esm_class=esm_class, validity=validity, data_coding=coding, body=body)
    )  # fmt: skip
    said = smpp.parse_pdu(frame, client=SimpleSequenceGenerator())
    assert (said.command, said.sequence, said.status) == ("submit_sm", 7, 0)
    assert (said.source_addr_ton, said.source_addr_npi, (said.source_addr or b"").decode()) == address
    assert (said.dest_addr_ton, said.dest_addr_npi, said.destination_addr) == (1, 1, str(to).encode())
    assert (said.esm_class, said.data_coding, said.registered_delivery) == (esm_class, coding, 1)
    assert (said.validity_period or b"").decode() == validity
    assert (said.short_message or b"") == body


@pytest.mark.parametrize("frame", [receipt("m1", "+491701234567", tlv="m1", state=2), message("+49170", b"Hallo")])
def test_what_is_delivered_is_read_as_smpplib_reads_it(frame: bytes) -> None:
    ours, theirs = parse(frame), smpp.parse_pdu(frame, client=SimpleSequenceGenerator())
    assert ours.sequence == theirs.sequence
    assert (ours.sender_ton, ours.sender.encode()) == (theirs.source_addr_ton, theirs.source_addr)
    assert (ours.recipient.encode(), ours.body) == (theirs.destination_addr, theirs.short_message)
    assert (ours.esm_class, ours.data_coding) == (theirs.esm_class, theirs.data_coding)
    assert ours.number("message_state") == theirs.message_state
    assert ours.text("receipted_message_id").encode() == (theirs.receipted_message_id or b"")


def test_a_receipt_may_come_as_data_sm() -> None:
    frame = bytearray(receipt("", "+491701234567", tlv="m1", state=2, text=""))
    at = frame.index(b"\0", frame.index(b"4930123"))  # the fields from here on are others
    more = frame[frame.index(b"\x00\x1e\x00") :]
    data = pdu(DATA, 9, bytes(frame[16 : at + 1]) + bytes((0x04, 0, 0)) + bytes(more))
    said = parse(data)
    assert (said.command, said.sequence) == (DATA, 9)
    assert smpp_words.arrival(said) == Receipt(reference="m1", state=Delivery.DELIVERED, number="491701234567")


def test_a_message_of_data_sm_is_its_payload() -> None:
    addresses = b"\0\1\1" + b"491701234567\0" + b"\1\1" + b"4930123\0"
    said = parse(pdu(DATA, 9, addresses + b"\0\0\0" + b"\x04\x24\0\5Hallo"))
    assert smpp_words.arrival(said) == Received(sender="+491701234567", recipient="4930123", text="Hallo")


@pytest.mark.parametrize(
    ("parts", "number", "coding", "body"),
    [
        (("Tür [1]",), 1, 0, b"T\xfcr [1]"),
        (("5 €",), 1, 8, "5 €".encode("utf-16-be")),
        (("x" * 150, "5 €"), 2, 0, b"5 ?"),  # too long for UCS-2
        (("x" * 60, "5 €"), 1, 8, ("x" * 60).encode("utf-16-be")),  # all parts alike
    ],
)
def test_a_centre_whose_default_alphabet_is_latin1_gets_it(
    parts: tuple[str, ...], number: int, coding: int, body: bytes
) -> None:
    parcel = Parcel(
        id=1, to="+491701234567", text="".join(parts), alphabet=Alphabet.GSM7, parts=parts, missing=(1, 2), flash=False,
        validity=None, create_time=datetime(2026, 3, 2, tzinfo=UTC),
    )  # fmt: skip
    said = smpp_words.submit(parcel, number, (0, 0, ""), latin1=True)
    assert (said.data_coding, said.body[6 if len(parts) > 1 else 0 :]) == (coding, body)


def test_a_centre_whose_default_alphabet_is_latin1_is_understood() -> None:
    frame = message("+491701234567", b"T\xfcr", coding=0)
    assert smpp_words.arrival(parse(frame), latin1=True) == Received(
        sender="+491701234567", recipient="4930123", text="Tür"
    )


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("", (0, 0, "")),
        ("+4930123", (1, 1, "4930123")),
        ("84000", (0, 1, "84000")),
        ("Firma GmbH KG", (5, 0, "Firma GmbH ")),
    ],
)
def test_senders_are_numbers_short_codes_or_names(sender: str, address: tuple[int, int, str]) -> None:
    assert smpp_words.address(sender) == address
