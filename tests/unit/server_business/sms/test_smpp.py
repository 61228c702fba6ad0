"""Whatever bytes come from an SMS centre, they are read or refused by name."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_business.sms import smpp_words
from server_business.sms.smpp_wire import Garbled, acknowledgement, parse
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
        if said.command == "deliver_sm":
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


def test_an_acknowledgement_is_what_smpplib_would_make_of_it() -> None:
    said = parse(acknowledgement(4711))
    assert (said.command, said.sequence, said.status) == ("deliver_sm_resp", 4711, 0)


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
