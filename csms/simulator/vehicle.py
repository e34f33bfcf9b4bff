"""A vehicle's battery: how much power it takes."""

import math
from dataclasses import dataclass

TAPER_SOC = 0.8
"""Above this a battery takes less and less."""
FULL_SOC = 0.995
RESERVE_SOC = 0.3
"""Below this a driver gives nothing back."""
EFFICIENCY = 0.92
"""Share of the metered energy that reaches the battery of an AC vehicle."""
SECONDS_PER_HOUR = 3_600
RAMP_S = 8.0
"""From the start of a transaction to the full power."""


@dataclass
class Vehicle:
    """A plugged-in vehicle. `soc` is its state of charge, 0 to 1."""

    battery_wh: float
    power_w_max: float
    soc: float
    phases: int = 3

    @property
    def full(self) -> bool:
        """Whether it takes no more."""
        return self.soc >= FULL_SOC

    def refuses(self, offered_w: float) -> bool:
        """Return whether it takes no more of what is offered, or gives no more back."""
        return self.soc <= RESERVE_SOC if offered_w < 0 else self.full

    def power_w(self, offered_w: float, since_s: float = math.inf) -> float:
        """Return the power that it takes when `offered_w` is offered, `since_s` after the start.

        Less than nothing: it gives back what it is asked for.

        Constant current up to TAPER_SOC, then constant voltage: less and less.
        """
        if offered_w == 0 or self.refuses(offered_w):
            return 0.0
        ramp = min(1.0, 0.1 + max(0.0, since_s) / RAMP_S)
        if offered_w < 0:
            return max(-self.power_w_max, offered_w) * ramp
        power_w = min(self.power_w_max, offered_w)
        if self.soc > TAPER_SOC:
            taper = math.exp(-4.0 * (self.soc - TAPER_SOC) / (1 - TAPER_SOC))
            power_w = min(power_w, self.power_w_max * taper)
        return power_w * ramp

    def charge(self, power_w: float, seconds: float) -> float:
        """Take `power_w` for `seconds`; return the metered energy in watt-hours."""
        energy_wh = power_w * seconds / SECONDS_PER_HOUR
        share = EFFICIENCY if energy_wh >= 0 else 1 / EFFICIENCY
        self.soc = max(0.0, min(1.0, self.soc + energy_wh * share / self.battery_wh))
        return energy_wh
