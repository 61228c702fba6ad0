from pathlib import Path

import pytest

from config_service.identity.signing import Grant, Issuer, make_keys
from mesh.callers import Callers, host
from mesh.errors import Unauthenticated
from mesh.key_set import KeySet
from mesh.spiffe import SpiffeId
from mesh.tokens import Caller, Kind, Verifier
from tests.builders.site import START, clock

PEER = "ipv4:192.0.2.7:5000"
LAN = "By=spiffe://muster/service/envoy-lan"


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(make_keys(tmp_path / "keys", START), "muster", "esoffice")


@pytest.fixture
def callers(issuer: Issuer) -> Callers:
    verifier = Verifier("muster", "esoffice", KeySet.from_jwks(issuer.keys.jwks()), clock())
    return Callers("muster", verifier, {"server_business": ["sms.*"], "envoy-lan": ["*"]})


def shown(*identities: str) -> dict[str, list[bytes]]:
    return {"x509_pem_cert": [b"-"], "peer_spiffe_id": [identity.encode() for identity in identities]}


def service(name: str) -> dict[str, list[bytes]]:
    return shown(f"spiffe://muster/service/{name}")


def test_who_shows_nothing_is_anonymous_and_may_do_nothing(callers: Callers) -> None:
    caller = callers.identify({}, [], PEER)
    assert caller == Caller(kind=Kind.ANONYMOUS, address="192.0.2.7")
    assert caller.kind == "anonymous"
    assert not caller.may("servicecalls.read")


def test_a_service_may_do_what_its_wiring_says(callers: Callers) -> None:
    caller = callers.identify(service("server_business"), [], PEER)
    assert caller.may("sms.send")
    assert not caller.may("servicecalls.read")


def test_a_service_without_wiring_may_do_nothing(callers: Callers) -> None:
    caller = callers.identify(service("esweb"), [], PEER)
    assert (caller.kind, caller.name) == (Kind.SERVICE, "esweb")
    assert not caller.may("sms.send")


def test_the_proxy_s_own_rights_are_nobody_s_behind_it(callers: Callers) -> None:
    caller = callers.identify(service("envoy-lan"), [("x-forwarded-for", "203.0.113.9, 192.0.2.9")], PEER)
    assert caller == Caller(kind=Kind.ANONYMOUS, address="192.0.2.9")


def test_a_forwarded_certificate_names_the_service(callers: Callers) -> None:
    header = ("x-forwarded-client-cert", f"{LAN};URI=spiffe://muster/service/server_business")
    assert callers.identify(service("envoy-lan"), [header], PEER).may("sms.send")


def test_a_forwarded_certificate_of_no_proxy_is_not_read(callers: Callers) -> None:
    header = ("x-forwarded-client-cert", f"{LAN};URI=spiffe://muster/service/server_business")
    assert callers.identify({}, [header], PEER).kind is Kind.ANONYMOUS
    assert callers.identify(service("esweb"), [header], PEER).name == "esweb"


def test_several_headers_are_one_list(callers: Callers) -> None:
    first = ("x-forwarded-client-cert", f"{LAN};URI=spiffe://muster/service/server_business")
    last = ("x-forwarded-client-cert", f"{LAN};URI=spiffe://muster/service/esweb")
    assert callers.identify(service("envoy-lan"), [first, last], PEER).name == "esweb"


def test_a_person_has_the_token_s_permissions_only(callers: Callers, issuer: Issuer) -> None:
    text = issuer.issue(Grant(user="anna", employee="17", permissions=("duty.read",)), START).text
    caller = callers.identify(service("server_business"), [("x-bin", b"1"), ("authorization", f"bearer {text}")], PEER)
    assert (caller.kind, caller.name, caller.employee) == (Kind.PERSON, "anna", "17")
    assert caller.spiffe_id == SpiffeId("muster", "server_business")
    assert caller.may("duty.read")
    assert not caller.may("sms.send")


@pytest.mark.parametrize("headers", [["Basic YQ=="], ["Bearer "], [""], ["Bearer a", "Bearer b"], ["Bearer a.b.c"]])
def test_a_wrong_token_is_refused_even_beside_a_good_certificate(callers: Callers, headers: list[str]) -> None:
    with pytest.raises(Unauthenticated):
        callers.identify(service("server_business"), [("authorization", one) for one in headers], PEER)


@pytest.mark.parametrize(
    ("context", "sentence"),
    [
        (shown(), "carries no service identity"),
        (shown("spiffe://muster/service/a", "spiffe://muster/service/b"), "carries no service identity"),
        (shown("spiffe://muster/user/anna"), "carries no service identity"),
        (shown("spiffe://other/service/server_business"), "belongs to another site"),
        (shown("spiffe://muster/service/\xff"), "carries no service identity"),
        ({"x509_pem_cert": [b"-"], "x509_subject_alternative_name": [b"spiffe://muster/service/a"]}, "carries no"),
    ],
)
def test_a_certificate_of_no_service_is_refused(
    callers: Callers, context: dict[str, list[bytes]], sentence: str
) -> None:
    with pytest.raises(Unauthenticated, match=sentence):
        callers.identify(context, [], PEER)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        (PEER, "192.0.2.7"),
        ("ipv6:%5B2001:db8::7%5D:50", "2001:db8::7"),
        ("ipv6:[::1]:50", "::1"),
        ("unix:/run/a", ""),
        ("", ""),
    ],
)
def test_the_address_is_read_from_grpc_s_peer(peer: str, address: str) -> None:
    assert host(peer) == address


def test_who_comes_through_the_dmz_is_outside_and_never_a_service(callers: Callers, issuer: Issuer) -> None:
    by = "By=spiffe://muster/service/envoy-dmz"
    forwarded = ("x-forwarded-client-cert", f"{by};URI=spiffe://muster/service/server_business")
    caller = callers.identify(service("envoy-dmz"), [forwarded, ("x-forwarded-for", "203.0.113.9")], PEER)
    assert caller == Caller(kind=Kind.ANONYMOUS, address="203.0.113.9", outside=True)
    token = ("authorization", f"Bearer {issuer.issue(Grant(user='tom'), START).text}")
    assert callers.identify(service("envoy-dmz"), [token], PEER).outside
    assert not callers.identify(service("envoy-lan"), [token], PEER).outside
