"""MailService over its real door: what people see of mails, and what they decide on open ones."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from esoffice.business.v1 import mail_pb2 as pb
from esoffice.business.v1.mail_pb2_grpc import MailServiceStub
from esoffice.config.v1 import business_settings_pb2 as settings
from grpc_status import rpc_status

from mesh.clock import ManualClock
from mesh.database import Database
from mesh.status import reason_of
from mesh.wakeups import Wakeups
from mesh.workers import Workers
from server_business.app import definition
from server_business.mail.accounts import account
from server_business.mail.service import MailServicer
from server_business.mail.worker import Reception
from server_business.schema import LEASES
from tests.builders import mails
from tests.builders.processes import eventually, free_port
from tests.builders.reception import OWN, Mailroom, mailroom
from tests.contract.conftest import NOBODY, Serve, person, refused

INVALID, MISSING = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
PRECONDITION, DENIED = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.PERMISSION_DENIED
CHUNK = 262_144
STRANGE = mails.mail(sender="Wer <wer@fremd.example>", message_id="9@fremd.example")
REQUEST = "6f1c1f6e-6f0e-4a53-9d4b-0a55a1f1b001"


@dataclass
class Post:
    """A served mailroom; `room` arranges, `mails` is the contract."""

    served: Any
    room: Mailroom
    mails: Any
    accounts: dict[str, Any]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2027, 3, 2, 8, 0, tzinfo=UTC))  # later than the files of a Maildir are made


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as one:
        yield one


@pytest.fixture
async def post(serve: Serve, stack: ExitStack, clock: ManualClock, tmp_path: Path) -> Post:
    """Hans is known at addresses/1001."""
    rooms: list[Mailroom] = []
    accounts: dict[str, Any] = {}

    def make(database: Database) -> MailServicer:
        room = stack.enter_context(mailroom(database, clock, tmp_path))
        room.begin(size_limit=1_000_000)
        room.es.knows("hans@kunde.example", "addresses/1001")
        rooms.append(room)
        accounts["info"] = room.account
        return MailServicer(database, lambda: accounts, room.by_hand, lambda _: room.account)

    served = await serve((pb.DESCRIPTOR, make), metadata=definition.metadata)
    return Post(served, rooms[0], MailServiceStub(served.channel), accounts)


async def names(post: Post, **conditions: Any) -> list[str]:
    answer = await post.mails.ListMails(pb.ListMailsRequest(**conditions))
    return [mail.name for mail in answer.mails]


async def get(post: Post, number: int) -> pb.Mail:
    mail: pb.Mail = await post.mails.GetMail(pb.GetMailRequest(name=f"mails/{number}"))
    return mail


async def streamed(call: Any) -> tuple[bytes, Sequence[int]]:
    chunks = [chunk.data async for chunk in call]
    return b"".join(chunks), [len(chunk) for chunk in chunks]


def why(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str]:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    return error.code(), reason_of(status) if status is not None else ""


# -- reading -----------------------------------------------------------------------------------------------------------


async def test_mails_are_listed_newest_first_by_what_is_asked_for(post: Post) -> None:
    for number in range(3):
        post.room.receive(mails.mail(f"Text {number} " + "x" * 500, message_id=f"{number}@kunde.example"))
    post.room.receive(STRANGE)
    post.room.receive(mails.out_of_office())
    everything = ["mails/5", "mails/4", "mails/3", "mails/2", "mails/1"]
    assert await names(post) == everything
    assert await names(post, account="mailAccounts/info") == everything
    assert await names(post, account="mailAccounts/other") == []
    assert await names(post, states=[pb.MAIL_STATE_SERVICECALL]) == ["mails/3", "mails/2", "mails/1"]
    assert await names(post, open_reasons=[pb.OPEN_REASON_SENDER_UNKNOWN]) == ["mails/4"]
    assert await names(post, sender="WER@fremd.example") == ["mails/4"]
    assert await names(post, servicecall="servicecalls/2", sender="hans@kunde.example") == ["mails/2"]
    listed = (await post.mails.ListMails(pb.ListMailsRequest(servicecall="servicecalls/2"))).mails[0]
    assert (len(listed.text), listed.html) == (200, "")


async def test_pages_hold_every_mail_once(post: Post) -> None:
    post.room.receive(*(mails.mail(f"{number}", message_id=f"{number}@kunde.example") for number in range(5)))
    seen: list[str] = []
    token = ""
    for _ in range(3):
        answer = await post.mails.ListMails(pb.ListMailsRequest(page_size=2, page_token=token))
        seen += [mail.name for mail in answer.mails]
        token = answer.next_page_token
    assert (seen, token) == ([f"mails/{number}" for number in (5, 4, 3, 2, 1)], "")
    first = await post.mails.ListMails(pb.ListMailsRequest(page_size=2))
    other = pb.ListMailsRequest(page_size=2, page_token=first.next_page_token, sender="hans@kunde.example")
    assert (await refused(post.mails.ListMails(other))).code() is INVALID


async def test_a_mail_is_shown_with_what_became_of_it(post: Post) -> None:
    post.room.receive(mails.with_attachment())
    mail = await get(post, 1)
    assert (mail.account, mail.folder, mail.sender) == ("mailAccounts/info", "INBOX", "hans@kunde.example")
    assert (mail.subject, mail.text, mail.message_id) == ("Heizung kalt", "Siehe Anhang, Grüße", "<1@kunde.example>")
    assert (mail.state, mail.servicecall, mail.address) == (
        pb.MAIL_STATE_SERVICECALL, "servicecalls/1", "addresses/1001",
    )  # fmt: skip
    assert (mail.filed, mail.decided_by, mail.contact) == (True, "", "contacts/1")
    (attachment,) = mail.attachments
    assert (attachment.name, attachment.file_name, attachment.size_bytes) == ("mails/1/attachments/1", "Plan.pdf", 8)


async def test_what_is_not_there_or_no_name_is_refused(post: Post) -> None:
    assert (await refused(get(post, 99))).code() is MISSING
    assert (await refused(post.mails.GetMail(pb.GetMailRequest(name="mails/x")))).code() is INVALID
    for name in ("mails/99", "mails/1"):
        asked = pb.GetMailAttachmentRequest(name=f"{name}/attachments/7")
        assert (await refused(streamed(post.mails.GetMailAttachment(asked)))).code() is MISSING
    asked_raw = pb.GetRawMailRequest(name="mails/99")
    assert (await refused(streamed(post.mails.GetRawMail(asked_raw)))).code() is MISSING


async def test_raw_mail_and_attachment_come_as_they_were_in_pieces(post: Post) -> None:
    content = bytes(range(256)) * 2_000
    raw = mails.with_attachment(content)
    post.room.receive(raw)
    whole, pieces = await streamed(post.mails.GetRawMail(pb.GetRawMailRequest(name="mails/1")))
    assert (whole, len(pieces), max(pieces)) == (raw, -(-len(raw) // CHUNK), CHUNK)
    asked = pb.GetMailAttachmentRequest(name="mails/1/attachments/1")
    whole, pieces = await streamed(post.mails.GetMailAttachment(asked))
    assert (whole, len(pieces), max(pieces)) == (content, 2, CHUNK)


async def test_a_broken_account_says_why_and_holds_up_no_other(post: Post, clock: ManualClock) -> None:
    said = settings.MailAccount(
        active=True, kind=settings.MailAccount.KIND_IMAP, host="127.0.0.1", port=free_port(),
        security=settings.MailAccount.SECURITY_NONE, user="niemand",
    )  # fmt: skip
    post.accounts["kaputt"] = account("kaputt", said, clock)
    soon = timedelta(seconds=0.05)
    database = post.served.database
    with Wakeups(database) as wakeups:
        receptions = [
            Reception(
                database, LEASES, post.room.client, replace(one, poll=soon), OWN,
                arrived=wakeups.bell(f"{name}.arrived"), decided=wakeups.bell(f"{name}.decided"), retry=soon,
            )
            for name, one in post.accounts.items()
        ]  # fmt: skip
        every = [worker for one in receptions for worker in one.workers()]
        workers = Workers(every, clock=clock, owner="test", database=database, leases=LEASES, first_backoff=soon)
        workers.start()
        post.room.deliver(mails.mail())

        async def filed() -> bool:
            return bool((await names(post)) and (await get(post, 1)).filed and "kaputt" in await statuses(post))

        await eventually(filed)
        post.room.deliver(STRANGE)
        await eventually(lambda: names(post, states=[pb.MAIL_STATE_OPEN]))
        await workers.stop(timedelta(seconds=5))
    found = await statuses(post)
    assert (found["info"].healthy, found["info"].imported_count, found["info"].open_count) == (True, 1, 1)
    assert found["info"].stored_count == 2
    broken = found["kaputt"]
    assert (broken.healthy, broken.stored_count) == (False, 0)
    assert broken.status.startswith(f"127.0.0.1:{said.port} for the account 'kaputt'")
    assert not broken.HasField("last_success_time")
    first = await post.mails.ListMailAccounts(pb.ListMailAccountsRequest(page_size=1))
    rest = await post.mails.ListMailAccounts(pb.ListMailAccountsRequest(page_token=first.next_page_token))
    assert [one.name for one in (*first.mail_accounts, *rest.mail_accounts)] == [
        "mailAccounts/info", "mailAccounts/kaputt",
    ]  # fmt: skip


async def statuses(post: Post) -> dict[str, pb.MailAccount]:
    answer = await post.mails.ListMailAccounts(pb.ListMailAccountsRequest())
    return {
        one.name.removeprefix("mailAccounts/"): one
        for one in answer.mail_accounts
        if one.status and one.status != "not looked at yet"
    }


# -- trying the rules --------------------------------------------------------------------------------------------------


async def test_the_rules_are_tried_on_a_stored_and_on_a_given_mail(post: Post) -> None:
    post.room.receive(STRANGE)
    before = await get(post, 1)
    post.room.es.knows("wer@fremd.example", "addresses/7")
    stored = await post.mails.CheckMail(pb.CheckMailRequest(account="mailAccounts/info", name="mails/1"))
    assert (stored.state, stored.address) == (pb.MAIL_STATE_SERVICECALL, "addresses/7")
    number = post.room.es.has_call("addresses/1001")
    raw = mails.reply_to_call(number)
    given = await post.mails.CheckMail(pb.CheckMailRequest(account="mailAccounts/info", raw=raw))
    assert (given.state, given.servicecall) == (pb.MAIL_STATE_CONTACT, f"servicecalls/{number}")
    note = await post.mails.CheckMail(pb.CheckMailRequest(account="mailAccounts/info", raw=mails.out_of_office()))
    assert (note.state, note.open_reason) == (pb.MAIL_STATE_OPEN, pb.OPEN_REASON_AUTOMATIC)
    assert "Auto-Submitted: auto-replied (vacation)" in note.automatic_signals
    broken = await post.mails.CheckMail(pb.CheckMailRequest(account="mailAccounts/info", raw=mails.part_bomb(900)))
    assert broken.open_reason == pb.OPEN_REASON_UNREADABLE
    assert (await get(post, 1), await names(post), post.room.calls()) == (before, ["mails/1"], [])


async def test_the_rules_of_no_account_and_on_no_mail_are_not_tried(post: Post) -> None:
    asked = pb.CheckMailRequest(account="mailAccounts/other", raw=STRANGE)
    assert (await refused(post.mails.CheckMail(asked))).code() is MISSING
    assert (await refused(post.mails.CheckMail(pb.CheckMailRequest(account="mailAccounts/info")))).code() is INVALID


# -- deciding ----------------------------------------------------------------------------------------------------------


async def test_an_adopted_mail_becomes_one_call_however_often_it_is_asked_for(post: Post) -> None:
    post.room.receive(STRANGE)
    asked = pb.AdoptMailRequest(name="mails/1", address="addresses/7", request_id=REQUEST)
    first, second = await post.mails.AdoptMail(asked), await post.mails.AdoptMail(asked)
    assert first == second
    assert (first.state, first.servicecall, first.decided_by) == (
        pb.MAIL_STATE_SERVICECALL, "servicecalls/1", "users/chief",
    )  # fmt: skip
    assert [call.address for call in post.room.calls()] == ["7"]
    again = pb.AdoptMailRequest(name="mails/1", address="addresses/7")
    assert why(await refused(post.mails.AdoptMail(again))) == (PRECONDITION, "MAIL_NOT_OPEN")


async def test_an_adopted_mail_becomes_a_contact_alone_if_that_is_wanted(post: Post) -> None:
    post.room.receive(STRANGE)
    mail = await post.mails.AdoptMail(pb.AdoptMailRequest(name="mails/1", address="addresses/7", contact_only=True))
    assert (mail.state, mail.contact, mail.servicecall) == (pb.MAIL_STATE_CONTACT, "contacts/1", "")
    assert post.room.calls() == []


async def test_what_server_es_refuses_stays_open_and_says_why(post: Post) -> None:
    post.room.receive(STRANGE)
    error = await refused(post.mails.AdoptMail(pb.AdoptMailRequest(name="mails/1", address="addresses/gone")))
    assert (error.code(), "does not exist" in str(error.details())) == (PRECONDITION, True)
    error = await refused(post.mails.AssignMail(pb.AssignMailRequest(name="mails/1", servicecall="servicecalls/99")))
    assert error.code() is PRECONDITION
    mail = await get(post, 1)
    assert (mail.state, mail.open_reason, mail.decided_by) == (pb.MAIL_STATE_OPEN, pb.OPEN_REASON_REFUSED, "")
    adopted = await post.mails.AdoptMail(pb.AdoptMailRequest(name="mails/1", address="addresses/7"))
    assert adopted.state == pb.MAIL_STATE_SERVICECALL


async def test_an_assigned_mail_becomes_a_contact_on_the_call(post: Post) -> None:
    post.room.receive(STRANGE)
    number = post.room.es.has_call("addresses/1001", solved=True)
    asked = pb.AssignMailRequest(name="mails/1", servicecall=f"servicecalls/{number}", request_id=REQUEST)
    mail = await post.mails.AssignMail(asked)
    assert (mail.state, mail.servicecall) == (pb.MAIL_STATE_CONTACT, f"servicecalls/{number}")
    assert await post.mails.AssignMail(asked) == mail
    assert [(one.servicecall, one.addendum) for one in post.room.contacts()] == [(number, True)]


async def test_a_dismissed_mail_is_kept_and_decided(post: Post) -> None:
    post.room.receive(STRANGE)
    mail = await post.mails.DismissMail(pb.DismissMailRequest(name="mails/1", reason="Werbung"))
    assert (mail.state, mail.open_detail, mail.decided_by) == (pb.MAIL_STATE_DISMISSED, "Werbung", "users/chief")
    for verb, asked in (
        ("DismissMail", pb.DismissMailRequest(name="mails/1")),
        ("ReprocessMail", pb.ReprocessMailRequest(name="mails/1")),
        ("AssignMail", pb.AssignMailRequest(name="mails/1", servicecall="servicecalls/1")),
    ):
        error = await refused(getattr(post.mails, verb)(asked))
        assert why(error) == (PRECONDITION, "MAIL_NOT_OPEN")
    assert (await refused(post.mails.DismissMail(pb.DismissMailRequest(name="mails/99")))).code() is MISSING


async def test_a_reprocessed_mail_is_decided_by_the_records_of_now(post: Post) -> None:
    post.room.receive(STRANGE)
    still = await post.mails.ReprocessMail(pb.ReprocessMailRequest(name="mails/1"))
    assert (still.state, still.open_reason) == (pb.MAIL_STATE_OPEN, pb.OPEN_REASON_SENDER_UNKNOWN)
    post.room.es.knows("wer@fremd.example", "addresses/9")
    mail = await post.mails.ReprocessMail(pb.ReprocessMailRequest(name="mails/1"))
    assert (mail.state, mail.address) == (pb.MAIL_STATE_SERVICECALL, "addresses/9")


async def test_who_may_only_read_decides_nothing(post: Post) -> None:
    post.room.receive(STRANGE)
    post.served.caller = person("mails.read")
    assert (await get(post, 1)).state == pb.MAIL_STATE_OPEN
    error = await refused(post.mails.AdoptMail(pb.AdoptMailRequest(name="mails/1", address="addresses/7")))
    assert error.code() is DENIED
    assert (await refused(post.mails.DismissMail(pb.DismissMailRequest(name="mails/1")))).code() is DENIED
    post.served.caller = NOBODY
    assert (await refused(get(post, 1))).code() is grpc.StatusCode.UNAUTHENTICATED


# -- rules and suggestions ---------------------------------------------------------------------------------------------


async def test_changed_rules_are_tried_over_the_door(post: Post) -> None:
    post.room.receive(mails.mail(message_id="1@x"), STRANGE)
    rule = settings.MailRule(senders=["@fremd.example"], outcome=settings.MailRule.OUTCOME_IGNORE)
    changed = settings.MailAccount(action=settings.MailAccount.ACTION_CREATE_SERVICECALL, rules={"10": rule})
    asked = pb.TryMailRulesRequest(account="mailAccounts/info", settings=changed)
    (step,) = [one async for one in post.mails.TryMailRules(asked)]
    (difference,) = step.differences
    assert (step.compared_count, difference.mail, difference.sender) == (2, "mails/2", "wer@fremd.example")
    assert difference.before.open_reason == pb.OPEN_REASON_SENDER_UNKNOWN
    assert difference.after.state == pb.MAIL_STATE_DISMISSED
    asked.account = "mailAccounts/gone"
    assert (await refused(streamed(post.mails.TryMailRules(asked)))).code() is MISSING
    asked.account, asked.settings.recognition_template = "mailAccounts/info", "no braces"
    assert (await refused(streamed(post.mails.TryMailRules(asked)))).code() is INVALID


async def test_an_unknown_sender_is_suggested_with_evidence_and_adopted(post: Post) -> None:
    post.room.es.knows("chef@fremd.example", "addresses/2002")
    post.room.es.has_system("A-2001", "addresses/1001")
    text = "Anlage A-2001 steht.\r\n\r\nMfG\r\nWer\r\nTel. 0201 1234567\r\n"
    post.room.receive(mails.mail(text, sender="wer@fremd.example"))
    asked = pb.SuggestAddressesRequest(name="mails/1")
    first, second = (await post.mails.SuggestAddresses(asked)).suggestions
    assert (first.address, second.address) == ("addresses/1001", "addresses/2002")
    assert first.likelihood_percent > second.likelihood_percent
    evidence = [(pb.EvidenceKind.Name(one.kind), one.found, one.owner) for one in (*first.evidence, *second.evidence)]
    assert evidence == [
        ("EVIDENCE_KIND_SYSTEM", "A-2001", "systems/A-2001"),
        ("EVIDENCE_KIND_DOMAIN", "fremd.example", "addresses/2002"),
    ]
    adopted = await post.mails.AdoptMail(pb.AdoptMailRequest(name="mails/1", address=first.address))
    assert (adopted.state, adopted.address) == (pb.MAIL_STATE_SERVICECALL, "addresses/1001")


async def test_a_mailbox_is_reconciled_over_the_door(post: Post) -> None:
    post.room.receive(mails.mail())
    post.room.deliver(STRANGE)
    found = await post.mails.ReconcileMailAccount(pb.ReconcileMailAccountRequest(name="mailAccounts/info"))
    assert (found.servicecall_count, found.stored_count, found.lying_count, found.left_count) == (1, 1, 1, 1)
    gone = pb.ReconcileMailAccountRequest(name="mailAccounts/gone")
    assert (await refused(post.mails.ReconcileMailAccount(gone))).code() is MISSING
