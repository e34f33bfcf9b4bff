"""Slows down guessing of users' passwords (CWE-307), without a way to shut somebody out.

Whatever fails makes the next attempt wait, twice as long each time: of a name from an address, of
a name from anywhere, of an address. No name is locked: who has signed in from an address before is
held up there by his own mistakes only. Names that nobody has are counted like all others.
"""

from collections import OrderedDict

from csms.api.sign_in_settings import SignInSettings

US_PER_S = 1_000_000
DOUBLINGS_MAX = 20


class Backoff:
    """How long each key has to wait; bounded memory.

    Args:
        burst: failures that cost nothing.
        wait_s_max: the longest wait; after as long again without a failure all is forgotten.
        keys_max: keys that are remembered; the oldest is dropped.
    """

    def __init__(self, burst: int, wait_s_max: float, keys_max: int) -> None:
        self._burst = burst
        self._wait_us_max = round(wait_s_max * US_PER_S)
        self._keys_max = keys_max
        self._failures: OrderedDict[str, tuple[int, int, int]] = OrderedDict()
        """Key -> failures, until when it waits, and until when it waited before the last one."""

    def wait_us(self, key: str, now_us: int) -> int:
        """Return how long an attempt has to wait; 0: not at all."""
        _, until_us, _ = self._failures.get(key, (0, 0, 0))
        return max(0, until_us - now_us)

    def failed(self, key: str, now_us: int) -> None:
        """Count a failure."""
        count, until_us, _ = self._failures.get(key, (0, now_us, now_us))
        if now_us - until_us > self._wait_us_max:
            count = 0
        count += 1
        over = count - self._burst
        wait_us = 0 if over < 0 else min(US_PER_S << min(over, DOUBLINGS_MAX), self._wait_us_max)
        self._failures[key] = (count, now_us + wait_us, until_us)
        self._failures.move_to_end(key)
        if len(self._failures) > self._keys_max:
            self._failures.popitem(last=False)

    def undo(self, key: str) -> None:
        """Take the last failure back, and no wait that was there before."""
        count, _, before_us = self._failures.get(key, (0, 0, 0))
        if count > 1:
            self._failures[key] = (count - 1, before_us, before_us)
        else:
            self.forget(key)

    def forget(self, key: str) -> None:
        """Begin afresh."""
        self._failures.pop(key, None)


class Attempts:
    """Attempts to sign in by name and password."""

    def __init__(self, settings: SignInSettings) -> None:
        def backoff(burst: int) -> Backoff:
            return Backoff(burst, settings.lockout_s_max, settings.failures_kept_max)

        self._pairs = backoff(settings.failures_burst)
        self._names = backoff(settings.failures_per_name_burst)
        self._addresses = backoff(settings.failures_per_address_burst)
        self._proved: OrderedDict[str, None] = OrderedDict()
        self._proved_max = settings.failures_kept_max

    def wait_us(self, address: str, name: str, now_us: int) -> int:
        """Return how long this attempt has to wait; 0: not at all."""
        pair = _pair(address, name)
        wait_us = self._pairs.wait_us(pair, now_us)
        if pair in self._proved:
            return wait_us
        return max(
            wait_us,
            self._names.wait_us(name.casefold(), now_us),
            self._addresses.wait_us(address, now_us),
        )

    def began(self, address: str, name: str, now_us: int) -> None:
        """Count an attempt as failed before it is checked: many at once are no way around."""
        self._pairs.failed(_pair(address, name), now_us)
        self._names.failed(name.casefold(), now_us)
        self._addresses.failed(address, now_us)

    def succeeded(self, address: str, name: str) -> None:
        """The attempt that began last was right."""
        pair = _pair(address, name)
        self._pairs.forget(pair)
        self._names.forget(name.casefold())
        # Not forgotten: with an account of one's own one could guess others without a wait.
        self._addresses.undo(address)
        self._proved[pair] = None
        self._proved.move_to_end(pair)
        if len(self._proved) > self._proved_max:
            self._proved.popitem(last=False)


def _pair(address: str, name: str) -> str:
    return f"{address} {name.casefold()}"
