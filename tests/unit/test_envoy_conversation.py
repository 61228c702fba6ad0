from dataclasses import replace

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse
from google.rpc.status_pb2 import Status

from config_service.envoy.conversation import PATIENCE_SECONDS, Conversation, Rejection, TooManyNames
from config_service.envoy.rules import Route
from config_service.envoy.snapshot import KINDS, TYPE_URLS, Kind, Snapshot, build
from tests.builders.envoy_facts import endpoint, facts

NAMES = {
    Kind.CLUSTER: (),
    Kind.ENDPOINTS: ("config_service", "server_business", "server_es"),
    Kind.SECRET: ("door", "client_ca", "identity", "site_ca"),
    Kind.LISTENER: (),
    Kind.ROUTES: ("calls",),
}


class Envoy:
    """The other side of a conversation; counts its own clock."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.now = 0.0
        self.has: dict[Kind, str] = {}

    def ask(self, kind: Kind, *, nonce: str = "", names: tuple[str, ...] | None = None) -> None:
        self.conversation.hear(
            DiscoveryRequest(
                type_url=TYPE_URLS[kind],
                version_info=self.has.get(kind, ""),
                response_nonce=nonce,
                resource_names=NAMES[kind] if names is None else names,
            )
        )

    def accept(self, response: DiscoveryResponse) -> None:
        kind = KINDS[response.type_url]
        self.has[kind] = response.version_info
        self.ask(kind, nonce=response.nonce)

    def reject(self, response: DiscoveryResponse, reason: str) -> Rejection | None:
        return self.conversation.hear(
            DiscoveryRequest(
                type_url=response.type_url, response_nonce=response.nonce, error_detail=Status(code=13, message=reason)
            )
        )

    def take(self, snapshot: Snapshot) -> list[Kind]:
        """Accept all there is to say; return the kinds in the order in which they came."""
        told = []
        while response := self.conversation.say(snapshot, self.now):
            told.append(KINDS[response.type_url])
            self.accept(response)
        return told


@pytest.fixture
def envoy() -> Envoy:
    """An Envoy that has asked for everything."""
    envoy = Envoy(Conversation())
    for kind in reversed(Kind):
        envoy.ask(kind)
    return envoy


SNAPSHOT = build(facts(endpoint()), "demo")
OTHER_ENDPOINTS = build(facts(endpoint(20002)), "demo")


def test_clusters_come_before_endpoints_before_listeners_before_routes(envoy: Envoy) -> None:
    assert envoy.take(SNAPSHOT) == [Kind.CLUSTER, Kind.ENDPOINTS, Kind.SECRET, Kind.LISTENER, Kind.ROUTES]


def test_only_what_changed_is_told(envoy: Envoy) -> None:
    envoy.take(SNAPSHOT)
    assert envoy.take(SNAPSHOT) == []
    assert envoy.take(OTHER_ENDPOINTS) == [Kind.ENDPOINTS]


def test_nothing_more_is_said_while_an_answer_is_awaited(envoy: Envoy) -> None:
    assert envoy.conversation.say(SNAPSHOT, 0.0) is not None
    assert envoy.conversation.say(SNAPSHOT, 0.0) is None


def test_an_answer_that_never_comes_does_not_hold_back_the_rest(envoy: Envoy) -> None:
    assert envoy.conversation.say(SNAPSHOT, 0.0) is not None
    envoy.now = PATIENCE_SECONDS
    assert envoy.take(SNAPSHOT) == [Kind.ENDPOINTS, Kind.SECRET, Kind.LISTENER, Kind.ROUTES]


def test_a_rejected_version_is_not_repeated_and_the_reason_is_kept(envoy: Envoy) -> None:
    envoy.take(SNAPSHOT)
    response = envoy.conversation.say(OTHER_ENDPOINTS, 0.0)
    assert response is not None
    rejection = envoy.reject(response, "malformed")
    assert rejection == Rejection(Kind.ENDPOINTS, OTHER_ENDPOINTS.versions[Kind.ENDPOINTS], "malformed")
    known = envoy.conversation.subscriptions[Kind.ENDPOINTS]
    assert (known.accepted_version, known.rejection) == (SNAPSHOT.versions[Kind.ENDPOINTS], rejection)
    assert envoy.take(OTHER_ENDPOINTS) == []


def test_routes_wait_while_envoy_refuses_the_clusters_they_may_name(envoy: Envoy) -> None:
    response = envoy.conversation.say(SNAPSHOT, 0.0)
    assert response is not None
    envoy.reject(response, "bad cluster")
    assert envoy.take(SNAPSHOT) == [Kind.ENDPOINTS, Kind.SECRET]


def test_an_answer_to_an_overtaken_message_is_ignored(envoy: Envoy) -> None:
    envoy.take(SNAPSHOT)
    response = envoy.conversation.say(OTHER_ENDPOINTS, 0.0)
    assert response is not None
    envoy.ask(Kind.ENDPOINTS, nonce="1")
    assert envoy.conversation.subscriptions[Kind.ENDPOINTS].is_awaited


def test_an_envoy_that_comes_back_with_an_old_nonce_is_understood(envoy: Envoy) -> None:
    envoy.take(SNAPSHOT)
    envoy.conversation = Conversation()
    for kind in Kind:
        envoy.ask(kind, nonce="77")
    assert Kind.CLUSTER not in envoy.take(SNAPSHOT)


def test_an_envoy_that_comes_back_hears_what_changed_meanwhile(envoy: Envoy) -> None:
    envoy.take(SNAPSHOT)
    envoy.conversation = Conversation()
    for kind in Kind:
        envoy.ask(kind)
    assert Kind.ENDPOINTS in envoy.take(OTHER_ENDPOINTS)
    assert envoy.has[Kind.ENDPOINTS] == OTHER_ENDPOINTS.versions[Kind.ENDPOINTS]


def test_names_asked_for_later_are_answered(envoy: Envoy) -> None:
    envoy = Envoy(Conversation())
    envoy.ask(Kind.ENDPOINTS, names=("server_es",))
    response = envoy.conversation.say(SNAPSHOT, 0.0)
    assert response is not None
    assert len(response.resources) == 1
    envoy.accept(response)  # asks for all three
    assert envoy.take(SNAPSHOT) == [Kind.ENDPOINTS]


def test_a_cluster_outlives_the_route_to_it(envoy: Envoy) -> None:
    envoy.take(SNAPSHOT)
    routes = (Route(prefix="/esoffice.es.v1.", service="server_business"),)
    moved = build(replace(facts(), routes=routes, services=("server_business",)), "demo")
    assert envoy.take(moved) == [Kind.ENDPOINTS, Kind.ROUTES, Kind.CLUSTER, Kind.ENDPOINTS]
    assert envoy.has[Kind.CLUSTER] == moved.versions[Kind.CLUSTER]


def test_a_changed_cluster_hears_its_endpoints_again(envoy: Envoy) -> None:
    envoy.take(SNAPSHOT)
    assert envoy.take(build(facts(endpoint()), "other-site")) == [Kind.CLUSTER, Kind.ENDPOINTS]


def test_kinds_we_do_not_serve_are_left_unanswered(envoy: Envoy) -> None:
    envoy.take(SNAPSHOT)
    envoy.conversation.hear(DiscoveryRequest(type_url="type.googleapis.com/envoy.service.runtime.v3.Runtime"))
    assert envoy.take(SNAPSHOT) == []


def test_a_request_for_endless_names_is_refused() -> None:
    with pytest.raises(TooManyNames):
        Envoy(Conversation()).ask(Kind.ENDPOINTS, names=tuple(map(str, range(1001))))
