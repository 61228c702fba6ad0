import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import AlreadyExists, FailedPrecondition
from mesh.sealing import SecretBox, SecretUnreadable

MAILBOX, GATEWAY = "mail/accounts/7/password", "sms/gateways/1/password"


@pytest.fixture
def box(tmp_path: Path) -> SecretBox:
    return SecretBox.create(tmp_path)


@given(st.text(), st.text())
def test_what_is_sealed_opens_again(secret_id: str, plaintext: str) -> None:
    box = SecretBox({1: bytes(32)}, 1)
    assert box.open(secret_id, box.seal(secret_id, plaintext)) == plaintext


def test_it_opens_after_a_restart(box: SecretBox, tmp_path: Path) -> None:
    assert SecretBox.load(tmp_path).open(MAILBOX, box.seal(MAILBOX, "Schlüssel")) == "Schlüssel"


def test_the_key_file_is_for_the_owner_only_and_never_overwritten(box: SecretBox, tmp_path: Path) -> None:
    path = tmp_path / "secrets.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(AlreadyExists):
        SecretBox.create(tmp_path)
    assert path.read_bytes() == before
    box.rotated(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_same_secret_never_looks_the_same(box: SecretBox) -> None:
    assert box.seal(MAILBOX, "a") != box.seal(MAILBOX, "a")
    assert b"geheim" not in box.seal(MAILBOX, "geheim")


def test_a_swapped_ciphertext_is_refused(box: SecretBox) -> None:
    with pytest.raises(SecretUnreadable, match=f"{GATEWAY} is damaged or belongs to another"):
        box.open(GATEWAY, box.seal(MAILBOX, "a"))


def test_every_changed_byte_is_noticed(box: SecretBox) -> None:
    blob = box.seal(MAILBOX, "geheim")
    for place in range(len(blob)):
        changed = bytearray(blob)
        changed[place] ^= 1
        with pytest.raises(SecretUnreadable) as error:
            box.open(MAILBOX, bytes(changed))
        assert "geheim" not in str(error.value)


@pytest.mark.parametrize("size", [0, 1, 17, 32])
def test_a_cut_ciphertext_is_refused(box: SecretBox, size: int) -> None:
    with pytest.raises(SecretUnreadable, match="is damaged"):
        box.open(MAILBOX, box.seal(MAILBOX, "")[:size])


def test_after_a_rotation_old_secrets_open_and_are_marked(box: SecretBox, tmp_path: Path) -> None:
    old = box.seal(MAILBOX, "a")
    assert not box.is_outdated(old)
    rotated = box.rotated(tmp_path)
    assert rotated.open(MAILBOX, old) == "a"
    assert rotated.is_outdated(old)
    assert not rotated.is_outdated(rotated.seal(MAILBOX, "a"))
    assert SecretBox.load(tmp_path).open(MAILBOX, rotated.seal(MAILBOX, "b")) == "b"


def test_once_the_old_key_is_gone_its_secrets_are_too(box: SecretBox, tmp_path: Path) -> None:
    old = box.seal(MAILBOX, "a")
    only_new = box.rotated(tmp_path).without_old_keys(tmp_path)
    for one in (only_new, SecretBox.load(tmp_path)):
        with pytest.raises(SecretUnreadable, match="sealed with key 1, which is gone"):
            one.open(MAILBOX, old)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"current": 1, "keys": {}}',
        '{"current": 1, "keys": {"1": "AAAA"}}',
        '{"current": 1, "keys": {"1": "!"}}',
    ],
)
def test_a_damaged_key_file_is_named(box: SecretBox, tmp_path: Path, content: str) -> None:
    (tmp_path / "secrets.key").write_text(content)
    with pytest.raises(FailedPrecondition, match=r"secrets\.key: is damaged"):
        SecretBox.load(tmp_path)


def test_a_readable_key_file_is_refused(box: SecretBox, tmp_path: Path) -> None:
    (tmp_path / "secrets.key").chmod(0o644)
    with pytest.raises(FailedPrecondition, match="others may read it"):
        SecretBox.load(tmp_path)


def test_no_key_is_shown(box: SecretBox, tmp_path: Path) -> None:
    key = json.loads((tmp_path / "secrets.key").read_text())["keys"]["1"]
    assert key not in repr(box)
    assert repr(box) == "SecretBox(keys=[1], current=1)"
