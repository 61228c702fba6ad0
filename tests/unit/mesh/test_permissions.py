import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.permissions import Permissions, covers, is_pattern, is_permission

WORDS = st.sampled_from(["a", "b", "c1"])
PERMISSIONS = st.lists(WORDS, min_size=2, max_size=4).map(".".join)
PATTERNS = st.lists(st.one_of(WORDS, st.just("*")), min_size=2, max_size=4).map(".".join) | st.just("*")


@pytest.mark.parametrize(
    ("pattern", "permission", "granted"),
    [
        ("servicecalls.read", "servicecalls.read", True),
        ("servicecalls.read", "servicecalls.reads", False),
        ("servicecalls.*", "servicecalls.notes.read", True),
        ("servicecalls.*", "servicecallsx.read", False),
        ("*.read", "duty.read", True),
        ("*.read", "duty.plans.read", False),
        ("*", "secrets.write", True),
        ("a.b", "axb", False),
    ],
)
def test_a_pattern_grants_what_it_says(pattern: str, permission: str, *, granted: bool) -> None:
    permissions = Permissions([pattern])
    assert permissions.allow(permission) is granted
    assert permissions.allow(permission) is granted, "remembered as it was"


def test_nothing_is_granted_by_default() -> None:
    assert not Permissions().allow("servicecalls.read")


@pytest.mark.parametrize(
    "text", ["", "read", "Servicecalls.read", "a..b", "a.b\n", "*", "a.*", ".a", "a.b.", "a b.c", "1.a"]
)
def test_what_is_no_permission_is_denied_even_to_the_administrator(text: str) -> None:
    assert not is_permission(text)
    assert not Permissions(["*"]).allow(text)


@pytest.mark.parametrize("text", ["", "**", "servicecalls", "a.b*", "a.(b|c)", "*.", ".*", "A.b", "a.*\n"])
def test_a_malformed_pattern_grants_nothing(text: str) -> None:
    assert not is_pattern(text)
    assert Permissions([text, "duty.read"]).patterns == ("duty.read",)


@given(PATTERNS, PERMISSIONS)
def test_a_pattern_grants_what_its_regular_expression_matches(pattern: str, permission: str) -> None:
    *first, last = pattern.split(".")
    words = ["[a-z0-9_]+" if word == "*" else word for word in first]
    expression = r"\.".join([*words, "[a-z0-9_.]+" if last == "*" else last])
    assert Permissions([pattern]).allow(permission) is bool(re.fullmatch(expression, permission))


@given(PATTERNS, PATTERNS, PERMISSIONS)
def test_a_covering_pattern_grants_all_that_the_other_grants(wide: str, narrow: str, permission: str) -> None:
    if covers(wide, narrow) and Permissions([narrow]).allow(permission):
        assert Permissions([wide]).allow(permission)
    assert covers(narrow, narrow)


def test_permissions_can_be_read_in_a_log() -> None:
    assert repr(Permissions(["b.c", "a.*"])) == "Permissions(['a.*', 'b.c'])"
