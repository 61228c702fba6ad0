"""How a visit is written about."""

from datetime import UTC, datetime, timedelta

from server_es.visits.rules import Span, title

START = datetime(2026, 12, 1, 8, tzinfo=UTC)


def test_a_span_is_written_in_the_zone_of_the_site() -> None:
    assert Span(START, START + timedelta(hours=1)).text("Europe/Berlin") == "01.12.2026 09:00-10:00"
    assert Span(START, START + timedelta(days=1)).text("Europe/Berlin") == "01.12.2026 09:00-02.12.2026 09:00"


def test_a_title_is_never_too_long_for_a_calendar() -> None:
    assert title(4711, "Pumpe") == "Servicecall 4711: Pumpe"
    assert len(title(4711, "x" * 300)) == 255
