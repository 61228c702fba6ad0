import base64
import hmac
import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from config_service.identity.signing import Grant, Issuer, SigningKeys, make_keys, rotated
from mesh.clock import ManualClock
from mesh.errors import Unauthenticated
from mesh.key_set import KeySet
from mesh.tokens import Token, Verifier
from tests.builders.site import START, clock

SECOND = timedelta(seconds=1)
GRANT = Grant(user="anna", employee="17", roles=("dispatcher",), permissions=("servicecalls.*",))


class Site:
    def __init__(self, folder: Path) -> None:
        self.clock: ManualClock = clock()
        self.keys: SigningKeys = make_keys(folder, START)
        self.issuer = Issuer(self.keys, "muster", "esoffice")
        self.verifier = self.a_verifier()

    def a_verifier(self, **options: Any) -> Verifier:
        return Verifier("muster", "esoffice", KeySet.from_jwks(self.keys.jwks()), self.clock, **options)

    def token(self) -> str:
        return self.issuer.issue(GRANT, self.clock.now()).text

    def forged(self, header: dict[str, Any] | None = None, key: Any = None, alg: str = "ES256", **claims: Any) -> str:
        """A token signed with the right key, but with something of it changed; None takes a claim away."""
        said = {**jwt.decode(self.token(), options={"verify_signature": False}), **claims}
        said = {name: value for name, value in said.items() if value is not None}
        head = {"kid": self.keys.current.kid, "typ": "at+jwt", **(header or {})}
        return jwt.encode(said, key or self.keys.current.private, algorithm=alg, headers=head)

    def refuse(self, text: str, sentence: str) -> None:
        for _ in range(2):  # a refused token must not be remembered as a good one
            with pytest.raises(Unauthenticated, match=sentence):
                self.verifier.verify(text)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "keys")


def encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_a_token_says_who_and_what(site: Site) -> None:
    token = site.verifier.verify(site.token())
    assert (token.user, token.employee, token.roles) == ("anna", "17", ("dispatcher",))
    assert token.permissions.allow("servicecalls.forward")
    assert not token.permissions.allow("settings.write")
    assert token.expiry_time == START + timedelta(minutes=15)


def test_a_token_is_verified_once(site: Site) -> None:
    text = site.token()
    first = site.verifier.verify(text)
    assert site.verifier.verify("".join(text)) is first


def test_the_cache_does_not_outlive_the_token(site: Site) -> None:
    text = site.token()
    site.verifier.verify(text)
    site.clock.advance(timedelta(minutes=15, seconds=29))
    site.verifier.verify(text)
    site.clock.advance(SECOND)
    site.refuse(text, "expired at 2027-03-01T08:15:00Z")


def test_an_expired_token_is_refused_without_cache_too(site: Site) -> None:
    text = site.token()
    site.clock.advance(timedelta(minutes=15, seconds=30))
    site.refuse(text, "expired")


def test_the_cache_is_bounded_and_the_oldest_goes(site: Site) -> None:
    verifier = site.a_verifier(remembered=3)
    texts = [site.token() for _ in range(5)]
    known: list[Token] = [verifier.verify(text) for text in texts]
    assert len(verifier._verified) == 3
    assert verifier.verify(texts[4]) is known[4]
    assert verifier.verify(texts[0]) is not known[0]


def test_new_keys_empty_the_cache(site: Site, tmp_path: Path) -> None:
    text = site.token()
    site.verifier.verify(text)
    site.verifier.use(KeySet.from_jwks(make_keys(tmp_path / "other", START).jwks()))
    site.refuse(text, "does not publish")


def test_keys_changed_during_a_verification_are_not_undone_by_it(site: Site, tmp_path: Path) -> None:
    text, verifier = site.token(), site.verifier
    other = KeySet.from_jwks(make_keys(tmp_path / "other", START).jwks())

    class Changing(KeySet):
        def find(self, kid: str) -> ec.EllipticCurvePublicKey | None:
            found = super().find(kid)
            verifier.use(other)
            return found

    verifier.use(Changing({site.keys.current.kid: site.keys.current.private.public_key()}))
    verifier.verify(text)
    site.refuse(text, "does not publish")


def test_a_rotated_key_verifies_until_it_is_gone(site: Site) -> None:
    text = site.token()
    once = rotated(site.keys, START + timedelta(hours=1))
    site.verifier.use(KeySet.from_jwks(once.jwks()))
    assert site.verifier.verify(text).user == "anna"
    assert site.verifier.verify(Issuer(once, "muster", "esoffice").issue(GRANT, START).text).user == "anna"

    site.verifier.use(KeySet.from_jwks(rotated(once, START + timedelta(hours=26)).jwks()))
    site.refuse(text, "does not publish")


def test_the_next_key_is_known_before_it_signs(site: Site) -> None:
    next_issuer = Issuer(rotated(site.keys, START), "muster", "esoffice")
    assert site.verifier.verify(next_issuer.issue(GRANT, START).text).user == "anna"


def test_clocks_may_differ_by_the_leeway(site: Site) -> None:
    assert site.verifier.verify(site.issuer.issue(GRANT, START + 30 * SECOND).text).user == "anna"
    site.refuse(site.issuer.issue(GRANT, START + 31 * SECOND).text, "not valid yet")
    site.refuse(site.forged(nbf=int(START.timestamp()) + 31), "not valid yet")
    site.refuse(site.forged(iat=int(START.timestamp()) + 31), "not valid yet")


def test_every_changed_character_is_noticed(site: Site) -> None:
    text = site.token()
    for place in range(0, len(text) - 1, 7):  # the very last character holds two unused bits
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(Unauthenticated):
            site.verifier.verify(changed)


def test_claims_exchanged_under_a_good_signature_are_refused(site: Site) -> None:
    header, payload, signature = site.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    site.refuse(f"{header}.{encoded({**claims, 'permissions': ['*']})}.{signature}", "signature is wrong")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "HS256", "RS256", "ES384", ""])
def test_no_other_algorithm_is_accepted(site: Site, alg: str) -> None:
    _, payload, signature = site.token().split(".")
    header = encoded({"alg": alg, "kid": site.keys.current.kid, "typ": "at+jwt"})
    for signed in (signature, ""):
        site.refuse(f"{header}.{payload}.{signed}", "not signed with ES256|not a signed JWT")


def test_the_public_key_is_no_shared_secret(site: Site) -> None:
    secret = site.keys.current.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = encoded({"alg": "HS256", "kid": site.keys.current.kid, "typ": "at+jwt"})
    body = f"{header}.{site.token().split('.')[1]}"
    signature = base64.urlsafe_b64encode(hmac.digest(secret, body.encode(), "sha256")).rstrip(b"=").decode()
    site.refuse(f"{body}.{signature}", "not signed with ES256")


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ({"kid": "unknown"}, "does not publish"),
        ({"kid": ""}, "does not publish"),
        ({"typ": "JWT"}, "not an access token"),
        ({"crit": ["exp"], "exp": 1}, "not an access token|not a signed JWT"),
    ],
)
def test_a_header_of_another_kind_is_refused(site: Site, header: dict[str, Any], sentence: str) -> None:
    site.refuse(site.forged(header), sentence)


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"aud": "otherproduct"}, "not made for esoffice"),
        ({"iss": "other"}, "not issued by muster"),
        *(({name: None}, f"lacks the claim '{name}'") for name in ("iss", "sub", "aud", "iat", "nbf", "exp", "jti")),
        ({"sub": ""}, "'sub' is not a text"),
        ({"employee": 17}, "'employee' is not a text"),
        ({"roles": "administrator"}, "'roles' is not a list"),
        ({"permissions": [1]}, "'permissions' is not a list"),
        ({"exp": 10**18}, "'exp' is not a time"),
        ({"exp": True}, "'exp' is not a time"),
        ({"nbf": 1.5}, "'nbf' is not a time"),
        ({"iat": 10**30}, "'iat' is not a time"),
    ],
)
def test_wrong_claims_are_refused_under_a_good_signature(site: Site, claims: dict[str, Any], sentence: str) -> None:
    site.refuse(site.forged(**claims), sentence)


def test_a_subject_that_is_no_text_is_refused(site: Site) -> None:
    header = encoded({"alg": "ES256", "kid": site.keys.current.kid, "typ": "at+jwt"})
    claims = jwt.decode(site.token(), options={"verify_signature": False})
    signer = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
    body = f"{header}.{encoded({**claims, 'sub': 5})}"
    signature = base64.urlsafe_b64encode(signer.sign(body.encode(), site.keys.current.private)).rstrip(b"=").decode()
    site.refuse(f"{body}.{signature}", "cannot be read|'sub' is not a text")


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "....", "ü.ü.ü", "a" * 9000, "e30.e30."])
def test_what_is_no_token_is_refused(site: Site, text: str) -> None:
    site.refuse(text, "not a signed JWT|not signed with|longer than")


def test_several_threads_may_verify(site: Site) -> None:
    verifier = site.a_verifier(remembered=4)
    texts = [site.token() for _ in range(12)]
    wrong: list[Exception] = []

    def work() -> None:
        try:
            for text in texts * 5:
                verifier.verify(text)
        except Exception as error:  # noqa: BLE001
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(verifier._verified) <= 4
