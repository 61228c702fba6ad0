"""An SMS centre over SMPP 3.4: one transceiver, a window of submits without an answer, receipts for every part."""

import contextlib
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from smpplib import consts

from mesh import log
from mesh.clock import Clock
from server_business.sending.carrier import Away
from server_business.sending.rules import Answer, Outcome
from server_business.sms import delivery
from server_business.sms import smpp_words as words
from server_business.sms.delivery import Receipt
from server_business.sms.pdus import DATA, DELIVER, RESPONSE, Delivered, Submitted, acknowledgement, submit_sm
from server_business.sms.providers import Arrival, Asked, Handed, Parcel, Take
from server_business.sms.smpp_wire import Garbled, Lost, Silent, Wire, parse

_AGAIN: Final = 2.0
_LONGEST_REST: Final = 60.0
_DOUBLINGS: Final = 5
_UNATTENDED: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """How an SMS centre is reached.

    Attributes:
        name: of the provider, for people.
        window: parts that may be without an answer at a time.
        timeout: seconds an answer is waited for.
        enquire: seconds of silence after which the connection is tested.
        sender: number or name messages come from; may be empty.
        latin1: data_coding 0 means Latin-1 there, not the alphabet of GSM.
    """

    name: str
    host: str
    port: int
    system_id: str
    password: str
    system_type: str = ""
    window: int = 10
    timeout: float = 4.0
    enquire: float = 30.0
    sender: str = ""
    latin1: bool = False


@dataclass(slots=True)
class _Progress:
    references: dict[int, str] = field(default_factory=dict)
    refused: str = ""
    later: str = ""
    throttled: bool = False


class SmppProvider:
    """Speaks with one SMS centre. Between its turns a thread watches for receipts and rings.

    Args:
        centre: where, and as who.
        context: for TLS; None: without.
        clock: for time limits.
        ring: wakes who calls these methods.
    """

    gives_receipts = True

    def __init__(
        self, centre: Centre, context: ssl.SSLContext | None, clock: Clock, ring: Callable[[], object]
    ) -> None:
        self._centre = centre
        self._sender = words.address(centre.sender)
        self._context = context
        self._clock = clock
        self._ring = ring
        self._wire: Wire | None = None
        self._rests = threading.Event()
        self._why = ""
        self._again = 0.0
        self._failures = 0
        self._proven = False
        self._attended = 0.0
        self._heard = 0.0
        self._enquired = 0.0
        self._waiting: dict[int, Callable[[Any], None]] = {}
        self._unstored: list[tuple[bytes, Arrival | None]] = []

    # -- the connection -----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect and bind, unless it is; a failed attempt is not repeated at once. Raises Away."""
        self._rests.clear()
        self._attended = self._clock.monotonic()
        if self._wire is not None:
            return
        if self._clock.monotonic() < self._again:
            raise Away(self._why)
        try:
            self._wire = Wire(self._centre.host, self._centre.port, self._context, self._centre.timeout)
            self._bind(self._wire)
        except Lost as lost:
            self._lose(lost)
            raise Away(self._why) from lost
        threading.Thread(target=self._watch, args=(self._wire,), name=f"smpp-{self._centre.name}", daemon=True).start()

    def rest(self) -> None:
        """Watch until the next `open`."""
        self._rests.set()

    def close(self) -> None:
        wire, self._wire = self._wire, None
        self._waiting.clear()
        self._unstored.clear()
        if wire is not None:
            with contextlib.suppress(Lost):
                wire.send(wire.make("unbind")[1])
            wire.close()

    def _bind(self, wire: Wire) -> None:
        said: list[Any] = []
        sequence, pdu = wire.make(
            "bind_transceiver",
            system_id=self._centre.system_id,
            password=self._centre.password[:8],
            system_type=self._centre.system_type,
        )
        self._waiting = {sequence: said.append}
        self._heard = self._clock.monotonic()
        wire.send(pdu)
        self._until(wire, lambda: bool(said), "does not answer to the bind")
        if said[0].is_error():
            raise Lost(
                f"{self._centre.host} does not let '{self._centre.system_id}' in: {words.status(said[0].status)}"
            )

    def _lose(self, lost: Lost) -> None:
        """Let go of a connection that is of no use."""
        self._why = str(lost)
        if self._proven and not isinstance(lost, Silent):
            self._again = 0.0  # it worked, and was cut: a new one is made at once
        else:
            self._again = self._clock.monotonic() + min(_AGAIN * 2**self._failures, _LONGEST_REST)
            self._failures = min(self._failures + 1, _DOUBLINGS)
        self._proven = False
        self._waiting.clear()
        self._unstored.clear()
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _watch(self, wire: Wire) -> None:
        """Ring when something comes between two turns; hang up when nobody has come for a minute."""
        poll = wire.readable()
        while self._wire is wire:
            if not self._rests.wait(1.0):
                continue
            readable = poll.poll(1000)
            if self._clock.monotonic() - self._attended > _UNATTENDED:  # another instance does the work now
                self._wire = None
                wire.close()
            elif readable and self._wire is wire:
                self._rests.clear()
                self._ring()

    # -- handing over -------------------------------------------------------------------------------------------------

    def hand_over(self, parcels: Sequence[Parcel], take: Take) -> Mapping[int, Handed]:
        """Submit the parts that are missing; see `Provider`."""
        work = deque((parcel, number) for parcel in parcels for number in parcel.missing)
        progress: dict[int, _Progress] = {}
        out: dict[int, tuple[int, int, float]] = {}
        why = ""
        try:
            while work or out:
                wait = self._fill(work, out, progress, take)
                self._answers(out, wait if work else 60.0)
                if any(one.throttled for one in progress.values()):
                    work.clear()
        except Lost as lost:
            why = str(lost)
            self._lose(lost)
        unknown: dict[int, list[int]] = {}
        for id_, number, _ in out.values():
            unknown.setdefault(id_, []).append(number)
        return {
            one.id: _handed(one, progress[one.id], tuple(unknown.get(one.id, ())), why)
            for one in parcels
            if one.id in progress
        }

    def _fill(
        self,
        work: deque[tuple[Parcel, int]],
        out: dict[int, tuple[int, int, float]],
        progress: dict[int, _Progress],
        take: Take,
    ) -> float:
        """Send as much as the window and the rate allow; return how long the rate makes us wait."""
        wire = self._connected()
        data, wait = bytearray(), 60.0
        now = self._clock.monotonic()
        # One that has answered nothing yet gets one: whatever it swallows without an answer is in doubt.
        while work and len(out) < (self._centre.window if self._proven else 1):
            wait = take()
            if wait > 0:
                break
            parcel, number = work.popleft()
            sequence = wire.numbers.next_sequence()
            data += submit_sm(sequence, words.submit(parcel, number, self._sender, latin1=self._centre.latin1))
            out[sequence] = (parcel.id, number, now)
            self._waiting[sequence] = _noting(out, sequence, progress.setdefault(parcel.id, _Progress()), number)
            wait = 60.0
        if data:
            wire.send(bytes(data))
        return wait

    def _answers(self, out: Mapping[int, tuple[int, int, float]], wait: float) -> None:
        """Read what comes, until something is answered or the wait is over. Raises Lost: an answer is overdue."""
        oldest = next(iter(out.values()))[2] + self._centre.timeout if out else None
        now = self._clock.monotonic()
        if oldest is not None:
            if now > oldest:
                raise Silent(f"no answer within {self._centre.timeout:g} s")
            wait = min(wait, oldest - now + 0.001)
        self._read(wait)

    def found(self, parcel: Parcel) -> Outcome | None:
        """Nobody can tell: SMPP knows no key of ours."""

    # -- what comes ---------------------------------------------------------------------------------------------------

    def arrivals(self) -> Sequence[Arrival]:
        """Read what has come, and test the connection when it has been silent."""
        if self._wire is None:
            return ()
        try:
            self._read(0)
            self._enquire(self._wire)
        except Lost as lost:
            self._lose(lost)
        return [arrival for _, arrival in self._unstored if arrival is not None]

    def stored(self) -> None:
        """Acknowledge what `arrivals` gave."""
        if self._wire is None or not self._unstored:
            return
        done, self._unstored = self._unstored, []
        answers = b"".join(answer for answer, _ in done)
        try:
            self._wire.send(answers)
        except Lost as lost:
            self._lose(lost)

    def ask(self, parts: Sequence[Asked]) -> Sequence[tuple[int, Receipt]]:
        """Ask for the state of parts by query_sm."""
        answers: dict[int, Any] = {}
        ton, npi, sender = self._sender
        try:
            wire = self._connected()
            for one in parts:
                sequence, pdu = wire.make(
                    "query_sm", message_id=one.reference, source_addr_ton=ton, source_addr_npi=npi, source_addr=sender
                )
                self._waiting[sequence] = _keeping(answers, one.part)
                wire.send(pdu)
            self._until(wire, lambda: len(answers) == len(parts), "does not answer to query_sm")
        except Lost as lost:
            self._lose(lost)
        return [
            (one.part, Receipt(reference=one.reference, state=delivery.of_state(answers[one.part].message_state or 0)))
            for one in parts
            if one.part in answers and answers[one.part].command == "query_sm_resp" and not answers[one.part].is_error()
        ]

    def _enquire(self, wire: Wire) -> None:
        now = self._clock.monotonic()
        if self._enquired > self._heard:
            if now - self._enquired > self._centre.timeout:
                raise Silent("the other side does not answer any more")
        elif now - self._heard > self._centre.enquire:
            wire.send(wire.make("enquire_link")[1])
            self._enquired = now

    def _until(self, wire: Wire, done: Callable[[], bool], why: str) -> None:
        end = self._clock.monotonic() + self._centre.timeout
        while not done():
            left = end - self._clock.monotonic()
            if left <= 0 or self._wire is not wire:
                raise Silent(f"{self._centre.host} {why}")
            self._read(left)

    def _connected(self) -> Wire:
        if self._wire is None:
            raise Lost("the connection was lost")
        return self._wire

    def _read(self, seconds: float) -> None:
        wire = self._connected()
        frames = wire.read(seconds)
        if frames:
            self._heard = self._clock.monotonic()
        for frame in frames:
            try:
                pdu = parse(frame)
            except Garbled as garbled:
                self._garbled(wire, garbled)
                continue
            self._met(wire, pdu)

    def _met(self, wire: Wire, pdu: Any) -> None:
        if isinstance(pdu, Submitted):
            if (note := self._waiting.pop(pdu.sequence, None)) is not None:
                self._proven, self._failures = True, 0
                note(pdu)
        elif isinstance(pdu, Delivered):
            answer = acknowledgement(pdu.sequence, pdu.command)
            self._unstored.append((answer, words.arrival(pdu, latin1=self._centre.latin1)))
        elif pdu.command in ("query_sm_resp", "generic_nack", "bind_transceiver_resp"):
            if (note := self._waiting.pop(pdu.sequence, None)) is not None:
                self._failures = 0 if self._proven else self._failures
                note(pdu)
        elif pdu.command == "enquire_link":
            wire.send(wire.make("enquire_link_resp", sequence=pdu.sequence)[1])
        elif pdu.command == "unbind":
            wire.send(wire.make("unbind_resp", sequence=pdu.sequence)[1])
            raise Lost("the other side ended the session")
        elif pdu.is_request():
            status = consts.SMPP_ESME_RINVCMDID
            wire.send(wire.make("generic_nack", sequence=pdu.sequence, status=status)[1])

    def _garbled(self, wire: Wire, garbled: Garbled) -> None:
        """Refuse for good what cannot be read, so that it does not come again and again; one bad PDU stops no other."""
        log.get("sms").warning("PDU cannot be read", provider=self._centre.name, command=f"{garbled.command:#010x}")
        if garbled.command & RESPONSE:
            return  # an answer: who waits for it will not get it
        if garbled.command in (DELIVER, DATA):
            wire.send(acknowledgement(garbled.sequence, garbled.command, consts.SMPP_ESME_RX_P_APPN))
        else:
            status = consts.SMPP_ESME_RINVCMDID
            wire.send(wire.make("generic_nack", sequence=garbled.sequence, status=status)[1])


def _noting(
    out: dict[int, tuple[int, int, float]], sequence: int, progress: _Progress, number: int
) -> Callable[[Any], None]:
    def note(pdu: Any) -> None:
        del out[sequence]
        if isinstance(pdu, Submitted) and not pdu.status:
            progress.references[number] = pdu.message_id
        elif pdu.status in words.TOO_FAST:
            progress.throttled, progress.later = True, words.status(pdu.status)
        elif pdu.status in words.LATER:
            progress.later = words.status(pdu.status)
        else:
            progress.refused = f"part {number}: {words.status(pdu.status)}"

    return note


def _keeping(answers: dict[int, Any], part: int) -> Callable[[Any], None]:
    def note(pdu: Any) -> None:
        answers[part] = pdu

    return note


def _handed(parcel: Parcel, progress: _Progress, unknown: tuple[int, ...], why: str) -> Handed:
    if unknown:
        outcome = Outcome(answer=Answer.NONE, reason=f"{why} before the answer came")
    elif progress.refused:
        outcome = Outcome(answer=Answer.REFUSED, reason=progress.refused)
    elif len(progress.references) < len(parcel.missing):
        outcome = Outcome(answer=Answer.LATER, reason=progress.later or why)
    else:
        first = progress.references[min(progress.references)]
        outcome = Outcome(answer=Answer.TAKEN, reason="taken", reference=first)
    return Handed(outcome=outcome, references=progress.references, unknown=unknown, throttled=progress.throttled)
