import pytest

from server_business.mail import imap_quirks as quirks
from server_business.mail.source import MailIdentity, Waiting


def waiting(uid: int, size: int) -> Waiting:
    return Waiting(identity=MailIdentity(account="a", folder="INBOX", uidvalidity=1, uid=str(uid)), size=size)


@pytest.mark.parametrize(
    ("folder", "delimiter", "prefix", "path"),
    [
        ("inbox", ".", "INBOX.", "INBOX"),
        ("Service/Done", "/", "", "Service/Done"),
        ("Service/Done", ".", "", "Service.Done"),
        ("Service/Done", ".", "INBOX.", "INBOX.Service.Done"),
        ("INBOX/Done", ".", "INBOX.", "INBOX.Done"),
        ("Service/Done", "", "", "Service/Done"),
    ],
)
def test_a_folder_is_written_as_the_server_has_it(folder: str, delimiter: str, prefix: str, path: str) -> None:
    assert quirks.server_path(folder, delimiter, prefix) == path


def test_the_last_mail_that_an_open_range_always_brings_is_dropped() -> None:
    assert quirks.uids_behind([9, 7], 9) == []
    assert quirks.uids_behind([12, 10], 9) == [10, 12]


def test_an_unasked_flag_change_is_no_answer() -> None:
    reply = {7: {b"FLAGS": (b"\\Seen",), b"SEQ": 7}, 8: {b"BODY[]": b"x", b"INTERNALDATE": 1}}
    assert quirks.answered(reply, 7, b"BODY[]", b"INTERNALDATE") is None
    assert quirks.answered(reply, 9, b"BODY[]") is None
    assert quirks.answered(reply, 8, b"BODY[]", b"INTERNALDATE") == reply[8]


def test_a_batch_stays_in_its_budget_unless_one_mail_is_larger() -> None:
    mails = [waiting(1, 60), waiting(2, 40), waiting(3, 1), waiting(4, 500), waiting(5, 10), waiting(6, 0)]
    assert [[one.identity.uid for one in batch] for batch in quirks.batches(mails, 100)] == [
        ["1", "2"],
        ["3"],
        ["4"],
        ["5", "6"],
    ]
    assert quirks.batches([], 100) == []


def test_a_server_that_is_busy_has_not_refused_the_password() -> None:
    assert quirks.login_may_work_later("b'[unavailable] Temporary authentication failure.'")
    assert not quirks.login_may_work_later("b'[AUTHENTICATIONFAILED] no'")


def test_keywords_need_the_servers_leave() -> None:
    assert quirks.takes_keywords((b"\\Seen", b"\\*"))
    assert not quirks.takes_keywords((b"\\Seen",))
