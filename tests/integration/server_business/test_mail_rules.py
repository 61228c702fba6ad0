"""What is decided about mails before the action of their account, from the mailbox to server_es, and what is seen."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from esoffice.business.v1 import mail_pb2 as pb
from esoffice.config.v1 import business_settings_pb2 as settings

from mesh.clock import ManualClock
from mesh.workers import HealthLine
from server_business.mail.accounts import account, active_accounts
from server_business.mail.reconciling import reconcile
from server_business.mail.silence import Silence
from server_business.mail.silence_watch import SilenceWatch
from server_business.mail.tables import State
from server_business.mail.trying import Trial
from tests.builders import mails
from tests.builders.reception import Mailroom

Rule = settings.MailRule
MX = "mx.firma.example"
UNKNOWN = "wer@fremd.example"
# What these decide stands in no query of its own; the others run on both databases.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def said(room: Mailroom, **changes: Any) -> settings.MailAccount:
    """The settings of the room's account, with changes."""
    return settings.MailAccount(
        active=True, kind=settings.MailAccount.KIND_MAILDIR, path=str(room.path), max_mail_bytes=100_000,
        action=settings.MailAccount.ACTION_CREATE_SERVICECALL, **changes,
    )  # fmt: skip


def begin(room: Mailroom, **changes: Any) -> None:
    made = account("info", said(room, **changes), room.clock)
    room.begin(**{name: getattr(made, name) for name in ("policy", "rules", "silence", "open_mail_team", "exclusions")})


def reasons(found: Sequence[Any]) -> list[str]:
    return [mail.open_reason for mail in found]


@on_sqlite
def test_rules_decide_before_the_action_the_first_that_fits(room: Mailroom) -> None:
    begin(
        room,
        open_mail_team="teams/1",
        rules={
            "10-ads": Rule(headers=["Subject: *Angebot*"], outcome=Rule.OUTCOME_IGNORE),
            "20-boss": Rule(senders=["hans@kunde.example"], min_bytes=20_000, outcome=Rule.OUTCOME_LEAVE_OPEN),
            "30-fax": Rule(headers=["X-Fax: *"], folders=["INBOX"], outcome=Rule.OUTCOME_CREATE_CONTACT),
            "90-rest": Rule(outcome=Rule.OUTCOME_CONTINUE),
            "99-never": Rule(outcome=Rule.OUTCOME_IGNORE),
        },
    )
    found = room.receive(
        mails.mail(subject="Unser ANGEBOT des Tages", message_id="1@kunde.example"),
        mails.mail("x" * 30_000, message_id="2@kunde.example"),
        mails.mail(message_id="3@kunde.example", headers=[("X-Fax", "0201 1234")]),
        mails.mail(message_id="4@kunde.example"),
    )
    by_id = {mail.message_id[0]: mail for mail in found}
    assert [by_id[one].state for one in "1234"] == [State.DISMISSED, State.OPEN, State.CONTACT, State.SERVICECALL]
    assert by_id["1"].open_detail == "put aside by the rule '10-ads'"
    assert by_id["2"].open_reason == "rule"
    assert (len(room.folder("Done")), len(room.folder("Unknown")), room.folder("INBOX")) == (3, 1, [])
    assert len(room.es.told()) == 1


@on_sqlite
def test_a_mail_that_failed_the_check_of_our_server_makes_nothing(room: Mailroom) -> None:
    begin(room, authentication_server=MX)
    number = room.es.has_call("addresses/1001")
    failed = ("Authentication-Results", f"{MX}; dmarc=fail header.from=kunde.example")
    lie = ("Authentication-Results", "mx.boese.example; dmarc=pass")
    found = room.receive(
        mails.mail(message_id="1@kunde.example", headers=[failed, lie]),
        mails.mail(message_id="2@kunde.example", subject=f"AW: Call {number} x", headers=[failed]),
        mails.mail(message_id="3@kunde.example", headers=[("Authentication-Results", f"{MX}; dmarc=pass")]),
        mails.mail(message_id="4@kunde.example", headers=[lie]),
    )
    by_id = {mail.message_id[0]: mail for mail in found}
    assert [by_id[one].open_reason for one in "1234"] == ["sender-forged", "sender-forged", "", ""]
    assert by_id["2"].servicecall == f"servicecalls/{number}"
    assert (len(room.calls()), room.contacts()) == (2, [])


@on_sqlite
def test_the_form_and_the_colleague_write_for_others(room: Mailroom) -> None:
    begin(room, reply_to_senders=["form@firma.example"], forwarding_senders=["@firma.example"])
    forwarded = "Bitte anlegen.\r\n\r\nVon: Hans <hans@kunde.example>\r\nGesendet: heute\r\nAn: mich\r\n\r\nKalt.\r\n"
    found = room.receive(
        mails.mail(sender="form@firma.example", message_id="1@x", headers=[("Reply-To", "Hans <hans@kunde.example>")]),
        mails.mail(forwarded, sender="anna@firma.example", subject="WG: Heizung", message_id="2@x"),
        mails.mail(sender=UNKNOWN, message_id="3@x", headers=[("Reply-To", "hans@kunde.example")]),
        mails.mail(forwarded, sender=UNKNOWN, subject="WG: Heizung", message_id="4@x"),
    )
    by_id = {mail.message_id[0]: mail for mail in found}
    assert [by_id[one].state for one in "1234"] == [State.SERVICECALL, State.SERVICECALL, State.OPEN, State.OPEN]
    assert by_id["1"].sender == by_id["2"].sender == "hans@kunde.example"
    assert {call.reporter_mail_address for call in room.calls()} == {"hans@kunde.example"}
    assert by_id["2"].verdicts == {"source": "forwarded", "from_address": "anna@firma.example"}


def test_what_a_sender_writes_above_his_budget_waits_and_the_next_hour_is_new(
    room: Mailroom, clock: ManualClock
) -> None:
    begin(room, mails_per_hour=3)
    room.receive(*(mails.mail(f"{number}", message_id=f"{number}@kunde.example") for number in range(5)))
    found = room.mails()
    assert sorted(reasons(found)) == ["", "", "", "sender-budget", "sender-budget"]
    assert len(room.calls()) == 3
    for open_ in [mail for mail in found if mail.state == State.OPEN]:
        room.by_hand.reprocess(open_.id)
    assert sorted(reasons(room.mails())) == ["", "", "", "sender-budget", "sender-budget"]


@on_sqlite
def test_spam_and_newsletters_are_kept_apart_and_nobody_is_told(room: Mailroom) -> None:
    begin(room, spam_signs=["X-Spam-Flag: YES*"], open_mail_team="teams/1")
    found = room.receive(
        mails.mail(sender=UNKNOWN, message_id="1@x", headers=[("X-Spam-Flag", "YES")]),
        mails.mail(sender=UNKNOWN, message_id="2@x", headers=[("List-Unsubscribe", "<https://x.example>")]),
        mails.mail(message_id="3@x", headers=[("X-Spam-Flag", "yes, really")]),
        mails.mail(sender=UNKNOWN, message_id="4@x", headers=[("X-Spam-Flag", "NO")]),
    )
    by_id = {mail.message_id[0]: mail for mail in found}
    assert [by_id[one].open_reason for one in "1234"] == ["spam", "newsletter", "spam", "sender-unknown"]
    assert room.es.told() == [("100", "2 offene Helpdesk-E-Mails in info")]


@on_sqlite
def test_a_changed_rule_decides_a_mail_again(room: Mailroom) -> None:
    room.receive(mails.mail(sender=UNKNOWN, headers=[("X-Fax", "1")]))
    begin(room, rules={"10": Rule(headers=["X-Fax: 1"], outcome=Rule.OUTCOME_IGNORE)})
    room.by_hand.reprocess(1)
    (mail,) = room.mails()
    assert (mail.state, mail.verdicts["rule"]) == (State.DISMISSED, "10")


def test_a_dry_run_shows_what_differs_and_changes_nothing(room: Mailroom) -> None:
    room.receive(
        mails.mail(message_id="1@x"),
        mails.mail(message_id="2@x", subject="Angebot"),
        mails.mail(sender=UNKNOWN, message_id="3@x"),
        mails.oversize(200_000),
    )
    before = room.mails()
    rules = {
        "10": Rule(headers=["Subject: Angebot"], outcome=Rule.OUTCOME_IGNORE),
        "20": Rule(senders=["@fremd.example"], outcome=Rule.OUTCOME_LEAVE_OPEN),
    }
    steps = list(Trial.of(room.database, room.by_hand, room.account, said(room, rules=rules)).steps(0))
    differences = {one.subject + one.sender: one for step in steps for one in step.differences}
    assert (steps[-1].compared_count, steps[-1].total_count) == (4, 4)
    assert {name: (one.before.state, one.after.state) for name, one in differences.items()} == {
        "Angebothans@kunde.example": (pb.MAIL_STATE_SERVICECALL, pb.MAIL_STATE_DISMISSED),
        f"Heizung kalt{UNKNOWN}": (pb.MAIL_STATE_OPEN, pb.MAIL_STATE_OPEN),
    }
    assert differences[f"Heizung kalt{UNKNOWN}"].after.open_reason == pb.OPEN_REASON_RULE
    assert room.mails() == before
    assert list(Trial(room.database, room.by_hand, room.account, room.account).steps(2))[-1].total_count == 2


def test_a_silent_mailbox_is_unhealthy_and_its_team_told_once(room: Mailroom, clock: ManualClock) -> None:
    begin(room, open_mail_team="teams/1")
    room.begin(silence=Silence(after=timedelta(minutes=30)))
    line = HealthLine("mail.info")
    watch = SilenceWatch(room.database, room.client, room.account, line)
    watch.turn()
    assert line.healthy
    room.receive(mails.mail())
    clock.advance(timedelta(minutes=29))
    watch.turn()
    assert line.healthy
    clock.advance(timedelta(minutes=2))
    for _ in range(3):
        watch.turn()
    assert (line.healthy, line.sentence) == (False, "the newest mail came at 2027-03-02 08:00 UTC")
    assert room.es.told() == [("100", "Seit 31 Minuten keine E-Mail in info")]
    room.receive(mails.mail(message_id="2@kunde.example"))
    watch.turn()
    assert line.healthy
    clock.advance(timedelta(minutes=31))
    watch.turn()
    assert len(room.es.told()) == 2


@on_sqlite
def test_every_folder_of_a_mailbox_has_its_own_procedure(room: Mailroom) -> None:
    folder = settings.MailFolder(
        folder="Rechnungen", action=settings.MailAccount.ACTION_CREATE_CONTACT, activity_type="r"
    )
    made = active_accounts(
        settings.MailSettings(accounts={"info": said(room, folders={"bills": folder}, activity_type="m")}), room.clock
    )
    assert list(made) == ["info", "info.bills"]
    assert (made["info"].folder, made["info.bills"].folder) == ("INBOX", "Rechnungen")
    assert (made["info"].activity_type, made["info.bills"].activity_type) == ("m", "r")
    assert made["info.bills"].rules.action is not made["info"].rules.action
    assert made["info.bills"].location == made["info"].location


def test_a_mailbox_is_compared_with_what_is_stored(room: Mailroom) -> None:
    room.receive(mails.mail(message_id="1@x"), mails.mail(message_id="1@x"), mails.mail(sender=UNKNOWN))
    found = reconcile(room.database, room.account)
    assert (found.lying_count, found.left_count, found.stored_count) == (0, 0, 3)
    assert (found.servicecall_count, found.duplicate_count, found.open_count, found.gone_count) == (1, 1, 1, 0)
    room.deliver(mails.mail(message_id="4@x"), mails.mail(message_id="5@x"))
    found = reconcile(room.database, room.account)
    assert (found.lying_count, found.left_count, len(found.left_uids)) == (2, 2, 2)
    room.take_in()
    room.desk.turn()
    for file in sorted((room.path / "new").iterdir())[:1]:
        file.unlink()
    found = reconcile(room.database, room.account)
    assert (found.lying_count, found.left_count, found.gone_count, found.stored_count) == (1, 0, 1, 5)
