"""What a plan is made from. Slots are counted from the one that has begun."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from actors.site.limits import LimitsNow
from domain.site import Demand


@dataclass(frozen=True)
class PlanProblem:
    """A site from now on.

    Attributes:
        demands: cars with a departure and energy to come are planned; others are not, and their
            room is not kept free: allocation shares it.
            One that is connected in the future is expected: it gets nothing before.
        limits: of each slot, as from `limits_now` with the schedule and forecast loads of its time.
        price_per_kwh: of each slot; missing: 0.
        co2_kg_per_kwh: of each slot; missing: 0.
        surplus_w: power of PV that would be fed in otherwise, of each slot: it costs nothing.
        begin_us: when the first slot begins.
    """

    begin_us: int
    demands: Sequence[Demand]
    limits: Sequence[LimitsNow]
    price_per_kwh: Sequence[float] = ()
    co2_kg_per_kwh: Sequence[float] = ()
    surplus_w: Sequence[float] = ()


@dataclass(frozen=True)
class Plan:
    """What each car should draw.

    Attributes:
        begin_us, slot_s: when its slots are.
        current_a: place -> A of each phase, slot by slot; DC: of the input.
        missing_wh: place -> what cannot be delivered until its departure.
        cost: of the energy, with CO2, without what missing energy was set to cost.
    """

    begin_us: int
    slot_s: int
    current_a: dict[str, list[float]] = field(default_factory=dict)
    missing_wh: dict[str, float] = field(default_factory=dict)
    cost: float = 0.0

    def at(self, place: str, now_us: int) -> float:
        """Return the planned current of a place; infinite when the plan knows nothing of it."""
        slots = self.current_a.get(place)
        number = (now_us - self.begin_us) // (self.slot_s * 1_000_000)
        if slots is None or not 0 <= number < len(slots):
            return float("inf")
        return slots[number]
