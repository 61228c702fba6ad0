"""Services verify tokens by themselves: with the keys they have kept, and with new ones as soon as they meet one."""

import asyncio
from pathlib import Path

import pytest

from config_service.identity.signing import Grant, Issuer, make_keys, rotated
from mesh import keys as module
from mesh.errors import Unauthenticated, Unavailable
from mesh.key_set import KeySet
from mesh.keys import KeyKeeper
from mesh.tokens import Verifier
from tests.builders.site import SITE, START, clock


class Publisher:
    """config_service as far as keys go."""

    def __init__(self, document: str) -> None:
        self.document = document
        self.asked = 0

    async def key_set(self) -> str:
        self.asked += 1
        if not self.document:
            raise Unavailable("config_service is down")
        return self.document


class Site:
    def __init__(self, folder: Path) -> None:
        self.issuer = Issuer(make_keys(folder / "keys", START), SITE, "esoffice")
        self.publisher = Publisher(self.issuer.keys.jwks())
        self.folder = folder

    def service(self) -> tuple[Verifier, KeyKeeper]:
        verifier = Verifier(SITE, "esoffice", KeySet({}), clock())
        return verifier, KeyKeeper(verifier, self.publisher, self.folder)  # type: ignore[arg-type]  # keys alone

    def token(self) -> str:
        return self.issuer.issue(Grant(user="anna"), START).text


@pytest.fixture
def a_site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def test_tokens_are_verified_while_config_service_is_down(a_site: Site) -> None:
    _, keeper = a_site.service()
    await keeper.renew()
    a_site.publisher.document = ""
    verifier, keeper = a_site.service()
    keeper.load()
    assert verifier.verify(a_site.token()).user == "anna"


async def test_a_new_key_is_fetched_when_a_token_names_it(a_site: Site) -> None:
    verifier, keeper = a_site.service()
    await keeper.renew()
    a_site.issuer.keys = rotated(rotated(a_site.issuer.keys, START), START)
    a_site.publisher.document = a_site.issuer.keys.jwks()
    with pytest.raises(Unavailable, match="try again in a second"):
        verifier.verify(a_site.token())
    await asyncio.sleep(0.05)
    assert verifier.verify(a_site.token()).user == "anna"


async def test_made_up_keys_do_not_become_calls(a_site: Site, tmp_path: Path) -> None:
    verifier, keeper = a_site.service()
    await keeper.renew()
    stranger = Issuer(make_keys(tmp_path / "other", START), SITE, "esoffice").issue(Grant(user="eve"), START).text
    with pytest.raises(Unavailable):
        verifier.verify(stranger)
    await asyncio.sleep(0.05)
    for _ in range(100):
        with pytest.raises(Unauthenticated, match="does not publish"):
            verifier.verify(stranger)
    assert a_site.publisher.asked == 2


async def test_a_failed_fetch_leaves_the_keys_that_are_there(a_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASKED_AT_MOST_EVERY_SECONDS", 0)
    verifier, keeper = a_site.service()
    await keeper.renew()
    a_site.publisher.document = ""
    assert keeper.ask()
    await asyncio.sleep(0.05)
    assert verifier.verify(a_site.token()).user == "anna"
    a_site.publisher.document = "{}"
    with pytest.raises(Unavailable):
        await keeper.renew()
    assert verifier.verify(a_site.token()).user == "anna"


async def test_a_damaged_copy_is_not_used(a_site: Site) -> None:
    (a_site.folder / module.FILE).write_text("{")
    verifier, keeper = a_site.service()
    keeper.load()
    with pytest.raises(Unavailable):
        verifier.verify(a_site.token())
