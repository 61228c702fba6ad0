"""Which way and when; how fast; what replies mean; how texts become bytes; how gateways are spoken to."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_business.sms import templates
from server_business.sms.delivery import Delivery, Receipt
from server_business.sms.encoding import Piece, coding, decode, encode, header, without_header
from server_business.sms.pacing import Bucket
from server_business.sms.presets import PRESETS, SEVEN, SIPGATE, TWILIO, VONAGE
from server_business.sms.replies import Reply, Segment, Wish, joined, meaning
from server_business.sms.routing import Quiet, Way, chosen, quiet_until, ways_for
from server_business.sms.rules import BASIC, EXTENDED, Alphabet, Priority, transliterated, write
from server_business.sms.templates import Gateway

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

# -- which way --------------------------------------------------------------------------------------------------------

WAYS = (
    Way(name="all", rank=2), Way(name="cheap", prefixes=("+49",), rank=3), Way(name="dear", prefixes=("+49",), rank=1),
    Way(name="mobile", prefixes=("+4917", "+43"), rank=9), Way(name="also", rank=2),
)  # fmt: skip


@pytest.mark.parametrize(
    ("number", "ways"),
    [
        ("+491701234567", ("mobile", "dear", "cheap", "all", "also")),
        ("+4930123456", ("dear", "cheap", "all", "also")),
        ("+436641234567", ("mobile", "all", "also")),
        ("+4179", ("all", "also")),
    ],
)
def test_the_longest_prefix_goes_first_then_the_rank_then_the_name(number: str, ways: tuple[str, ...]) -> None:
    assert ways_for(number, WAYS) == ways


def test_the_best_that_is_there_is_chosen_and_the_best_when_none_is() -> None:
    assert chosen("+4930", WAYS, {"dear"}) == "cheap"
    assert chosen("+4930", WAYS, {"dear", "cheap", "all", "also"}) == "dear"
    assert chosen("+4930", (Way(name="at", prefixes=("+43",)),), set()) == ""


BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Quiet(start=time(22), end=time(6, 30), zone=BERLIN)
NOON = Quiet(start=time(12), end=time(13), zone=BERLIN)


@pytest.mark.parametrize(
    ("quiet", "local", "until"),
    [
        (NIGHT, "2026-03-02 21:59", None),
        (NIGHT, "2026-03-02 22:00", "2026-03-03 06:30"),
        (NIGHT, "2026-03-03 06:29", "2026-03-03 06:30"),
        (NIGHT, "2026-03-03 06:30", None),
        (NIGHT, "2026-03-28 23:00", "2026-03-29 06:30"),  # the clocks change that night
        (NOON, "2026-03-02 12:30", "2026-03-02 13:00"),
        (NOON, "2026-03-02 13:00", None),
        (Quiet(start=time(5), end=time(5), zone=BERLIN), "2026-03-02 05:00", None),
        (None, "2026-03-02 23:00", None),
    ],
)
def test_quiet_hours(quiet: Quiet | None, local: str, until: str | None) -> None:
    now = datetime.fromisoformat(local).replace(tzinfo=BERLIN).astimezone(UTC)
    expected = datetime.fromisoformat(until).replace(tzinfo=BERLIN) if until else None
    assert quiet_until(quiet, Priority.NORMAL, now) == expected
    assert quiet_until(quiet, Priority.URGENT, now) is None


# -- how fast ---------------------------------------------------------------------------------------------------------


@given(st.integers(2, 500), st.lists(st.floats(0.0, 0.02), min_size=200, max_size=600))
def test_no_second_ever_holds_more_than_is_allowed(rate: int, delays: list[float]) -> None:
    bucket, now, left = Bucket(rate), 100.0, []
    for delay in delays:
        now += bucket.wait(now)
        now += delay  # who wakes up late
        left.append(now)
        bucket = bucket.taken(now)
    for place in range(len(left) - rate):
        assert left[place + rate] - left[place] >= 1.0


@pytest.mark.parametrize(("rate", "writing"), [(1, 0.0), (10, 0.0), (100, 0.05), (700, 0.05), (1001, 0.0)])
def test_of_the_allowed_rate_98_percent_is_used_although_outcomes_are_written_now_and_then(
    rate: int, writing: float
) -> None:
    bucket, now, count, written = Bucket(rate), 0.0, 0, 0.0
    while now < 100.0:
        now += bucket.wait(now) + 0.0002
        if now > written + 0.5:
            now, written = now + writing, now + writing
        bucket = bucket.taken(now)
        count += 1
    assert 0.98 <= (count - 1) / 100 / rate <= 1.0


def test_without_a_limit_nothing_waits() -> None:
    bucket = Bucket(0)
    assert bucket.taken(5.0).taken(5.0).wait(5.0) == 0.0
    assert (bucket.batch(50, 0.5), Bucket(10).batch(50, 0.5), Bucket(1).batch(50, 0.5)) == (50, 5, 1)


def test_who_is_told_to_be_slower_rests_ever_longer_until_something_is_taken() -> None:
    bucket, rests = Bucket(10), []
    for _ in range(7):
        bucket = bucket.refused(0.0)
        rests.append(bucket.wait(0.0))
    assert rests == [1, 2, 4, 8, 16, 30, 30]
    assert bucket.accepted().refused(100.0).wait(100.0) == 1
    assert Bucket(10).accepted() == Bucket(10)


# -- what replies mean ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("STOP", Reply(Wish.STOP)), (" stop. ", Reply(Wish.STOP)), ("Abmelden!", Reply(Wish.STOP)),
        ("Start", Reply(Wish.START)), ("stop bitte", Reply(Wish.SAY)), ("", Reply(Wish.SAY)),
        ("Q7K3M", Reply(Wish.ACKNOWLEDGE, "Q7K3M")), ("ok, q7k3m.", Reply(Wish.ACKNOWLEDGE, "Q7K3M")),
        ("Quarz", Reply(Wish.SAY)), ("XQ7K3M", Reply(Wish.SAY)), ("Q7K3MX", Reply(Wish.SAY)),
        ("Bin da-Q2AAA-", Reply(Wish.ACKNOWLEDGE, "Q2AAA")),
    ],
)  # fmt: skip
def test_what_somebody_means(text: str, reply: Reply) -> None:
    assert meaning(text) == reply


def segment(number: int, text: str, total: int = 3) -> Segment:
    return Segment(id=number, number=number, total=total, text=text, receive_time=NOW)


def test_a_longer_message_waits_for_its_parts_but_not_for_ever() -> None:
    some = [segment(3, "c"), segment(1, "a")]
    assert joined(some, NOW) is None
    assert joined([*some, segment(2, "b")], NOW) == "abc"
    assert joined(some, NOW + timedelta(minutes=10)) == "a […] c"


# -- bytes ------------------------------------------------------------------------------------------------------------


@given(st.text(alphabet=sorted(BASIC | EXTENDED), max_size=160))
def test_the_default_alphabet_there_and_back(text: str) -> None:
    assert decode(encode(text, Alphabet.GSM7), coding(Alphabet.GSM7, flash=False)) == text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=70), st.booleans())
def test_ucs2_there_and_back(text: str, flash: bool) -> None:  # noqa: FBT001
    assert decode(encode(text, Alphabet.UCS2), coding(Alphabet.UCS2, flash=flash)) == text


@pytest.mark.parametrize(
    ("body", "scheme", "text"),
    [
        (b"\x00\x1b\x65\x1b\x41", 0x00, "@€A"),
        (b"\x80\x41", 0x00, "\N{REPLACEMENT CHARACTER}A"),
        (b"\xfc", 0x03, "ü"),
        (b"\x00\xfc", 0x18, "ü"),
        (b"\x7e", 0xF0, "ü"),
        (b"\x7e", 0x40, "ü"),
        (b"\x1b", 0x00, ""),
        (b"\xd8\x00", 0x08, "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_what_others_send_is_read(body: bytes, scheme: int, text: str) -> None:
    assert decode(body, scheme) == text


def test_a_header_tells_the_part_and_what_is_none_stays() -> None:
    piece = Piece(0x12F, 3, 2)
    assert without_header(header(piece) + b"text") == (Piece(0x2F, 3, 2), b"text")
    assert without_header(b"\x06\x08\x04\x01\x02\x03\x01rest") == (Piece(0x102, 3, 1), b"rest")
    assert without_header(b"\x06\x05\x04\x00\x00\x00\x00rest") == (None, b"rest")
    assert without_header(b"\x05\x00\x03\x01\x02\x03rest") == (None, b"rest")  # the third of two
    assert without_header(b"\x05\x00\x09\x01\x02\x03rest") == (None, b"rest")
    assert without_header(b"\x7fshort") == (None, b"\x7fshort")
    assert without_header(b"") == (None, b"")


@given(st.binary(max_size=160))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    _, rest = without_header(body)
    for scheme in (0x00, 0x03, 0x08, 0xF5):
        decode(rest, scheme)


def test_what_saves_no_part_is_not_rewritten() -> None:
    assert transliterated("„Ja“ – nein…") is None
    long = "„Ja“ – nein…" + "x" * 80
    assert transliterated(long) == '"Ja" - nein...' + "x" * 80
    assert len(write(long).parts) == 2
    assert transliterated("漢字 – " + "x" * 80) is None  # one letter needs UCS-2 anyway


# -- gateways ---------------------------------------------------------------------------------------------------------

VALUES = {
    "to": "+49170",
    "digits": "49170",
    "text": 'Süd "&"\n',
    "sender": "s0",
    "reference": "r",
    "user": "u",
    "password": "p&",
}


def test_values_are_escaped_where_they_stand() -> None:
    asked = templates.request(PRESETS[SIPGATE], VALUES)
    assert asked.body == b'{"smsId": "s0", "recipient": "+49170", "message": "S\\u00fcd \\"&\\"\\n"}'
    asked = templates.request(PRESETS[TWILIO], VALUES)
    assert (asked.url, asked.body) == (
        "https://api.twilio.com/2010-04-01/Accounts/u/Messages.json", b"To=%2B49170&From=s0&Body=S%C3%BCd+%22%26%22%0A",
    )  # fmt: skip
    asked = templates.request(PRESETS[SEVEN], VALUES)
    assert (asked.method, asked.headers["X-Api-Key"], asked.headers["content-type"]) == (
        "POST", "p&", "application/x-www-form-urlencoded",
    )  # fmt: skip
    plain = Gateway(url="https://g.example/?t={text}", method="GET", headers={"a": "{to}"})
    asked = templates.request(plain, VALUES)
    assert (asked.url, asked.body, asked.headers) == (
        "https://g.example/?t=S%C3%BCd%20%22%26%22%0A",
        b"",
        {"a": "+49170"},
    )


@pytest.mark.parametrize(
    ("content", "kind", "path", "found"),
    [
        (b'{"a": [{"b": 1}, {"b": "x"}]}', "", "a/*/b", ["1", "x"]),
        (b'{"a": [{"b": 1}, {"b": "x"}]}', "", "a/1/b", ["x"]),
        (b'{"a": [1]}', "", "a/7", []),
        (b'{"a": [1]}', "", "a/x", []),
        (b'{"a": null}', "", "a", [""]),
        (b'{"a": true}', "", "a/b", []),
        (b'{"a": true}', "", "", []),
        (b"a=1&b=&c=x+y", "application/x-www-form-urlencoded", "c", ["x y"]),
        (b"100\n", "text/plain", "a", []),
        (b"[" * 100_000, "", "a", []),
    ],
)
def test_answers_are_read_at_paths(content: bytes, kind: str, path: str, found: list[str]) -> None:
    data = templates.read(content, kind)
    assert templates.at(data, path) == found
    assert templates.first(data, path) == (found[0] if found else "")


def test_what_an_answer_means() -> None:
    vonage = PRESETS[VONAGE]
    good, slow, bad = {"status": "0", "message-id": "a"}, {"status": "1"}, {"status": "4"}
    assert templates.verdict(vonage, {"messages": [good, {**good, "message-id": "b"}]}).references == ("a", "b")
    assert templates.verdict(vonage, {"messages": [slow]}).later
    assert not templates.verdict(vonage, {"messages": [slow, bad]}).later
    assert not templates.verdict(vonage, {"messages": [slow, bad]}).partly
    partly = templates.verdict(vonage, {"messages": [good, slow]})
    assert (partly.taken, partly.later, partly.partly) == (False, False, True)  # not again: a part would come twice
    assert templates.verdict(vonage, "what?").reason == "the gateway says nothing we know"
    assert templates.verdict(PRESETS[SIPGATE], "").taken


def test_what_a_webhook_brings() -> None:
    vonage = PRESETS[VONAGE]
    assert templates.receipt(vonage, {"messageId": "a", "status": "Delivered"}) == Receipt(
        reference="a", state=Delivery.DELIVERED
    )
    assert templates.receipt(vonage, {"messageId": "a", "status": "buffered"}) is None
    assert templates.receipt(vonage, {"status": "delivered"}) is None
