import pytest
from hypothesis import given
from hypothesis import strategies as st

from config_service.identity.rules import BUILT_IN, Role, checked, permissions_of
from mesh.errors import FailedPrecondition, InvalidArgument
from mesh.permissions import Permissions, is_pattern


def test_the_built_in_roles_are_well_formed() -> None:
    assert set(BUILT_IN) == {"administrator", "dispatcher", "technician", "viewer"}
    for role in BUILT_IN.values():
        assert role.built_in
        assert all(is_pattern(pattern) for pattern in role.patterns)
        assert len(set(role.patterns)) == len(role.patterns)


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("administrator", "settings.write", "nonsense"),
        ("dispatcher", "servicecalls.forward", "settings.read"),
        ("technician", "servicecalls.write", "servicecalls.close"),
        ("viewer", "servicecalls.read", "audit.read"),
    ],
)
def test_a_role_may_do_its_work_and_no_more(role: str, may: str, may_not: str) -> None:
    permissions = Permissions(permissions_of([role], {}))
    assert permissions.allow(may)
    assert not permissions.allow(may_not)


def test_whoever_looks_on_changes_nothing() -> None:
    assert all(pattern.endswith(".read") for pattern in BUILT_IN["viewer"].patterns)


def test_several_roles_add_up_and_covered_patterns_are_left_out() -> None:
    own = {"night": Role(name="night", patterns=("duty.*", "duty.read", "sms.send"))}
    assert permissions_of(["night"], own) == ("duty.*", "sms.send")
    assert permissions_of(["night", "administrator"], own) == ("*",)


def test_a_role_that_is_gone_grants_nothing() -> None:
    assert permissions_of(["gone"], {}) == ()


def test_nobody_can_replace_a_built_in_role() -> None:
    own = {"viewer": Role(name="viewer", patterns=("*",))}
    assert "*" not in permissions_of(["viewer"], own)


def test_a_malformed_stored_pattern_grants_nothing() -> None:
    assert permissions_of(["a"], {"a": Role(name="a", patterns=("**", "duty.read"))}) == ("duty.read",)


@given(st.lists(st.sampled_from([*BUILT_IN, "gone"])))
def test_leaving_covered_patterns_out_changes_no_right(roles: list[str]) -> None:
    short = Permissions(permissions_of(roles, {}))
    long = Permissions(pattern for name in roles if name in BUILT_IN for pattern in BUILT_IN[name].patterns)
    for role in BUILT_IN.values():
        for pattern in role.patterns:
            permission = pattern.replace("*", "some.thing")
            assert short.allow(permission) is long.allow(permission)


def test_a_role_of_the_site_s_own_is_accepted() -> None:
    role = checked("night-shift", ["duty.*", "sms.send", "duty.*"])
    assert role == Role(name="night-shift", patterns=("duty.*", "sms.send"))


def test_a_built_in_role_cannot_be_changed() -> None:
    with pytest.raises(FailedPrecondition, match="administrator is built in"):
        checked("administrator", ["duty.read"])


def test_all_that_is_wrong_with_a_role_is_said_at_once() -> None:
    with pytest.raises(InvalidArgument) as error:
        checked("Night shift", ["duty.read", "Duty.read", "duty"])
    assert [one.field for one in error.value.violations] == ["permissions[1]", "permissions[2]", "name"]


@pytest.mark.parametrize("count", [0, 201])
def test_a_role_without_or_with_too_many_permissions_is_refused(count: int) -> None:
    with pytest.raises(InvalidArgument, match="between 1 and 200"):
        checked("night", [f"duty.p{number}" for number in range(count)])
