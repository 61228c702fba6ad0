from datetime import UTC, datetime, timedelta

import pytest

from server_es.notices import bundling
from server_es.notices.bundling import Waiting, leave
from server_es.notices.rules import Channel

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def waiting(id_: int, **fields: bool) -> Waiting:
    return Waiting(id=id_, subject=f"Betreff {id_}", text=f"Text {id_}", **fields)


def test_one_notice_leaves_as_it_is() -> None:
    (parcel,) = leave([waiting(1)], Channel.MAIL, sent=[], limit=1, now=NOW).parcels
    assert (parcel.carrier, parcel.carried, parcel.subject, parcel.text) == (1, (), "Betreff 1", "Text 1")


def test_a_mail_always_has_a_text() -> None:
    (parcel,) = leave([Waiting(id=1, subject="Betreff", text="")], Channel.MAIL, sent=[], limit=1, now=NOW).parcels
    assert parcel.text == "Betreff"


def test_many_leave_as_one_mail_with_every_text() -> None:
    (parcel,) = leave([waiting(1), waiting(2)], Channel.MAIL, sent=[], limit=1, now=NOW).parcels
    assert (parcel.carrier, parcel.carried, parcel.summed_up) == (1, (2,), False)
    assert parcel.subject == "2 Mitteilungen: Betreff 1"
    assert parcel.text == "Betreff 1\nText 1\n\nBetreff 2\nText 2"


def test_many_leave_as_one_short_message_with_their_subjects() -> None:
    (one,) = leave([waiting(1)], Channel.SMS, sent=[], limit=1, now=NOW).parcels
    assert (one.subject, one.text) == ("", "Betreff 1\nText 1")
    (parcel,) = leave([waiting(n) for n in range(1, 8)], Channel.SMS, sent=[], limit=1, now=NOW).parcels
    assert parcel.text.splitlines() == [
        "7 Mitteilungen:", *(f"Betreff {n}" for n in range(1, 6)), "… und 2 weitere",
    ]  # fmt: skip


def test_what_is_urgent_leaves_alone_and_whatever_the_limit_says() -> None:
    sent = [NOW - MINUTE]
    leaving = leave([waiting(1, urgent=True), waiting(2), waiting(3)], Channel.SMS, sent=sent, limit=1, now=NOW)
    assert [(one.carrier, one.carried) for one in leaving.parcels] == [(1, ())]
    assert leaving.held == (2, 3)
    assert leaving.until == NOW + 59 * MINUTE
    assert leave([waiting(1, urgent=True)], Channel.SMS, sent=sent, limit=1, now=NOW).held == ()


def test_the_limit_counts_one_hour() -> None:
    sent = [NOW - 60 * MINUTE, NOW - 50 * MINUTE, NOW - 10 * MINUTE]
    assert leave([waiting(1)], Channel.MAIL, sent=sent, limit=3, now=NOW).held == ()
    assert leave([waiting(1)], Channel.MAIL, sent=sent, limit=0, now=NOW).held == ()
    assert leave([waiting(1)], Channel.MAIL, sent=sent, limit=2, now=NOW).until == NOW + 10 * MINUTE
    assert leave([waiting(1)], Channel.MAIL, sent=sent, limit=1, now=NOW).until == NOW + 50 * MINUTE


def test_what_the_limit_kept_back_is_summed_up_in_one() -> None:
    held = [waiting(n, held=True) for n in (1, 2)]
    (parcel,) = leave([*held, waiting(3)], Channel.MAIL, sent=[], limit=1, now=NOW).parcels
    assert (parcel.subject, parcel.summed_up, parcel.carried) == ("3 weitere Mitteilungen", True, (2, 3))
    assert parcel.text.splitlines() == ["Betreff 1", "Betreff 2", "Betreff 3"]
    (alone,) = leave(held[:1], Channel.MAIL, sent=[], limit=1, now=NOW).parcels
    assert (alone.subject, alone.summed_up) == ("Betreff 1", False)


def test_pauses_grow_up_to_ten_minutes() -> None:
    pauses = [(bundling.next_attempt(n, NOW) - NOW).total_seconds() for n in range(12)]
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600]


@pytest.mark.parametrize(
    ("age", "expires", "why"),
    [
        (timedelta(0), None, ""),
        (timedelta(hours=23), timedelta(seconds=1), ""),
        (timedelta(0), timedelta(0), "expired at 2026-03-02 12:00 UTC"),
        (timedelta(hours=24), None, "given up after 24 hours"),
    ],
)
def test_nothing_is_tried_for_ever(age: timedelta, expires: timedelta | None, why: str) -> None:
    assert bundling.given_up(NOW - age, None if expires is None else NOW + expires, NOW) == why
