import json
from pathlib import Path
from typing import Any

import pytest

from config_service.identity.signing import SigningKeys, make_keys
from mesh.errors import Unavailable
from mesh.key_set import KeySet
from tests.builders.site import START


@pytest.fixture
def keys(tmp_path: Path) -> SigningKeys:
    return make_keys(tmp_path / "keys", START)


def test_all_published_keys_are_found(keys: SigningKeys) -> None:
    read = KeySet.from_jwks(keys.jwks())
    assert read.key_ids == {keys.current.kid, keys.following.kid}
    assert read.find(keys.current.kid) == keys.current.private.public_key()
    assert read.find("unknown") is None


def test_no_private_part_is_published(keys: SigningKeys) -> None:
    assert all(set(one) == {"crv", "kty", "x", "y", "kid", "use", "alg"} for one in json.loads(keys.jwks())["keys"])


@pytest.mark.parametrize("other", [{"kty": "RSA"}, {"crv": "P-384"}, {"use": "enc"}, {"alg": "ES384"}])
def test_keys_of_another_kind_are_passed_over(keys: SigningKeys, other: dict[str, Any]) -> None:
    ours, theirs = json.loads(keys.jwks())["keys"]
    document = json.dumps({"keys": [ours, {**theirs, **other}]})
    assert KeySet.from_jwks(document).key_ids == {ours["kid"]}


def test_a_published_private_key_is_refused(keys: SigningKeys) -> None:
    document = json.loads(keys.jwks())
    document["keys"][0]["d"] = "AAAA"
    with pytest.raises(Unavailable, match="holds a private key"):
        KeySet.from_jwks(json.dumps(document))


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{}",
        '{"keys": 5}',
        '{"keys": [5]}',
        '{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a"}]}',
        '{"keys": []}',
    ],
)
def test_what_is_no_key_set_is_refused(document: str) -> None:
    with pytest.raises(Unavailable, match=r"cannot be read|holds no ES256 key"):
        KeySet.from_jwks(document)


def test_a_point_off_the_curve_is_refused(keys: SigningKeys) -> None:
    document = json.loads(keys.jwks())
    document["keys"][0]["x"] = document["keys"][1]["x"]
    with pytest.raises(Unavailable, match="cannot be read"):
        KeySet.from_jwks(json.dumps(document))
