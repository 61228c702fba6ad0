"""Mails that are encrypted for a mailbox (S/MIME, RFC 8551), opened with its key."""

import re
from typing import Final

from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from mesh.errors import InvalidArgument, Violation
from server_business.mail.parsing import parse
from server_business.mail.problems import UnreadableMail

_KINDS: Final = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
_HINT: Final = re.compile(rb"pkcs7-mime", re.IGNORECASE)
_HEAD: Final = 65_536
_OWN_FIELDS: Final = re.compile(rb"^(?:content-[a-z-]+|mime-version):.*\n(?:[ \t].*\n)*", re.IGNORECASE | re.MULTILINE)
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")


class Decryption:
    """Opens what was encrypted for one certificate.

    Args:
        certificate: PEM.
        key: its private RSA key, PEM without a password.

    Raises:
        InvalidArgument: one of them is none, or they do not belong together.
    """

    def __init__(self, certificate: str, key: str) -> None:
        try:
            self._certificate = x509.load_pem_x509_certificate(certificate.encode())
            private = serialization.load_pem_private_key(key.encode(), None)
        except (ValueError, TypeError) as error:
            text = "needs a certificate and its private key without a password, both PEM"
            raise InvalidArgument([Violation("smime_certificate", text)]) from error
        public = self._certificate.public_key()
        if not isinstance(private, rsa.RSAPrivateKey) or public != private.public_key():
            raise InvalidArgument([Violation("smime_key", "is not the RSA key of smime_certificate")])
        self._key = private

    def opened(self, raw: bytes) -> bytes | None:
        """Return a mail as it was before it was encrypted, with the head it came with; None when it is not for us."""
        end = _END_OF_HEAD.search(raw)
        if end is None or not _HINT.search(raw, 0, min(end.start(), _HEAD)):
            return None
        try:
            files = parse(raw).attachments
            content = next((one.content for one in files if one.content_type in _KINDS), b"")
            if cms.ContentInfo.load(content)["content_type"].native != "enveloped_data":
                return None
            entity = pkcs7.pkcs7_decrypt_der(content, self._certificate, self._key, [])
        except UnreadableMail:
            return None
        except Exception:  # noqa: BLE001 - whatever a library says to bytes from outside: it stays closed
            return None
        return _OWN_FIELDS.sub(b"", raw[: end.start()] + b"\r\n") + entity
