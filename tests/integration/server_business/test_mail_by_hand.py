"""What a person decides on an open mail, and what the rules say when they are asked again."""

import pytest

from server_business.mail.by_hand import Refused
from server_business.mail.listing import MailNotOpen
from server_business.mail.rules import ContactOnCall, CreateServicecall
from server_business.mail.tables import State
from tests.builders import mails
from tests.builders.reception import Mailroom

STRANGE = mails.mail(sender="wer@fremd.example")
REQUEST = "6f1c1f6e-6f0e-4a53-9d4b-0a55a1f1b001"


def test_an_adopted_mail_becomes_one_call_however_often_it_is_asked_for(room: Mailroom) -> None:
    room.receive(STRANGE)
    for _ in range(2):
        room.by_hand.act(1, CreateServicecall(address="addresses/7"), by="users/anna", request_id=REQUEST)
    (mail,) = room.mails()
    assert (mail.state, mail.servicecall, mail.decided_by) == (State.SERVICECALL, "servicecalls/1", "users/anna")
    assert [call.address for call in room.calls()] == ["7"]
    with pytest.raises(MailNotOpen):
        room.by_hand.act(1, CreateServicecall(address="addresses/7"), by="users/anna", request_id="")


def test_what_server_es_refuses_is_open_again(room: Mailroom) -> None:
    room.receive(STRANGE)
    with pytest.raises(Refused):
        room.by_hand.act(1, CreateServicecall(address="addresses/gone"), by="users/anna", request_id=REQUEST)
    (mail,) = room.mails()
    assert (mail.state, mail.open_reason, mail.decided_by) == (State.OPEN, "refused", "")


def test_an_assigned_mail_becomes_a_contact_on_the_call(room: Mailroom) -> None:
    number = room.es.has_call("addresses/1001")
    room.receive(STRANGE)
    decision = ContactOnCall(call=number, addendum=False, reopen=False, answerable=False)
    room.by_hand.act(1, decision, by="users/anna", request_id="")
    assert [contact.servicecall for contact in room.contacts()] == [number]


def test_a_dismissed_mail_is_kept(room: Mailroom) -> None:
    room.receive(STRANGE)
    room.by_hand.dismiss(1, "Werbung", by="users/anna")
    assert [(mail.state, mail.open_detail) for mail in room.mails()] == [(State.DISMISSED, "Werbung")]


def test_a_reprocessed_mail_is_decided_by_the_records_of_now(room: Mailroom) -> None:
    room.receive(STRANGE)
    room.es.knows("wer@fremd.example", "addresses/9")
    room.by_hand.reprocess(1)
    assert [(mail.state, mail.address) for mail in room.mails()] == [(State.SERVICECALL, "addresses/9")]
