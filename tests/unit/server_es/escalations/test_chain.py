"""What fires on a call at an instant, what is next, and what happens if nobody touches it."""

from collections.abc import Mapping
from datetime import datetime

from server_es.calendars.timeline import Span
from server_es.directory.staff import Employee, Staff
from server_es.escalations import chain, simulation
from server_es.escalations.chain import Outcome
from server_es.escalations.recipients import Channel, Event, Responsible, Row, Told, told
from server_es.escalations.rules import Clock, Fired, Point, Progress, Repeat, Window
from server_es.escalations.simulation import Subject, simulate
from server_es.servicecalls.rules import Kind, milestones
from tests.unit.server_es.escalations.test_rules import clock, level, point
from tests.unit.server_es.servicecalls.story import FORWARDED, HOUR, INTERRUPTED, STATES, at, call, terms

ANNA = Told(employee="17", channels={Channel.ES_MESSAGE: "17"})


def run(
    *points: Point, now: datetime, nobody: set[int] | None = None, hold: datetime | None = None, **of: object
) -> Outcome:
    return chain.run(
        points,
        level(solution=8, reaction=1),
        STATES,
        clock(**of),
        Progress(),
        now=now,
        told=lambda one: () if one.number in (nobody or set()) else (ANNA,),
        hold=hold,
    )


def fired(outcome: Outcome) -> list[tuple[int, bool]]:
    return [(link.due.point.percent, link.hastened) for link in outcome.links]


def test_what_is_due_fires_and_the_next_is_waited_for() -> None:
    outcome = run(point(50), point(75), point(100), now=at("15:30"))
    assert fired(outcome) == [(50, False), (75, False)]
    assert outcome.next_time == at("17:00")


def test_nothing_is_left_after_the_last() -> None:
    outcome = run(point(50), now=at("13:00"))
    assert (fired(outcome), outcome.next_time) == ([(50, False)], None)


def test_when_nobody_is_reached_the_next_follows_at_once() -> None:
    outcome = run(point(50), point(75), point(100), now=at("13:00"), nobody={50, 75})
    assert fired(outcome) == [(50, False), (75, True), (100, True)]


def test_when_nobody_is_reached_by_the_last_it_ends() -> None:
    outcome = run(point(50, repeat=Repeat(every=HOUR, limit=1)), now=at("13:00"), nobody={50})
    assert fired(outcome) == [(50, False)]
    assert outcome.next_time == at("14:00")


def test_a_new_state_counts_for_the_points_after_it() -> None:
    outcome = run(point(50, new_state=FORWARDED), point(60, ceiling=FORWARDED), now=at("16:00"))
    assert fired(outcome) == [(50, False)]
    assert (outcome.clock.state, outcome.clock.met) == (FORWARDED, frozenset({Kind.REACTION}))


def test_a_state_that_stops_the_clock_stops_the_chain() -> None:
    outcome = run(point(50, new_state=INTERRUPTED), point(60), now=at("16:00"))
    assert (fired(outcome), outcome.next_time) == ([(50, False)], None)


def test_the_state_a_call_is_in_is_not_set_again() -> None:
    outcome = run(point(50, new_state=FORWARDED), now=at("13:00"), state=FORWARDED)
    assert outcome.links[0].new_state is None


def test_a_draft_like_state_leaves_the_reaction_open() -> None:
    created = STATES.find(20)
    assert chain.entered(clock(), created).met == frozenset()


def test_a_window_holds_what_is_due() -> None:
    outcome = run(point(50), now=at("13:00"), hold=at("15:00"))
    assert (outcome.links, outcome.next_time, outcome.held) == ((), at("15:00"), True)


def test_a_window_does_not_matter_while_nothing_is_due() -> None:
    outcome = run(point(50), now=at("12:00"), hold=at("15:00"))
    assert (outcome.next_time, outcome.held) == (at("13:00"), False)


# -- who is told ------------------------------------------------------------------------------------------------------

STAFF = Staff(
    now=at("09:00"),
    employees={
        "17": Employee(number="17", mail_address="anna@example.org", mobile="+49170"),
        "18": Employee(number="18"),
        "99": Employee(number="99", service_user=True),
    },
    teams={"technik": ("17", "18", "99", "404")},
)


def who(
    *rows: Row, channels: frozenset[Channel] = frozenset(Channel), away: Mapping[str, str] | None = None, **of: bool
) -> list[tuple[str, Mapping[Channel, str]]]:
    event = Event(id="e", channels=channels, rows=rows, **of)
    responsible = Responsible(employee="18", team="technik")
    duty = {"night": ["17"]}
    found = told(event, responsible, STAFF, away=away or {}, on_duty=lambda roster: duty.get(roster, []))
    return [(one.employee, one.channels) for one in found]


def test_who_is_responsible_is_told_once_however_he_is_meant() -> None:
    assert who(Row(employee="18"), responsible=True, forwarding=True) == [("18", {Channel.ES_MESSAGE: "18"})]


def test_a_call_forwarded_to_a_team_reaches_its_members_but_no_service_user() -> None:
    event = Event(id="e", channels=frozenset({Channel.ES_MESSAGE}), forwarding=True, responsible=True)
    found = told(event, Responsible(team="technik"), STAFF, away={}, on_duty=lambda _: ())
    assert [one.employee for one in found] == ["17", "18"]


def test_rows_are_teams_rosters_people_and_free_addresses() -> None:
    only = frozenset({Channel.MAIL, Channel.SMS})
    assert who(Row(team="technik"), channels=only) == [
        ("17", {Channel.MAIL: "anna@example.org", Channel.SMS: "+49170"})
    ]
    assert who(Row(roster="night"), channels=only)[0][0] == "17"
    assert who(Row(mail_address="x@example.org"), channels=only) == [("", {Channel.MAIL: "x@example.org"})]


def test_a_row_may_give_an_employee_other_addresses() -> None:
    row = Row(employee="17", mail_address="privat@example.org", additional_mail_address="2@example.org")
    ((_, places),) = who(row)
    assert places[Channel.MAIL] == "privat@example.org"
    assert places[Channel.ADDITIONAL_MAIL] == "2@example.org"


def test_the_substitute_gets_it_at_his_own_address() -> None:
    row = Row(employee="18", mobile="+4999")
    assert who(row, away={"18": "17"})[0][1][Channel.SMS] == "+49170"


def test_who_is_away_without_a_substitute_cannot_be_reached() -> None:
    assert who(Row(employee="18"), away={"18": ""}) == []


# -- simulation -------------------------------------------------------------------------------------------------------


def subject(*points: Point, of: Clock | None = None, progress: Progress | None = None) -> Subject:
    held = terms(solution=8)
    return Subject(
        points=points,
        level=held.level,
        states=STATES,
        clock=of or clock(),
        progress=progress or Progress(),
        milestones=milestones(call(), held, at("09:00")),
        address="1001",
    )


def shown(of: Subject, limit: int = 200, windows: tuple[Window, ...] = ()) -> list[tuple[datetime, int | None]]:
    steps = simulate(of, at("09:00"), tell=lambda *_: (ANNA,), windows=windows, limit=limit)
    return [(step.time, step.link.due.point.percent if step.link else None) for step in steps]


def test_a_simulation_shows_points_repetitions_and_due_times_in_order() -> None:
    of = subject(point(50, repeat=Repeat(every=HOUR, limit=1)), point(100))
    assert shown(of) == [(at("13:00"), 50), (at("14:00"), 50), (at("17:00"), None), (at("17:00"), 100)]


def test_a_simulation_ends_at_its_limit() -> None:
    of = subject(point(0, repeat=Repeat(every=HOUR, limit=100)))
    assert len(shown(of, limit=5)) == 5


def test_a_simulation_shows_what_a_window_holds() -> None:
    window = Window(span=Span(at("12:00"), at("15:00")), address="1001")
    steps = simulate(subject(point(50)), at("09:00"), tell=lambda *_: (ANNA,), windows=[window])
    assert [(step.time, step.held) for step in steps] == [(at("15:00"), True), (at("17:00"), False)]


def test_silence_has_a_reason() -> None:
    fifty = point(50)
    done = Progress(fired={50: Fired(1, at("09:00"))})
    for of, reason in (
        (subject(fifty, of=clock(closed=True)), "The call is solved."),
        (subject(fifty, of=clock(stands=True)), "The clock stands: nothing escalates while the call is in its state."),
        (subject(), "Its level has no points."),
        (subject(fifty, progress=Progress(fired=done.fired, acknowledged=True)), "Somebody has acknowledged."),
        (subject(fifty, progress=done), "No escalation point is left."),
    ):
        assert simulation.silence(of)["en"] == reason
        assert simulation.silence(of)["de"]
