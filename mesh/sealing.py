"""Secrets at rest: passwords of mailboxes, gateways and partners in the settings are stored encrypted.

AES-256-GCM with the site's key. What is stored: one byte format, four bytes key id, twelve bytes nonce, ciphertext and
tag. The id of the secret is authenticated with it, so that a ciphertext copied to another secret's row does not open
there. Keys are in `<data>/keys/secrets.key` as JSON; old ones stay until every secret has been sealed anew.
"""

import base64
import json
import secrets
import struct
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mesh import private_files
from mesh.errors import FailedPrecondition

FILE = "secrets.key"
_FORMAT = 1
_HEAD = struct.Struct(">BI12s")
_NONCE_SIZE = 12  # bytes; random, good for 2**32 seals with one key (NIST SP 800-38D §8.3)
_KEY_SIZE = 32
_TAG_SIZE = 16


class SecretUnreadable(FailedPrecondition):
    """A stored secret does not open: damaged, moved from another secret, or its key is gone. Enter it anew."""


class SecretBox:
    """Seals and opens secrets. Use `create` or `load`.

    Args:
        keys: 32 bytes by key id.
        current: id of the key that seals.
    """

    def __init__(self, keys: Mapping[int, bytes], current: int) -> None:
        if current not in keys or any(len(key) != _KEY_SIZE for key in keys.values()):
            raise ValueError("the current key is missing, or a key is not 32 bytes long")
        self._raw = dict(keys)
        self._ciphers = {number: AESGCM(key) for number, key in keys.items()}
        self._current = current

    @classmethod
    def create(cls, folder: Path) -> "SecretBox":
        """Make a site's first key.

        Raises:
            AlreadyExists: there is one; without it no stored secret would open again.
        """
        box = cls({1: secrets.token_bytes(_KEY_SIZE)}, 1)
        private_files.make_folder(folder)
        private_files.create(folder / FILE, box._written())
        return box

    @classmethod
    def load(cls, folder: Path) -> "SecretBox":
        """Read the keys.

        Raises:
            FailedPrecondition: there are none, others may read them, or the file is damaged.
        """
        path = folder / FILE
        content = private_files.read(path)
        try:
            state = json.loads(content)
            keys = {int(number): base64.b64decode(key, validate=True) for number, key in state["keys"].items()}
            box = cls(keys, int(state["current"]))
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            raise FailedPrecondition(f"{path}: is damaged; restore it from the backup.") from wrong
        return box

    def rotated(self, folder: Path) -> "SecretBox":
        """Write a further key, which seals from now on, and return the box that has it."""
        number = max(self._raw) + 1
        box = SecretBox({**self._raw, number: secrets.token_bytes(_KEY_SIZE)}, number)
        private_files.replace(folder / FILE, box._written())
        return box

    def without_old_keys(self, folder: Path) -> "SecretBox":
        """Throw all keys but the current one away; only when no stored secret `is_outdated` any more."""
        box = SecretBox({self._current: self._raw[self._current]}, self._current)
        private_files.replace(folder / FILE, box._written())
        return box

    def seal(self, secret_id: str, plaintext: str) -> bytes:
        """Encrypt a secret for the row named `secret_id`."""
        nonce = secrets.token_bytes(_NONCE_SIZE)
        head = _HEAD.pack(_FORMAT, self._current, nonce)
        return head + self._ciphers[self._current].encrypt(nonce, plaintext.encode(), head + secret_id.encode())

    def open(self, secret_id: str, blob: bytes) -> str:
        """Decrypt what was sealed for `secret_id`.

        Raises:
            SecretUnreadable: the sentence names the id, never the content.
        """
        number, nonce = _head(secret_id, blob)
        cipher = self._ciphers.get(number)
        if cipher is None:
            raise SecretUnreadable(f"Secret {secret_id} was sealed with key {number}, which is gone; enter it anew.")
        head, body = blob[: _HEAD.size], blob[_HEAD.size :]
        try:
            return cipher.decrypt(nonce, body, head + secret_id.encode()).decode()
        except (InvalidTag, UnicodeDecodeError):
            raise SecretUnreadable(f"Secret {secret_id} is damaged or belongs to another; enter it anew.") from None

    def is_outdated(self, blob: bytes) -> bool:
        """Tell whether a stored secret is to be sealed anew because the key has been rotated."""
        return _head("", blob)[0] != self._current

    def __repr__(self) -> str:
        return f"SecretBox(keys={sorted(self._raw)}, current={self._current})"

    def _written(self) -> bytes:
        keys = {str(number): base64.b64encode(key).decode() for number, key in self._raw.items()}
        return json.dumps({"current": self._current, "keys": keys}).encode()


def _head(secret_id: str, blob: bytes) -> tuple[int, bytes]:
    if len(blob) < _HEAD.size + _TAG_SIZE or blob[0] != _FORMAT:
        raise SecretUnreadable(f"Secret {secret_id} is damaged; enter it anew.")
    _, number, nonce = _HEAD.unpack_from(blob)
    return number, nonce
