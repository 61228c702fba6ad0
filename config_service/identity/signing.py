"""The keys that sign tokens, and the tokens they sign.

Three generations are published: the key in use, the one after it, and those before it whose tokens may still be around.
The next key is published one whole period before it signs, so that no verifier meets a key it has not heard of.
All of them are in one file, `<data>/keys/signing.json`, replaced as a whole: a kill leaves the old state or the new.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm

from config_service.pki_certificates import new_key, private_pem
from mesh import private_files
from mesh.errors import FailedPrecondition
from mesh.key_set import ALGORITHM
from mesh.tokens import TYPE

FILE = "signing.json"
ROTATED_EVERY = timedelta(days=30)
DEFAULT_LIFETIME = timedelta(minutes=15)
# Longer than any token lives: so long a key is published after it has signed its last token.
KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and its id, the RFC 7638 thumbprint of the public one."""

    kid: str
    private: ec.EllipticCurvePrivateKey

    def jwk(self) -> dict[str, Any]:
        """Return the public half as a JWK."""
        return {**_jwk(self.private.public_key()), "kid": self.kid, "use": "sig", "alg": ALGORITHM}


@dataclass(frozen=True, slots=True)
class RetiredKey:
    """A key that signs no more, and since when."""

    key: SigningKey
    retired_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """All keys of a site.

    Args:
        current: signs.
        following: signs after the next rotation.
        retired: published until their last tokens have expired.
        since: when `current` began to sign.
    """

    current: SigningKey
    following: SigningKey
    retired: tuple[RetiredKey, ...] = ()
    since: datetime

    def jwks(self) -> str:
        """Return the document that verifiers read (RFC 7517)."""
        keys = (self.current, self.following, *(one.key for one in self.retired))
        return json.dumps({"keys": [key.jwk() for key in keys]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token is to say about a user."""

    user: str
    employee: str = ""
    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A signed token, its id for the audit log, and when it expires."""

    text: str = field(repr=False)  # whoever has it is the user: not for logs
    token_id: str
    expiry_time: datetime


def make_keys(folder: Path, now: datetime) -> SigningKeys:
    """Make a site's first keys.

    Raises:
        AlreadyExists: there are keys.
    """
    keys = SigningKeys(current=_new(), following=_new(), since=now)
    private_files.make_folder(folder)
    private_files.create(folder / FILE, _written(keys))
    return keys


def load_keys(folder: Path) -> SigningKeys:
    """Read the keys.

    Raises:
        FailedPrecondition: there are none, others may read them, or the file is damaged.
    """
    path = folder / FILE
    content = private_files.read(path)
    try:
        state = json.loads(content)
        return SigningKeys(
            current=_key(state["current"]),
            following=_key(state["following"]),
            retired=tuple(
                RetiredKey(_key(one["key"]), datetime.fromisoformat(one["retired_time"])) for one in state["retired"]
            ),
            since=datetime.fromisoformat(state["since"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise FailedPrecondition(f"{path}: is damaged; restore it or make new keys.") from wrong


def rotated(keys: SigningKeys, now: datetime, kept: timedelta = KEPT) -> SigningKeys:
    """Return the keys one step on: the next one signs, a new one follows, those retired longer than `kept` are gone."""
    retired = (RetiredKey(keys.current, now), *keys.retired)
    return SigningKeys(
        current=keys.following,
        following=_new(),
        retired=tuple(one for one in retired if now - one.retired_time < kept),
        since=now,
    )


def rotate(folder: Path, now: datetime, kept: timedelta = KEPT) -> SigningKeys:
    """Rotate the keys on disk and return them.

    After a leak, rotate twice with `kept` zero: both published keys are then new, and every token is refused.
    """
    keys = rotated(load_keys(folder), now, kept)
    private_files.replace(folder / FILE, _written(keys))
    return keys


def is_rotation_due(keys: SigningKeys, now: datetime, every: timedelta = ROTATED_EVERY) -> bool:
    """Tell whether the current key has signed long enough."""
    return now - keys.since >= every


def without_expired(keys: SigningKeys, now: datetime, kept: timedelta = KEPT) -> SigningKeys:
    """Return the keys without those whose tokens have all expired."""
    return replace(keys, retired=tuple(one for one in keys.retired if now - one.retired_time < kept))


class Issuer:
    """Signs tokens. Set `keys` after a rotation.

    Args:
        keys: the current one signs.
        site: becomes `iss`.
        audience: becomes `aud`.
        lifetime: how long a token is valid, and so how long a withdrawn permission still works; below `KEPT`.
    """

    def __init__(self, keys: SigningKeys, site: str, audience: str, *, lifetime: timedelta = DEFAULT_LIFETIME) -> None:
        if not timedelta() < lifetime < KEPT:
            raise ValueError(f"a token's lifetime must be positive and below {KEPT}, not {lifetime}")
        self.keys = keys
        self._site = site
        self._audience = audience
        self._lifetime = lifetime

    def issue(
        self, grant: Grant, now: datetime, lifetime: timedelta | None = None, *, audience: str = ""
    ) -> IssuedToken:
        """Sign a token; its times are whole seconds, as the claims are.

        Args:
            grant: what it says.
            now: from when on it is valid.
            lifetime: instead of the issuer's own.
            audience: likewise.
        """
        start = int(now.timestamp())
        end = start + int((lifetime or self._lifetime).total_seconds())
        token_id = secrets.token_urlsafe(16)
        claims = {
            "iss": self._site,
            "sub": grant.user,
            "aud": audience or self._audience,
            "employee": grant.employee,
            "roles": list(grant.roles),
            "permissions": list(grant.permissions),
            "iat": start,
            "nbf": start,
            "exp": end,
            "jti": token_id,
        }
        key = self.keys.current
        text = jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid, "typ": TYPE})
        return IssuedToken(text=text, token_id=token_id, expiry_time=datetime.fromtimestamp(end, UTC))


def _new() -> SigningKey:
    return _identified(new_key())


def _identified(private: ec.EllipticCurvePrivateKey) -> SigningKey:
    canonical = json.dumps(_jwk(private.public_key()), sort_keys=True, separators=(",", ":"))
    digest = sha256(canonical.encode()).digest()
    return SigningKey(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), private)


def _jwk(public: ec.EllipticCurvePublicKey) -> Mapping[str, Any]:
    whole = ECAlgorithm.to_jwk(public, as_dict=True)
    return {name: whole[name] for name in ("crv", "kty", "x", "y")}


def _key(pem: str) -> SigningKey:
    private = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("not an elliptic-curve key")
    return _identified(private)


def _written(keys: SigningKeys) -> bytes:
    state = {
        "current": private_pem(keys.current.private).decode(),
        "following": private_pem(keys.following.private).decode(),
        "retired": [
            {"key": private_pem(one.key.private).decode(), "retired_time": one.retired_time.isoformat()}
            for one in keys.retired
        ],
        "since": keys.since.isoformat(),
    }
    return json.dumps(state, indent=1).encode()
