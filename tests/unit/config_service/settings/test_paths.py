"""Changes by a mask of dotted paths, and the defaults of the contracts."""

import random

import pytest
from esoffice.config.v1 import settings_pb2

from config_service.settings.paths import completed, merged
from mesh.setting_paths import diff, leaves

Account = settings_pb2.Settings().server_business.mail.accounts["x"].__class__


def _full() -> settings_pb2.Settings:
    settings = settings_pb2.Settings()
    account = settings.server_business.mail.accounts["inbox"]
    account.MergeFrom(Account(active=True, kind=1, host="h", excluded_senders=["a@b", "c@d"], use_idle=True))
    account.poll_duration.seconds = 7
    account.password.value = "pw"
    settings.common.roles["helpers"].permissions.append("servicecalls.*")
    settings.server_es.service_user = "1"
    settings.config_service.lan.cors_origins.append("https://x.example")
    return settings


def _merge(current: settings_pb2.Settings, wanted: settings_pb2.Settings, *paths: str) -> settings_pb2.Settings:
    result, wrong = merged(current, wanted, paths)
    assert wrong == []
    return result


@pytest.mark.parametrize(
    "path",
    [
        "server_es.service_user",
        "server_business.mail.accounts.inbox.host",
        "server_business.mail.accounts.inbox.excluded_senders",
        "server_business.mail.accounts.inbox.poll_duration",
        "server_business.mail.accounts.inbox.password",
        "server_business.mail.accounts.inbox",
        "server_business.mail.accounts",
        "server_business.mail",
        "common.roles",
        "config_service.lan.cors_origins",
    ],
)
def test_a_path_takes_exactly_what_it_names_and_gives_it_back(path: str) -> None:
    taken = _merge(settings_pb2.Settings(), _full(), path)
    assert leaves(taken) == {
        one: leaf for one, leaf in leaves(_full()).items() if one == path or f"{one}.".startswith(f"{path}.")
    } | ({"server_business.mail.accounts.inbox": leaves(_full())["server_business.mail.accounts.inbox"]}
         if ".inbox." in path else {})  # fmt: skip
    back = _merge(_full(), settings_pb2.Settings(), path)
    assert not [one for one in leaves(back) if f"{one}.".startswith(f"{path}.")]


def test_everything_is_replaced_by_a_star() -> None:
    assert _merge(_full(), settings_pb2.Settings(), "*") == settings_pb2.Settings()


def test_below_an_entry_that_is_in_neither_nothing_is_made() -> None:
    path = "server_business.mail.accounts.ghost.host"
    assert leaves(_merge(settings_pb2.Settings(), settings_pb2.Settings(), path)) == {}


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("server_ess", "did you mean 'server_es'"),
        ("", "names no setting"),
        ("xxxxxxxxxxxx", "names no setting"),
        ("server_es.service_user.x", "has none below it"),
        ("server_es.messages.heartbeat_duration.seconds", "has none below it"),
        ("config_service.lan.cors_origins.0", "has none below it"),
        ("server_business.mail.accounts.inbox.hosst", "did you mean 'host'"),
    ],
)
def test_a_path_that_names_nothing_is_refused(path: str, sentence: str) -> None:
    _, (wrong,) = merged(_full(), _full(), [path])
    assert (wrong.field, sentence in wrong.description) == ("update_mask", True)


def test_a_map_of_plain_values_is_one_setting() -> None:
    new = completed(_full())
    http = new.server_business.sms.providers["one"].http
    http.headers["X-Api-Key"] = "{password}"
    http.receipt_states["ok"] = 4
    path = "server_business.sms.providers.one.http"
    changed = {one.path: one.new for one in diff(completed(_full()), new)}
    assert changed[f"{path}.headers"] == '{"X-Api-Key": "{password}"}'
    assert changed[f"{path}.receipt_states"] == '{"ok": "SMS_RECEIPT_STATE_DELIVERED"}'
    merged_ = _merge(completed(_full()), new, f"{path}.headers")
    assert dict(merged_.server_business.sms.providers["one"].http.headers) == {"X-Api-Key": "{password}"}
    _, (wrong,) = merged(new, new, [f"{path}.headers.X-Api-Key"])
    assert "has none below it" in wrong.description


def test_any_set_of_paths_leads_from_one_settings_to_the_other() -> None:
    chance = random.Random(7)
    old, new = completed(_full()), completed(settings_pb2.Settings())
    new.server_es.messages.kept_days = 9
    paths = [one.path for one in diff(old, new)]
    chance.shuffle(paths)
    paths.sort(key=lambda path: path.count("."), reverse=True)  # an entry goes after what is in it
    assert diff(_merge(old, new, *paths), new) == []


def test_unset_settings_stand_for_their_defaults() -> None:
    settings = completed(_full())
    account = settings.server_business.mail.accounts["inbox"]
    assert (account.folder, account.port, account.max_mail_bytes) == ("INBOX", 993, 50 * 1024 * 1024)
    assert account.poll_duration.seconds == 7
    assert completed(settings) == settings
    starttls = settings_pb2.Settings()
    starttls.server_business.mail.accounts["a"].MergeFrom(Account(kind=1, security=Account.SECURITY_STARTTLS))
    assert completed(starttls).server_business.mail.accounts["a"].port == 143
