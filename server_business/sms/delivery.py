"""What receipts say (Zustellung): order and repetition do not matter, and nothing ever goes back. Pure."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import Final

_LONGEST: Final = 64
_LEAST_DIGITS: Final = 6


class Delivery(IntEnum):
    """The numbers are those of the contract's `SmsDelivery`; each outweighs the smaller ones."""

    NONE = 0
    PENDING = 1
    UNKNOWN = 2
    EXPIRED = 3
    FAILED = 4
    PARTLY = 5
    DELIVERED = 6


_STATES: Final = {
    "DELIVRD": Delivery.DELIVERED, "EXPIRED": Delivery.EXPIRED, "DELETED": Delivery.FAILED, "UNDELIV": Delivery.FAILED,
    "REJECTD": Delivery.FAILED, "UNKNOWN": Delivery.UNKNOWN,
}  # fmt: skip
_NUMBERED: Final = {
    2: Delivery.DELIVERED, 3: Delivery.EXPIRED, 4: Delivery.FAILED, 5: Delivery.FAILED, 7: Delivery.UNKNOWN,
    8: Delivery.FAILED,
}  # fmt: skip
"""SMPP 3.4, 5.2.28. Whatever is neither here nor there is on its way."""
_ID: Final = re.compile(r"\bid:\s*(\S+)", re.IGNORECASE)
_STATE: Final = re.compile(r"\bstat:\s*([A-Z]+)", re.IGNORECASE)
_NO_DIGIT: Final = re.compile("[^0-9]+")
_HEXADECIMAL: Final = re.compile("[0-9a-f]+")
_ERROR: Final = re.compile(r"\berr:\s*(\w+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a provider reports about one part.

    Attributes:
        reference: how the provider names it, as it writes that this time.
        state: what became of it.
        number: to which number it went; may be empty.
        error: the network's code.
    """

    reference: str
    state: Delivery
    number: str = ""
    error: str = ""


def read(text: str, *, reference: str = "", state: int | None = None, number: str = "") -> Receipt | None:
    """Read a receipt as SMPP 3.4 (Appendix B) has it; None when it names no message.

    Args:
        text: such as `id:0123 sub:001 dlvrd:001 … stat:DELIVRD err:000 text:…`; providers write it as they like.
        reference: the TLV receipted_message_id, which goes before the text.
        state: the TLV message_state, which goes before the text.
        number: the sender of the receipt: who the message went to.
    """
    said_id, said_state, error = _ID.search(text), _STATE.search(text), _ERROR.search(text)
    name = (reference or (said_id[1] if said_id else ""))[:_LONGEST]
    if not name:
        return None
    if state is not None:
        what = _NUMBERED.get(state, Delivery.PENDING)
    else:
        what = _STATES.get(said_state[1].upper()[:7], Delivery.PENDING) if said_state else Delivery.PENDING
    return Receipt(reference=name, state=what, number=number, error=error[1][:10] if error else "")


def of_state(state: int) -> Delivery:
    """Return what an answer to query_sm means."""
    return _NUMBERED.get(state, Delivery.PENDING)


@lru_cache(maxsize=4096)  # a receipt is compared more than once
def keys(reference: str) -> tuple[str, ...]:
    """Return under which keys a part may be known: first as it is written, then as the other number system has it.

    Providers answer a submit in hexadecimal and report in decimal, or the reverse, with zeros in front or without, in
    capitals or not.
    """
    plain = reference.strip().lower()[:_LONGEST].lstrip("0") or "0"
    found = [plain]
    if plain.isascii() and plain.isdecimal():
        found.append(format(int(plain), "x"))
    if _HEXADECIMAL.fullmatch(plain):
        found.append(str(int(plain, 16)))
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One part a provider has.

    Attributes:
        part: its id; larger ones were sent later.
        key: the first of `keys` of its reference.
        number: who it went to.
    """

    part: int
    key: str
    number: str


def match(receipt: Receipt, among: Sequence[Sent]) -> int | None:
    """Return which of the parts found under any of a receipt's keys it is about.

    References come again after a while: the number decides, then the newest. Another number system than that of the
    answer counts only together with the number.
    """
    first = keys(receipt.reference)[0]
    theirs = [one for one in among if same_number(one.number, receipt.number)]
    exact = [one for one in theirs if one.key == first]
    if not receipt.number:
        exact = [one for one in among if one.key == first]
    best = exact or theirs
    if best:
        return max(one.part for one in best)
    # Some gateways put their own number or none at all where the recipient's belongs.
    alone = [one for one in among if one.key == first]
    return alone[0].part if len(alone) == 1 else None


def same_number(one: str, other: str) -> bool:
    """Tell whether two ways to write a number mean the same one: `+491701234567`, `00491701234567`, `01701234567`."""
    short, long = sorted((_digits(one), _digits(other)), key=len)
    return len(short) >= _LEAST_DIGITS and long.endswith(short)


def _digits(number: str) -> str:
    return _NO_DIGIT.sub("", number.replace("(0)", "")).lstrip("0")


def whole(parts: Collection[Delivery]) -> Delivery:
    """Return what has become of a message, from its parts; at least one."""
    if min(parts) is Delivery.PENDING:
        return Delivery.PENDING
    if max(parts) is Delivery.DELIVERED and min(parts) is not Delivery.DELIVERED:
        return Delivery.PARTLY
    return max(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """A part of which nobody knows whether the provider has it.

    Attributes:
        part: its id.
        message: whose part it is.
        number: who it went to.
        since: when it was accepted: before that nobody can have it.
    """

    part: int
    message: int
    number: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A receipt that belongs to no part we know.

    Attributes:
        id: of its row.
        number: who the message went to.
        receive_time: when it came.
    """

    id: int
    number: str
    receive_time: datetime


def cleared(strays: Iterable[Stray], doubts: Iterable[Doubtful], busy: Collection[str]) -> list[tuple[int, int]]:
    """Return which stray receipt proves which doubtful part, as (receipt, part).

    A receipt names a number and a reference we never learned. It proves a part when one message alone can be meant.

    Args:
        strays: in the order they came.
        doubts: in the order of their parts.
        busy: numbers to which something is being handed over right now: a receipt may be about that.
    """
    occupied: defaultdict[str, list[str]] = defaultdict(list)
    for number in busy:
        occupied[_tail(number)].append(number)
    by_tail: defaultdict[str, defaultdict[int, list[Doubtful]]] = defaultdict(lambda: defaultdict(list))
    for one in doubts:
        tail = _tail(one.number)
        if not any(same_number(one.number, number) for number in occupied[tail]):
            by_tail[tail][one.message].append(one)
    proven = []
    for stray in strays:
        messages: Mapping[int, list[Doubtful]] = by_tail.get(_tail(stray.number), {})
        meant = [
            message
            for message, open_ in messages.items()
            if open_ and same_number(open_[0].number, stray.number) and open_[0].since <= stray.receive_time
        ]
        if len(meant) == 1:
            proven.append((stray.id, messages[meant[0]].pop(0).part))
    return proven


def _tail(number: str) -> str:
    """Return what all ways to write a number end with: few numbers share it."""
    return _digits(number)[-_LEAST_DIGITS:]
