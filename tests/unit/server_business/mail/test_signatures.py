"""S/MIME signatures: who signed, and whether it holds."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from mesh.errors import InvalidArgument
from server_business.mail.automatic import OwnMarks
from server_business.mail.budget import Budget
from server_business.mail.decryption import Decryption
from server_business.mail.intake import arrival
from server_business.mail.parsing import parse
from server_business.mail.screening import Policy
from server_business.mail.signatures import Authorities, Signature, signatures
from server_business.mail.source import MailIdentity, RawMail
from tests.builders import mails

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
HANS = "hans@kunde.example"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Ca:
    """An authority for S/MIME certificates."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        builder = self._begun("Test CA", self.key, NOW - timedelta(days=900), timedelta(days=2_000))
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = builder.add_extension(usage, critical=True).sign(self.key, hashes.SHA256())
        self.trusted = Authorities(self.certificate.public_bytes(serialization.Encoding.PEM).decode())

    def issue(self, key: Key, address: str = HANS, *, since: datetime = NOW) -> x509.Certificate:
        builder = self._begun("Hans Müller", key, since - timedelta(days=1), timedelta(days=365))
        names = x509.SubjectAlternativeName([x509.RFC822Name(address)])
        return builder.add_extension(names, critical=False).sign(self.key, hashes.SHA256())

    def _begun(self, name: str, key: Key, since: datetime, valid: timedelta) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named("Test CA"))
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(since).not_valid_after(since + valid)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return builder.add_extension(identifier, critical=False).add_extension(issuer, critical=False)


CA = Ca()
EC_KEY, RSA_KEY = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
TEXT = b"Die Heizung bleibt kalt.\r\n\r\nGr\xc3\xbc\xc3\x9fe"


def signed(key: Key = EC_KEY, certificate: x509.Certificate | None = None, *, opaque: bool = False) -> bytes:
    """A mail with a signature as mail programs make it."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(TEXT)
    builder = builder.add_signer(certificate or CA.issue(key), key, hashes.SHA256())  # type: ignore[arg-type]
    if opaque:
        content = builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
        kind = ("Content-Type", 'application/pkcs7-mime; smime-type=signed-data; name="smime.p7m"')
        return mails.mail(
            mails.part(content, "x", encoding="base64").partition(b"\r\n\r\n")[2],
            headers=[kind, ("Content-Transfer-Encoding", "base64")],
        )
    entity = builder.sign(serialization.Encoding.SMIME, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Text])
    head = f"From: {HANS}\r\nSubject: Heizung\r\n".encode()
    return head + entity.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def only(raw: bytes, *, sender: str = HANS, at: datetime = NOW, trusted: Authorities = CA.trusted) -> Signature:
    (found,) = signatures(raw, sender, at, trusted)
    return found


@pytest.mark.parametrize("key", [EC_KEY, RSA_KEY])
@pytest.mark.parametrize("opaque", [False, True])
def test_a_signature_that_holds_says_who_signed(key: Key, *, opaque: bool) -> None:
    found = only(signed(key, opaque=opaque))
    assert found.detail == "the mail is as it was signed"
    assert (found.valid, found.signer, found.issuer) == (True, "Hans Müller", "Test CA")
    assert (found.mail_addresses, found.expires) == ((HANS,), NOW + timedelta(days=364))


def test_a_mailbox_that_keeps_lines_its_own_way_breaks_no_signature() -> None:
    assert only(signed().replace(b"\r\n", b"\n")).valid


def test_a_changed_mail_says_so() -> None:
    found = only(signed().replace(b"kalt", b"warm"))
    assert (found.valid, found.detail) == (False, "the mail was changed after it was signed")


def test_a_certificate_of_nobody_trusted_or_out_of_date_is_not_enough() -> None:
    sentence = "its certificate is not of a trusted authority, or was not valid then"
    assert only(signed(), trusted=Ca().trusted).detail == sentence
    assert only(signed(), at=NOW + timedelta(days=400)).detail == sentence
    assert only(signed(certificate=CA.issue(EC_KEY, since=NOW + timedelta(days=30)))).detail == sentence
    assert "no authority is trusted here" in only(signed(), trusted=Authorities("")).detail


def test_somebody_elses_certificate_signs_nothing() -> None:
    found = only(signed(certificate=CA.issue(EC_KEY, "boese@else.example")))
    assert (found.valid, found.detail) == (False, f"it is signed for boese@else.example, not for {HANS}")
    assert only(signed(), sender="HANS@Kunde.example").valid


@pytest.mark.parametrize("raw", [mails.plain(), mails.html(), mails.bounce(), b"", mails.part_bomb(2_000)])
def test_other_mails_have_none(raw: bytes) -> None:
    assert signatures(raw, HANS, NOW, CA.trusted) == []


def test_a_damaged_signature_is_shown_as_such() -> None:
    raw = signed()
    begin = raw.index(b"MII")
    broken = raw[:begin] + b"AAAA" + raw[begin + 4 :]
    found = only(broken)
    assert (found.valid, found.detail.startswith("the signature cannot be read")) == (False, True)


def test_what_is_no_certificate_is_refused_in_one_sentence() -> None:
    with pytest.raises(InvalidArgument, match="smime_authorities: holds something that is no certificate"):
        Authorities("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----")


# -- encrypted mails ---------------------------------------------------------------------------------------------------


def pem(key: rsa.RSAPrivateKey) -> str:
    how = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, *how).decode()


def encrypted(entity: bytes, certificate: x509.Certificate) -> bytes:
    """A mail with `entity` in it for whoever has the key of the certificate."""
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(entity).add_recipient(certificate)
    content = builder.encrypt(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
    kind = ("Content-Type", 'application/pkcs7-mime; smime-type=enveloped-data;\r\n name="smime.p7m"')
    body = mails.part(content, "x", encoding="base64").partition(b"\r\n\r\n")[2]
    return mails.mail(body, headers=[kind, ("Content-Transfer-Encoding", "base64")])


OURS = CA.issue(RSA_KEY)
OPEN = Decryption(OURS.public_bytes(serialization.Encoding.PEM).decode(), pem(RSA_KEY))


def test_an_encrypted_mail_is_opened_with_its_head_and_its_files() -> None:
    text = mails.part("Siehe Anhang, Grüße".encode(), "text/plain; charset=utf-8")
    file = mails.part(b"%PDF-1.4", "application/pdf; name=Plan.pdf", encoding="base64")
    raw = encrypted(mails.multipart("mixed", text, file), OURS)
    opened = OPEN.opened(raw)
    assert opened is not None
    mail = parse(opened)
    assert (mail.text, mail.subject, [one.name for one in mail.attachments]) == (
        "Siehe Anhang, Grüße", "Heizung kalt", ["Plan.pdf"],
    )  # fmt: skip
    place = MailIdentity(account="a", folder="INBOX", uidvalidity=1, uid="1")
    taken = arrival(
        RawMail(identity=place, received=NOW, content=raw, complete=True),
        budget=Budget(), own=OwnMarks(site="s", message_id_domain="x"), announce=False, policy=Policy(decryption=OPEN),
    )  # fmt: skip
    assert (taken.text, taken.raw, taken.row["sha256"]) == ("Siehe Anhang, Grüße", raw, hashlib.sha256(raw).hexdigest())
    assert taken.row["problems"] == ["it came encrypted"]


def test_what_is_signed_inside_is_seen_once_it_is_open() -> None:
    inner = signed().partition(b"MIME-Version")
    opened = OPEN.opened(encrypted(b"MIME-Version" + inner[2], OURS))
    assert opened is not None
    assert only(opened).valid


@pytest.mark.parametrize("raw", [mails.plain(), b"", signed(opaque=True), mails.part_bomb(2_000)])
def test_other_mails_stay_as_they_are(raw: bytes) -> None:
    assert OPEN.opened(raw) is None


def test_what_is_for_somebody_else_or_damaged_stays_closed() -> None:
    other = rsa.generate_private_key(65537, 2048)
    assert OPEN.opened(encrypted(b"Content-Type: text/plain\r\n\r\nx", CA.issue(other))) is None
    raw = encrypted(b"Content-Type: text/plain\r\n\r\nx", OURS)
    begin = raw.index(b"\r\n\r\n") + 4
    assert OPEN.opened(raw[:begin] + b"AAAA" + raw[begin + 4 :]) is None


def test_a_key_of_another_certificate_is_refused() -> None:
    certificate = OURS.public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(InvalidArgument, match="smime_key: is not the RSA key"):
        Decryption(certificate, pem(rsa.generate_private_key(65537, 2048)))
    with pytest.raises(InvalidArgument, match="smime_certificate"):
        Decryption("nonsense", pem(RSA_KEY))
