from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_es.calendars.times import Window
from server_es.directory.staff import Employee
from server_es.notices import rules
from server_es.notices.rules import (
    Channel,
    Notice,
    Planned,
    Policy,
    Preferences,
    QuietHours,
    Recipient,
    Situation,
    State,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)
NIGHT = QuietHours(window=Window.parse("22:00-06:00"))
ANNA = Employee(number="1", mail_address="anna@example.com", mobile="+49151")
BEN = Employee(number="2", mail_address="ben@example.com", mobile="+49152")
CARL = Employee(number="3")


def plan(notice: Notice, *more: Notice, **fields: object) -> list[Planned]:
    said = {
        "people": {one.number: one for one in (ANNA, BEN, CARL)},
        "absent": {},
        "preferences": {},
        "policy": Policy(),
        "now": NOW,
        **fields,
    }
    return rules.plan([notice, *more], Situation(**said))  # type: ignore[arg-type]


def notice(employee: str = "1", **fields: object) -> Notice:
    said = {"cause": "c/1", "recipient": Recipient(employee=employee), "subject": "Pumpe", **fields}
    return Notice(**said)  # type: ignore[arg-type]


def told(planned: list[Planned]) -> list[tuple[str, Channel]]:
    return [(one.employee, one.channel) for one in planned]


def test_a_popup_is_what_everybody_gets_who_said_nothing() -> None:
    (one,) = plan(notice())
    assert (one.channel, one.state, one.next_time) == (Channel.POPUP, State.SENT, None)


def test_who_prefers_other_channels_is_told_over_these() -> None:
    wanted = Preferences(
        channels=frozenset({Channel.MAIL, Channel.ADDITIONAL_MAIL, Channel.SMS}), additional_mail="anna@home.example"
    )
    planned = plan(notice(), preferences={"1": wanted})
    assert [(one.channel, one.address) for one in planned] == [
        (Channel.MAIL, "anna@example.com"),
        (Channel.ADDITIONAL_MAIL, "anna@home.example"),
        (Channel.SMS, "+49151"),
    ]
    assert {one.next_time for one in planned} == {NOW + MINUTE}


def test_a_notice_that_names_its_channels_goes_by_these() -> None:
    assert told(plan(notice(channels=frozenset({Channel.SMS})))) == [("1", Channel.SMS)]


def test_a_popup_is_a_message_already() -> None:
    both = frozenset({Channel.POPUP, Channel.ESMESSAGE})
    assert told(plan(notice(channels=both))) == [("1", Channel.POPUP)]
    assert told(plan(notice(channels=frozenset({Channel.ESMESSAGE})))) == [("1", Channel.ESMESSAGE)]


def test_who_did_it_is_not_told_not_even_as_a_substitute() -> None:
    assert plan(notice(by="1")) == []
    assert told(plan(notice(by="2"), absent={"1": "2"})) == [("1", Channel.POPUP)]


def test_the_substitute_is_told_and_the_absent_one_finds_a_message() -> None:
    planned = plan(notice(channels=frozenset({Channel.SMS})), absent={"1": "2"})
    assert told(planned) == [("1", Channel.ESMESSAGE), ("2", Channel.SMS)]


def test_an_absent_one_whom_nobody_stands_in_for_is_told_himself() -> None:
    assert told(plan(notice(), absent={"1": ""})) == [("1", Channel.POPUP)]
    assert told(plan(notice(substitutes=False), absent={"1": "2"})) == [("1", Channel.POPUP)]


def test_somebody_who_is_not_there_is_a_failure_with_a_reason() -> None:
    (one,) = plan(notice("9"))
    assert (one.state, one.reason) == (State.FAILED, "employees/9 does not exist")


@pytest.mark.parametrize(
    ("channel", "reason"),
    [
        (Channel.MAIL, "employees/3 has no mail address"),
        (Channel.ADDITIONAL_MAIL, "employees/3 has no additional mail address"),
        (Channel.SMS, "employees/3 has no mobile number"),
    ],
)
def test_a_missing_address_is_a_failure_with_a_reason(channel: Channel, reason: str) -> None:
    one, instead = plan(notice("3", channels=frozenset({channel})))
    assert (one.state, one.reason, one.next_time) == (State.FAILED, f"{reason}; POPUP is used", None)
    assert (instead.channel, instead.state) == (Channel.POPUP, State.SENT)


def test_what_has_no_address_goes_to_the_next_channel_and_only_then_inside() -> None:
    wanted = {"3": Preferences(fallback=(Channel.SMS, Channel.ADDITIONAL_MAIL), additional_mail="carl@example.com")}
    planned = plan(notice("3", channels=frozenset({Channel.MAIL, Channel.SMS})), preferences=wanted)
    assert [(one.channel, one.state) for one in planned] == [
        (Channel.MAIL, State.FAILED),
        (Channel.ADDITIONAL_MAIL, State.WAITING),
        (Channel.SMS, State.FAILED),  # the other reaches him
    ]


def test_what_is_withheld_takes_no_other_way() -> None:
    (one,) = plan(notice("3", channels=frozenset({Channel.SMS}), withheld="off"))
    assert one.state is State.SUPPRESSED


def test_free_addresses_and_numbers_are_told_too() -> None:
    planned = plan(notice(recipient=Recipient(mail="chef@example.com", mobile="+49170")))
    assert [(one.recipient, one.channel) for one in planned] == [
        ("chef@example.com", Channel.MAIL),
        ("+49170", Channel.SMS),
    ]


def test_the_same_person_is_told_once_for_a_cause_whatever_the_way_that_leads_to_him() -> None:
    planned = plan(notice("1"), notice("2"), notice("2", cause="c/2"), absent={"1": "2"})
    assert [(one.notice.cause, one.employee, one.channel) for one in planned] == [
        ("c/1", "1", Channel.ESMESSAGE),
        ("c/1", "2", Channel.POPUP),
        ("c/2", "2", Channel.POPUP),
    ]


def test_what_reads_the_same_has_the_same_digest() -> None:
    one, other, later = plan(notice(), notice(cause="c/2"), notice(cause="c/3", text="anders"))
    assert one.digest == other.digest != later.digest


# -- popups that are not acknowledged ---------------------------------------------------------------------------------


def test_a_popup_is_looked_at_after_the_sites_time_or_the_employees() -> None:
    policy = Policy(fallback_after=10 * MINUTE)
    assert plan(notice(), policy=policy)[0].next_time == NOW + 10 * MINUTE
    mine = Preferences(fallback_after=3 * MINUTE)
    assert plan(notice(), policy=policy, preferences={"1": mine})[0].next_time == NOW + 3 * MINUTE


@pytest.mark.parametrize("wanted", [Preferences(fallback_after=timedelta(0)), Preferences(fallback=())])
def test_who_wants_no_other_channel_gets_none(wanted: Preferences) -> None:
    assert plan(notice(), policy=Policy(fallback_after=MINUTE), preferences={"1": wanted})[0].next_time is None


def test_the_next_channel_is_the_first_that_was_not_used_and_reaches_somebody() -> None:
    wanted = Preferences(fallback=(Channel.ADDITIONAL_MAIL, Channel.SMS, Channel.MAIL))
    assert rules.next_channel(wanted, ANNA, frozenset({Channel.POPUP})) == (Channel.SMS, True)
    assert rules.next_channel(wanted, ANNA, frozenset({Channel.SMS})) == (Channel.MAIL, False)
    assert rules.next_channel(wanted, CARL, frozenset()) == (None, False)


# -- quiet hours ------------------------------------------------------------------------------------------------------


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-02T21:59", "2026-03-02T21:59"),
        ("2026-03-02T22:00", "2026-03-03T06:00"),
        ("2026-03-03T05:59", "2026-03-03T06:00"),
        ("2026-03-03T06:00", "2026-03-03T06:00"),
        ("2026-03-28T23:00", "2026-03-29T06:00"),
        ("2026-10-25T01:00", "2026-10-25T06:00"),
    ],
)
def test_quiet_hours_end_when_the_sites_clock_says_so(now: str, until: str) -> None:
    assert rules.quiet_until([NIGHT], BERLIN, berlin(now)) == berlin(until)


def test_quiet_hours_that_touch_count_as_one() -> None:
    weekend = QuietHours(window=Window.parse("00:00-24:00"), weekdays=frozenset({5, 6}))
    assert rules.quiet_until([NIGHT, weekend], BERLIN, berlin("2026-03-06T23:00")) == berlin("2026-03-09T06:00")


def test_who_is_never_to_be_called_out_is_told_some_time() -> None:
    always = QuietHours(window=Window.parse("00:00-24:00"))
    assert rules.quiet_until([always], BERLIN, NOW) > NOW


def test_what_is_urgent_leaves_at_once_and_the_rest_after_the_night() -> None:
    wanted = Preferences(channels=frozenset({Channel.SMS}), quiet=(NIGHT,))
    night = berlin("2026-03-03T02:00").astimezone(UTC)
    (waits,) = plan(notice(), preferences={"1": wanted}, now=night)
    (leaves,) = plan(notice(urgent=True), preferences={"1": wanted}, now=night)
    assert waits.next_time == berlin("2026-03-03T06:01")
    assert leaves.next_time == night


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants them so
def test_nobody_is_called_out_in_quiet_hours(now: datetime) -> None:
    until = rules.quiet_until([NIGHT], BERLIN, now)
    assert until >= now
    assert 6 <= until.astimezone(BERLIN).hour < 22


def test_mails_and_short_messages_have_limits_of_their_own() -> None:
    policy = Policy(mails_per_hour=30, sms_per_hour=6)
    assert [policy.per_hour(one) for one in (Channel.MAIL, Channel.ADDITIONAL_MAIL, Channel.SMS)] == [30, 30, 6]


def test_what_is_withheld_is_kept_on_record_with_the_reason_and_never_due() -> None:
    planned = plan(notice(withheld="nobody must answer"), notice(employee="", recipient=Recipient(mail="a@b.example")))
    assert [(one.state, one.reason) for one in planned] == [
        (State.SUPPRESSED, "nobody must answer"),
        (State.WAITING, ""),
    ]
    assert planned[0].next_time is None
