"""How a simulated car draws: at most its own limit, and less when it is nearly full."""

from dataclasses import dataclass

from csms.simulate_site.sessions import Session

TAPER_FROM = 0.85
"""The share of its energy after which a car's own limit goes down, to a tenth at the end."""


@dataclass(slots=True)
class Car:
    """A car that is plugged in. `got_wh` is what it has got so far."""

    session: Session
    tapers: bool
    got_wh: float = 0.0
    running_us: int = 0

    def draws_a(self, limit_a: float) -> float:
        """Return the current of each of its phases under this limit."""
        left = self.session.energy_wh - self.got_wh
        if left <= 0 or limit_a <= 0:
            return 0.0
        most = self.session.max_a
        done = self.got_wh / self.session.energy_wh
        if self.tapers and done > TAPER_FROM:
            most *= max(0.1, (1 - done) / (1 - TAPER_FROM))
        return min(limit_a, most)

    def charge(self, limit_a: float, volts: float, seconds: float) -> float:
        """Charge for a while; return the mean current of each phase."""
        watts_per_a = self.session.phases * volts
        amperes = self.draws_a(limit_a)
        left_wh = self.session.energy_wh - self.got_wh
        wh = min(left_wh, amperes * watts_per_a * seconds / 3_600)
        self.got_wh += max(0.0, wh)
        return wh * 3_600 / seconds / watts_per_a if wh > 0 else 0.0
