import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import Unauthenticated
from mesh.forwarded_certificates import forwarded_id, parse
from mesh.spiffe import SpiffeId

PROXY = SpiffeId("muster", "envoy-lan")
BY = f"By={PROXY}"


def test_the_nearest_proxy_s_element_counts() -> None:
    header = f"By=spiffe://muster/service/envoy-dmz;URI=spiffe://muster/service/config_service,{BY};Hash=ab;URI=spiffe://muster/service/esweb"
    assert forwarded_id(header, PROXY) == SpiffeId("muster", "esweb")


def test_quoted_values_may_hold_separators_and_quotes() -> None:
    header = rf'{BY};Subject="CN=a,O=\"b;c\",URI=x\\";URI=spiffe://muster/service/esweb;DNS=a;DNS=b'
    (element,) = parse(header)
    assert element["Subject"] == ['CN=a,O="b;c",URI=x\\']
    assert element["DNS"] == ["a", "b"]
    assert forwarded_id(header, PROXY) == SpiffeId("muster", "esweb")


@pytest.mark.parametrize("header", [BY, f"{BY};URI=", f'{BY};Hash=ab;Subject=""'])
def test_a_certificate_without_identity_is_nobody(header: str) -> None:
    assert forwarded_id(header, PROXY) is None


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("", "cannot be read at character 1"),
        (f"{BY};", "cannot be read"),
        (f"{BY},", "cannot be read"),
        (f"{BY}; URI=a", "cannot be read"),
        (f"{BY};URI=a b", "cannot be read"),
        (f'{BY};Subject="open', "cannot be read"),
        (f'{BY};Subject="a"b', "cannot be read"),
        (rf'{BY};Subject="\n"', "cannot be read"),
        (f"{BY};Unknown=a", "cannot be read"),
        (f"{BY};uri=a", "cannot be read"),
        (f"{BY};URI=a=b", "cannot be read"),
        (f"{BY};URI=spiffe://muster/service/a;URI=spiffe://muster/service/b", "names URI twice"),
        ("URI=spiffe://muster/service/a", "was not written by"),
        ("By=spiffe://muster/service/envoy-dmz;URI=spiffe://muster/service/a", "was not written by"),
        (f"{BY};URI=https://muster/a", "names nobody of this site"),
        (f"{BY};URI=spiffe://other/service/a", "belongs to another site"),
        (f"{BY};Hash={'a' * 20_000}", "longer than"),
    ],
)
def test_what_envoy_does_not_write_is_refused(header: str, sentence: str) -> None:
    with pytest.raises(Unauthenticated, match=sentence):
        forwarded_id(header, PROXY)


@given(st.text(alphabet='By=;,"\\URIa', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        elements = parse(text)
    except Unauthenticated:
        return
    assert all(elements)


@given(st.text(max_size=40))
def test_no_quoted_subject_can_write_an_identity(subject: str) -> None:
    quoted = subject.replace("\\", "\\\\").replace('"', '\\"')
    assert forwarded_id(f'{BY};Subject="{quoted}";URI=spiffe://muster/service/esweb', PROXY) == SpiffeId(
        "muster", "esweb"
    )
