"""What a driver is shown while charging: the port that billing fills."""

from typing import Protocol

import msgspec


class RunningSession(msgspec.Struct, frozen=True, gc=False):
    """What a price is made of, as far as a charger's actor knows it."""

    charger: str
    transaction: int
    """Our number."""
    said: str
    """The charger's own id of the transaction."""
    token: str
    connector: int
    started_us: int
    meter_start_wh: float
    """-1: not known."""
    meter_wh: float
    at_us: int
    ended: bool


class Shown(msgspec.Struct, frozen=True, gc=False):
    """What the driver is told."""

    cost: float | None = None
    """Total so far in the currency of the tariff, taxes included; None: nothing is said."""
    message: str = ""
    priority: int | None = None
    """-9 to 9, of the charging session."""


class Pricing(Protocol):
    """Knows what a session costs. Pure: asked for every event, so it must take microseconds."""

    def shown(self, session: RunningSession) -> Shown | None:
        """Return what is shown of `session`; None: nothing."""
        ...
