"""Roles and the permissions that follow from them. Patterns are those of `mesh.permissions`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mesh.errors import FailedPrecondition, InvalidArgument, Violation
from mesh.permissions import covers, is_pattern

_ROLE_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
MOST_PATTERNS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A named set of permission patterns; one that is built in cannot be changed or deleted."""

    name: str
    patterns: tuple[str, ...]
    built_in: bool = False


def _built_in(name: str, *patterns: str) -> Role:
    return Role(name=name, patterns=patterns, built_in=True)


ADMINISTRATOR = _built_in("administrator", "*")
# Runs the service desk: takes calls, decides on open mails, forwards, plans duty, answers alarms.
DISPATCHER = _built_in(
    "dispatcher",
    "absences.read",
    "absences.request",
    "appointments.read",
    "calendars.read",
    "clients.read",
    "contacts.*",
    "directory.read",
    "documents.read",
    "documents.release",
    "documents.write",
    "duty.*",
    "escalations.acknowledge",
    "escalations.escalate",
    "escalations.hold",
    "escalations.read",
    "followups.*",
    "levels.read",
    "mails.*",
    "messages.*",
    "notifications.own",
    "notifications.read",
    "outgoingmail.*",
    "servicecalls.*",
    "sms.*",
    "statusevents.read",
    "textmodules.read",
    "webdocuments.read",
)
# Works on calls in the field: reports work and uploads documents, does not plan for others.
TECHNICIAN = _built_in(
    "technician",
    "absences.request",
    "appointments.read",
    "calendars.read",
    "contacts.read",
    "contacts.write",
    "directory.read",
    "documents.read",
    "documents.write",
    "duty.feed",
    "duty.read",
    "duty.swap",
    "escalations.acknowledge",
    "escalations.read",
    "followups.*",
    "levels.read",
    "messages.read",
    "messages.send",
    "notifications.own",
    "servicecalls.forward",
    "servicecalls.plan",
    "servicecalls.read",
    "servicecalls.solve",
    "servicecalls.write",
    "statusevents.read",
    "textmodules.read",
    "webdocuments.read",
)
# Looks on. Not `*.read`: that would open settings and audit log too.
VIEWER = _built_in(
    "viewer",
    "appointments.read",
    "calendars.read",
    "contacts.read",
    "directory.read",
    "documents.read",
    "duty.read",
    "escalations.read",
    "followups.read",
    "levels.read",
    "messages.read",
    "servicecalls.read",
    "webdocuments.read",
)
BUILT_IN: Mapping[str, Role] = {role.name: role for role in (ADMINISTRATOR, DISPATCHER, TECHNICIAN, VIEWER)}


def permissions_of(roles: Iterable[str], own: Mapping[str, Role]) -> tuple[str, ...]:
    """Return the patterns that a user with these roles has, without those that another one covers.

    A role that does not exist (any more) grants nothing.

    Args:
        roles: names of the user's roles.
        own: roles the site has made, by name; a built-in role wins over one of the same name.
    """
    held = [{**own, **BUILT_IN}[name] for name in roles if name in own or name in BUILT_IN]
    patterns = {pattern for role in held for pattern in role.patterns if is_pattern(pattern)}
    return tuple(sorted(one for one in patterns if not any(covers(other, one) for other in patterns - {one})))


def missing(roles: Iterable[str], own: Mapping[str, Role]) -> list[Violation]:
    """Return a violation for each role that neither is built in nor was made by the site."""
    known = ", ".join(sorted({*BUILT_IN, *own}))
    return [
        Violation(f"user.roles[{place}]", f"there is no role {name!r}; there are {known}")
        for place, name in enumerate(roles)
        if name not in BUILT_IN and name not in own
    ]


def exceeding(held: Iterable[str], asked: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns of `asked` that none of `held` covers: nobody gives, or takes over, more than they have."""
    mine = [pattern for pattern in held if is_pattern(pattern)]
    return tuple(one for one in asked if not any(covers(pattern, one) for pattern in mine))


def is_administrator(roles: Iterable[str], *, disabled: bool, service_user: bool) -> bool:
    """Tell whether a user keeps the site administrable: can sign in and holds the built-in role.

    A role of the site's own does not count, whatever it grants: a change of settings could take that away.
    """
    return ADMINISTRATOR.name in roles and not disabled and not service_user


def checked(name: str, patterns: Iterable[str]) -> Role:
    """Return the role that a site wants to make or change.

    Raises:
        FailedPrecondition: the name is that of a built-in role.
        InvalidArgument: all that is wrong with name and patterns.
    """
    if name in BUILT_IN:
        raise FailedPrecondition(f"Role {name} is built in and cannot be changed; make a role of your own.", role=name)
    listed = tuple(dict.fromkeys(patterns))
    wrong = [
        Violation(
            f"permissions[{place}]",
            f"{pattern[:100]!r} is not a permission such as servicecalls.read, or servicecalls.*",
        )
        for place, pattern in enumerate(listed)
        if not is_pattern(pattern)
    ]
    if not _ROLE_NAME.fullmatch(name):
        wrong.append(
            Violation("name", "write lower-case letters, digits and '-', a letter first, at most 63 characters")
        )
    if not 1 <= len(listed) <= MOST_PATTERNS:
        wrong.append(Violation("permissions", f"name between 1 and {MOST_PATTERNS} permissions"))
    if wrong:
        raise InvalidArgument(wrong)
    return Role(name=name, patterns=listed)
