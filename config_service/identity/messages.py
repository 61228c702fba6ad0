"""Users as the contract shows them. A password, or its hash, is in none of these messages."""

from collections.abc import Mapping

from esoffice.config.v1 import identity_pb2 as pb
from esoffice.config.v1 import settings_pb2

from config_service.identity.rules import Role
from config_service.identity.store import User

_EMPLOYEE = "employees/"


def user_message(user: User) -> pb.User:
    """Return a user."""
    message = pb.User(
        name=f"users/{user.name}",
        employee=employee_name(user.employee),
        roles=user.roles,
        disabled=user.disabled,
        service_user=user.service_user,
        display_name=user.display_name,
        etag=user.etag,
    )
    if user.last_sign_in_time is not None:
        message.last_sign_in_time.FromDatetime(user.last_sign_in_time)
    message.create_time.FromDatetime(user.create_time)
    message.update_time.FromDatetime(user.update_time)
    return message


def employee_name(personnel_number: str) -> str:
    """Return `employees/{personnel_number}`, or nothing for nobody."""
    return f"{_EMPLOYEE}{personnel_number}" if personnel_number else ""


def personnel_number(employee: str) -> str:
    """Return the personnel number in `employees/{personnel_number}`; the contract has checked the form."""
    return employee.removeprefix(_EMPLOYEE)


def user_id(name: str) -> str:
    """Return the id in `users/{name}`; the contract has checked the form."""
    return name.removeprefix("users/")


def site_roles(settings: settings_pb2.Settings) -> Mapping[str, Role]:
    """Return the roles the site has made, by name."""
    return {name: Role(name=name, patterns=tuple(role.permissions)) for name, role in settings.common.roles.items()}
