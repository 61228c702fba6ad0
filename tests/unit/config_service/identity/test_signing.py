import json
import stat
from datetime import timedelta
from pathlib import Path

import jwt
import pytest

from config_service.identity.signing import (
    Grant,
    Issuer,
    SigningKeys,
    is_rotation_due,
    load_keys,
    make_keys,
    rotate,
    rotated,
    without_expired,
)
from config_service.pki_certificates import private_pem
from mesh.errors import AlreadyExists, FailedPrecondition
from tests.builders.site import START

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def published(keys: SigningKeys) -> list[str]:
    return [one["kid"] for one in json.loads(keys.jwks())["keys"]]


def test_keys_survive_a_restart(tmp_path: Path) -> None:
    made = rotate_twice(tmp_path)
    read = load_keys(tmp_path)
    assert published(read) == published(made)
    assert read.since == made.since
    assert private_pem(read.current.private) == private_pem(made.current.private)


def rotate_twice(folder: Path) -> SigningKeys:
    make_keys(folder, START)
    rotate(folder, START + HOUR)
    return rotate(folder, START + 2 * HOUR)


def test_the_key_file_is_for_the_owner_only_also_after_a_rotation(tmp_path: Path) -> None:
    rotate_twice(tmp_path / "keys")
    assert stat.S_IMODE((tmp_path / "keys/signing.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert [one.name for one in (tmp_path / "keys").iterdir()] == ["signing.json"]


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    kid = make_keys(tmp_path, START).current.kid
    with pytest.raises(AlreadyExists):
        make_keys(tmp_path, START)
    assert load_keys(tmp_path).current.kid == kid


def test_the_next_key_signs_after_a_rotation_and_the_old_one_stays_published(tmp_path: Path) -> None:
    first = make_keys(tmp_path, START)
    second = rotate(tmp_path, START + HOUR)
    assert second.current.kid == first.following.kid
    assert published(second) == [first.following.kid, second.following.kid, first.current.kid]
    assert second.since == START + HOUR


def test_an_old_key_goes_once_its_tokens_have_expired(tmp_path: Path) -> None:
    first = make_keys(tmp_path, START)
    second = rotated(first, START)
    assert len(published(without_expired(second, START + DAY - HOUR))) == 3
    assert first.current.kid not in published(without_expired(second, START + DAY))
    assert first.current.kid not in published(rotated(second, START + DAY))


def test_after_a_leak_two_rotations_leave_no_old_key(tmp_path: Path) -> None:
    leaked = published(make_keys(tmp_path, START))
    rotate(tmp_path, START, timedelta())
    assert not set(leaked) & set(published(rotate(tmp_path, START, timedelta())))


def test_a_key_signs_for_thirty_days(tmp_path: Path) -> None:
    keys = make_keys(tmp_path, START)
    assert not is_rotation_due(keys, START + 30 * DAY - HOUR)
    assert is_rotation_due(keys, START + 30 * DAY)


def test_a_token_carries_what_was_granted(tmp_path: Path) -> None:
    keys = make_keys(tmp_path, START)
    grant = Grant(user="anna", employee="17", roles=("viewer",), permissions=("duty.read",))
    issued = Issuer(keys, "muster", "esoffice", lifetime=timedelta(minutes=5)).issue(grant, START)
    assert jwt.get_unverified_header(issued.text) == {"alg": "ES256", "kid": keys.current.kid, "typ": "at+jwt"}
    start = int(START.timestamp())
    assert jwt.decode(issued.text, options={"verify_signature": False}) == {
        "iss": "muster",
        "sub": "anna",
        "aud": "esoffice",
        "employee": "17",
        "roles": ["viewer"],
        "permissions": ["duty.read"],
        "iat": start,
        "nbf": start,
        "exp": start + 300,
        "jti": issued.token_id,
    }
    assert issued.expiry_time == START + timedelta(minutes=5)


def test_no_two_tokens_have_one_id(tmp_path: Path) -> None:
    issuer = Issuer(make_keys(tmp_path, START), "muster", "esoffice")
    assert issuer.issue(Grant(user="a"), START).token_id != issuer.issue(Grant(user="a"), START).token_id


@pytest.mark.parametrize("lifetime", [timedelta(), -HOUR, DAY])
def test_a_token_that_outlives_its_published_key_is_refused(tmp_path: Path, lifetime: timedelta) -> None:
    with pytest.raises(ValueError, match="lifetime must be positive and below"):
        Issuer(make_keys(tmp_path, START), "muster", "esoffice", lifetime=lifetime)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"current": 1}', '{"current": "nonsense"}'])
def test_a_damaged_key_file_is_named(tmp_path: Path, content: str) -> None:
    make_keys(tmp_path, START)
    (tmp_path / "signing.json").write_text(content)
    with pytest.raises(FailedPrecondition, match=r"signing\.json: is damaged"):
        load_keys(tmp_path)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    make_keys(tmp_path, START)
    state = json.loads((tmp_path / "signing.json").read_text())
    other = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "signing.json").write_text(json.dumps({**state, "current": other.decode()}))
    with pytest.raises(FailedPrecondition, match="is damaged"):
        load_keys(tmp_path)


def test_no_token_is_shown_in_a_log(tmp_path: Path) -> None:
    issued = Issuer(make_keys(tmp_path, START), "muster", "esoffice").issue(Grant(user="a"), START)
    assert issued.text not in repr(issued)
    assert issued.token_id in repr(issued)
