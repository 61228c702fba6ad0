"""What may become of a user: from the user as it is and the request to the user as it will be."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from esoffice.config.v1 import identity_pb2 as pb

from config_service.identity import passwords, rules
from config_service.identity.messages import personnel_number, user_id
from config_service.identity.rules import Role
from config_service.identity.store import User
from mesh.errors import FailedPrecondition, InvalidArgument, PermissionDenied, Violation
from mesh.tokens import Caller

_FIELDS = ("employee", "roles", "disabled", "display_name")


class LastAdministrator(FailedPrecondition):
    """Nobody could administer the site any more."""

    reason = "LAST_ADMINISTRATOR"


def check_password(request: pb.CreateUserRequest | pb.SetPasswordRequest) -> None:
    """Refuse a password that is too weak, missing, or given to a service user; before it is hashed.

    Raises:
        InvalidArgument: with the sentence to show, which never holds the password.
    """
    if isinstance(request, pb.CreateUserRequest) and request.user.service_user:
        if request.password:
            raise InvalidArgument([Violation("password", "a service user has no password; leave it out")])
        return
    name = request.user_id if isinstance(request, pb.CreateUserRequest) else user_id(request.name)
    weakness = passwords.weakness(request.password, user=name)
    if weakness:
        raise InvalidArgument([Violation("password", weakness)])


def created(request: pb.CreateUserRequest, hashed: str, roles: Mapping[str, Role], by: Caller, now: datetime) -> User:
    """Return a new user.

    Raises:
        InvalidArgument: a role that does not exist, a service user without a personnel number.
        PermissionDenied: the user could do more than who makes it.
    """
    wanted = request.user
    wrong = rules.missing(wanted.roles, roles)
    if wanted.service_user and not wanted.employee:
        wrong.append(Violation("user.employee", "a service user needs a personnel number: employees/{number}"))
    if wrong:
        raise InvalidArgument(wrong)
    user = User(
        name=request.user_id,
        employee=personnel_number(wanted.employee),
        roles=tuple(wanted.roles),
        disabled=wanted.disabled,
        service_user=wanted.service_user,
        display_name=wanted.display_name,
        password_hash=hashed,
        create_time=now,
        update_time=now,
    )
    may_touch(user, roles, by)
    return user


def updated(before: User, request: pb.UpdateUserRequest, roles: Mapping[str, Role], by: Caller) -> User:
    """Return the user as it will be; `before` itself when nothing changes.

    Raises:
        InvalidArgument: a role that does not exist, a service user without a personnel number.
        PermissionDenied: the user can, or could, do more than who changes it.
    """
    wanted = request.user
    values = {
        "employee": personnel_number(wanted.employee),
        "roles": tuple(wanted.roles),
        "disabled": wanted.disabled,
        "display_name": wanted.display_name,
    }
    after = replace(before, **{name: values[name] for name in request.update_mask.paths or _FIELDS})  # type: ignore[arg-type]
    wrong = rules.missing(after.roles, roles) if after.roles != before.roles else []
    if after.service_user and not after.employee:
        wrong.append(Violation("user.employee", "a service user needs a personnel number: employees/{number}"))
    if wrong:
        raise InvalidArgument(wrong)
    may_touch(before, roles, by)
    may_touch(after, roles, by)
    return after


def with_password(before: User, hashed: str, roles: Mapping[str, Role], by: Caller) -> User:
    """Return the user with another password.

    Raises:
        FailedPrecondition: a service user has none.
        PermissionDenied: the user can do more than who changes the password.
    """
    if before.service_user:
        raise FailedPrecondition(f"{before.name} is a service user and has no password.")
    may_touch(before, roles, by)
    return replace(before, password_hash=hashed)


def may_touch(user: User, roles: Mapping[str, Role], by: Caller) -> None:
    """Refuse to give, or take over, more than one has: `users.write` alone must not make an administrator.

    Raises:
        PermissionDenied: naming what is missing.
    """
    more = rules.exceeding(by.permissions.patterns, rules.permissions_of(user.roles, roles))
    if more:
        raise PermissionDenied(
            f"{by.name} cannot manage user {user.name}, whose roles grant more than {by.name} has: "
            f"{', '.join(more[:5])}.",
            permission=more[0],
        )


def keep_an_administrator(before: User, after: User | None, others: Iterable[User]) -> None:
    """Refuse what would leave nobody to administer the site.

    Raises:
        LastAdministrator: `before` is the last one, and would not be one any more.
    """
    if not _is_administrator(before) or (after is not None and _is_administrator(after)):
        return
    if not any(_is_administrator(one) for one in others):
        raise LastAdministrator(f"{before.name} is the last administrator who can sign in; make another one first.")


def _is_administrator(user: User) -> bool:
    return rules.is_administrator(user.roles, disabled=user.disabled, service_user=user.service_user)
