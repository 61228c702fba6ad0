"""Signing in (Anmeldung): throttle, password, token. Which of user and password is wrong, nobody learns."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from esoffice.config.v1 import identity_pb2 as pb
from esoffice.config.v1 import settings_pb2

from config_service.identity import rules, throttle
from config_service.identity.failed_sign_ins import FailedSignIns
from config_service.identity.keyring import Keyring
from config_service.identity.messages import employee_name, site_roles
from config_service.identity.passwords import Passwords
from config_service.identity.signing import Grant
from config_service.identity.store import User, UserStore
from config_service.identity.throttle import Count, Failures
from mesh.call import CURRENT
from mesh.database import Database, UnitOfWork
from mesh.errors import Exhausted, Unauthenticated
from mesh.threads import Threads

T = TypeVar("T")
# A check takes 64 MiB and some tenths of a second: two at a time, and no queue in which all of them would time out.
_AT_ONCE = 2
_WAITING_AT_MOST = 40
_WRONG = "The user name or the password is wrong, or the user may not sign in."


class Hashing:
    """Runs `Passwords` in a few threads of its own, so that a flood of sign-ins does not stop everything else."""

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords
        self._threads = Threads(_AT_ONCE, name="passwords")
        self._begun = 0

    async def check(self, stored: str | None, password: str) -> tuple[bool, str]:
        """Return whether the password is right, and a new hash to be stored, or nothing.

        Raises:
            Exhausted: too many people sign in at this moment.
        """
        checked = await self._run(self._passwords.check, stored, password)
        return checked.right, checked.new_hash

    async def hash(self, password: str) -> str:
        """Return what is stored of a password. Raises as `check`."""
        return await self._run(self._passwords.hash, password)

    def close(self) -> None:
        """End the threads."""
        self._threads.close()

    async def _run(self, call: Callable[..., T], *arguments: object) -> T:
        if self._begun >= _WAITING_AT_MOST:
            raise Exhausted("Too many people sign in at this moment; try again in a few seconds.")
        self._begun += 1
        try:
            return await self._threads.run(call, *arguments)
        finally:
            self._begun -= 1


class SignIns:
    """Signs users in.

    Args:
        database: of config_service.
        users: the users.
        failures: counts what went wrong.
        settings: returns the newest settings, for the roles and the lifetime of tokens.
        hashing: checks passwords.
        keyring: signs tokens.
    """

    def __init__(
        self,
        database: Database,
        *,
        users: UserStore,
        failures: FailedSignIns,
        settings: Callable[[UnitOfWork], settings_pb2.Settings],
        hashing: Hashing,
        keyring: Keyring,
    ) -> None:
        self._database = database
        self._users = users
        self._failures = failures
        self._settings = settings
        self._hashing = hashing
        self._keyring = keyring

    async def sign_in(self, name: str, password: str, address: str) -> pb.SignInResponse:
        """Return a token.

        The failure is written down before the password is looked at and taken back afterwards: attempts side by side,
        or a crash in between, gain nobody a guess.

        Raises:
            Unauthenticated: not with this user and password.
            Exhausted: too many failures, or too many people at once.
        """
        call = CURRENT.set(None)  # this unit is no sign-in yet: the audit log gets its entry with the outcome
        try:
            user, before = await self._database.run(self._begin, name, address)
        finally:
            CURRENT.reset(call)
        can_sign_in = user is not None and not user.disabled and not user.service_user
        right, new_hash = await self._hashing.check(user.password_hash if user else None, password)
        if user is None or not right or not can_sign_in:
            raise Unauthenticated(_WRONG)
        return await self._database.run(self._succeed, user, new_hash, address, before)

    def _begin(self, unit: UnitOfWork, name: str, address: str) -> tuple[User | None, dict[Count, Failures]]:
        self._failures.hold(unit, name, address)
        facts = self._failures.of(unit, name, address)
        decision = throttle.decide(facts, unit.now)
        if not decision.allowed:
            raise Exhausted(
                f"Too many failed sign-ins; try again in {_waiting(decision.retry_time, unit.now)}.",
                retry_time=decision.retry_time.isoformat(),
            )
        self._failures.keep(unit, name, address, throttle.after_failure(facts, unit.now))
        return self._users.find(unit, name), facts

    def _succeed(
        self, unit: UnitOfWork, checked: User, new_hash: str, address: str, before: dict[Count, Failures]
    ) -> pb.SignInResponse:
        user = self._users.find(unit, checked.name)
        if user is None or user.disabled or user.password_hash != checked.password_hash:
            raise Unauthenticated(_WRONG)  # changed while the password was checked
        self._failures.hold(unit, user.name, address)
        facts = self._failures.of(unit, user.name, address)
        self._failures.keep(unit, user.name, address, throttle.after_success(facts, before))
        self._users.record_sign_in(unit, user, new_hash)
        settings = self._settings(unit)
        permissions = rules.permissions_of(user.roles, site_roles(settings))
        lifetime = settings.config_service.tokens.lifetime_duration.ToTimedelta()
        token = self._keyring.issue(
            Grant(user=user.name, employee=user.employee, roles=user.roles, permissions=permissions), lifetime or None
        )
        answer = pb.SignInResponse(
            token=token.text, employee=employee_name(user.employee), roles=user.roles, user=f"users/{user.name}"
        )
        answer.expire_time.FromDatetime(token.expiry_time)
        return answer


def _waiting(until: datetime, now: datetime) -> str:
    seconds = max(1, round((until - now).total_seconds()))
    if seconds == 1:
        return "1 second"
    return f"{seconds} seconds" if seconds < 120 else f"{(seconds + 59) // 60} minutes"  # noqa: PLR2004 - two minutes
