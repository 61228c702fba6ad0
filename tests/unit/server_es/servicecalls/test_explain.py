"""Why a call is due when it is due, as data and in words."""

from datetime import date, timedelta

import pytest

from server_es.calendars.holidays import Region
from server_es.calendars.hours import Calendar, DatedException, Day, HalfDay, week
from server_es.calendars.times import TimeOfDay, windows
from server_es.service_levels.rules import LevelRule
from server_es.servicecalls.events import Accepted, Log, Received
from server_es.servicecalls.explain import Explanation, explain, text
from server_es.servicecalls.rules import Kind
from tests.unit.server_es.servicecalls.story import INTERRUPTED, STARTED, at, becomes, call, terms

EASTER = Calendar(
    week=week(Day(windows=windows("08:00-17:00"), accept_until=TimeOfDay.parse("16:00"))),
    region=Region(state="BY"),
    half_days=(HalfDay(month=4, day=2, closes=TimeOfDay.parse("12:00")),),
    exceptions=(DatedException(date=date(2026, 4, 7), name="Inventur"),),
)
STORY = Log(
    number=4711,
    events=(
        Received(time=at("16:20", 31)),
        becomes(INTERRUPTED, "18:00", 31),
        becomes(STARTED, "18:30", 31),
    ),
)


def explained(log: Log, kind: Kind = Kind.SOLUTION, **promises: int) -> Explanation:
    found = explain(log, terms(calendar=EASTER, **promises), kind, at("16:30", 31))
    assert found is not None
    return found


def test_the_counted_windows_add_up_to_the_promise() -> None:
    found = explained(STORY, solution=14)
    assert sum((span.duration for span in found.windows), timedelta(0)) == found.promised
    assert found.due_time == found.windows[-1].end


def test_the_text_tells_in_german_what_counted_and_what_did_not() -> None:
    assert text(explained(STORY, solution=14), "de").splitlines() == [
        "Lösung fällig Mi 08.04.2026 09:00: 14:00 h Arbeitszeit ab Mi 01.04.2026 08:00, Servicelevel 3 des Vertrags.",
        "Eingang Di 31.03.2026 16:20 nach dem Annahmeschluss, zählt ab Mi 01.04.2026 08:00.",
        "Gezählt: Mi 01.04.2026 08:00 bis Mi 01.04.2026 17:00 (9:00 h)",
        "Verkürzter Tag: Do 02.04.2026",
        "Gezählt: Do 02.04.2026 08:00 bis Do 02.04.2026 12:00 (4:00 h)",
        "Feiertag: Fr 03.04.2026 Karfreitag",
        "Feiertag: Mo 06.04.2026 Ostermontag",
        "Ausnahmetag: Di 07.04.2026 Inventur",
        "Gezählt: Mi 08.04.2026 08:00 bis Mi 08.04.2026 09:00 (1:00 h)",
    ]


def test_the_text_tells_in_english_with_the_pauses() -> None:
    log = call(becomes(INTERRUPTED, "10:00"), becomes(STARTED, "11:30"))
    due, *lines = text(explained(log, solution=2), "en").splitlines()
    assert due == (
        "Solution due Tue 2026-03-24 12:30: 2:00 h of working time from Tue 2026-03-24 09:00, "
        "service level 3 of the contract."
    )
    assert lines == [
        "Counted: Tue 2026-03-24 09:00 to Tue 2026-03-24 10:00 (1:00 h)",
        "Pause: Tue 2026-03-24 10:00 to Tue 2026-03-24 11:30 (state Unterbrochen)",
        "Counted: Tue 2026-03-24 11:30 to Tue 2026-03-24 12:30 (1:00 h)",
    ]


def test_pauses_after_the_due_time_are_not_told() -> None:
    log = call(becomes(INTERRUPTED, "14:00"), becomes(STARTED, "15:00"))
    assert explained(log, solution=2).pauses == ()


def test_the_arrival_is_explained_from_acceptance_on() -> None:
    found = explained(call(Accepted(time=at("09:40"))), Kind.ARRIVAL, arrival=1)
    assert (found.event_time, found.start_time, found.due_time) == (at("09:40"), at("09:40"), at("10:40"))


def test_what_was_not_promised_or_not_started_has_no_explanation() -> None:
    assert explain(call(), terms(solution=1), Kind.REACTION, at("10:00")) is None
    assert explain(call(), terms(arrival=1), Kind.ARRIVAL, at("10:00")) is None


def test_without_calendar_the_text_is_in_the_sites_time() -> None:
    held = terms(solution=1, calendar=None, rule=LevelRule.DEFAULT)
    found = explain(call(), held, Kind.SOLUTION, at("10:00"), site_zone="Europe/London")
    assert found is not None
    assert text(found, "de").splitlines() == [
        "Lösung fällig Di 24.03.2026 09:00: 1:00 h Arbeitszeit ab Di 24.03.2026 08:00, Servicelevel 3 als Vorgabe.",
        "Gezählt: Di 24.03.2026 08:00 bis Di 24.03.2026 09:00 (1:00 h)",
    ]


@pytest.mark.parametrize("rule", list(LevelRule))
def test_every_rule_has_words_in_both_languages(rule: LevelRule) -> None:
    found = explain(call(), terms(solution=1, rule=rule), Kind.SOLUTION, at("10:00"))
    assert found is not None
    assert found.rule is rule
    assert text(found, "de") != text(found, "en")
