"""What is remembered of the last connection of each charger: its version, and when it ended.

Only to see oddities: a charger that probes one version and comes back with another one (Q6), or
that comes back within a moment (Q8). Forgotten with the process.
"""

from collections import OrderedDict
from typing import Final

from csms.quirks.sightings import AT_ONCE_BACK, OTHER_VERSION

AT_ONCE_US: Final = 1_000_000


class Earlier:
    """The last connections of the chargers of one gateway.

    Args:
        kept_max: chargers that are remembered; the oldest is forgotten.
    """

    def __init__(self, kept_max: int) -> None:
        self._kept_max = kept_max
        self._kept: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def opened(self, charger: str, subprotocol: str, now_us: int) -> tuple[int, ...]:
        """Note a connection; return the oddities that it shows beside the one before."""
        key = charger.casefold()
        before, ended_us = self._kept.pop(key, (subprotocol, 0))
        self._kept[key] = (subprotocol, 0)
        if len(self._kept) > self._kept_max:
            self._kept.popitem(last=False)
        other = (OTHER_VERSION,) if before != subprotocol else ()
        is_at_once = ended_us > 0 and now_us - ended_us < AT_ONCE_US
        return (*other, AT_ONCE_BACK) if is_at_once else other

    def closed(self, charger: str, now_us: int) -> None:
        """Note the end of the connection that owned a charger."""
        key = charger.casefold()
        if key in self._kept:
            self._kept[key] = (self._kept[key][0], now_us)
