"""How much a car would draw, learned from measurement, so that others get what it cannot use."""

from dataclasses import dataclass, replace

from actors.site.limits import US_PER_S
from actors.site.settings import SiteSettings
from domain.site import NO_LIMIT


@dataclass(frozen=True, slots=True)
class WantedEvidence:
    """What the measurements of one car so far say.

    Attributes:
        wanted_a: for `Demand.wanted_a`.
        below_since_us: since when it draws clearly less than it may; 0: it does not.
        nothing_since_us: since when it draws nothing though it may; 0: it draws.
    """

    wanted_a: float = NO_LIMIT
    below_since_us: int = 0
    nothing_since_us: int = 0

    def is_idle(self, now_us: int, settings: SiteSettings) -> bool:
        """Return whether it has drawn nothing for so long that others come first."""
        since_us = self.nothing_since_us
        return since_us > 0 and now_us - since_us >= settings.idle_after_s * US_PER_S


def observe_wanted(
    evidence: WantedEvidence, drawn_a: float, limit_a: float, now_us: int, settings: SiteSettings
) -> WantedEvidence:
    """Return what the car is believed to want after one more measurement.

    Args:
        evidence: before it.
        drawn_a: the greatest current of its phases.
        limit_a: what it was allowed since some time; 0 while paused, which tells nothing.
        now_us: the instant of the measurement.
        settings: margin and patience.

    A car that draws nearly its limit is offered more at once, one that draws less keeps its limit
    for `wanted_after_s`. What it is offered is always above what it draws: else a car that could
    take more again would never show it. Between half the margin and all of it nothing changes, so
    that the rounding of a limit and the noise of a meter do not make it swing.
    """
    if limit_a <= 0:
        return evidence
    margin = settings.wanted_margin_a
    if drawn_a > limit_a - margin / 2:
        return WantedEvidence()
    nothing_us = 0 if drawn_a >= settings.draws_a else evidence.nothing_since_us or now_us
    if drawn_a > limit_a - margin:
        return replace(evidence, nothing_since_us=nothing_us)
    if not evidence.below_since_us:
        return WantedEvidence(evidence.wanted_a, now_us, nothing_us)
    if now_us - evidence.below_since_us < settings.wanted_after_s * US_PER_S:
        return replace(evidence, nothing_since_us=nothing_us)
    return WantedEvidence(drawn_a + margin, evidence.below_since_us, nothing_us)
