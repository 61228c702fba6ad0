"""`esconfig users …`, signing in, and what else there is, against a real config_service."""

import json
import signal
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.builders.processes import free_port
from tests.integration.cli.conftest import PASSWORD, Esconfig

NEW = "a new and long password"


def test_users_are_made_shown_changed_and_deleted(esconfig: Esconfig) -> None:
    made = esconfig(
        "-o", "json", "users", "create", "anna", "--role", "viewer", "--employee", "4711", "--full-name", "Anna Muster",
        "--new-password-stdin", stdin=f"{NEW}\n",
    )  # fmt: skip
    assert made.code == 0, made.err
    user = json.loads(made.out)
    assert (user["name"], user["employee"], user["roles"], user.get("lastSignInTime")) == (
        "users/anna", "employees/4711", ["viewer"], None
    )  # fmt: skip
    again = esconfig("users", "create", "anna", "--new-password-stdin", stdin=f"{NEW}\n")
    assert (again.code, again.err) == (1, "esconfig: There is a user anna already.\n")
    assert "Anna Muster" in esconfig("users", "list").out
    assert {one["name"] for one in yaml.safe_load(esconfig("-o", "yaml", "users", "list").out)} == {
        "users/admin", "users/anna"
    }  # fmt: skip
    ran = esconfig("users", "update", "anna", "--role", "dispatcher", "--disable")
    assert (ran.code, "dispatcher" in ran.out) == (0, True), ran.err
    assert esconfig("who-am-i", user="anna", password=NEW).code == 4
    assert esconfig("users", "update", "anna", "--enable").code == 0
    assert esconfig("users", "delete", "anna").code == 2
    assert esconfig("users", "delete", "anna", "--yes").code == 0
    assert esconfig("users", "show", "anna").err == "esconfig: There is no user anna.\n"


def test_the_last_administrator_stays(esconfig: Esconfig) -> None:
    sentence = "esconfig: admin is the last administrator who can sign in; make another one first.\n"
    for command in (
        ("update", "admin", "--disable"), ("update", "admin", "--no-roles"), ("delete", "admin", "--yes"),
    ):  # fmt: skip
        ran = esconfig("users", *command)
        assert (ran.code, ran.err) == (1, sentence)


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (
            ["bert", "--role", "king", "--new-password-stdin"],
            f"{NEW}\n",
            "user.roles[0]: there is no role 'king'; there are",
        ),
        (["bert", "--new-password-stdin"], "short\n", "password: The password must have at least 12 characters."),
        (["bert", "--service-user"], "", "user.employee: a service user needs a personnel number"),
        (["Bert!", "--new-password-stdin"], f"{NEW}\n", "user_id: "),
    ],
)
def test_a_wrong_user_is_refused_with_the_field(
    esconfig: Esconfig, arguments: list[str], stdin: str, sentence: str
) -> None:
    ran = esconfig("users", "create", *arguments, stdin=stdin)
    assert (ran.code, ran.out) == (1, "")
    assert sentence in ran.err
    assert "short" not in ran.err


def test_a_password_is_made_and_shown_once(esconfig: Esconfig) -> None:
    made = esconfig("users", "create", "carl", "--role", "viewer", "--generate")
    password = made.err.strip().rpartition(" ")[2]
    assert esconfig("who-am-i", user="carl", password=password).code == 0
    assert esconfig("users", "set-password", "carl", "--new-password-stdin", stdin=f"{NEW}\n").code == 0
    assert esconfig("who-am-i", user="carl", password=password).code == 4
    who = json.loads(esconfig("-o", "json", "who-am-i", user="carl", password=NEW).out)
    assert (who["user"], "servicecalls.read" in who["permissions"], who["service"]) == (
        "users/carl", True, "server_business",
    )  # fmt: skip
    ran = esconfig("settings", "get", user="carl", password=NEW)
    assert (ran.code, ran.err) == (4, "esconfig: carl lacks the permission settings.read\n")
    ran = esconfig("users", "list", user="carl", password=NEW)
    assert ran.code == 4
    assert esconfig("users", "delete", "carl", "--yes").code == 0
    files = [one for one in esconfig.site.folder.rglob("*") if one.is_file()]
    assert not [one for one in files for secret in (password, NEW) if secret.encode() in one.read_bytes()]


def test_a_token_is_kept_for_the_next_commands_and_for_this_server_only(esconfig: Esconfig) -> None:
    ran = esconfig("-o", "json", "sign-in", "admin", user="")
    assert (ran.code, json.loads(ran.out)["user"]) == (0, "users/admin"), ran.err
    assert stat.S_IMODE(esconfig.token_file.stat().st_mode) == 0o600
    token = json.loads(esconfig.token_file.read_text())["token"]
    assert token not in ran.out + ran.err
    assert "admin" in esconfig("who-am-i", user="", password="").out
    assert esconfig("sign-out", user="").code == 0
    assert "server_business" in esconfig("who-am-i", user="", password="").out
    ran = esconfig("users", "list", user="", password="")
    assert (ran.code, ran.err) == (4, "esconfig: server_business lacks the permission users.read\n")


def test_a_token_others_may_read_is_not_used(esconfig: Esconfig) -> None:
    assert esconfig("sign-in", "admin", user="").code == 0
    esconfig.token_file.chmod(0o644)
    ran = esconfig("who-am-i", user="", password="")
    assert (ran.code, "others may read it" in ran.err) == (1, True)
    esconfig.token_file.unlink()


def test_wrong_passwords_are_throttled_and_audited(esconfig: Esconfig) -> None:
    wrong = "esconfig: The user name or the password is wrong, or the user may not sign in."
    for _ in range(4):
        ran = esconfig("who-am-i", user="nobody", password="guess")
        assert (ran.code, ran.err.startswith(wrong)) == (4, True), ran.err
    ran = esconfig("who-am-i", user="nobody", password="guess")
    assert (ran.code, "Too many failed sign-ins; try again in" in ran.err) == (1, True)

    def entries() -> list[dict[str, object]]:
        found = esconfig("-o", "json", "audit", "list", "--target", "users/nobody", "--limit", "9")
        return list(json.loads(found.out))

    for _ in range(20):
        if len(entries()) >= 5:
            break
    assert {one["code"] for one in entries()} == {8, 16}
    signed_in = esconfig("-o", "json", "audit", "list", "--method", "/esoffice.config.v1.IdentityService/SignIn")
    assert any((one["target"], one["code"]) == ("users/admin", 0) for one in json.loads(signed_in.out))
    assert "IdentityService/SignIn" in esconfig("audit", "list").out.replace("v1.", "")


def test_bootstrap_is_for_an_empty_database_only(esconfig: Esconfig, tmp_path: Path) -> None:
    ran = esconfig("users", "bootstrap", "second", "--data", str(esconfig.site.folder / "config_service"))
    assert (ran.code, "There are users already" in ran.err) == (1, True)
    ran = esconfig("users", "bootstrap", "--data", str(tmp_path / "new"), user="")
    assert (ran.code, ran.out) == (0, "admin may sign in now: esconfig sign-in admin\n")
    assert "shown only this once" in ran.err


def test_status_shows_instances_modules_and_certificates(esconfig: Esconfig) -> None:
    ran = esconfig("status")
    assert ran.code == 0, ran.err
    assert "serving" in ran.out
    assert "identity.keys" in ran.out
    found = json.loads(esconfig("-o", "json", "status").out)
    assert found["instances"][0]["service"] == "config_service"
    assert found["certificates"][0]["name"] == "ca"


def test_the_health_is_an_exit_code(esconfig: Esconfig) -> None:
    ran = esconfig.script("healthcheck")
    assert (ran.code, "serving" in ran.out) == (0, True), ran.err
    assert esconfig.script("healthcheck", "--module", "nonsense").code == 1


def test_an_unreachable_server_is_exit_code_three(esconfig: Esconfig) -> None:
    server = f"127.0.0.1:{free_port()}"
    ran = esconfig.script("--server", server, "healthcheck", "--within", "2")
    assert ran.code == 3
    assert ran.err.startswith(f"esconfig: {server} cannot be reached: ")
    assert ran.err.count("\n") == 1


def test_wrong_usage_is_exit_code_two(esconfig: Esconfig) -> None:
    for arguments in (["settings", "st"], ["users", "update", "admin"], ["--output", "xml", "status"]):
        ran = esconfig(*arguments)
        assert (ran.code, "Traceback" in ran.err) == (2, False)


def test_nobody_signed_in_is_exit_code_four(esconfig: Esconfig, tmp_path: Path) -> None:
    server = ["--server", "127.0.0.1:1", "--token-file", str(tmp_path / "none.json")]
    command = [esconfig.command()[0], *server, "settings", "get"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=esconfig.environment("")
    )
    assert (done.returncode, done.stderr) == (
        4,
        "esconfig: Not signed in to 127.0.0.1:1; run `esconfig sign-in` or give --user.\n",
    )


def test_ctrl_c_ends_a_watch_cleanly(esconfig: Esconfig) -> None:
    process = subprocess.Popen(
        esconfig.command("watch", "--from", "0"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=esconfig.environment(),
    )  # fmt: skip
    assert process.stdout is not None
    assert "revision 1 by config_service" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


def test_a_service_sees_its_stream_without_values(esconfig: Esconfig) -> None:
    ran = esconfig("-o", "json", "watch", "--as-service", "--count", "1", user="", password="")
    assert ran.code == 0, ran.err
    event = json.loads(ran.out)
    assert event["kind"] == "KIND_SNAPSHOT"
    assert all(path.startswith(("common", "server_business")) for path in event["paths"])


def test_certificates_are_made_listed_and_renewed(esconfig: Esconfig, tmp_path: Path) -> None:
    folder = str(tmp_path / "pki")
    ran = esconfig("--pki", folder, "pki", "init", "muster-gmbh", "--host", "mesh.example.de", user="")
    assert ran.code == 0, ran.err
    assert "envoy-lan" in ran.out
    assert esconfig("pki", "issue", "esweb", "--pki", folder, "--days", "30", user="").code == 0
    assert esconfig("pki", "renew", "esweb", "--pki", folder, user="").code == 0
    rows = json.loads(esconfig("-o", "json", "pki", "list", "--pki", folder, user="").out)
    assert [row["name"] for row in rows] == [
        "ca", "config_service", "envoy-dmz", "envoy-lan", "esweb", "server_business", "server_es",
    ]  # fmt: skip
    again = esconfig("pki", "init", "muster-gmbh", "--pki", folder, user="")
    assert (again.code, "exists already and is not overwritten" in again.err) == (1, True)
    ran = esconfig("pki", "issue", "Bad Name", "--pki", folder, user="")
    assert (ran.code, ran.err.startswith("esconfig: service: ")) == (1, True)


def test_mails_need_their_service(esconfig: Esconfig) -> None:
    ran = esconfig("mails", "list")
    assert (ran.code, "does not offer this" in ran.err) == (1, True)


def test_nobody_is_asked_for_a_password_without_a_terminal(esconfig: Esconfig) -> None:
    ran = esconfig("who-am-i", password="")
    assert (ran.code, ran.err) == (
        2,
        "esconfig: Password of admin: nobody can be asked here; give it on standard input.\n",
    )
    ran = esconfig("--password-stdin", "who-am-i", password="", stdin=f"{PASSWORD}\n")
    assert (ran.code, "admin" in ran.out) == (0, True)
