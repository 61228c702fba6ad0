"""Settings as dotted paths."""

from esoffice.config.v1 import settings_pb2

from mesh.setting_paths import Apply, diff, leaves, needs_restart, own_part, secrets


def _settings() -> settings_pb2.Settings:
    settings = settings_pb2.Settings()
    settings.server_business.mail.accounts["inbox"].password.stored = "secrets/3"
    settings.server_business.mail.accounts["inbox"].kind = 1
    settings.server_es.messages.heartbeat_duration.seconds = 5
    settings.server_es.database.password.value = "pw"
    return settings


def test_an_unset_setting_is_no_leaf() -> None:
    assert leaves(settings_pb2.Settings()) == {}


def test_a_change_says_old_new_and_how_it_is_applied() -> None:
    new = _settings()
    new.server_es.messages.heartbeat_duration.seconds = 6
    new.server_es.servicecalls.forward_created_calls = True
    new.server_business.mail.accounts["inbox"].kind = 99
    new.server_business.mail.accounts["second"].SetInParent()
    new.server_business.mail.own_domains.append("müller.example")
    assert [(one.path, one.old, one.new, one.apply) for one in diff(_settings(), new)] == [
        ("server_business.mail.accounts.inbox.kind", '"KIND_IMAP"', "99", Apply.RESTART),
        ("server_business.mail.accounts.second", "", "{}", Apply.RESTART),
        ("server_business.mail.own_domains", "", '["müller.example"]', Apply.RESTART),
        ("server_es.messages.heartbeat_duration", '"5s"', '"6s"', Apply.RESTART),
        ("server_es.servicecalls.forward_created_calls", "", "true", Apply.LIVE),
    ]
    assert needs_restart(diff(_settings(), new)) == [
        "server_business.mail.accounts.inbox.kind",
        "server_business.mail.accounts.second",
        "server_business.mail.own_domains",
        "server_es.messages.heartbeat_duration",
    ]


def test_of_a_secret_only_that_it_changed_is_said() -> None:
    path = "server_business.mail.accounts.inbox.password"
    changed, gone, empty = _settings(), _settings(), _settings()
    changed.server_business.mail.accounts["inbox"].password.stored = "secrets/4"
    gone.server_business.mail.accounts["inbox"].ClearField("password")
    empty.server_business.mail.accounts["inbox"].password.stored = ""
    assert [(one.path, one.old, one.new) for one in diff(_settings(), changed)] == [(path, "set", "changed")]
    assert [(one.path, one.old, one.new) for one in diff(_settings(), gone)] == [(path, "set", "")]
    assert [(one.path, one.old, one.new) for one in diff(gone, _settings())] == [(path, "", "set")]
    assert [(one.path, one.old, one.new) for one in diff(_settings(), empty)] == [(path, "set", "")]


def test_secrets_are_found_wherever_they_are() -> None:
    assert [path for path, _ in secrets(_settings())] == [
        "server_es.database.password",
        "server_business.mail.accounts.inbox.password",
    ]


def test_a_services_own_part_has_its_name() -> None:
    assert own_part(_settings(), "server_es").messages.heartbeat_duration.seconds == 5
