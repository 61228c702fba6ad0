from datetime import timedelta
from pathlib import Path

from config_service.identity.keyring import Keyring
from config_service.identity.signing import ROTATED_EVERY, Grant
from mesh.key_set import KeySet
from mesh.tokens import Verifier
from tests.builders.site import SITE, clock


def test_keys_are_made_once_and_rotated_when_they_are_due(tmp_path: Path) -> None:
    now = clock()
    ring = Keyring(tmp_path, SITE, "esoffice", now)
    first = ring.jwks
    assert not ring.look()
    assert Keyring(tmp_path, SITE, "esoffice", now).jwks == first
    now.advance(ROTATED_EVERY)
    assert ring.look()
    assert ring.jwks != first


def test_a_process_takes_over_what_another_one_has_rotated(tmp_path: Path) -> None:
    now = clock()
    one, other = (Keyring(tmp_path, SITE, "esoffice", now) for _ in range(2))
    now.advance(ROTATED_EVERY)
    assert one.look()
    assert other.look()
    assert one.jwks == other.jwks
    assert not one.look()


def test_tokens_from_before_and_after_a_rotation_are_good(tmp_path: Path) -> None:
    now = clock()
    ring = Keyring(tmp_path, SITE, "esoffice", now)
    known_before = KeySet.from_jwks(ring.jwks)
    now.advance(ROTATED_EVERY - timedelta(minutes=1))
    old = ring.issue(Grant(user="anna"))
    now.advance(timedelta(minutes=1))
    ring.look()
    new = ring.issue(Grant(user="anna"), timedelta(hours=1))
    for keys in (known_before, KeySet.from_jwks(ring.jwks)):
        verifier = Verifier(SITE, "esoffice", keys, now)
        assert verifier.verify(old.text).user == verifier.verify(new.text).user == "anna"
