"""What becomes of mails, told from the mailbox to server_es. No step is replaced; server_es is the real one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from esoffice.es.v1 import service_levels_pb2 as levels

from mesh.clock import ManualClock
from server_business.mail.es_server import EsServerAway, Sender
from server_business.mail.tables import State
from tests.builders import mails
from tests.builders.reception import Mailroom


def test_a_known_sender_gets_a_servicecall(room: Mailroom) -> None:
    raw = mails.mail(subject="AW: Heizung kalt")
    (mail,) = room.receive(raw)
    (call,) = room.calls()
    assert (call.address, call.title, call.origin) == ("1001", "Heizung kalt", "mails/1")
    assert call.description == "Die Heizung bleibt kalt."
    assert (mail.state, mail.servicecall, mail.address) == (State.SERVICECALL, "servicecalls/1", "addresses/1001")
    assert (room.folder("INBOX"), room.folder("Done"), mail.filed) == ([], [raw], True)
    assert room.contacts() == []


def test_the_sender_is_found_whatever_the_case(room: Mailroom) -> None:
    (mail,) = room.receive(mails.mail(sender="Hans <HANS@Kunde.example>"))
    assert mail.state == State.SERVICECALL


def test_attachments_come_as_the_first_contact_of_the_new_call(room: Mailroom) -> None:
    (mail,) = room.receive(mails.with_attachment())
    (contact,) = room.contacts()
    assert (contact.servicecall, uris(contact)) == (1, ["mails/1/attachments/1"])
    assert (mail.state, mail.servicecall, mail.contact) == (State.SERVICECALL, "servicecalls/1", "contacts/1")


def test_a_subject_that_names_a_call_becomes_a_contact_on_it(room: Mailroom) -> None:
    number = room.es.has_call("addresses/1001")
    (mail,) = room.receive(mails.reply_to_call(number))
    (contact,) = room.contacts()
    assert (contact.servicecall, contact.addendum) == (number, False)
    assert (mail.state, mail.servicecall, room.calls()) == (State.CONTACT, f"servicecalls/{number}", [])


def test_a_reply_to_a_solved_call_is_an_addendum(room: Mailroom) -> None:
    number = room.es.has_call("addresses/1001", solved=True)
    room.receive(mails.reply_to_call(number))
    assert [contact.addendum for contact in room.contacts()] == [True]
    assert room.es.call(number).meaning == levels.STATE_MEANING_SOLVED


def test_a_reply_to_a_solved_call_reopens_it_if_the_account_says_so(room: Mailroom) -> None:
    number = room.es.has_call("addresses/1001", solved=True)
    room.begin(rules=replace(room.account.rules, reopen_on_reply=True))
    room.receive(mails.reply_to_call(number))
    assert [contact.addendum for contact in room.contacts()] == [False]
    assert room.es.call(number).meaning == levels.STATE_MEANING_STARTED


def test_an_answer_finds_the_call_its_thread_became(room: Mailroom) -> None:
    room.receive(mails.mail(message_id="erste@kunde.example"))
    answer = mails.mail(message_id="zweite@kunde.example", headers=[("In-Reply-To", "<erste@kunde.example>")])
    *_, second = room.receive(answer)
    assert (second.state, second.servicecall) == (State.CONTACT, "servicecalls/1")
    third = mails.mail(message_id="3@kunde.example", headers=[("References", "<x@y> <zweite@kunde.example>")])
    *_, last = room.receive(third)
    assert (last.state, last.servicecall, len(room.calls())) == (State.CONTACT, "servicecalls/1", 1)


def test_mail_and_answer_that_arrive_together_become_one_call(room: Mailroom) -> None:
    first = mails.mail(message_id="erste@kunde.example")
    answer = mails.mail(message_id="2@kunde.example", headers=[("In-Reply-To", "<erste@kunde.example>")])
    room.deliver(first)
    room.deliver(answer)
    room.take_in()
    room.work()
    assert sorted(mail.state for mail in room.mails()) == [State.SERVICECALL, State.CONTACT]
    assert len(room.calls()) == 1


def test_a_call_of_another_customer_stays_open(room: Mailroom) -> None:
    number = room.es.has_call("addresses/2002")
    (mail,) = room.receive(mails.reply_to_call(number))
    assert (mail.state, mail.open_reason) == (State.OPEN, "sender-not-of-call")
    assert mail.servicecall == f"servicecalls/{number}"
    assert (len(room.folder("Unknown")), room.calls(), room.contacts()) == (1, [], [])


def test_an_unknown_sender_stays_open(room: Mailroom) -> None:
    (mail,) = room.receive(mails.mail(sender="wer@fremd.example"))
    assert (mail.state, mail.open_reason) == (State.OPEN, "sender-unknown")
    assert (len(room.folder("Unknown")), mail.filed) == (1, True)


def test_an_ambiguous_sender_stays_open_with_the_candidates(room: Mailroom) -> None:
    room.es.knows("zwei@kunde.example", "addresses/1", "addresses/2")
    (mail,) = room.receive(mails.mail(sender="zwei@kunde.example"))
    assert (mail.open_reason, mail.candidates) == ("sender-ambiguous", ["addresses/1", "addresses/2"])


@pytest.mark.parametrize("raw", [mails.out_of_office(), mails.bounce()])
def test_a_machine_gets_no_call(room: Mailroom, raw: bytes) -> None:
    (mail,) = room.receive(raw)
    assert (mail.state, mail.open_reason) == (State.OPEN, "automatic")
    assert room.calls() == []


def test_an_out_of_office_note_on_a_call_belongs_to_it_and_reopens_nothing(room: Mailroom) -> None:
    number = room.es.has_call("addresses/1001", solved=True)
    room.begin(rules=replace(room.account.rules, reopen_on_reply=True))
    (mail,) = room.receive(mails.out_of_office(number))
    assert (mail.state, mail.servicecall) == (State.CONTACT, f"servicecalls/{number}")
    assert room.es.call(number).meaning == levels.STATE_MEANING_SOLVED


def test_our_own_mail_that_came_back_makes_nothing(room: Mailroom) -> None:
    (mail,) = room.receive(mails.mail(headers=[("X-Esoffice-Loop", "firma.example")]))
    assert (mail.state, mail.open_reason) == (State.OPEN, "own-loop")


def test_an_excluded_sender_stays_open(room: Mailroom) -> None:
    room.begin(exclusions=("@kunde.example",))
    (mail,) = room.receive(mails.mail())
    assert (mail.state, mail.open_reason) == (State.OPEN, "excluded")


def test_what_is_broken_too_big_or_a_bomb_is_kept_and_blocks_nobody(room: Mailroom) -> None:
    bomb = mails.part_bomb(9_000)
    found = room.receive(b"", mails.oversize(200_000), bomb, mails.mail())
    reasons = sorted(mail.open_reason for mail in found)
    assert reasons == ["", "oversize", "unreadable", "unreadable"]
    assert (len(room.folder("Failed")), len(room.folder("Done")), room.folder("INBOX")) == (3, 1, [])
    assert len(room.calls()) == 1


def test_a_broken_mail_is_read_as_far_as_it_goes(room: Mailroom) -> None:
    room.es.knows("kaputt@kunde.example", "addresses/1")
    (mail,) = room.receive(mails.broken())
    assert (mail.state, mail.subject) == (State.SERVICECALL, "Störung")


def test_without_defaults_no_call_is_made(room: Mailroom) -> None:
    room.es.lacks_defaults()
    (mail,) = room.receive(mails.mail())
    assert (mail.state, mail.open_reason) == (State.OPEN, "no-default-level")
    assert mail.open_detail == room.client.defaults().problem != ""


def test_an_account_for_contacts_makes_contacts(contact_room: Mailroom) -> None:
    contact_room.begin(activity_type="e-mail", by_sent_date=True)
    (mail,) = contact_room.receive(mails.with_attachment())
    (contact,) = contact_room.contacts()
    assert (contact.address, contact.activity_type) == ("1001", "e-mail")
    assert (uris(contact), contact.mail_message_id) == (["mails/1/attachments/1"], "<1@kunde.example>")
    assert contact.happened_time == datetime(2026, 11, 24, 7, tzinfo=UTC)
    assert (mail.state, contact_room.calls()) == (State.CONTACT, [])


def test_one_that_is_refused_spoils_no_other(contact_room: Mailroom) -> None:
    contact_room.es.knows("weg@kunde.example", "addresses/9")
    identify = contact_room.client.identify

    def deleted_meanwhile(*asked: Any) -> dict[str, Sender]:
        senders = identify(*asked)
        contact_room.es.forgets("addresses/9")
        return senders

    contact_room.client.identify = deleted_meanwhile  # type: ignore[method-assign]
    found = contact_room.receive(mails.mail(), mails.mail(sender="weg@kunde.example", message_id="2@kunde.example"))
    states = {mail.sender: (mail.state, mail.open_reason) for mail in found}
    assert states["hans@kunde.example"] == (State.CONTACT, "")
    assert states["weg@kunde.example"] == (State.OPEN, "refused")


def test_while_server_es_is_away_mails_wait_and_are_filed_later(room: Mailroom, clock: ManualClock) -> None:
    room.deliver(mails.mail())
    room.take_in()
    away = room.client
    room.client = _Away()  # type: ignore[assignment]
    room.begin()
    with pytest.raises(EsServerAway):
        room.desk.turn()
    room.take_in()
    assert ([mail.state for mail in room.mails()], len(room.folder("INBOX"))) == ([State.RECEIVED], 1)
    room.client = away
    room.begin()
    clock.advance(timedelta(hours=30))
    room.work()
    assert ([mail.state for mail in room.mails()], len(room.folder("Done"))) == ([State.SERVICECALL], 1)


def test_the_team_is_told_of_open_mails_once(room: Mailroom) -> None:
    room.begin(open_mail_team="teams/1")
    room.receive(mails.mail(sender="a@fremd.example"), mails.mail(sender="b@fremd.example"))
    room.work()
    assert room.es.told() == [("100", "2 offene Helpdesk-E-Mails in info")]


def test_the_same_bytes_twice_make_one_call(room: Mailroom) -> None:
    first, second = room.receive(mails.mail(), mails.mail())
    assert (first.state, second.state, second.duplicate_of) == (State.SERVICECALL, State.DUPLICATE, first.id)
    assert (len(room.calls()), len(room.folder("Done"))) == (1, 2)


def test_different_mails_with_one_message_id_are_two(room: Mailroom) -> None:
    found = room.receive(mails.mail("eins"), mails.mail("zwei"))
    assert [mail.state for mail in found] == [State.SERVICECALL, State.SERVICECALL]


def test_a_folder_that_counts_anew_makes_no_second_call(room: Mailroom) -> None:
    room.deliver(mails.mail(), mails.mail(), mails.mail("anders"))
    room.take_in()
    room.desk.turn()
    room.renew_folder()
    room.work()
    found = room.mails()
    assert sorted(mail.state for mail in found) == [State.SERVICECALL, State.SERVICECALL, State.DUPLICATE]
    assert (len(room.calls()), room.folder("INBOX"), len(room.folder("Done"))) == (2, [], 3)
    assert {mail.uidvalidity for mail in found if mail.state == State.SERVICECALL} == {
        7
    }  # the duplicate was filed before


def test_a_mail_that_was_taken_away_does_not_wait_for_ever(room: Mailroom) -> None:
    room.deliver(mails.mail())
    room.take_in()
    room.desk.turn()
    for file in (*(room.path / "new").iterdir(), *(room.path / "cur").iterdir()):
        file.unlink()
    (room.path / "esoffice-uidvalidity").write_text("7")
    room.begin()
    room.take_in()
    assert [mail.filed for mail in room.mails()] == [True]


def uris(contact: Any) -> list[str]:
    return [one["uri"] for one in contact.attachments]


class _Away:
    def __getattr__(self, _: str) -> object:
        raise EsServerAway("server_es does not answer")
