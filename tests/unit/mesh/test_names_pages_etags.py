from typing import Any

import pytest
from esoffice.es.v1 import directory_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import InvalidArgument
from mesh.etags import StaleEtag, check, etag
from mesh.names import NamePattern
from mesh.pages import page_of

COMPONENT = NamePattern("systems/{system}/components/{component}")
CALL = NamePattern("servicecalls/{servicecall}", numeric=True)


def test_a_name_is_built_and_taken_apart() -> None:
    assert COMPONENT.places == ("system", "component")
    assert COMPONENT.collection == "components"
    assert COMPONENT.build("A-1", 2) == "systems/A-1/components/2"
    assert COMPONENT.parse("systems/A-1/components/2") == ("A-1", "2")
    assert repr(CALL) == "NamePattern('servicecalls/{servicecall}')"


@pytest.mark.parametrize(
    "name", ["", "systems/A", "systems/ä/components/1", "systems/a/components/1\n", "x/systems/a/components/b"]
)
def test_another_name_is_refused_with_the_form_it_should_have(name: Any) -> None:
    assert COMPONENT.ids(name) is None
    with pytest.raises(InvalidArgument, match="is not of the form systems/") as caught:
        COMPONENT.parse(name, field="system")
    assert caught.value.violations[0].field == "system"


@pytest.mark.parametrize("name", ["servicecalls/0", "servicecalls/007", "servicecalls/a"])
def test_a_numeric_name_holds_a_number(name: Any) -> None:
    assert CALL.ids(name) is None


IDS = st.text("abcXYZ019-", min_size=1, max_size=40)


@given(IDS, IDS)
def test_every_name_comes_back(system: Any, component: Any) -> None:
    assert COMPONENT.parse(COMPONENT.build(system, component)) == (system, component)


@given(
    st.lists(st.one_of(st.text(max_size=40), st.integers(-(2**53), 2**53)), min_size=1, max_size=3),
    st.text(max_size=80),
)
def test_a_token_says_after_which_row_and_only_to_its_own_list(key: Any, query: Any) -> None:
    token = page_of(pb.ListAddressesRequest(query=query)).token_after(tuple(key))
    later = page_of(pb.ListAddressesRequest(query=query, page_token=token, page_size=3))
    assert later.after == tuple(key)
    with pytest.raises(InvalidArgument):
        page_of(pb.ListAddressesRequest(query=query + "x", page_token=token))
    with pytest.raises(InvalidArgument):
        page_of(pb.ListSystemsRequest(query=query, page_token=token))


@given(st.text(max_size=60))
def test_a_made_up_token_is_refused(token: Any) -> None:
    if token:
        with pytest.raises(InvalidArgument, match="page_token"):
            page_of(pb.ListAddressesRequest(page_token=token))


@given(st.sets(st.integers(0, 99)), st.integers(1, 12))
def test_pages_hold_every_row_once(numbers: Any, size: Any) -> None:
    rows = [{"number": one} for one in sorted(numbers)]
    seen, request = [], pb.ListAddressesRequest(page_size=size)
    for _ in range(len(rows) + 1):
        page = page_of(request)
        left = [row for row in rows if not page.after or (row["number"],) > page.after][: page.size + 1]
        seen += left[: page.size]
        request.page_token = page.token(left, ["number"])
        if not request.page_token:
            break
    assert seen == rows


def test_a_page_has_fifty_rows_unless_asked_otherwise_and_never_more_than_a_thousand() -> None:
    assert page_of(pb.ListAddressesRequest()).size == 50
    assert page_of(pb.ListAddressesRequest(page_size=5000)).size == 1000


def test_an_etag_lets_pass_what_was_decided_on_the_current_state() -> None:
    current = etag(1, "a")
    assert current != etag(2, "a")
    check("", current, "x/1")
    check(current, current, "x/1")
    with pytest.raises(StaleEtag, match="x/1 was changed since it was read"):
        check(etag(2, "a"), current, "x/1")
