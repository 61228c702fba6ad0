"""Time, workers and disasters: everything that happens in a run happens here, in an order that the seed decides."""

import hashlib
import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import grpc
from sqlalchemy import bindparam, select

from mesh import failpoints
from mesh.clock import ManualClock
from mesh.permissions import Permissions
from mesh.tokens import Caller, Kind
from server_es.escalations.tables import escalation
from server_es.notices.tables import notice
from tests.simulation import furnish
from tests.simulation.business import Business
from tests.simulation.company import Company, found
from tests.simulation.deadlines import Broken, Call, Deadlines
from tests.simulation.house import BUSY, Crash, House, Refusal
from tests.simulation.world import APPROVED, World

_EVERYTHING = Permissions(["*"])
CHIEF = Caller(kind=Kind.PERSON, name="chief", permissions=_EVERYTHING)
ALLOWED = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED,
        grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.OUT_OF_RANGE,
    }
)  # fmt: skip
"""Answers that are none of server_es's faults."""
_DONE_BEFORE = frozenset({grpc.StatusCode.ABORTED, grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.NOT_FOUND})
"""What a change without a request id may answer when it comes a second time."""
_LONGEST = timedelta(hours=3)
_SECOND = timedelta(seconds=1)
_LOOKS = 300
_SELDOM = 0.03
"""How often the other workers turn, which keep the house clean."""
_TURNS = 10_000


_FIRED = select(escalation).where(escalation.c.id > bindparam("after")).order_by(escalation.c.id)
_TOLD = (
    select(*(notice.c[name] for name in ("id", "cause", "recipient", "employee", "channel", "follows", "create_time")))
    .where(notice.c.id > bindparam("after"))
    .order_by(notice.c.id)
)


def person(number: str) -> Caller:
    return Caller(kind=Kind.PERSON, name=f"user{number}", employee=number, permissions=_EVERYTHING)


def _next_look(at: datetime) -> datetime:
    """Return when the notices are looked at: some at a time, which no law forbids."""
    seconds = -(-at.timestamp() // _LOOKS) * _LOOKS
    return datetime.fromtimestamp(seconds, at.tzinfo)


class Driver:
    """One run.

    Args:
        seed: decides everything.
        url: of an empty database.
        folder: for files.
        employees: how many work there.
        days: how long it lasts, without the time in which what is left comes to its end.
    """

    def __init__(self, seed: int, url: str, folder: Path, *, employees: int, days: int) -> None:
        self.seed = seed
        self.rng = Random(f"{seed}/driver")
        self.company: Company = found(Random(f"{seed}/company"), employees)
        self.world = World(self.company)
        self.deadlines = Deadlines(self.company, self.world, days)
        self.clock = ManualClock(self.company.start)
        self.business = Business(self.clock, Random(f"{seed}/business"))
        self.house = House(url, self.clock, furnish.settings(self.company), self.business, folder)
        self.inbox: Counter[tuple[str, str]] = Counter()
        """What lies in inboxes without a notice: recipient, subject."""
        self.told: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
        self.counts: Counter[str] = Counter()
        self.lines: list[str] = []
        self._hash = hashlib.sha256()
        self._seen = dict.fromkeys(("escalation", "notice"), 0)
        self._highest = self.clock.now()
        self._fuse: int | None = None
        self._by = ""

    # -- the journal ---------------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Write down what happened."""
        line = f"{self.clock.now():%m-%d %H:%M:%S.%f} {text}"
        self._hash.update(line.encode())
        self.lines.append(line)
        del self.lines[:-400]

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    # -- calls ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open the house and furnish it."""
        self.house.open()
        furnish.furnish(lambda method, request: self.house.call(method, request, CHIEF), self.company)
        self.settle()

    def ask(self, method: str, request: Any, who: Caller, *, must: bool = False) -> tuple[bool, Any]:
        """Make a call until it is answered, as a client does: under the same request id.

        Args:
            method: its name.
            request: the request.
            who: the caller.
            must: the caller knows that it is possible.

        Returns:
            Whether it was done, and the answer; None when what was done before was only recognised.
        """
        crashed = False
        self._by = who.employee
        while True:
            self.counts["calls"] += 1
            try:
                answer = self.house.call(method, request, who)
            except Crash:
                self._died(method)
                crashed = True
                continue
            except Refusal as refusal:
                done = crashed and "request_id" not in request.DESCRIPTOR.fields_by_name
                if done and refusal.code in _DONE_BEFORE:
                    self.note(f"{method} was done before")
                    return True, None
                self._refused(method, refusal, must=must)
                return False, None
            else:
                self.note(f"{method} by {who.name}: done")
                self.counts["acknowledged"] += 1
                self._observe()
                return True, answer

    def read(self, method: str, request: Any, who: Caller = CHIEF) -> Any:
        """Make a call that changes nothing."""
        return self.house.call(method, request, who)

    def _refused(self, method: str, refusal: Refusal, *, must: bool) -> None:
        self.note(f"{method}: {refusal.code.name} {refusal.reason}")
        self.counts["refused"] += 1
        if must or refusal.code not in ALLOWED:
            raise Broken(f"{method} was refused: {refusal}") from refusal

    # -- time ----------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def go_to(self, at: datetime) -> None:
        """Live until an instant: from one thing that is due to the next."""
        self.settle()
        while self.now < at:
            dues = self.house.upcoming()
            if "notices.deliver" in dues:
                dues["notices.deliver"] = _next_look(dues["notices.deliver"])
            following = min([*dues.values(), self.now + _LONGEST])
            self.clock.advance(min(at, max(following, self.now + _SECOND)) - self.now)
            self.settle([name for name, due in dues.items() if due <= self.now])

    def jump(self, by: timedelta) -> None:
        """Somebody sets the clock."""
        self.note(f"the clock jumps by {by}")
        self.clock.advance(by)

    def settle(self, workers: Sequence[str] = BUSY) -> None:
        """Let the workers turn, in any order, until nothing more is to be done now."""
        while not self._settled(workers):
            workers = BUSY
        self._highest = max(self._highest, self.now)
        if self.now == self._highest:  # after a jump back what waited for a later instant waits for it again
            self.deadlines.settled(self.now)
            for one in self.world.due_follow_ups(self.now):
                raise Broken(f"{one.name} was due at {one.due} and nobody was told at {self.now}")

    def _settled(self, workers: Sequence[str]) -> bool:
        self._by = ""
        left = [one for one in self.house.workers if one in workers or self.rng.random() < _SELDOM]
        self.rng.shuffle(left)
        turns = 0
        while left:
            turns += 1
            if turns > _TURNS:
                raise Broken(f"the workers {left} never come to an end")
            name = left.pop()
            try:
                said = self.house.turn(name)
            except Crash:
                self._died(name)
                return False
            again = said is True or said == timedelta(0)
            if self._observe() or again:  # somebody may have rung for another one
                left += [one for one in BUSY if one not in left and (again or one != name)]
                self.rng.shuffle(left)
            if name == "escalations.retime" and not again:
                self.deadlines.retimed(self.now)
        return True

    # -- disasters -----------------------------------------------------------------------------------------------------

    def light_a_fuse(self, steps: int) -> None:
        """Let the process die after so many failpoints."""
        self._fuse = steps
        failpoints.watch(self._passing)

    def _passing(self, name: str) -> None:
        assert self._fuse is not None
        self._fuse -= 1
        if self._fuse <= 0:
            raise Crash(name)

    def _died(self, where: str) -> None:
        self.note(f"killed in {where}")
        self.counts["crashes"] += 1
        self._fuse = None
        self.house.kill()
        self.deadlines.crashed()
        self.house.open()
        self._observe()

    def downtime(self, lasts: timedelta) -> None:
        """Be down for a while."""
        self.note(f"down for {lasts}")
        self.counts["downtimes"] += 1
        failpoints.watch(None)
        self._fuse = None
        self.house.kill()
        self.deadlines.crashed()
        self.clock.advance(lasts)
        self.house.open()

    # -- what can be seen ----------------------------------------------------------------------------------------------

    def _observe(self) -> bool:
        """Look at what was written since the last look, and judge it; return whether there was anything."""
        with self.house.database.reading() as unit:
            rows = unit.connection.execute(_FIRED, {"after": self._seen["escalation"]}).all()
            told = unit.connection.execute(_TOLD, {"after": self._seen["notice"]}).all()
        if rows:
            self._seen["escalation"] = rows[-1].id
        if told:
            self._seen["notice"] = told[-1].id
        for row in rows:
            self.note(f"fired {row.servicecall}/{row.point}/{row.cycle}/{row.round} late={row.late} held={row.held}")
        self.deadlines.fired(rows, rows[0].fire_time if rows else self.now)
        for row in told:
            self.told[row.cause].add((row.recipient, row.channel))
        for line in sorted(f"told {row.recipient} {row.channel} {row.follows is None}" for row in told):
            self.note(line)
        self._judge_told(told)
        return bool(rows or told)

    def _judge_told(self, rows: Collection[Any]) -> None:
        self.counts["notices"] += len(rows)
        for row in rows:
            if row.employee:
                self._judge_absent(row)
        for cause in list(self.deadlines.expected):
            if self.told[cause] != self.deadlines.expected[cause]:
                should = sorted(self.deadlines.expected[cause])
                raise Broken(f"{cause} told {sorted(self.told[cause])}, should have told {should}")
            del self.deadlines.expected[cause]
        for row in rows:
            if row.cause.startswith("followUps/"):
                self._reminded(row)

    def _judge_absent(self, row: Any) -> None:
        """Nobody is told who is away without whoever stands in for him; his own requests are his own affair."""
        stand_in = self.world.stands_in(row.employee, row.create_time)
        if not stand_in or stand_in == self._by or self._is_own(row):
            return
        if not any(recipient == f"employees/{stand_in}" for recipient, _ in self.told[row.cause]):
            how = "again, over another channel" if row.follows else "at once"
            raise Broken(f"{row.recipient} is away and was told of {row.cause} {how}, and employees/{stand_in} was not")

    def _is_own(self, row: Any) -> bool:
        absence = self.world.absences.get("/".join(row.cause.split("/")[:2]))
        return row.cause.startswith("absences/") and (absence is None or absence.employee == row.employee)

    def _reminded(self, row: Any) -> None:
        one = self.world.follow_ups["/".join(row.cause.split("/")[:2])]
        should = {f"employees/{number}" for number in self.world.reminded(one, row.create_time)}
        got = {recipient for recipient, _ in self.told[row.cause]}
        if got != should or one.done or row.create_time < one.due:
            raise Broken(f"{one} told {got} at {row.create_time}, should have told {should}")
        one.told = True

    def call_told(self, call: Call, subject: str, at: datetime, by: str) -> None:
        """Expect a message about a call in the inboxes of those who are responsible for it."""
        members = self.company.teams.get(call.team, ()) if call.team else ()
        people = {*members, *([call.employee] if call.employee else [])}
        line = subject.format(number=call.number, title=call.title)
        self.inbox.update((one, line) for one in self.world.reached(people, at, by=by))

    def absent_now(self) -> list[str]:
        return [one.employee for one in self.world.absences.values() if one.state == APPROVED and one.start <= self.now]
