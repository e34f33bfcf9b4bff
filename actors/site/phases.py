"""Which phases a car draws from, learned from measurement.

A car on a three-phase socket may use one, two or three phases. To believe in fewer than it uses
would overload a phase, so doubt counts as all: fewer are believed only after some measurements in
a row, more at once.
"""

from dataclasses import dataclass

from actors.site.settings import SiteSettings
from domain.site import PerPhase


@dataclass(frozen=True, slots=True)
class PhaseEvidence:
    """What the measurements of one car so far say.

    Attributes:
        phases: how many are believed; 0: unknown, to be counted as all that are wired.
        seen: how many the last measurements showed.
        in_a_row: so many of them, one after the other.
    """

    phases: int = 0
    seen: int = 0
    in_a_row: int = 0


def observe_phases(
    evidence: PhaseEvidence, current_a: PerPhase, settings: SiteSettings
) -> PhaseEvidence:
    """Return what is believed after one more measurement of the EVSE's own phases, in A.

    A car that draws nothing says nothing. Current on the third phase only is three phases: which
    ones they are is the place's matter, and phases are counted from its first.
    """
    used = [number for number, amperes in enumerate(current_a, 1) if amperes >= settings.draws_a]
    if not used:
        return evidence
    seen = used[-1]
    in_a_row = evidence.in_a_row + 1 if seen == evidence.seen else 1
    if evidence.phases and seen > evidence.phases:
        return PhaseEvidence(seen, seen, in_a_row)
    believed = seen if in_a_row >= settings.phases_after else evidence.phases
    return PhaseEvidence(believed, seen, in_a_row)
