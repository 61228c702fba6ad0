"""What people do all day, one of them at a time; the world believes what was answered, and nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from esoffice.es.v1 import escalations_pb2, follow_ups_pb2, forwarding_pb2, messages_pb2, servicecalls_pb2

from tests.simulation.administrators import Administrators
from tests.simulation.company import CREATED, FORWARDED, INTERRUPTED, SOLVED, STARTED
from tests.simulation.deadlines import Broken, Call
from tests.simulation.driver import Driver, person
from tests.simulation.leave import Leave
from tests.simulation.planners import Planners
from tests.simulation.world import FollowUp

NEW, ADDENDUM, REOPENED = (
    "Neuer Servicecall {number}: {title}",
    "Nachtrag zu Servicecall {number}: {title}",
    "Servicecall {number} wieder geöffnet: {title}",
)
_AT_ONCE = 200
_MARK = 600
"""Seconds between the times at which many calls were received: a house with thousands of calls has busy instants."""


class People:
    """Everybody, as far as they use the service.

    Args:
        driver: of the run.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._rng = driver.rng
        self._company, self._world, self._deadlines = driver.company, driver.world, driver.deadlines
        self._leave = Leave(driver)
        self._numbers = sorted(driver.company.people)
        self._open: list[int] = []
        self._solved: list[int] = []
        administrators, planners = Administrators(driver), Planners(driver)
        self._does: dict[Callable[[], None], int] = {
            self.report: 16, self._verb: 30, self._solve: 12, self._reopen: 5, self._forward: 12, self._level: 3,
            self._acknowledge: 10, self._escalate: 3, self._remind: 5, self._remember: 3, self._read_inbox: 8,
            self._edit: 4, self._addendum: 2, self._leave.ask: 8, self._leave.decide: 16, self._leave.end: 2,
            **administrators.does(), **planners.does(),
        }  # fmt: skip

    def act(self) -> None:
        """Somebody does something."""
        (do,) = self._rng.choices(list(self._does), list(self._does.values()))
        do()

    # -- calls ---------------------------------------------------------------------------------------------------------

    def report(self, count: int = 1) -> None:
        """Customers report faults."""
        who = self._someone()
        drafts = [self._draft(at, 1 if count == 1 else _MARK) for at in range(count)]
        pb = servicecalls_pb2
        if count == 1:
            _, made = self._driver.ask("CreateServicecall", drafts[0], who, must=True)
            answers = [made]
        else:
            request = pb.BatchCreateServicecallsRequest(requests=drafts)
            _, made = self._driver.ask("BatchCreateServicecalls", request, who, must=True)
            answers = [one.servicecall for one in made.results]
        for one in answers:
            call = _call(one)
            self._open.append(call.number)
            at = one.create_time.ToDatetime(UTC)
            self._deadlines.created(call, at)
            self._driver.call_told(call, NEW, at, who.employee)

    def many(self, count: int) -> None:
        """So many calls come in within a minute."""
        for start in range(0, count, _AT_ONCE):
            self.report(min(_AT_ONCE, count - start))

    def _draft(self, at: int, step: int) -> servicecalls_pb2.CreateServicecallRequest:
        rng = self._rng
        system = rng.choice((*self._company.systems, "", ""))
        address = self._company.systems[system] if system else rng.choice(self._company.customers)
        call = servicecalls_pb2.Servicecall(
            title=f"Störung {rng.randint(1, 10**6)}-{at}", address=f"addresses/{address}",
            system=f"systems/{system}" if system else "",
        )  # fmt: skip
        kind = rng.random()
        if kind < 0.4:
            call.responsible_employee = f"employees/{rng.choice(self._numbers)}"
        elif kind < 0.9:
            call.responsible_team = f"teams/{rng.choice(sorted(self._company.teams))}"
        if rng.random() < 0.3:
            call.receive_time.FromDatetime(self._driver.now - timedelta(seconds=step * rng.randint(1, 7200 // step)))
        return servicecalls_pb2.CreateServicecallRequest(servicecall=call, request_id=self._driver.new_id())

    def _verb(self) -> None:
        """Somebody takes care of a call."""
        call = self._any_open()
        if call is None:
            return
        possible = {
            "AcceptServicecall": call.accepted is None,
            "RecordReaction": not call.reacted,
            "RecordArrival": not call.arrived,
            "start": call.state != STARTED,
            "interrupt": call.state != INTERRUPTED,
        }
        verb = self._rng.choice([one for one, may in possible.items() if may])
        if verb in ("start", "interrupt"):
            state = STARTED if verb == "start" else INTERRUPTED
            self._do(call, "ChangeState", lambda at: call.enter(state, at, "STATE_CHANGED"), state=_state(state))
            return
        self._do(call, verb, lambda at: _noted(call, verb, at))

    def _solve(self) -> None:
        call = self._any_open()
        if call is None:
            return
        if self._do(call, "SolveServicecall", lambda at: call.enter(SOLVED, at, "STATE_CHANGED")):
            self._open.remove(call.number)
            self._solved.append(call.number)

    def _reopen(self) -> None:
        if not self._solved:
            return
        number = self._rng.choice(self._solved)
        call = self._deadlines.calls[number]

        def apply(at: datetime) -> None:
            call.rearm()
            call.enter(STARTED, at, "REOPENED")

        if self._do(call, "ReopenServicecall", apply, told=REOPENED):
            self._solved.remove(number)
            self._open.append(number)

    def _level(self) -> None:
        call = self._any_open()
        if call is None:
            return
        level = self._rng.choice(sorted(self._company.levels))

        def apply(at: datetime) -> None:
            call.level = level
            call.rearm()
            call.happened("LEVEL_CHANGED", at)

        self._do(call, "ChangeServiceLevel", apply, service_level=f"serviceLevels/{level}")

    def _addendum(self) -> None:
        if self._solved:
            call = self._deadlines.calls[self._rng.choice(self._solved)]
            self._do(call, "AddAddendum", lambda at: call.happened("ADDENDUM", at), text="Noch etwas.", told=ADDENDUM)

    def _edit(self) -> None:
        call = self._any_open()
        if call is None:
            return
        name = f"servicecalls/{call.number}"
        stored = self._driver.read("GetServicecall", servicecalls_pb2.GetServicecallRequest(name=name))
        employee = self._rng.choice(self._numbers)
        if employee == call.employee:
            return
        given = servicecalls_pb2.Servicecall(
            name=name, title=stored.title, responsible_employee=f"employees/{employee}", etag=stored.etag
        )
        request = servicecalls_pb2.UpdateServicecallRequest(servicecall=given, request_id=self._driver.new_id())
        request.update_mask.paths.append("responsible_employee")
        _, answer = self._driver.ask("UpdateServicecall", request, self._someone(), must=True)
        at = max(answer.update_time.ToDatetime(UTC), call.last)
        call.employee = employee
        call.happened("EDITED", at)
        self._deadlines.changed(call, answer.update_time.ToDatetime(UTC))

    def _do(self, call: Call, verb: str, apply: Callable[[datetime], None], *, told: str = "", **fields: Any) -> bool:
        """Do something to a call; `apply` gets the instant at which it happened."""
        request = getattr(servicecalls_pb2, f"{verb}Request")(
            servicecall=f"servicecalls/{call.number}", request_id=self._driver.new_id(), **fields
        )
        now, given = self._driver.now, None
        if self._rng.random() < 0.2 and call.last < now:  # said afterwards: "that was ten minutes ago"
            given = max(call.last, now - timedelta(seconds=self._rng.randint(1, 1200)))
            request.event_time.FromDatetime(given)
        who = self._someone()
        _, answer = self._driver.ask(verb, request, who, must=True)
        written = answer.update_time.ToDatetime(UTC)
        apply(given or max(written, call.last))
        self._deadlines.changed(call, written)
        if told:
            self._driver.call_told(call, told, written, who.employee)
        return True

    def _forward(self) -> None:
        call = self._any_open()
        if call is None or call.state == CREATED:
            return
        team = self._rng.choice((*sorted(self._company.teams), ""))
        members = self._company.teams.get(team, tuple(self._numbers))
        employee = self._rng.choice((*members, "")) if team else self._rng.choice(members)
        request = forwarding_pb2.ForwardServicecallRequest(
            servicecall=f"servicecalls/{call.number}", request_id=self._driver.new_id(), text="Bitte übernehmen.",
            team=f"teams/{team}" if team else "", employee=f"employees/{employee}" if employee else "",
        )  # fmt: skip
        who = self._someone()
        _, made = self._driver.ask("ForwardServicecall", request, who, must=True)
        at = made.create_time.ToDatetime(UTC)
        call.forwardings += 1
        call.enter(FORWARDED, max(at, call.last), "FORWARDED")
        call.employee, call.team = employee, team
        self._deadlines.changed(call, at)
        takers = self._company.teams[team] if team else (employee,)
        should = {f"employees/{one}" for one in self._world.reached(takers, at, by=who.employee)}
        got = {recipient for recipient, _ in self._driver.told[made.name]}
        if got != should or made.name != f"servicecalls/{call.number}/forwardings/{call.forwardings}":
            raise Broken(f"{made.name} told {got}, should have told {should}")

    # -- escalations ---------------------------------------------------------------------------------------------------

    def _acknowledge(self) -> None:
        call = self._any_open(lambda one: bool(one.fired))
        if call is None:
            return
        request = escalations_pb2.AcknowledgeEscalationsRequest(
            servicecall=f"servicecalls/{call.number}", request_id=self._driver.new_id()
        )
        _, answer = self._driver.ask("AcknowledgeEscalations", request, self._someone(), must=True)
        if not all(one.HasField("acknowledge_time") for one in answer.escalations):
            raise Broken(f"an acknowledged escalation of call {call.number} is not marked so")
        call.acknowledged = True
        times = [one.acknowledge_time.ToDatetime(UTC) for one in answer.escalations]
        self._deadlines.changed(call, max(times))

    def _escalate(self) -> None:
        call = self._any_open()
        if call is None or not self._deadlines.points_of(call):
            return
        point = self._rng.choice(self._deadlines.points_of(call))
        request = escalations_pb2.EscalateNowRequest(
            servicecall=f"servicecalls/{call.number}", point=f"escalationPoints/{point.number}",
            request_id=self._driver.new_id(),
        )  # fmt: skip
        _, made = self._driver.ask("EscalateNow", request, self._someone(), must=True)
        at = made.fire_time.ToDatetime(UTC)
        if made.round != call.fired.get(point.number, (0, at))[0] or made.cycle != call.cycle:
            raise Broken(f"{made.name} is of another round or cycle: {call}")
        event = self._company.events[point.event]
        told = self._world.escalated_to(event, call.employee, call.team, at)
        self._deadlines.expected[made.name] = told or self._world.fallback(at)
        self._deadlines.count_fired(call, point.number, at)
        if point.new_state and point.new_state != call.state:
            call.enter(point.new_state, max(at, call.last), "STATE_CHANGED")
        self._deadlines.changed(call, at)

    # -- reminders and inboxes -----------------------------------------------------------------------------------------

    def _remind(self) -> None:
        due = self._driver.now + timedelta(minutes=self._rng.randint(1, 3000))
        team = self._rng.choice(sorted(self._company.teams)) if self._rng.random() < 0.3 else ""
        employee = "" if team else self._rng.choice(self._numbers)
        task = follow_ups_pb2.FollowUpTask(
            employee=f"employees/{employee}" if employee else "", team=f"teams/{team}" if team else "",
            due_time=due, subject=f"Nachfassen {self._rng.randint(1, 10**6)}",
        )  # fmt: skip
        request = follow_ups_pb2.CreateFollowUpRequest(follow_up=task, request_id=self._driver.new_id())
        _, made = self._driver.ask("CreateFollowUp", request, self._someone(), must=True)
        self._world.follow_ups[made.name] = FollowUp(made.name, made.due_time.ToDatetime(UTC), employee, team)

    def _remember(self) -> None:
        waiting = [one for one in self._world.follow_ups.values() if not one.done]
        if waiting:
            one = self._rng.choice(waiting)
            request = follow_ups_pb2.CompleteFollowUpRequest(name=one.name)
            if self._driver.ask("CompleteFollowUp", request, self._someone(), must=True)[0]:
                one.done = True

    def _read_inbox(self) -> None:
        who = self._someone()
        newest = self._driver.read("ListMessages", messages_pb2.ListMessagesRequest(page_size=1), who).messages
        if newest:
            request = messages_pb2.MarkMessagesReadRequest(through_sequence=newest[0].sequence)
            self._driver.ask("MarkMessagesRead", request, who, must=True)

    # -- choices -------------------------------------------------------------------------------------------------------

    def _someone(self) -> Any:
        return person(self._rng.choice(self._numbers))

    def _any_open(self, suits: Callable[[Call], bool] = lambda _: True) -> Call | None:
        for _ in range(20):
            if self._open:
                call = self._deadlines.calls[self._rng.choice(self._open)]
                if suits(call):
                    return call
        return None


def _call(one: Any) -> Call:
    received = one.receive_time.ToDatetime(UTC)

    def id_(name: str) -> str:
        return name.rpartition("/")[2]

    return Call(
        number=int(id_(one.name)), title=one.title, level=int(id_(one.service_level)), address=id_(one.address),
        system=id_(one.system), employee=id_(one.responsible_employee), team=id_(one.responsible_team),
        received=received, last=received, state=CREATED, changes=[(received, CREATED)],
    )  # fmt: skip


def _noted(call: Call, verb: str, at: datetime) -> None:
    kinds = {"AcceptServicecall": "ACCEPTED", "RecordReaction": "REACTED", "RecordArrival": "ARRIVED"}
    if verb == "AcceptServicecall":
        call.accepted = at
    call.arrived = call.arrived or verb == "RecordArrival"
    call.reacted = True
    call.happened(kinds[verb], at)


def _state(number: int) -> str:
    return f"servicecallStates/{number}"
