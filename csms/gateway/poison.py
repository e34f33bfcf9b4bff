"""Messages that crash the actor of their charger again and again."""

import hashlib
from collections import OrderedDict

KEPT_MAX = 1_000


class Poison:
    """Counts crashes by charger, action and text; bounded memory."""

    def __init__(self, crashes_max: int) -> None:
        self._crashes_max = crashes_max
        self._crashes: OrderedDict[bytes, int] = OrderedDict()

    def has(self, charger: str, action: str, text: bytes) -> bool:
        """Return whether this very message has crashed the charger's actor too often."""
        if not self._crashes:
            return False
        return self._crashes.get(_key(charger, action, text), 0) >= self._crashes_max

    def note(self, charger: str, action: str, text: bytes) -> None:
        """Count a crash on a message."""
        key = _key(charger, action, text)
        self._crashes[key] = self._crashes.pop(key, 0) + 1
        if len(self._crashes) > KEPT_MAX:
            self._crashes.popitem(last=False)


def _key(charger: str, action: str, text: bytes) -> bytes:
    whole = f"{charger}\0{action}\0".encode() + text
    return hashlib.blake2b(whole, digest_size=16).digest()
