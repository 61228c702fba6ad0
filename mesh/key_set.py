"""The public keys that sign our tokens, read from a JWKS document (RFC 7517)."""

import json
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from mesh.errors import Unavailable

ALGORITHM = "ES256"


class KeySet:
    """Public keys by key id; immutable, a rotation is a new set.

    Args:
        keys: P-256 public keys by `kid`.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Mapping[str, ec.EllipticCurvePublicKey]) -> None:
        self._keys = dict(keys)

    @classmethod
    def from_jwks(cls, document: str | bytes) -> "KeySet":
        """Read a JWKS document. Keys of another type or use are passed over, as RFC 7517 §5 asks.

        Raises:
            Unavailable: it is no JWKS, holds no key for us, or holds a private key, which must never be published.
        """
        try:
            listed = json.loads(document)["keys"]
            if any("d" in one for one in listed):
                raise Unavailable("The published key set holds a private key; publish public keys only.")
            keys = {one["kid"]: _public(one) for one in listed if _is_ours(one)}
        except (ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as wrong:
            raise Unavailable(f"The key set for tokens cannot be read: {wrong!r}.") from wrong
        if not keys:
            raise Unavailable(f"The key set for tokens holds no {ALGORITHM} key.")
        return cls(keys)

    def find(self, kid: str) -> ec.EllipticCurvePublicKey | None:
        """Return the key of that id, or None."""
        return self._keys.get(kid)

    @property
    def key_ids(self) -> frozenset[str]:
        return frozenset(self._keys)


def _is_ours(one: Mapping[str, Any]) -> bool:
    right_type = one.get("kty") == "EC" and one.get("crv") == "P-256"
    return right_type and one.get("use", "sig") == "sig" and one.get("alg", ALGORITHM) == ALGORITHM


def _public(one: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    key = jwt.PyJWK.from_dict(dict(one), algorithm=ALGORITHM).key
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("not a public key")
    return key
