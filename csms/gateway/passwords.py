"""Passwords of chargers held against their credentials, the slow ones off the loop."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from domain.records import Credential
from storage.relational.credentials import is_slow, verify

PROVED_MAX = 50_000


class Passwords:
    """Checks passwords; what argon2 has proved once is remembered as a digest."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, "argon2")
        self.turn = asyncio.Semaphore(threads)
        """Held by who asks `slowly`: what has waited can be looked at again first."""
        self._proved: OrderedDict[bytes, None] = OrderedDict()

    def at_once(self, credentials: Iterable[Credential], password: bytes) -> Credential | None:
        """Return the credential that fits, of those that can be checked without waiting.

        argon2 takes tens of milliseconds by design: once per password. The digest of what was
        proved spares it to the thousands that come back in a reconnect storm.
        """
        for each in credentials:
            if (
                (_proof(each, password) in self._proved)
                if is_slow(each)
                else verify(each, password)
            ):
                return each
        return None

    async def slowly(self, credentials: Iterable[Credential], password: bytes) -> Credential | None:
        """Return the slow credential that fits; to be asked within `turn`."""
        loop = asyncio.get_running_loop()
        for each in filter(is_slow, credentials):
            if await loop.run_in_executor(self._threads, verify, each, password):
                self._remember(_proof(each, password))
                return each
        return None

    def _remember(self, proof: bytes) -> None:
        self._proved[proof] = None
        if len(self._proved) > PROVED_MAX:
            self._proved.popitem(last=False)

    def stop(self) -> None:
        """Give back the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _proof(credential: Credential, password: bytes) -> bytes:
    return hashlib.sha256(credential.digest + b"\0" + password).digest()
