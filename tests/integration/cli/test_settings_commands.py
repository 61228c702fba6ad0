"""`esconfig settings …` against a real config_service."""

import json
from pathlib import Path

import pytest
import yaml

from tests.integration.cli.conftest import Esconfig

LIFETIME = "config_service.tokens.lifetime_duration"
SECRET = "hunter2-is-not-my-password"


def newest(esconfig: Esconfig) -> int:
    return int(json.loads(esconfig("-o", "json", "settings", "history", "--limit", "1").out)[0]["number"])


def test_a_setting_is_read_as_people_write_it(esconfig: Esconfig) -> None:
    ran = esconfig("settings", "get", "server_es.log_level")
    assert (ran.code, ran.out.split()) == (0, ["server_es.log_level", "info"])


def test_json_has_the_contracts_names(esconfig: Esconfig) -> None:
    everything = json.loads(esconfig("-o", "json", "settings", "get").out)
    assert everything["serverEs"]["logLevel"] == "LOG_LEVEL_INFO"
    assert json.loads(esconfig("-o", "json", "settings", "get", LIFETIME).out) == "900s"
    assert yaml.safe_load(esconfig("-o", "yaml", "settings", "get", "server_es.log_level").out) == "LOG_LEVEL_INFO"


def test_a_change_says_what_it_restarts_and_is_saved_with_its_reason(esconfig: Esconfig) -> None:
    ran = esconfig("settings", "set", "server_es.metrics.port=9123", "--reason", "Prometheus", "--yes")
    assert ran.code == 0, ran.err
    assert "server_es.metrics.port" in ran.out
    assert "Restarts server_es, every instance by itself" in ran.out
    assert "Saved as revision" in ran.out
    [saved] = json.loads(esconfig("-o", "json", "settings", "history", "--limit", "1").out)
    assert (saved["author"], saved["reason"]) == ("admin", "Prometheus")
    assert "restarts server_es" in esconfig("settings", "diff").out


def test_a_live_change_restarts_nothing(esconfig: Esconfig) -> None:
    ran = esconfig("settings", "set", f"{LIFETIME}=30m", "--yes")
    assert (ran.code, "at once" in ran.out, "Restarts" in ran.out) == (0, True, False)
    assert "1800s" in esconfig("settings", "get", LIFETIME).out
    assert esconfig("settings", "set", f"{LIFETIME}=", "--yes").code == 0
    assert "900s" in esconfig("settings", "get", LIFETIME).out


def test_nothing_is_saved_that_nobody_could_confirm(esconfig: Esconfig) -> None:
    before = newest(esconfig)
    ran = esconfig("settings", "set", f"{LIFETIME}=31m")
    assert (ran.code, ran.err) == (
        2,
        "esconfig: Nobody can be asked here; give --yes to make the change without a question.\n",
    )
    assert esconfig("settings", "set", f"{LIFETIME}=31m", "--dry-run").code == 0
    assert newest(esconfig) == before


@pytest.mark.parametrize(
    ("assignment", "code", "sentence"),
    [
        ("server_es.log_levl=info", 2, "there is no setting 'log_levl'; did you mean log_level?"),
        ("server_es.log_level=loud", 2, "'loud' is not one of debug, info, warning, error."),
        (f"{LIFETIME}=soon", 2, "'soon' is no duration; write 30s, 5m, 1h30m or 2d."),
        ("server_es.servicecalls.reopen_done=maybe", 2, "'maybe' is neither yes nor no."),
        ("server_es.metrics.port=many", 2, "'many' is not a whole number."),
        ("server_es.metrics.port=70000", 1, "server_es.metrics.port: "),
        (f"{LIFETIME}=1s", 1, LIFETIME),
        ("server_es.metrics", 2, "write PATH=VALUE."),
        ("server_es.metrics=1", 2, "has settings below it"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_with_its_field(
    esconfig: Esconfig, assignment: str, code: int, sentence: str
) -> None:
    ran = esconfig("settings", "set", assignment, "--yes")
    assert ran.code == code
    assert sentence in ran.err
    assert "Traceback" not in ran.err
    assert ran.err.count("\n") == 1


def test_a_secret_never_shows_again(esconfig: Esconfig) -> None:
    path = "server_business.database.password"
    refused = esconfig("settings", "set", f"{path}={SECRET}", "--yes")
    assert (refused.code, SECRET in refused.err) == (2, False)
    url = "server_business.database.url=postgresql://mesh@db.example.de/mesh"
    saved = esconfig("settings", "set", url, f"{path}=@-", "--yes", stdin=f"{SECRET}\n")
    assert saved.code == 0, saved.err
    shown = [saved, refused]
    for output in ("table", "json", "yaml"):
        shown.extend(esconfig("-o", output, "settings", one) for one in ("get", "diff", "history", "export"))
        shown.append(esconfig("-o", output, "watch", "--from", "1", "--count", "1"))
        shown.append(esconfig("-o", output, "audit", "list"))
    assert all(one.code == 0 for one in shown[2:]), [one.err for one in shown]
    assert not any(SECRET in one.out + one.err for one in shown)
    assert f"{path}  " in esconfig("settings", "get", path).out + "  "
    files = [one for one in esconfig.site.folder.rglob("*") if one.is_file()]
    assert not [one for one in files if SECRET.encode() in one.read_bytes()]
    assert esconfig("settings", "set", f"{path}=", "server_business.database.url=", "--yes").code == 0


def test_an_export_can_be_applied_again(esconfig: Esconfig, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(esconfig("settings", "export").out)
    ran = esconfig("settings", "apply", str(file), "--yes")
    assert (ran.code, ran.out) == (0, "Nothing changes.\n"), ran.err
    ran = esconfig("settings", "apply", str(file), "--replace", "--yes")
    assert (ran.code, ran.out) == (0, "Nothing changes.\n"), ran.err
    as_json = esconfig("-o", "json", "settings", "export").out
    assert esconfig("settings", "validate", "-", stdin=as_json).out == "- is right.\n"


def test_a_file_changes_only_what_it_names_and_replace_the_rest_too(esconfig: Esconfig, tmp_path: Path) -> None:
    file = tmp_path / "roles.yaml"
    file.write_text(
        "common:\n  roles:\n    night:\n      permissions: [duty.read]\n    day: {permissions: [sms.send]}\n"
    )
    assert esconfig("settings", "apply", str(file), "--yes").code == 0
    file.write_text("common: {roles: {night: {permissions: [duty.read, sms.send]}}}\n")
    ran = esconfig("settings", "apply", str(file), "--yes")
    assert (ran.code, "common.roles.day" in ran.out) == (0, False), ran.err
    assert "duty.read,sms.send" in esconfig("settings", "get", "common.roles.night.permissions").out
    exported = yaml.safe_load(esconfig("settings", "export").out)
    del exported["common"]["roles"]["day"]
    file.write_text(yaml.safe_dump(exported))
    ran = esconfig("settings", "apply", str(file), "--replace", "--yes")
    assert ran.code == 0, ran.err
    assert esconfig("settings", "get", "common.roles.day").out == ""
    assert esconfig("settings", "set", "common.roles.night=", "--yes").code == 0
    assert esconfig("settings", "get", "common.roles").out == ""


def test_a_file_is_checked_by_itself_and_by_the_server(esconfig: Esconfig, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("server_es: {metrics: {port: 70000}}\n")
    ran = esconfig("settings", "validate", str(file), "--offline", user="")
    assert (ran.code, "server_es.metrics.port: " in ran.err) == (1, True)
    file.write_text("server_es: {metrics: {prot: 1}}\n")
    ran = esconfig("settings", "validate", str(file), "--offline", user="")
    assert (ran.code, "did you mean port?" in ran.err) == (2, True)
    file.write_text("server_es: [1\n")
    assert esconfig("settings", "validate", str(file), "--offline", user="").code == 2
    assert esconfig("settings", "validate", str(tmp_path / "none.yaml"), "--offline", user="").code == 1


def test_an_old_revision_comes_back_as_a_new_one(esconfig: Esconfig) -> None:
    assert esconfig("settings", "set", "server_es.log_level=debug", "--yes").code == 0
    before = newest(esconfig)
    ran = esconfig("-o", "json", "settings", "rollback", str(before - 1), "--yes", "--reason", "too loud")
    assert ran.code == 0, ran.err
    saved = json.loads(ran.out)
    assert (int(saved["number"]), saved["reason"], saved["changes"][0]["newValue"]) == (
        before + 1,
        "too loud",
        '"LOG_LEVEL_INFO"',
    )
    ran = esconfig("settings", "rollback", "999999", "--yes")
    assert (ran.code, ran.err) == (1, "esconfig: There is no revision 999999 (any more).\n")


def test_watch_shows_every_save_once_and_in_order(esconfig: Esconfig) -> None:
    ran = esconfig("-o", "table", "watch", "--from", "1", "--count", str(newest(esconfig) - 1))
    numbers = [int(line.split(" revision ")[1].split()[0]) for line in ran.out.splitlines()]
    assert (ran.code, numbers) == (0, list(range(2, newest(esconfig) + 1)))
