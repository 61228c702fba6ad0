from datetime import timedelta

import pytest
from esoffice.config.v1 import business_settings_pb2 as business
from esoffice.config.v1 import common_settings_pb2, settings_pb2

from config_service.cli.exits import WrongUsage
from config_service.cli.plain import enum_prefix, enum_word, printable
from config_service.cli.values import assign, duration, shown

INBOX = "server_business.mail.accounts.inbox"


def assigned(path: str, text: str, secret: str = "") -> settings_pb2.Settings:
    settings = settings_pb2.Settings()
    assign(settings, path, text, lambda _path, _text: secret)
    return settings


def test_a_map_entry_is_made_by_writing_below_it() -> None:
    account = assigned(f"{INBOX}.kind", "imap").server_business.mail.accounts["inbox"]
    assert account.kind == business.MailAccount.KIND_IMAP


@pytest.mark.parametrize("text", ["debug", "DEBUG", "LOG_LEVEL_DEBUG", "log-level-debug"])
def test_an_enum_has_a_short_name(text: str) -> None:
    assert assigned("server_es.log_level", text).server_es.log_level == common_settings_pb2.LOG_LEVEL_DEBUG


@pytest.mark.parametrize("text", ["a.de,b.de", "a.de, b.de", '["a.de", "b.de"]'])
def test_a_list_is_written_with_commas_or_as_json(text: str) -> None:
    assert list(assigned("server_business.mail.own_domains", text).server_business.mail.own_domains) == ["a.de", "b.de"]


GATEWAY = "server_business.sms.providers.one.http"


@pytest.mark.parametrize("text", ["ok=delivered, nie=failed", '{"ok": "delivered", "nie": "SMS_RECEIPT_STATE_FAILED"}'])
def test_a_map_of_plain_values_is_written_as_pairs_or_as_json(text: str) -> None:
    settings = assigned(f"{GATEWAY}.receipt_states", text)
    assert dict(settings.server_business.sms.providers["one"].http.receipt_states) == {
        "ok": business.SMS_RECEIPT_STATE_DELIVERED, "nie": business.SMS_RECEIPT_STATE_FAILED,
    }  # fmt: skip
    value = '{"nie": "SMS_RECEIPT_STATE_FAILED", "ok": 9}'
    assert shown(settings.DESCRIPTOR, f"{GATEWAY}.receipt_states", value) == "nie=failed,ok=9"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("ok", "name=value"), ("=delivered", "name=value"), ("ok=lost", "is not one of"), ("{", "is no JSON object")],
)
def test_what_is_no_map_of_plain_values_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(WrongUsage, match=sentence):
        assigned(f"{GATEWAY}.receipt_states", text)


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("ja", True), ("On", True), ("no", False), ("nein", False)])
def test_yes_and_no_are_understood(text: str, value: bool) -> None:
    assert assigned(f"{INBOX}.active", text).server_business.mail.accounts["inbox"].active is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30s", timedelta(seconds=30)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
        ("500ms", timedelta(milliseconds=500)),
        ("1.5h", timedelta(minutes=90)),
    ],
)
def test_a_duration_has_a_unit(text: str, value: timedelta) -> None:
    assert duration("a.b", text) == value


@pytest.mark.parametrize("text", ["", "30", "s", "30s later", "later 30s", "-30s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match="is no duration"):
        duration("a.b", text)


def test_a_secret_is_asked_for_and_never_taken_from_the_command_line() -> None:
    account = assigned(f"{INBOX}.password", "@-", secret="hunter2").server_business.mail.accounts["inbox"]
    assert account.password.value == "hunter2"
    with pytest.raises(WrongUsage) as refused:
        assigned(f"{INBOX}.password", "hunter2")
    assert "hunter2" not in str(refused.value)


def test_an_empty_text_leaves_the_setting_unset_but_the_path_must_exist() -> None:
    assert assigned(INBOX, "") == settings_pb2.Settings()
    with pytest.raises(WrongUsage, match="did you mean accounts"):
        assigned("server_business.mail.acounts", "")


@pytest.mark.parametrize("path", ["server_es.log_level.more", f"{INBOX}.password.value", "server_es", "common.roles"])
def test_a_path_leads_to_a_single_setting(path: str) -> None:
    with pytest.raises(WrongUsage, match="below it"):
        assigned(path, "1")


def test_values_are_shown_as_they_are_written() -> None:
    descriptor = settings_pb2.Settings.DESCRIPTOR
    assert shown(descriptor, "server_es.log_level", '"LOG_LEVEL_INFO"') == "info"
    assert shown(descriptor, "server_business.mail.own_domains", '["a.de", "b.de"]') == "a.de,b.de"
    assert shown(descriptor, f"{INBOX}.active", "true") == "yes"
    assert shown(descriptor, INBOX, "{}") == ""


def test_texts_of_strangers_cannot_drive_the_terminal() -> None:
    assert printable("a\x1b[31mb\nc\x07") == "a\N{REPLACEMENT CHARACTER}[31mb c\N{REPLACEMENT CHARACTER}"


def test_enum_values_lose_their_prefix() -> None:
    assert enum_prefix("OpenReason") == "OPEN_REASON"
    assert enum_word("MailState", "MAIL_STATE_OPEN") == "open"
