"""What may be wrong with settings."""

from typing import Any

import pytest
from esoffice.config.v1 import settings_pb2
from esoffice.config.v1.business_settings_pb2 import SmsProvider as Provider

from config_service.settings import rules
from config_service.settings.paths import completed

Account = settings_pb2.Settings().server_business.mail.accounts["x"].__class__
_ACCOUNT = "server_business.mail.accounts.inbox"


def _with_account(**more: object) -> settings_pb2.Settings:
    settings = settings_pb2.Settings()
    values = {"active": True, "kind": Account.KIND_IMAP, "host": "mail.example.de", "user": "u"}
    account = settings.server_business.mail.accounts["inbox"]
    account.MergeFrom(Account(**{**values, "action": Account.ACTION_CREATE_CONTACT, **more}))
    account.password.stored = "secrets/1"
    return settings


def _wrong(settings: settings_pb2.Settings) -> dict[str, str]:
    return {one.field: one.description for one in rules.problems(completed(settings))}


def test_the_defaults_are_right_and_need_no_warning() -> None:
    settings = completed(settings_pb2.Settings())
    assert (rules.problems(settings), rules.warnings(settings)) == ([], [])


def test_a_good_mail_account_is_right() -> None:
    assert _wrong(_with_account()) == {}
    assert _wrong(_with_account(action=Account.ACTION_CREATE_SERVICECALL)) == {}
    assert _wrong(_with_account(after_import=Account.AFTER_IMPORT_FLAG, done_folder="INBOX")) == {}


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"kind": Account.KIND_UNSPECIFIED}, "kind", "KIND_IMAP, KIND_MAILDIR, KIND_EWS or KIND_GRAPH"),
        ({"host": ""}, "host", "name of its server"),
        ({"host": "two words"}, "host", "hostname"),
        ({"user": ""}, "user", "name to sign in"),
        ({"kind": Account.KIND_MAILDIR, "path": "mails"}, "path", "absolute path"),
        ({"action": Account.ACTION_UNSPECIFIED}, "action", "ACTION_CREATE_CONTACT or"),
        ({"port": 70000}, "port", "65535"),
        ({"done_folder": "INBOX"}, "done_folder", "read again"),
        ({"folder": "Failed"}, "failed_folder", "read again"),
        ({"max_mail_bytes": 3}, "max_mail_bytes", "1024"),
        ({"excluded_senders": ["nobody"]}, "excluded_senders[0]", "pattern"),
        ({"follow_up_team": "team 7"}, "follow_up_team", "pattern"),
        (
            {"action": Account.ACTION_CREATE_SERVICECALL, "recognition_template": "Call <ServCall.ServicecallNr>"},
            "recognition_template",
            "exactly one part in braces",
        ),
    ],
)
def test_what_is_wrong_with_a_mail_account_is_said(change: dict[str, object], field: str, sentence: str) -> None:
    wrong = _wrong(_with_account(**change))
    assert set(wrong) == {f"{_ACCOUNT}.{field}"}
    assert sentence in wrong[f"{_ACCOUNT}.{field}"]


def _exchange_account(**more: object) -> settings_pb2.Settings:
    return _with_account(**{"kind": Account.KIND_EWS, "user": "info@firma.example", **more})


def test_a_good_account_of_exchange_is_right() -> None:
    assert _wrong(_exchange_account()) == {}
    assert _wrong(_exchange_account(host="")) == {}  # found by autodiscover
    assert _wrong(_exchange_account(host="", url="https://mail.firma.example/EWS/Exchange.asmx")) == {}
    online = _exchange_account(kind=Account.KIND_GRAPH, host="")
    account = online.server_business.mail.accounts["inbox"]
    account.ClearField("password")
    account.oauth2.token_url = "https://login.microsoftonline.com/firma/oauth2/v2.0/token"
    account.oauth2.client_id = "es"
    account.oauth2.client_secret.stored = "secrets/2"
    assert _wrong(online) == {}


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"user": "FIRMA\\info"}, "mailbox", "mail address"),
        ({"user": "", "mailbox": "info@firma.example"}, "user", "name to sign in"),
        ({"url": "mail.firma.example"}, "url", "pattern"),
        ({"kind": Account.KIND_GRAPH}, "password", "takes no password"),
        ({"oauth2_token": {"value": "t"}}, "oauth2", "either a password"),
        ({"done_folder": "INBOX"}, "done_folder", "read again"),
    ],
)
def test_what_is_wrong_with_an_account_of_exchange_is_said(
    change: dict[str, object], field: str, sentence: str
) -> None:
    wrong = _wrong(_exchange_account(**change))
    assert set(wrong) == {f"{_ACCOUNT}.{field}"}
    assert sentence in wrong[f"{_ACCOUNT}.{field}"]


def test_a_person_signs_in_without_a_secret_of_the_service() -> None:
    settings = _exchange_account(host="")
    account = settings.server_business.mail.accounts["inbox"]
    account.ClearField("password")
    account.oauth2.device_authorization_url = "https://login.microsoftonline.com/firma/oauth2/v2.0/devicecode"
    account.oauth2.client_id = "es"
    assert f"{_ACCOUNT}.oauth2.token_url" in _wrong(settings)
    account.oauth2.token_url = "https://login.microsoftonline.com/firma/oauth2/v2.0/token"
    assert _wrong(settings) == {}
    account.oauth2.client_id = ""
    assert set(_wrong(settings)) == {f"{_ACCOUNT}.oauth2.client_id"}


def test_calendars_are_opened_by_the_service_itself_by_one_way() -> None:
    settings = settings_pb2.Settings()
    said = settings.server_business.exchange
    said.password.stored = "secrets/3"
    said.oauth2.token_url = "https://sts.firma.example/adfs/oauth2/token"
    said.oauth2.device_authorization_url = "https://sts.firma.example/adfs/oauth2/devicecode"
    assert not [field for field in _wrong(settings) if "exchange" in field]  # it is off
    said.active = True
    where = "server_business.exchange"
    assert {f"{where}.password", f"{where}.oauth2.device_authorization_url", f"{where}.oauth2.client_id"} == {
        field for field in _wrong(settings) if "exchange" in field
    }


def test_graph_needs_a_token() -> None:
    settings = _exchange_account(kind=Account.KIND_GRAPH)
    settings.server_business.mail.accounts["inbox"].ClearField("password")
    assert _wrong(settings) == {f"{_ACCOUNT}.oauth2": "an account of Exchange needs either an oauth2_token or oauth2"}


def test_the_same_mailbox_by_two_protocols_is_one_mailbox() -> None:
    settings = _exchange_account()
    second = settings.server_business.mail.accounts["second"]
    second.CopyFrom(settings.server_business.mail.accounts["inbox"])
    second.host, second.mailbox = "other.firma.example", "INFO@firma.example"
    assert set(_wrong(settings)) == {"server_business.mail.accounts.second"}


@pytest.mark.parametrize(
    ("said", "warned"),
    [
        ({"host": "outlook.office365.com"}, ["kind"]),
        ({"host": "", "url": "https://outlook.office365.com/EWS/Exchange.asmx"}, ["kind"]),
        ({"host": "mail.firma.example"}, []),
        ({"host": "notoffice365.com"}, []),
        ({"url": "http://mail.firma.example/EWS/Exchange.asmx"}, ["url"]),
        ({"kind": Account.KIND_GRAPH, "host": "outlook.office365.com"}, []),
        ({"host": "outlook.office365.com", "active": False}, []),
    ],
)
def test_a_mailbox_on_a_protocol_that_ends_is_warned_of(said: dict[str, object], warned: list[str]) -> None:
    found = rules.warnings(completed(_exchange_account(**said)))
    assert [one.field for one in found] == [f"{_ACCOUNT}.{field}" for field in warned]


def test_calendars_in_exchange_online_are_warned_of() -> None:
    settings = completed(settings_pb2.Settings())
    exchange = settings.server_business.exchange
    exchange.url = "https://outlook.office365.com/EWS/Exchange.asmx"
    assert rules.warnings(settings) == []
    exchange.active = True
    (found,) = rules.warnings(settings)
    assert found.field == "server_business.exchange.protocol"
    assert "2027-04-01" in found.description
    exchange.protocol = exchange.PROTOCOL_GRAPH
    assert rules.warnings(settings) == []


def test_calendars_by_ews_may_be_opened_by_a_password_alone() -> None:
    settings = completed(settings_pb2.Settings())
    exchange = settings.server_business.exchange
    exchange.active = True
    exchange.url = "https://mail.firma.example/EWS/Exchange.asmx"
    exchange.password.value = "geheim"
    assert rules.problems(settings) == []


def test_calendars_by_graph_sign_in_by_oauth2_alone() -> None:
    settings = completed(settings_pb2.Settings())
    exchange = settings.server_business.exchange
    exchange.protocol = exchange.PROTOCOL_GRAPH
    exchange.url = "https://outlook.office365.com/EWS/Exchange.asmx"
    exchange.password.value = "geheim"
    assert rules.problems(settings) == []
    exchange.active = True
    assert [one.field.rpartition(".")[2] for one in rules.problems(settings)] == ["oauth2", "password", "url"]
    exchange.ClearField("url")
    exchange.ClearField("password")
    exchange.oauth2.token_url = "https://login.microsoftonline.com/firma/oauth2/v2.0/token"
    assert [one.field for one in rules.problems(settings)] == ["server_business.exchange.oauth2.client_id"]
    exchange.oauth2.client_id = "esoffice"
    exchange.oauth2.client_secret.value = "geheim"
    assert rules.problems(settings) == []


def test_an_imap_account_needs_a_password_or_a_token_and_not_both() -> None:
    both = _with_account()
    both.server_business.mail.accounts["inbox"].oauth2_token.value = "t"
    neither = _with_account()
    neither.server_business.mail.accounts["inbox"].ClearField("password")
    assert set(_wrong(both)) == set(_wrong(neither)) == {f"{_ACCOUNT}.password"}


def test_an_inactive_account_is_not_checked() -> None:
    settings = _with_account(active=False, host="two words", port=-3, action=0)
    assert _wrong(settings) == {}
    settings.server_es.metrics.port = -1
    assert set(_wrong(settings)) == {"server_es.metrics.port"}


def test_two_accounts_must_not_read_the_same_folder() -> None:
    settings = _with_account()
    settings.server_business.mail.accounts["second"].CopyFrom(settings.server_business.mail.accounts["inbox"])
    assert "'inbox'" in _wrong(settings)["server_business.mail.accounts.second"]
    settings.server_business.mail.accounts["second"].folder = "Other"
    assert _wrong(settings) == {}


def test_two_maildirs_must_not_be_the_same() -> None:
    settings = settings_pb2.Settings()
    for name, path in (("a", "/var/mail/x"), ("b", "/var/mail/x/")):
        account = settings.server_business.mail.accounts[name]
        account.MergeFrom(Account(active=True, kind=Account.KIND_MAILDIR, path=path, action=1))
    assert set(_wrong(settings)) == {"server_business.mail.accounts.b"}


def test_names_of_accounts_and_roles_keep_to_the_pattern() -> None:
    settings = settings_pb2.Settings()
    settings.server_business.mail.accounts["In Box"].active = False
    settings.common.roles["Big"].permissions.append("*")
    assert set(_wrong(settings)) == {"server_business.mail.accounts.In Box", "common.roles.Big"}


def test_roles_hold_permissions_and_leave_the_built_in_ones_alone() -> None:
    settings = settings_pb2.Settings()
    settings.common.roles["helpers"].permissions.extend(["servicecalls.*", "Servicecalls"])
    settings.common.roles["empty"].SetInParent()
    settings.common.roles["administrator"].permissions.append("settings.read")
    wrong = _wrong(settings)
    assert set(wrong) == {
        "common.roles.helpers.permissions[1]",
        "common.roles.empty.permissions",
        "common.roles.administrator",
    }


@pytest.mark.parametrize(
    ("url", "password", "field"),
    [
        ("mysql://x", "", "url"),
        ("sqlite:///relative.db", "", "url"),
        ("sqlite:////absolute.db", "pw", "password"),
        ("", "pw", "password"),
        ("postgresql://u:pw@host/db", "", "url"),
        ("postgresql://u@[broken/db", "", "url"),
    ],
)
def test_a_database_address_that_cannot_be_is_refused(url: str, password: str, field: str) -> None:
    settings = settings_pb2.Settings()
    settings.server_es.database.url = url
    if password:
        settings.server_es.database.password.value = password
    assert set(_wrong(settings)) == {f"server_es.database.{field}"}


def test_a_database_address_that_can_be_is_not() -> None:
    settings = settings_pb2.Settings()
    settings.server_es.database.url = "postgresql://es@db.example/es"
    settings.server_es.database.password.value = "pw"
    settings.server_business.database.url = "sqlite:////var/lib/x.db"
    assert _wrong(settings) == {}


def test_a_time_zone_that_does_not_exist_is_refused() -> None:
    settings = settings_pb2.Settings()
    settings.common.site.time_zone = "Europe/Bonn"
    assert set(_wrong(settings)) == {"common.site.time_zone"}


@pytest.mark.parametrize(
    ("name", "warned"),
    [("localhost", True), ("server", True), ("192.0.2.1", True), ("es.example.de", False), ("", False)],
)
def test_a_server_name_that_others_do_not_find_is_warned_of(name: str, *, warned: bool) -> None:
    settings = completed(settings_pb2.Settings())
    settings.config_service.lan.server_name = name
    assert [one.field for one in rules.warnings(settings)] == ["config_service.lan.server_name"] * warned


def test_ports_that_meet_and_passwords_in_plain_text_are_warned_of() -> None:
    settings = completed(_with_account(security=Account.SECURITY_NONE))
    settings.server_business.mail.accounts["second"].security = Account.SECURITY_NONE  # not active
    settings.server_es.metrics.port = 9100
    settings.server_business.metrics.port = 9100
    settings.config_service.metrics.port = 12164
    assert [one.field for one in rules.warnings(settings)] == [
        "config_service.metrics.port",
        "server_business.metrics.port",
        f"{_ACCOUNT}.security",
    ]


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("{Call <ServCall.ServicecallNr>} <ServCall.Matchcode>", ""),
        ("[{#<ServCall.ServicecallNr>#}]", ""),
        ("Call <ServCall.ServicecallNr>", "exactly one part in braces"),
        ("{a} {Call <ServCall.ServicecallNr>}", "exactly one part in braces"),
        ("} <ServCall.ServicecallNr> {", "exactly one part in braces"),
        ("{Call <ServCall.Matchcode>}", "exactly once"),
        ("{<ServCall.ServicecallNr><ServCall.ServicecallNr>}", "exactly once"),
        ("{ <ServCall.ServicecallNr> }", "put a word beside"),
    ],
)
def test_a_recognition_template_names_the_servicecall_once_in_one_pair_of_braces(template: str, sentence: str) -> None:
    found = rules.template_problem(template)
    assert sentence in found
    assert bool(found) == bool(sentence)


def test_a_service_sees_the_common_part_and_its_own() -> None:
    settings = completed(settings_pb2.Settings())
    seen = rules.visible_to("server_es", settings)
    assert (seen.common, seen.server_es) == (settings.common, settings.server_es)
    assert not seen.HasField("server_business")
    assert rules.visible_to("esweb", settings) == settings_pb2.Settings(common=settings.common)
    assert rules.visible_to("common", settings_pb2.Settings()) == settings_pb2.Settings()


def test_a_reference_to_a_secret_stays_where_it_is() -> None:
    before = _with_account()
    after = settings_pb2.Settings()
    after.CopyFrom(before)
    assert rules.foreign_secrets(before, after) == []
    after.server_es.database.password.stored = "secrets/1"
    assert [one.field for one in rules.foreign_secrets(before, after)] == ["server_es.database.password.stored"]
    after.server_es.database.password.value = "entered anew"
    assert rules.foreign_secrets(before, after) == []


def test_sending_is_checked_only_while_it_is_on() -> None:
    settings = completed(settings_pb2.Settings())
    outgoing, sms = settings.server_business.outgoing_mail, settings.server_business.sms
    outgoing.host = "not a host"
    sms.country = "Germany"
    assert _wrong(settings) == {}
    outgoing.host = ""
    outgoing.active = sms.active = True
    outgoing.user = "dienst"
    outgoing.security = outgoing.SECURITY_NONE
    assert _wrong(settings) == {
        "server_business.outgoing_mail.host": "sending mails needs the name of the SMTP server",
        "server_business.outgoing_mail.sender": "mails need an address they come from",
        "server_business.outgoing_mail.password": "signing in needs both a user and a password, or oauth2",
        "server_business.sms.country": _wrong(settings)["server_business.sms.country"],
        "server_business.sms.providers": "sending short messages needs an active provider",
    }
    assert [one.field for one in rules.warnings(settings)] == ["server_business.outgoing_mail.security"]


def test_a_mark_that_no_account_recognises_is_warned_of() -> None:
    settings = completed(_with_account(action=Account.ACTION_CREATE_SERVICECALL))
    assert rules.warnings(settings) == []
    settings.server_es.status_events.call_mark = "Vorgang <ServCall.ServicecallNr>"
    assert [one.field for one in rules.warnings(settings)] == [f"{_ACCOUNT}.recognition_template"]


def test_sending_that_is_set_up_is_right() -> None:
    settings = completed(settings_pb2.Settings())
    outgoing, sms = settings.server_business.outgoing_mail, settings.server_business.sms
    outgoing.active = sms.active = True
    outgoing.host, outgoing.sender = "mail.example.de", "service@example.de"
    sms.outbox_folder = "spool"
    assert set(_wrong(settings)) == {"server_business.sms.outbox_folder"}
    sms.outbox_folder = "/var/spool/sms"
    assert (_wrong(settings), rules.warnings(settings)) == ({}, [])


def test_rules_and_folders_of_an_account_are_checked() -> None:
    settings = _with_account()
    account = settings.server_business.mail.accounts["inbox"]
    account.rules["10-ads"].headers.append("Subject: *Angebot*")
    account.rules["20"].outcome, account.rules["20"].min_bytes, account.rules["20"].max_bytes = 1, 10, 9
    account.folders["empty"].activity_type = "x"
    account.folders["again"].folder, account.folders["done"].folder = "INBOX", "Done"
    account.silence_hours = "18-7"
    path = "server_business.mail.accounts.inbox"
    assert set(_wrong(settings)) == {
        f"{path}.rules.10-ads.outcome", f"{path}.rules.20.max_bytes", f"{path}.folders.empty.folder",
        f"{path}.folders.again", f"{path}.done_folder", f"{path}.silence_hours",
    }  # fmt: skip


def test_opening_encrypted_mails_needs_certificate_and_key() -> None:
    settings = _with_account(smime_certificate="PEM")
    assert set(_wrong(settings)) == {"server_business.mail.accounts.inbox.smime_key"}
    settings.server_business.mail.accounts["inbox"].smime_key.value = "PEM"
    assert _wrong(settings) == {}


def test_asking_for_tokens_needs_an_id_and_a_secret() -> None:
    settings = _with_account()
    account = settings.server_business.mail.accounts["inbox"]
    account.ClearField("password")
    account.oauth2.token_url = "https://login.example/token"
    assert set(_wrong(settings)) == {"server_business.mail.accounts.inbox.oauth2.client_id"}
    account.oauth2.client_id, account.oauth2.client_secret.value = "es", "geheim"
    assert _wrong(settings) == {}
    account.password.value = "both"
    assert set(_wrong(settings)) == {"server_business.mail.accounts.inbox.password"}


def test_outgoing_mails_sign_in_one_way_and_are_signed_by_a_key() -> None:
    settings = settings_pb2.Settings()
    outgoing = settings.server_business.outgoing_mail
    outgoing.active, outgoing.host, outgoing.sender = True, "mx.firma.example", "service@firma.example"
    outgoing.dkim.domain = "andere.example"
    path = "server_business.outgoing_mail"
    assert set(_wrong(settings)) == {f"{path}.dkim.selector"}
    outgoing.dkim.selector, outgoing.dkim.private_key.value = "es", "PEM"
    assert _wrong(settings) == {}
    assert [one.field for one in rules.warnings(settings)] == [f"{path}.dkim.domain"]
    outgoing.user, outgoing.password.value, outgoing.oauth2.token_url = "es", "x", "https://login.example/token"
    assert f"{path}.password" in _wrong(settings)
    outgoing.ClearField("password")
    assert set(_wrong(settings)) == {f"{path}.oauth2.client_id"}


@pytest.mark.parametrize(
    ("kind", "said", "wrong"),
    [
        ("UNSPECIFIED", {}, {"kind"}),
        ("SMPP", {}, {"smpp.host", "smpp.system_id"}),
        ("HTTP", {}, {"http.url"}),
        ("HTTP", {"http": {"preset": 4, "webhook_secret": {"value": "short"}}}, {"http.webhook_secret"}),
        ("MAIL", {"mail_address": "sms@example.de"}, {"mail_address"}),
        ("MAIL", {"mail_address": "{digits}@sms.example.de"}, set()),
        ("OUTBOX", {"outbox_folder": "relative"}, {"outbox_folder"}),
    ],
)
def test_a_provider_needs_what_its_kind_needs(kind: str, said: dict[str, Any], wrong: set[str]) -> None:
    settings = settings_pb2.Settings()
    sms = settings.server_business.sms
    sms.active, sms.quiet_start = True, "22:00"
    sms.providers["one"].CopyFrom(Provider(active=True, kind=Provider.Kind.Value(f"KIND_{kind}"), **said))
    sms.providers["two"].kind = Provider.KIND_SMPP  # not active: not looked at
    found = _wrong(completed(settings))
    quiet = {"server_business.sms.quiet_end"}
    assert set(found) == {f"server_business.sms.providers.one.{field}" for field in wrong} | quiet


def test_short_messages_on_an_open_wire_are_warned_of() -> None:
    settings = settings_pb2.Settings()
    sms = settings.server_business.sms
    sms.active = True
    sms.providers["one"].CopyFrom(Provider(active=True, kind=Provider.KIND_SMPP))
    sms.providers["two"].CopyFrom(Provider(active=True, kind=Provider.KIND_HTTP, http={"url": "http://10.0.0.1/sms"}))
    sms.providers["three"].CopyFrom(Provider(kind=Provider.KIND_SMPP))
    assert {one.field for one in rules.warnings(completed(settings))} == {
        "server_business.sms.providers.one.smpp.tls", "server_business.sms.providers.two.http.url",
    }  # fmt: skip


def test_a_store_of_documents_is_told_where() -> None:
    settings = completed(settings_pb2.Settings())
    documents = settings.server_business.documents
    documents.folder, documents.store = "documents", documents.STORE_WEBDAV
    assert _wrong(settings) == {
        "server_business.documents.folder": "must be an absolute path",
        "server_business.documents.webdav.url": "STORE_WEBDAV needs the address of a collection",
    }
    documents.folder, documents.store = "/var/lib/documents", documents.STORE_S3
    assert list(_wrong(settings)) == ["server_business.documents.s3.bucket"]
    documents.s3.bucket, documents.webdav.url = "documents", "https://dms.example.de/svn"
    assert _wrong(settings) == {}
    documents.store = documents.STORE_WEBDAV
    assert _wrong(settings) == {}
