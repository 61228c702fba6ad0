"""What has to be true when everything has come to its end; what can be judged at once is judged by the driver."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from esoffice.es.v1 import (
    escalations_pb2,
    follow_ups_pb2,
    forwarding_pb2,
    messages_pb2,
    servicecalls_pb2,
)
from sqlalchemy import func, select

from server_es.duty.tables import duty_roster
from server_es.escalations.tables import escalation, escalation_retiming, escalation_timer
from server_es.follow_ups.tables import follow_up
from server_es.inboxes import INBOXES
from server_es.notices.tables import notice
from server_es.schema import OUTBOX, REQUESTS
from tests.simulation.deadlines import Broken, Call
from tests.simulation.driver import Driver, person
from tests.simulation.leave import Leave

WAITING, SENT, DELIVERED, ACKNOWLEDGED, FAILED, SUPPRESSED = range(1, 7)
LONGEST = timedelta(hours=26)
"""After this a notice is delivered, or given up: a day, and what the next attempts take."""
_AT_ONCE = 500
_MARKS = {number: name for name, number in servicecalls_pb2.ServicecallEventKind.items()}
_PREFIX = "SERVICECALL_EVENT_KIND_"


def hold(driver: Driver) -> None:
    """Check them all.

    Raises:
        Broken: one does not hold.
    """
    for law in (nothing_acknowledged_is_lost, no_effect_happens_twice, nothing_is_left_undone):
        for wrong in law(driver):
            raise Broken(f"{law.__name__}: {wrong}")


def nothing_acknowledged_is_lost(driver: Driver) -> Iterator[str]:
    """Everything that was answered can be read."""
    calls = list(driver.deadlines.calls.values())
    for start in range(0, len(calls), _AT_ONCE):
        part = calls[start : start + _AT_ONCE]
        request = servicecalls_pb2.BatchGetServicecallsRequest(names=[f"servicecalls/{one.number}" for one in part])
        answer = driver.read("BatchGetServicecalls", request)
        found = {one.name: one for one in answer.servicecalls}
        for call in part:
            yield from _lost(driver, call, found.get(f"servicecalls/{call.number}"))
    Leave(driver).compare_all()
    for task in driver.world.follow_ups.values():
        stored = driver.read("GetFollowUp", follow_ups_pb2.GetFollowUpRequest(name=task.name))
        untold = task.due <= driver.now and not task.done and not task.told
        if stored.HasField("done_time") != task.done or untold:
            yield f"{task} reads {stored}"
    for window in driver.deadlines.windows.values():
        stored = driver.read("GetMaintenanceWindow", escalations_pb2.GetMaintenanceWindowRequest(name=window.name))
        if stored.end_time.ToDatetime(window.end.tzinfo) != window.end:
            yield f"{window} reads {stored}"
    for point in driver.company.points.values():
        name = f"escalationPoints/{point.number}"
        stored = driver.read("GetEscalationPoint", escalations_pb2.GetEscalationPointRequest(name=name))
        if (stored.percent, stored.disabled, stored.state_ceiling) != (point.percent, point.disabled, point.ceiling):
            yield f"{point} reads {stored}"
    with driver.house.database.reading() as unit:
        entries = unit.connection.execute(select(func.count()).select_from(OUTBOX.table)).scalar_one()
    if entries < driver.counts["acknowledged"]:
        yield f"{driver.counts['acknowledged']} changes were answered, the audit log has {entries}"


def _lost(driver: Driver, call: Call, stored: Any) -> Iterator[str]:
    if stored is None:
        yield f"{call} is not there"
        return
    is_so = (stored.title, stored.state, stored.service_level, stored.responsible_employee, stored.responsible_team)
    employee, team = (f"employees/{call.employee}" if call.employee else "", f"teams/{call.team}" if call.team else "")
    should = (call.title, f"servicecallStates/{call.state}", f"serviceLevels/{call.level}", employee, team)
    if is_so != should:
        yield f"{call} reads {is_so}"
    if len(call.events) == 1:
        return
    name = f"servicecalls/{call.number}"
    request = servicecalls_pb2.ListServicecallEventsRequest(servicecall=name, page_size=1000)
    events = [_MARKS[one.kind].removeprefix(_PREFIX) for one in driver.read("ListServicecallEvents", request).events]
    if events != call.events:
        yield f"the log of {call} reads {events}"
    if call.forwardings:
        listed = driver.read("ListForwardings", forwarding_pb2.ListForwardingsRequest(servicecall=name, page_size=1000))
        if len(listed.forwardings) != call.forwardings:
            yield f"{call} has {len(listed.forwardings)} forwardings"


def no_effect_happens_twice(driver: Driver) -> Iterator[str]:
    """One firing, one message in an inbox, one mail: each once."""
    yield from driver.business.wrong
    yield from _inboxes(driver)
    yield from _letters(driver)
    with driver.house.database.reading() as unit:
        c = escalation.c
        fired = unit.connection.execute(select(c.servicecall, c.point, c.cycle, c.round, c.actor)).all()
    automatic = Counter((row.servicecall, row.point, row.cycle, row.round) for row in fired)
    yield from (f"point {key} fired {count} times" for key, count in automatic.items() if count > 1)
    if sum(not row.actor for row in fired) != driver.deadlines.count:
        yield f"{len(fired)} escalations are on record, {driver.deadlines.count} were seen"


def _inboxes(driver: Driver) -> Iterator[str]:
    """What lies in the inboxes is what notices put there, each once, and what calls told; and nothing else."""
    message, content = INBOXES.tables.message, INBOXES.tables.content
    with driver.house.database.reading() as unit:
        query = select(message.c.recipient, message.c.sequence, content.c.subject).join_from(message, content)
        lying = {(row.recipient, row.sequence): row.subject for row in unit.connection.execute(query)}
        query = select(notice.c.employee, notice.c.inbox_sequence, notice.c.subject, notice.c.id)
        told = unit.connection.execute(query.where(notice.c.inbox_sequence.is_not(None))).all()
    for row in told:
        subject = lying.pop((row.employee, row.inbox_sequence), None)
        if subject != row.subject:
            yield f"notice {row.id} ({row.subject!r}) to {row.employee} reads {subject!r} in the inbox"
    left = Counter((recipient, subject) for (recipient, _), subject in lying.items())
    if left != driver.inbox:
        yield f"inboxes hold too much: {left - driver.inbox}, too little: {driver.inbox - left}"
    for number in sorted(driver.company.people)[:20]:
        request = messages_pb2.ListMessagesRequest(page_size=1)
        newest = driver.read("ListMessages", request, person(number)).messages
        count = sum(one.employee == number for one in told) + sum(
            count for (recipient, _), count in driver.inbox.items() if recipient == number
        )
        if (newest[0].sequence if newest else 0) != count:
            yield f"the inbox of {number} counts to {newest[0].sequence if newest else 0}, it got {count}"


def _letters(driver: Driver) -> Iterator[str]:
    """Every letter that was taken belongs to one notice, and says what notices to that address say, no more."""
    with driver.house.database.reading() as unit:
        rows = unit.connection.execute(select(notice).where(notice.c.channel >= 3)).all()
    by_name = Counter(row.remote_name for row in rows if row.remote_name)
    taken = Counter(letter.name for letter in driver.business.letters)
    if by_name != taken:
        yield f"letters without a notice: {taken - by_name}; notices without a letter: {by_name - taken}"
    carriers = {row.remote_name: row for row in rows if row.remote_name}
    said: Counter[tuple[str, str]] = Counter()
    known: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        known[row.address].add(row.subject)
    for letter in driver.business.letters:
        if letter.name in carriers and carriers[letter.name].address != letter.to:
            yield f"{letter} went to another address than its notice says"
        lines = {*f"{letter.subject}\n{letter.text}".splitlines()}
        if "Mitteilungen" not in letter.subject + letter.text:  # the subject stands in a short message's first line
            lines = {letter.subject or letter.text.splitlines()[0]}
        said.update((letter.to, line) for line in lines & known[letter.to])
    may = Counter((row.address, row.subject) for row in rows)
    for key, count in said.items():
        if count > may[key]:
            yield f"{key} was sent {count} times, it was told {may[key]} times"


def nothing_is_left_undone(driver: Driver) -> Iterator[str]:
    """No row waits for somebody who will never come."""
    now = driver.now
    n = notice.c
    with driver.house.database.reading() as unit:
        run = unit.connection.execute
        old = select(n.id, n.state, n.channel, n.reason, n.next_attempt_time).where(n.create_time < now - LONGEST)
        for row in run(old.where(n.channel >= 3, n.state.in_((WAITING, SENT)))):
            yield f"a notice is still on its way: {row}"
        for row in run(select(n.id, n.lease_until, n.state).where(n.lease_until.is_not(None))):
            yield f"nobody works on this notice, and it is claimed: {row}"
        overdue = {
            "timers": escalation_timer.c.due_time, "notices": n.next_attempt_time, "follow-ups": follow_up.c.tell_time,
            "rosters": duty_roster.c.next_notice_time, "put aside": INBOXES.tables.snooze.c.due_time,
        }  # fmt: skip
        for what, column in overdue.items():
            count = run(select(func.count()).select_from(column.table).where(column <= now)).scalar_one()
            if count:
                yield f"{count} {what} are due and nobody looks at them"
        if run(select(escalation_retiming)).all():
            yield "calls wait to be timed anew"
        answers = REQUESTS.table
        if run(select(answers.c.request_id).where(answers.c.response.is_(None))).all():
            yield "a request has no answer"
