"""A service follows its settings: takes what is live, asks for a restart, refuses what it cannot run on."""

from pathlib import Path

import pytest
from esoffice.config.v1 import settings_pb2, watch_pb2

from mesh.settings import SettingsFollower, Snapshot
from mesh.settings_files import Copy, SettingsFiles

Event = watch_pb2.SettingsEvent


def _settings(user: str = "", *, reopen: bool = False) -> settings_pb2.Settings:
    settings = settings_pb2.Settings()
    settings.server_es.service_user = user
    settings.server_es.servicecalls.reopen_solved = reopen
    return settings


def _changed(number: int, settings: settings_pb2.Settings) -> Event:
    return Event(kind=Event.KIND_CHANGED, through_revision=number, settings=settings)


@pytest.fixture
def files(tmp_path: Path) -> SettingsFiles:
    return SettingsFiles(tmp_path)


@pytest.fixture
async def follower(files: SettingsFiles) -> SettingsFollower:
    return SettingsFollower(Snapshot(1, _settings()), files)


async def test_a_live_change_is_taken_and_kept(follower: SettingsFollower, files: SettingsFiles) -> None:
    taken: list[settings_pb2.Settings] = []
    follower.on_live(taken.append)
    follower.handle(_changed(2, _settings(reopen=True)))
    assert taken == [_settings(reopen=True)]
    assert follower.current.revision == 2
    good = files.good()
    assert good is not None
    assert Snapshot.of(good) == follower.current


async def test_a_restart_change_becomes_a_candidate(follower: SettingsFollower, files: SettingsFiles) -> None:
    follower.handle(_changed(2, _settings("4711", reopen=True)))
    follower.handle(Event(kind=Event.KIND_CURRENT, through_revision=3))
    candidate = files.candidate()
    assert follower.restart.is_set()
    assert candidate is not None
    assert (candidate.revision, follower.current.revision, files.good()) == (2, 1, None)


async def test_what_a_room_refuses_is_rejected_and_the_old_settings_come_again(
    follower: SettingsFollower, files: SettingsFiles
) -> None:
    taken: list[bool] = []

    def take(settings: settings_pb2.Settings) -> None:
        taken.append(settings.server_es.servicecalls.reopen_solved)
        if taken[-1]:
            raise ValueError("not on a Friday")

    follower.on_live(take)
    follower.handle(_changed(2, _settings(reopen=True)))
    rejection = files.rejection()
    assert rejection is not None
    assert (rejection.revision, rejection.reason) == (2, "ValueError: not on a Friday")
    assert (taken, follower.current.revision) == ([True, False], 1)
    follower.handle(Event(kind=Event.KIND_CURRENT, through_revision=3))
    assert follower.current.revision == 1, "the bookmark of rejected settings is not what the service runs on"
    follower.handle(_changed(4, _settings()))
    assert (follower.current.revision, files.rejection()) == (4, None)


async def test_rejected_settings_are_not_tried_again(follower: SettingsFollower, files: SettingsFiles) -> None:
    files.reject(Snapshot(2, _settings("x")).copy(), "no such database")
    follower.handle(_changed(2, _settings("x")))
    assert not follower.restart.is_set()
    assert files.candidate() is None


async def test_a_bookmark_moves_the_applied_revision(follower: SettingsFollower) -> None:
    follower.handle(Event(kind=Event.KIND_CURRENT, through_revision=9))
    assert follower.current.revision == 9


def test_a_damaged_copy_is_not_used(files: SettingsFiles, tmp_path: Path) -> None:
    files.keep(Copy(3, b"abc"))
    file = tmp_path / "settings.good"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(file.read_bytes()[:-1])
    assert files.good() is None
    file.write_bytes(b"rubbish")
    assert files.good() is None


def test_a_healthy_candidate_is_the_last_good_one(files: SettingsFiles) -> None:
    files.keep(Copy(1, b"old"))
    files.reject(Copy(2, b"bad"), "because")
    files.propose(Copy(3, b"new"))
    files.promote()
    assert (files.good(), files.candidate(), files.rejection()) == (Copy(3, b"new"), None, None)
