"""Who somebody is, by name and password, and new passwords: all that argon2 is needed for."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from csms.api.attempts import US_PER_S, Attempts
from csms.api.auth import home_of
from csms.api.problems import RETRY_AFTER_S, Problem
from csms.api.sign_in_settings import SignInSettings
from storage.relational import passwords
from storage.relational.registry import Registry
from storage.relational.users import LOGIN_CHARS_MAX, User
from supervisor.clock import Clock

AUDIT = logging.getLogger("csms.audit")
WRONG = "name or password is wrong"

P = ParamSpec("P")
Result = TypeVar("Result")


class WrongLogin(Problem):
    """Name or password is wrong; the answer does not say which.

    Args:
        user: whom the name is of; None: of nobody.
    """

    def __init__(self, user: User | None) -> None:
        super().__init__(401, "wrong_login", WRONG)
        self.user = user


class SignInDesk:
    """Checks and keeps passwords, a few at a time, in threads.

    Args:
        registry: the store of users.
        settings: limits.
        clock: time.
    """

    def __init__(self, registry: Registry, settings: SignInSettings, clock: Clock) -> None:
        self._users = registry.users
        self._settings = settings
        self._clock = clock
        self._attempts = Attempts(settings)
        self._gate = asyncio.Semaphore(settings.checks_max)
        self._waiting = 0

    async def who(self, login: str, password: str, address: str) -> User:
        """Return the user with this name and password.

        The answer to an unknown name, a wrong password and a disabled user is the same, after the
        same work.

        Raises:
            WrongLogin: 401.
            Problem: 429 too_many_attempts; 503 when too many are being checked.
            Unavailable: the store is away.
        """
        name, home = login[:LOGIN_CHARS_MAX], home_of(address)
        now_us = self._clock.monotonic_us()
        wait_us = self._attempts.wait_us(home, name, now_us)
        if wait_us:
            wait_s = str(-(-wait_us // US_PER_S))
            text = f"too many failed attempts: try again in {wait_s} s"
            raise Problem(429, "too_many_attempts", text, {"Retry-After": wait_s})
        self._attempts.began(home, name, now_us)
        found = await self._users.by_login(name)
        user, kept = found or (None, "")
        if not await self._thread(passwords.verify, kept, password) or user is None:
            raise self._wrong(user, name, address)
        if not await self._users.is_let_in(user.id):
            raise self._wrong(user, name, address)
        self._attempts.succeeded(home, name)
        if passwords.is_outdated(kept):
            fresh = await self._thread(passwords.keep, password)
            await self._users.refresh_password(user.id, fresh)
        return user

    def _wrong(self, user: User | None, name: str, address: str) -> WrongLogin:
        fields = {"login": name, "remote": address, "outcome": "refused"}
        AUDIT.warning("a sign-in failed", extra={"fields": fields})
        return WrongLogin(user)

    async def keep(self, password: str, *others: str) -> str:
        """Return what is kept of a new password.

        Args:
            password: the new one.
            others: what it must not be, such as the name.

        Raises:
            InvalidInput: it is too short or too plain.
            Problem: 503 when too many are being checked.
        """
        passwords.check_password(password, self._settings.password_chars_min, *others)
        return await self._thread(passwords.keep, password)

    async def _thread(
        self, work: Callable[P, Result], *arguments: P.args, **options: P.kwargs
    ) -> Result:
        async with self._turn():
            return await asyncio.to_thread(work, *arguments, **options)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._waiting >= self._settings.checks_waiting_max + self._settings.checks_max:
            headers = {"Retry-After": str(RETRY_AFTER_S)}
            raise Problem(503, "busy", "too many sign-ins are being checked", headers)
        self._waiting += 1
        try:
            async with self._gate:
                yield
        finally:
            self._waiting -= 1
