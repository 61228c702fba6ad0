"""S/MIME signatures of mails (RFC 8551): who signed, and whether it holds. Looked at when a mail is shown."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError

from mesh.errors import InvalidArgument, Violation
from server_business.mail.parameters import split_value
from server_business.mail.parsing import parse
from server_business.mail.problems import UnreadableMail

_DETACHED: Final = frozenset(("application/pkcs7-signature", "application/x-pkcs7-signature"))
_OPAQUE: Final = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))
_LINE_END: Final = re.compile(rb"\r?\n")
_HASHES: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
SIGNATURES: Final = _DETACHED | _OPAQUE
"""Media types of attachments that are worth a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A signature: whose, and whether the mail is as it was signed by who sent it; `detail` says it in a sentence."""

    signer: str = ""
    mail_addresses: tuple[str, ...] = ()
    issuer: str = ""
    expires: datetime | None = None
    valid: bool = False
    detail: str


class _Refused(Exception):
    """Why a signature does not hold."""


class Authorities:
    """Whose certificates are trusted.

    Args:
        pem: their certificates, one below the other; empty: nobody's are.

    Raises:
        InvalidArgument: it holds something else.
    """

    def __init__(self, pem: str) -> None:
        try:
            trusted = x509.load_pem_x509_certificates(pem.encode()) if pem.strip() else []
        except ValueError as error:
            text = "holds something that is no certificate in PEM"
            raise InvalidArgument([Violation("smime_authorities", text)]) from error
        self._store = Store(trusted) if trusted else None

    def check(self, leaf: x509.Certificate, others: Sequence[x509.Certificate], at: datetime) -> None:
        """Raises _Refused: no trusted authority stands behind the certificate at that time."""
        if self._store is None:
            raise _Refused("no authority is trusted here (setting smime_authorities)")
        builder = PolicyBuilder().store(self._store).time(at)
        policies = {"ee_policy": ExtensionPolicy.permit_all(), "ca_policy": ExtensionPolicy.webpki_defaults_ca()}
        try:
            builder.extension_policies(**policies).build_client_verifier().verify(leaf, list(others))
        except VerificationError as error:
            raise _Refused("its certificate is not of a trusted authority, or was not valid then") from error


def signatures(raw: bytes, sender: str, at: datetime, authorities: Authorities) -> list[Signature]:
    """Return the signatures of a mail; a damaged one is returned as such.

    Args:
        raw: the mail as it came.
        sender: mail address in its From header.
        at: when it came; the certificate must have been valid then.
        authorities: who is trusted.
    """
    try:
        found = _signed(raw)
        if found is None:
            return []
        content, der = found
        return [_checked(signer, content, _Trust(sender, at, authorities)) for signer in _signers(der)]
    except Exception as error:  # noqa: BLE001 - whatever a library says to bytes from outside
        return [Signature(detail=f"the signature cannot be read ({type(error).__name__})")]


def _signed(raw: bytes) -> tuple[bytes | None, bytes] | None:
    """Return what was signed, None when it lies in the signature itself, and the signature."""
    try:
        mail = parse(raw)
    except UnreadableMail:
        return None
    for one in mail.attachments:
        if one.content_type in _DETACHED:
            part = _first_part(raw)
            return (part, one.content) if part is not None else None
        if one.content_type in _OPAQUE and _is_signed_data(one.content):
            return None, one.content
    return None


def _is_signed_data(der: bytes) -> bool:
    return bool(cms.ContentInfo.load(der)["content_type"].native == "signed_data")


def _first_part(raw: bytes) -> bytes | None:
    """Return the bytes that a multipart/signed mail signs, with the line ends of the wire (RFC 1847 section 2.1)."""
    raw = _LINE_END.sub(b"\r\n", raw)
    head, _, body = raw.partition(b"\r\n\r\n")
    field = re.search(rb"^content-type:(.*(?:\r\n[ \t].*)*)", head, re.IGNORECASE | re.MULTILINE)
    kind, parameters = split_value(field[1].decode("ascii", "replace")) if field else ("", {})
    boundary = parameters.get("boundary", "").encode()
    if kind != "multipart/signed" or not boundary:
        return None
    begin = (b"\r\n" + body).find(b"\r\n--" + boundary + b"\r\n")
    end = body.find(b"\r\n--" + boundary, begin + len(boundary))
    return body[begin + len(boundary) + 4 : end] if begin >= 0 and end >= 0 else None


@dataclass(frozen=True, slots=True)
class _Trust:
    sender: str
    at: datetime
    authorities: Authorities

    def check(self, leaf: x509.Certificate, others: Sequence[x509.Certificate]) -> None:
        """Raises _Refused."""
        self.authorities.check(leaf, others, self.at)
        addresses = _addresses(leaf)
        if self.sender.casefold() not in {one.casefold() for one in addresses}:
            named = ", ".join(addresses) or "nobody"
            raise _Refused(f"it is signed for {named}, not for {self.sender or 'its sender'}")


def _signers(der: bytes) -> Iterator[tuple[Any, Any]]:
    data = cms.ContentInfo.load(der)["content"]
    for info in data["signer_infos"]:
        yield data, info


def _checked(signer: tuple[Any, Any], content: bytes | None, trust: _Trust) -> Signature:
    data, info = signer
    certificates = [one.chosen.dump() for one in data["certificates"] if one.name == "certificate"]
    loaded = [x509.load_der_x509_certificate(one) for one in certificates]
    leaf = _certificate(info, loaded)
    if leaf is None:
        return Signature(detail="the certificate of who signed is not in the mail")
    signed = content if content is not None else data["encap_content_info"]["content"].native
    try:
        _verify(info, signed, leaf)
        trust.check(leaf, [one for one in loaded if one is not leaf])
        valid, detail = True, "the mail is as it was signed"
    except InvalidSignature:
        valid, detail = False, "the mail was changed after it was signed"
    except _Refused as refused:
        valid, detail = False, str(refused)
    return Signature(
        signer=_common_name(leaf.subject),
        mail_addresses=_addresses(leaf),
        issuer=_common_name(leaf.issuer),
        expires=leaf.not_valid_after_utc,
        valid=valid,
        detail=detail,
    )


def _certificate(info: Any, certificates: Sequence[x509.Certificate]) -> x509.Certificate | None:
    sid = info["sid"]
    if sid.name == "issuer_and_serial_number":
        serial, issuer = sid.chosen["serial_number"].native, sid.chosen["issuer"].dump()
        same = (one for one in certificates if one.serial_number == serial and one.issuer.public_bytes() == issuer)
        return next(same, None)
    wanted = sid.chosen.native
    for one in certificates:
        try:
            key_id = one.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        except x509.ExtensionNotFound:
            continue
        if key_id == wanted:
            return one
    return None


def _verify(info: Any, content: bytes, leaf: x509.Certificate) -> None:
    """Raises InvalidSignature: content or signature were changed. _Refused: the algorithm is not secure any more."""
    name = info["digest_algorithm"]["algorithm"].native
    if name not in _HASHES:
        raise _Refused(f"it is signed by {name}, which is not secure")
    algorithm = _HASHES[name]()
    signed = content
    attributes = info["signed_attrs"]
    if attributes:
        digest = hashes.Hash(algorithm)
        digest.update(content)
        told = [one["values"][0].native for one in attributes if one["type"].native == "message_digest"]
        if told != [digest.finalize()]:
            raise InvalidSignature
        signed = attributes.untag().dump()  # signed as a SET, RFC 5652 section 5.4
    signature, key = info["signature"].native, leaf.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        pss = info["signature_algorithm"]["algorithm"].native == "rsassa_pss"
        how = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO) if pss else padding.PKCS1v15()
        key.verify(signature, signed, how, algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(algorithm))
    else:
        raise _Refused("it is signed by a key of a kind that is not known here")


def _addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    found = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)]
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found += names.get_values_for_type(x509.RFC822Name)
    except x509.ExtensionNotFound:
        pass
    return tuple(dict.fromkeys(found))


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME) or name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(found[0].value) if found else name.rfc4514_string()
