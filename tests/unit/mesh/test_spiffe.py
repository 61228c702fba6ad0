import pytest

from mesh.spiffe import SpiffeId


def test_an_identity_is_read_and_written() -> None:
    identity = SpiffeId.parse("spiffe://muster.example/service/server_es")
    assert identity == SpiffeId("muster.example", "server_es")
    assert str(identity) == "spiffe://muster.example/service/server_es"
    assert identity.dns_name == "server-es.service.muster.example"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://muster/service/server_es",
        "spiffe://muster",
        "spiffe://muster/service/",
        "spiffe://muster/service/a/b",
        "spiffe://muster/services/a",
        "spiffe:///service/a",
        "spiffe://Muster/service/a",
        "spiffe://muster/service/A",
        "spiffe://muster/service/a?x=1",
        "spiffe://muster:443/service/a",
        "spiffe://anna@muster/service/a",
        "spiffe://muster/service/../service/a",
        "spiffe://muster/service/a\n",
        f"spiffe://{'m' * 64}/service/a",
        f"spiffe://muster/service/{'a' * 41}",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not (allowed|a service identity)"):
        SpiffeId.parse(text)
