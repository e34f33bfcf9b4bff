"""Limits on failed sign-ins and takeovers: bounded memory, no lock on an identity as such.

Locking an identity for everybody would let anyone shut a charger out (CWE-307 says limit, not
lock), so what is slowed down is the pair of address and identity, and the address.
"""

from collections import OrderedDict

from csms.gateway.settings import GatewaySettings

MINUTE_US = 60_000_000


class Attempts:
    """Counts failed sign-ins by (address, identity) and by address."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._pairs: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()
        self._addresses: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._proved: OrderedDict[tuple[str, str], None] = OrderedDict()

    def allowed(self, address: str, identity: str, now_us: int) -> bool:
        """Return whether a password may be checked now."""
        pair = (address, identity.casefold())
        failures, until_us = self._pairs.get(pair, (0, 0))
        if failures >= self._settings.failures_burst and now_us < until_us:
            return False
        count, window_us = self._addresses.get(address, (0, 0))
        if now_us - window_us >= MINUTE_US or pair in self._proved:
            return True
        return count < self._settings.failures_per_address_per_min

    def failed(self, address: str, identity: str, now_us: int) -> None:
        """Note a failed sign-in."""
        pair = (address, identity.casefold())
        failures, until_us = self._pairs.get(pair, (0, now_us))
        if now_us - until_us > self._settings.lockout_s_max * 1e6:
            failures = 0  # long ago
        failures += 1
        over = failures - self._settings.failures_burst
        wait_s = min(2.0 ** min(max(over, 0), 20), self._settings.lockout_s_max)
        self._pairs[pair] = (failures, now_us + round(wait_s * 1e6))
        self._pairs.move_to_end(pair)
        count, window_us = self._addresses.get(address, (0, now_us))
        if now_us - window_us >= MINUTE_US:
            count, window_us = 0, now_us
        self._addresses[address] = (count + 1, window_us)
        self._addresses.move_to_end(address)
        self._bound()

    def succeeded(self, address: str, identity: str) -> None:
        """Note a sign-in: the pair starts afresh and is let through when its address is limited."""
        pair = (address, identity.casefold())
        self._pairs.pop(pair, None)
        self._proved[pair] = None
        self._proved.move_to_end(pair)
        self._bound()

    def _bound(self) -> None:
        limit = self._settings.attempts_kept_max
        for kept in (self._pairs, self._addresses, self._proved):
            while len(kept) > limit:
                kept.popitem(last=False)


class Quota:
    """At most so many a minute of each key; bounded memory."""

    def __init__(self, per_min: int, keys_max: int) -> None:
        self._per_min = per_min
        self._keys_max = keys_max
        self._windows: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def take(self, key: str, now_us: int) -> bool:
        """Count one and return whether it was within the quota."""
        count, window_us = self._windows.get(key, (0, now_us))
        if now_us - window_us >= MINUTE_US:
            count, window_us = 0, now_us
        self._windows[key] = (count + 1, window_us)
        self._windows.move_to_end(key)
        if len(self._windows) > self._keys_max:
            self._windows.popitem(last=False)
        return count < self._per_min
