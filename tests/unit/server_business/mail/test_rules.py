import pytest

from server_business.mail.automatic import Kind, Signal
from server_business.mail.filters import Outcome
from server_business.mail.problems import Problem, UnreadableMail
from server_business.mail.rules import (
    AccountRules,
    Action,
    Call,
    ContactOnCall,
    CreateContact,
    CreateServicecall,
    Facts,
    OpenMail,
    OwnReport,
    PutAside,
    Reason,
    decide,
    unread,
)
from server_business.mail.screening import Verdicts
from server_business.mail.sender import Mailbox, NoSender, SenderProblem

HANS = Mailbox("hans@kunde.example")
KUNDE = frozenset({7})
CALLS = AccountRules(action=Action.CREATE_SERVICECALL)
CONTACTS = AccountRules(action=Action.CREATE_CONTACT)
OPEN_CALL = Call(number=4711, address=7, locked=False)
SOLVED_CALL = Call(number=4712, address=7, locked=True)
FOREIGN_CALL = Call(number=4713, address=8, locked=False)
AWAY = Signal(Kind.OUT_OF_OFFICE, "Auto-Submitted", "auto-replied (vacation)")
BOUNCE = Signal(Kind.BOUNCE, "Return-Path", "<>")
LOOP = Signal(Kind.OWN_LOOP, "X-Esoffice-Loop", "firma-1")
TWO_FROM = NoSender(SenderProblem.AMBIGUOUS, "the mail has 2 From headers")
NO_FROM = NoSender(SenderProblem.INVALID, "the mail has no From header")


def reason(facts: Facts, rules: AccountRules = CALLS) -> Reason:
    decided = decide(facts, rules)
    assert isinstance(decided, OpenMail)
    return decided.reason


def test_a_known_sender_gets_a_servicecall() -> None:
    assert decide(Facts(sender=HANS, addresses=KUNDE), CALLS) == CreateServicecall(address=7)


def test_a_known_sender_gets_a_contact() -> None:
    assert decide(Facts(sender=HANS, addresses=KUNDE), CONTACTS) == CreateContact(address=7)


@pytest.mark.parametrize("rules", [CALLS, CONTACTS])
def test_an_unknown_or_ambiguous_sender_waits_for_a_person(rules: AccountRules) -> None:
    assert reason(Facts(sender=HANS), rules) is Reason.SENDER_UNKNOWN
    assert reason(Facts(sender=HANS, addresses=frozenset({7, 8})), rules) is Reason.SENDER_AMBIGUOUS
    assert reason(Facts(sender=TWO_FROM), rules) is Reason.SENDER_AMBIGUOUS
    assert reason(Facts(sender=NO_FROM), rules) is Reason.SENDER_INVALID


def test_without_valid_defaults_no_call_is_created() -> None:
    facts = Facts(sender=HANS, addresses=KUNDE)
    no_level = AccountRules(action=Action.CREATE_SERVICECALL, default_level_valid=False, default_category_valid=False)
    no_category = AccountRules(action=Action.CREATE_SERVICECALL, default_category_valid=False)
    assert reason(facts, no_level) is Reason.NO_DEFAULT_LEVEL
    assert reason(facts, no_category) is Reason.NO_DEFAULT_CATEGORY


def test_a_reply_becomes_a_contact_on_its_call_even_without_defaults() -> None:
    rules = AccountRules(action=Action.CREATE_SERVICECALL, default_level_valid=False)
    decided = decide(Facts(sender=HANS, addresses=KUNDE, by_subject=(OPEN_CALL,)), rules)
    assert decided == ContactOnCall(call=4711, addendum=False, reopen=False, answerable=True)


def test_the_thread_finds_the_call_when_the_subject_does_not() -> None:
    decided = decide(Facts(sender=HANS, addresses=KUNDE, by_thread=(OPEN_CALL,)), CALLS)
    assert decided == ContactOnCall(call=4711, addendum=False, reopen=False, answerable=True)


def test_the_subject_goes_before_the_thread() -> None:
    facts = Facts(sender=HANS, addresses=KUNDE, by_subject=(FOREIGN_CALL,), by_thread=(OPEN_CALL,))
    assert reason(facts) is Reason.SENDER_NOT_OF_CALL


def test_of_several_calls_the_first_of_the_senders_own_is_meant() -> None:
    decided = decide(Facts(sender=HANS, addresses=KUNDE, by_subject=(FOREIGN_CALL, OPEN_CALL)), CALLS)
    assert isinstance(decided, ContactOnCall)
    assert decided.call == 4711


def test_on_a_call_it_does_not_matter_that_the_sender_belongs_to_two_addresses() -> None:
    decided = decide(Facts(sender=HANS, addresses=frozenset({7, 9}), by_subject=(OPEN_CALL,)), CALLS)
    assert isinstance(decided, ContactOnCall)


def test_somebody_else_cannot_write_on_a_call() -> None:
    decided = decide(Facts(sender=HANS, addresses=KUNDE, by_subject=(FOREIGN_CALL,)), CALLS)
    assert decided == OpenMail(
        reason=Reason.SENDER_NOT_OF_CALL,
        detail="hans@kunde.example does not belong to the address of servicecall 4713",
        call=4713,
    )
    decided = decide(Facts(sender=TWO_FROM, by_subject=(OPEN_CALL,)), CALLS)
    assert decided == OpenMail(reason=Reason.SENDER_AMBIGUOUS, detail="the mail has 2 From headers", call=4711)


@pytest.mark.parametrize("reopens", [True, False])
def test_a_reply_to_a_solved_call_is_an_addendum_and_reopens_by_setting(*, reopens: bool) -> None:
    rules = AccountRules(action=Action.CREATE_SERVICECALL, reopen_on_reply=reopens)
    decided = decide(Facts(sender=HANS, addresses=KUNDE, by_subject=(SOLVED_CALL,)), rules)
    assert decided == ContactOnCall(call=4712, addendum=True, reopen=reopens, answerable=True)


def test_out_of_office_is_noted_on_the_call_but_reopens_and_answers_nothing() -> None:
    rules = AccountRules(action=Action.CREATE_SERVICECALL, reopen_on_reply=True)
    decided = decide(Facts(sender=HANS, addresses=KUNDE, by_subject=(SOLVED_CALL,), signals=(AWAY,)), rules)
    assert decided == ContactOnCall(call=4712, addendum=True, reopen=False, answerable=False)


def test_an_automatic_mail_never_creates_a_call() -> None:
    decided = decide(Facts(sender=HANS, addresses=KUNDE, signals=(AWAY,)), CALLS)
    assert decided == OpenMail(reason=Reason.AUTOMATIC, detail="out-of-office: Auto-Submitted: auto-replied (vacation)")


def test_an_automatic_mail_of_a_known_sender_is_still_a_contact() -> None:
    assert decide(Facts(sender=HANS, addresses=KUNDE, signals=(AWAY,)), CONTACTS) == CreateContact(address=7)


def test_a_bounce_of_our_mail_names_the_call_and_waits_for_a_person() -> None:
    daemon = Mailbox("mailer-daemon@mx.example")
    decided = decide(Facts(sender=daemon, by_thread=(OPEN_CALL,), signals=(BOUNCE,)), CALLS)
    assert decided == OpenMail(reason=Reason.AUTOMATIC, detail="bounce: Return-Path: <>", call=4711)


@pytest.mark.parametrize("rules", [CALLS, CONTACTS])
def test_our_own_mail_that_came_back_is_never_worked_on(rules: AccountRules) -> None:
    facts = Facts(sender=HANS, addresses=KUNDE, by_subject=(OPEN_CALL,), signals=(LOOP, AWAY))
    assert reason(facts, rules) is Reason.OWN_LOOP


@pytest.mark.parametrize("rules", [CALLS, CONTACTS])
def test_an_excluded_sender_waits_for_a_person(rules: AccountRules) -> None:
    assert reason(Facts(sender=HANS, addresses=KUNDE, excluded=True, by_subject=(OPEN_CALL,)), rules) is Reason.EXCLUDED


def test_the_contact_action_does_not_look_for_calls() -> None:
    assert decide(Facts(sender=HANS, addresses=KUNDE, by_subject=(OPEN_CALL,)), CONTACTS) == CreateContact(address=7)


def test_an_unreadable_mail_says_why() -> None:
    assert unread(UnreadableMail(Problem.OVERSIZE, "too large")) == OpenMail(reason=Reason.OVERSIZE, detail="too large")
    refusal = UnreadableMail(Problem.TOO_DEEP, "too deep")
    assert unread(refusal) == OpenMail(reason=Reason.UNREADABLE, detail="too deep")
    assert refusal.metadata == {"problem": "too-deep"}


# -- before the action -------------------------------------------------------------------------------------------------

KNOWN = {"sender": HANS, "addresses": KUNDE}
LIST = Signal(Kind.BULK, "List-Unsubscribe", "<https://example.de/off>")


def ruled(outcome: Outcome, **more: object) -> Facts:
    return Facts(**KNOWN, verdicts=Verdicts(rule="10-x", outcome=outcome), **more)  # type: ignore[arg-type]


def test_a_rule_puts_a_mail_aside_or_leaves_it_open_whoever_wrote_it() -> None:
    assert decide(ruled(Outcome.IGNORE), CALLS) == PutAside(detail="put aside by the rule '10-x'")
    left = decide(ruled(Outcome.LEAVE_OPEN, by_subject=(OPEN_CALL,)), CALLS)
    assert left == OpenMail(reason=Reason.RULE, detail="left open by the rule '10-x'", call=4711)


def test_a_rule_takes_another_action() -> None:
    assert decide(ruled(Outcome.CREATE_CONTACT), CALLS) == CreateContact(address=7)
    assert decide(ruled(Outcome.CREATE_SERVICECALL), CONTACTS) == CreateServicecall(address=7)
    assert decide(ruled(Outcome.CONTINUE), CONTACTS) == CreateContact(address=7)


def test_our_own_mail_is_a_loop_whatever_a_rule_says() -> None:
    facts = Facts(sender=HANS, signals=(LOOP,), verdicts=Verdicts(rule="10", outcome=Outcome.CREATE_SERVICECALL))
    assert reason(facts) is Reason.OWN_LOOP


def test_a_sender_who_failed_the_check_is_never_a_known_one() -> None:
    forged = Verdicts(authentication="dmarc=fail")
    decided = decide(Facts(**KNOWN, by_subject=(OPEN_CALL,), verdicts=forged), CALLS)  # type: ignore[arg-type]
    assert isinstance(decided, OpenMail)
    assert (decided.reason, decided.call) == (Reason.SENDER_FORGED, 4711)
    assert "hans@kunde.example" in decided.detail
    assert reason(Facts(sender=TWO_FROM, verdicts=forged)) is Reason.SENDER_FORGED
    passed = Verdicts(authentication="dmarc=none")
    assert decide(Facts(**KNOWN, verdicts=passed), CALLS) == CreateServicecall(address=7)  # type: ignore[arg-type]


def test_what_comes_above_the_budget_is_left_open() -> None:
    rules = AccountRules(action=Action.CREATE_SERVICECALL, mails_per_hour=3)
    assert decide(Facts(**KNOWN, earlier=2), rules) == CreateServicecall(address=7)  # type: ignore[arg-type]
    assert reason(Facts(**KNOWN, earlier=3), rules) is Reason.SENDER_BUDGET  # type: ignore[arg-type]
    assert decide(Facts(**KNOWN, earlier=10_000), CALLS) == CreateServicecall(address=7)  # type: ignore[arg-type]


def test_spam_of_a_known_sender_is_told_of_and_of_others_not() -> None:
    spam = Verdicts(spam="x-spam-flag: YES")
    for addresses, quiet in ((KUNDE, False), (frozenset(), True), (frozenset({7, 8}), True)):
        decided = decide(Facts(sender=HANS, addresses=addresses, verdicts=spam), CALLS)
        assert decided == OpenMail(reason=Reason.SPAM, detail="x-spam-flag: YES", quiet=quiet)


@pytest.mark.parametrize("rules", [CALLS, CONTACTS])
def test_a_newsletter_of_nobody_is_kept_apart(rules: AccountRules) -> None:
    decided = decide(Facts(sender=HANS, signals=(LIST,)), rules)
    assert isinstance(decided, OpenMail)
    assert (decided.reason, decided.quiet) == (Reason.NEWSLETTER, True)
    assert reason(Facts(sender=HANS, signals=(AWAY, LIST)), CALLS) is Reason.AUTOMATIC
    assert reason(Facts(**KNOWN, signals=(LIST,)), CALLS) is Reason.AUTOMATIC  # type: ignore[arg-type]


def test_a_report_on_our_mail_is_for_a_person_only_if_it_bounced() -> None:
    bounced = OwnReport(mail="outgoingMails/5", detail="it bounced", bounced=True)
    assert decide(Facts(sender=HANS, signals=(LOOP,), report=bounced), CALLS) == OpenMail(
        reason=Reason.BOUNCED, detail="it bounced"
    )
    delayed = OwnReport(mail="outgoingMails/5", detail="it is late", bounced=False)
    assert decide(Facts(sender=HANS, signals=(BOUNCE,), report=delayed), CALLS) == PutAside(detail="it is late")
