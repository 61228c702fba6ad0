"""Settings through the real door."""

import asyncio
import uuid

import grpc
import pytest
from esoffice.config.v1 import audit_pb2, settings_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from sqlalchemy import select

from config_service import schema
from mesh.status import reason_of
from tests.builders.config_service import ADMIN, READER, SERVER_ES, Mesh

Account = settings_pb2.Settings().server_business.mail.accounts["x"].__class__


def _inbox(settings: settings_pb2.Settings, **more: object) -> None:
    account = settings.server_business.mail.accounts["inbox"]
    values = {"active": True, "kind": Account.KIND_IMAP, "host": "mail.example.de", "user": "helpdesk"}
    account.MergeFrom(Account(**{**values, "action": Account.ACTION_CREATE_CONTACT, **more}))
    account.password.value = "s3cret-w0rd"


async def _refused(call: object) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call  # type: ignore[misc]
    status = rpc_status.from_call(refusal.value)
    violations: dict[str, str] = {}
    for detail in status.details:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            violations = {one.field: one.description for one in bad.field_violations}
    return refusal.value.code(), reason_of(status), violations


async def test_a_new_site_has_a_first_revision_with_every_default(mesh: Mesh) -> None:
    first = await mesh.newest()
    assert (first.name, first.number, first.author) == ("revisions/1", 1, "config_service")
    assert first.settings.config_service.lan.port == 12164
    assert first.settings.common.site.time_zone == "Europe/Berlin"
    assert first.settings.server_es.messages.heartbeat_duration.seconds == 20


async def test_a_save_makes_a_revision_that_says_who_why_and_what(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    wanted.server_es.messages.kept_days = 30
    made = await mesh.update(wanted, "server_es.messages.kept_days", reason="disk full")
    assert (made.number, made.author, made.reason) == (2, "anna", "disk full")
    assert [(one.path, one.old_value, one.new_value) for one in made.changes] == [
        ("server_es.messages.kept_days", "365", "30")
    ]
    assert (await mesh.newest()) == made


async def test_a_save_that_changes_nothing_makes_no_revision(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    wanted.server_es.messages.kept_days = 365
    assert (await mesh.update(wanted, "server_es.messages.kept_days")).number == 1


async def test_all_that_is_wrong_is_said_at_once_and_nothing_is_saved(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    _inbox(wanted, host="", action=Account.ACTION_UNSPECIFIED, port=70000)
    wanted.config_service.lan.port = -1
    wanted.common.roles["viewer"].permissions.append("*")
    code, reason, wrong = await _refused(mesh.update(wanted, "*"))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert set(wrong) == {
        "common.roles.viewer",
        "config_service.lan.port",
        "server_business.mail.accounts.inbox.action",
        "server_business.mail.accounts.inbox.host",
        "server_business.mail.accounts.inbox.port",
    }
    assert (await mesh.newest()).number == 1


async def test_a_path_that_does_not_exist_is_named_with_the_one_that_was_meant(mesh: Mesh) -> None:
    code, _, wrong = await _refused(mesh.update(settings_pb2.Settings(), "server_es.mesages"))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "did you mean 'messages'" in wrong["update_mask"]


async def test_a_save_without_a_mask_is_refused(mesh: Mesh) -> None:
    assert (await _refused(mesh.update(settings_pb2.Settings())))[0] == grpc.StatusCode.INVALID_ARGUMENT


async def test_validate_only_saves_nothing(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    _inbox(wanted)
    seen = await mesh.update(wanted, "server_business", validate_only=True)
    assert (seen.name, seen.number) == ("", 0)
    assert "s3cret-w0rd" not in str(seen)
    assert ("server_business.mail.accounts.inbox.password", "set") in [
        (one.path, one.new_value) for one in seen.changes
    ]
    assert (await mesh.newest()).number == 1


async def test_who_saves_on_stale_settings_is_refused(mesh: Mesh) -> None:
    stale = await mesh.newest()
    wanted = settings_pb2.Settings()
    wanted.server_es.service_user = "1"
    await mesh.update(wanted, "server_es.service_user", etag=stale.etag)
    wanted.server_es.service_user = "2"
    code, reason, _ = await _refused(mesh.update(wanted, "server_es.service_user", etag=stale.etag))
    assert (code, reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")


async def test_of_two_who_save_at_once_on_the_same_etag_one_wins(mesh: Mesh) -> None:
    etag = (await mesh.newest()).etag
    wanted = []
    for user in range(8):
        wanted.append(settings_pb2.Settings())
        wanted[-1].server_es.service_user = f"user{user}"
    saved = await asyncio.gather(
        *(mesh.update(one, "server_es.service_user", etag=etag) for one in wanted), return_exceptions=True
    )
    assert len([one for one in saved if isinstance(one, settings_pb2.SettingsRevision)]) == 1
    assert (await mesh.newest()).number == 2


async def test_a_repeated_request_makes_no_second_revision(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    wanted.server_es.service_user = "7"
    again = str(uuid.uuid4())
    first = await mesh.update(wanted, "server_es.service_user", request_id=again)
    wanted_back = settings_pb2.Settings()
    await mesh.update(wanted_back, "server_es.service_user")
    assert await mesh.update(wanted, "server_es.service_user", request_id=again) == first
    assert (await mesh.newest()).number == 3


async def test_a_secret_is_never_read_back_and_survives_being_written_back(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    _inbox(wanted)
    made = await mesh.update(wanted, "server_business")
    secret = made.settings.server_business.mail.accounts["inbox"].password
    assert (secret.value, secret.stored) == ("", "secrets/1")
    read = await mesh.newest()
    assert "s3cret-w0rd" not in str(read)
    read.settings.server_business.mail.accounts["inbox"].folder = "Tickets"
    again = await mesh.update(read.settings, "*")
    assert again.settings.server_business.mail.accounts["inbox"].password.stored == "secrets/1"
    diff = await mesh.settings.DiffSettings(
        settings_pb2.DiffSettingsRequest(**{"from": "revisions/1", "to": "revisions/3"}), metadata=READER
    )
    shown = {one.path: one.new_value for one in diff.changes}
    assert shown["server_business.mail.accounts.inbox.password"] == "set"
    assert shown["server_business.mail.accounts.inbox.folder"] == '"Tickets"'


async def test_a_secret_lies_encrypted_and_in_no_revision(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    _inbox(wanted)
    await mesh.update(wanted, "server_business")

    def everything(unit: object) -> bytes:
        connection = unit.connection  # type: ignore[attr-defined]
        contents = connection.execute(select(schema.revisions.revisions.c.content)).scalars().all()
        sealed = connection.execute(select(schema.revisions.secrets.c.sealed)).scalars().all()
        answers = connection.execute(select(schema.requests.table.c.response)).scalars().all()
        audited = connection.execute(select(schema.outbox.table.c.entry)).scalars().all()
        return b"".join(bytes(one) for one in [*contents, *sealed, *answers, *audited])

    assert b"s3cret-w0rd" not in await mesh.rooms.database.read(everything)


async def test_a_stored_secret_cannot_be_moved_to_another_account(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    _inbox(wanted)
    made = await mesh.update(wanted, "server_business")
    stolen = made.settings
    other = stolen.server_business.mail.accounts["other"]
    other.CopyFrom(stolen.server_business.mail.accounts["inbox"])
    other.host = "evil.example"
    _, _, wrong = await _refused(mesh.update(stolen, "server_business.mail.accounts.other"))
    assert set(wrong) == {"server_business.mail.accounts.other.password.stored"}


async def test_a_map_entry_is_deleted_by_its_path(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    _inbox(wanted)
    await mesh.update(wanted, "server_business")
    gone = await mesh.update(settings_pb2.Settings(), "server_business.mail.accounts.inbox")
    assert not gone.settings.server_business.mail.accounts


async def test_a_rollback_is_a_new_revision_with_the_old_settings_and_their_secrets(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    _inbox(wanted)
    good = await mesh.update(wanted, "server_business")
    wanted.server_business.mail.accounts["inbox"].password.value = "another"
    await mesh.update(wanted, "server_business")
    back = await mesh.settings.RollbackSettings(
        settings_pb2.RollbackSettingsRequest(name=good.name, reason="did not work"), metadata=ADMIN
    )
    assert (back.number, back.reason) == (4, "did not work")
    assert back.settings == good.settings
    assert [(one.path, one.new_value) for one in back.changes] == [
        ("server_business.mail.accounts.inbox.password", "changed")
    ]


async def test_the_history_is_paged_from_the_newest(mesh: Mesh) -> None:
    for user in range(5):
        wanted = settings_pb2.Settings()
        wanted.server_es.service_user = f"u{user}"
        await mesh.update(wanted, "server_es.service_user")
    seen: list[int] = []
    token = ""
    while True:
        page = await mesh.settings.ListSettingsRevisions(
            settings_pb2.ListSettingsRevisionsRequest(page_size=4, page_token=token), metadata=READER
        )
        seen += [one.number for one in page.revisions]
        token = page.next_page_token
        if not token:
            break
    assert seen == [6, 5, 4, 3, 2, 1]


async def test_an_unknown_revision_is_not_found(mesh: Mesh) -> None:
    call = mesh.settings.GetSettingsRevision(
        settings_pb2.GetSettingsRevisionRequest(name="revisions/99"), metadata=READER
    )
    assert (await _refused(call))[:2] == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


async def test_localhost_as_the_servers_name_is_saved_with_a_warning(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    wanted.config_service.lan.server_name = "localhost"
    made = await mesh.update(wanted, "config_service.lan.server_name")
    assert [one.path for one in made.warnings] == ["config_service.lan.server_name"]


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ((), grpc.StatusCode.UNAUTHENTICATED),
        (READER, grpc.StatusCode.PERMISSION_DENIED),
        (SERVER_ES, grpc.StatusCode.PERMISSION_DENIED),
    ],
)
async def test_only_who_may_save_saves(mesh: Mesh, metadata: object, code: grpc.StatusCode) -> None:
    wanted = settings_pb2.Settings()
    wanted.server_es.service_user = "x"
    assert (await _refused(mesh.update(wanted, "server_es.service_user", metadata=metadata)))[0] == code


async def test_every_save_and_every_refusal_is_in_the_audit_log_once(mesh: Mesh) -> None:
    wanted = settings_pb2.Settings()
    wanted.server_es.service_user = "x"
    await mesh.update(wanted, "server_es.service_user")
    await _refused(mesh.update(wanted, "server_es.service_user", metadata=READER))
    await mesh.newest()
    await mesh.audit_log.write(mesh.rooms.database)
    while await mesh.audit_log.send(mesh.rooms.database, mesh.rooms.record):
        pass
    listed = await mesh.audit.ListAuditEntries(audit_pb2.ListAuditEntriesRequest(), metadata=ADMIN)
    seen = [(one.caller, one.method.rpartition("/")[2], one.code, one.address) for one in listed.entries]
    assert seen == [("rita", "UpdateSettings", 7, "192.0.2.7"), ("anna", "UpdateSettings", 0, "192.0.2.7")]
