"""Sites: how chargers hang in the electrical installation, what their cars want, what they get.

Currents are amperes per phase, power is watts, instants are microseconds since 1970 UTC. The
phases of a site are L1, L2, L3; `PerPhase` is a value of each, in this order. What an EVSE calls
its first phase may be any of them: see `EvsePlace.rotation`.
"""

from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

PerPhase: TypeAlias = tuple[float, float, float]
PHASES: Final = ("L1", "L2", "L3")
NO_LIMIT: Final = float("inf")


class CircuitKind(StrEnum):
    """What a circuit stands for; drivers and operators are told it when it binds."""

    CIRCUIT = "circuit"
    """A cable, fuse or transformer."""
    CHARGER = "charger"
    """The supply that the EVSEs of one charger share."""
    CONTRACT = "contract"
    """The connection to the grid, as the contract has it."""


class MeterOf(StrEnum):
    """What the meter of a circuit measures."""

    LOADS = "loads"
    """Only what nobody manages: other loads, PV."""
    ALL = "all"
    """All that flows through the circuit; what its EVSEs draw is taken off."""


class Circuit(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """A node of a site's tree. All current of its EVSEs and circuits below flows through it."""

    id: str
    parent: str = ""
    """Empty: the root. A site has exactly one."""
    limit_a: float | PerPhase = NO_LIMIT
    """Rated current, of all phases or of each."""
    limit_w: float = NO_LIMIT
    """Rated power, all phases together."""
    derating: float = 1.0
    """The share of the rated values that may flow for hours (0.8 for many breakers)."""
    kind: CircuitKind = CircuitKind.CIRCUIT
    unmanaged_a: PerPhase = (0.0, 0.0, 0.0)
    """What loads that nobody manages draw here at worst; counted while no meter says better."""
    meter: str = ""
    """A charger whose main meter (OCPP 1.6: connector 0, 2.x: EVSE 0) measures this circuit."""
    meter_of: MeterOf = MeterOf.LOADS


class Current(StrEnum):
    """What flows to the car."""

    AC = "AC"
    DC = "DC"


class EvsePlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An EVSE (1.6: a connector) and where it hangs."""

    id: str
    """Unique within the site, such as CP1/1."""
    charger: str
    evse: int
    circuit: str
    max_a: float = 32.0
    """DC: of the input, each phase."""
    min_a: float = 6.0
    """Below it a car does not charge (IEC 61851-1): it gets this much, or nothing."""
    phases: int = 3
    """How many are wired: 1, 2 or 3."""
    rotation: str = "RST"
    """To which phases of the site its phases go: RST is L1 L2 L3, STR is L2 L3 L1. Empty: unknown,
    then a car of fewer than three phases is counted on each."""
    current: Current = Current.AC
    efficiency: float = 0.95
    """DC: output power by input power."""
    resolution_a: float = 1.0
    """The smallest step in which its limit can be set."""
    fallback_a: float = -1.0
    """What the installer has set it to draw at most while nobody tells it a limit; -1: max_a."""


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A site's electrical truth."""

    id: str
    circuits: tuple[Circuit, ...]
    places: tuple[EvsePlace, ...] = ()
    voltage_v: float = 230.0
    """Between a phase and neutral."""


class CapacityLimit(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """A limit of one circuit for some time. Of all sources the lowest valid one counts."""

    circuit: str
    source: str
    """Who says so: contract, operator, grid, ..."""
    limit_a: float | PerPhase = NO_LIMIT
    limit_w: float = NO_LIMIT
    from_us: int = 0
    until_us: int = 0
    """0: for ever. At this instant it no longer holds."""
    priority: int = 0
    """Of limits of the same source and circuit that hold at once only those with the greatest
    priority count, so that a source can lift what it has said before."""


class SiteSignal(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False
):
    """What energy costs for some time, in money and CO2. For the plan only."""

    from_us: int
    until_us: int
    """At this instant it no longer holds."""
    price_per_kwh: float = 0.0
    """In any one currency; may be negative."""
    co2_kg_per_kwh: float = 0.0


class CircuitLoad(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What unmanaged loads below a circuit draw, measured; negative: a source such as PV."""

    circuit: str
    current_a: PerPhase
    at_us: int


class RememberedLimit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What may hold at an EVSE: the greatest limit of each scope, A per phase; -1: not known."""

    place: str
    charger: str
    evse: int
    session: str = ""
    """The transaction that `session_a` is of."""
    standing_a: float = -1.0
    session_a: float = -1.0
    charger_a: float = -1.0


class Turn(msgspec.Struct, frozen=True, gc=False):
    """Whether an EVSE was allowed to charge, and since when."""

    running: bool
    since_us: int


class Demand(msgspec.Struct, frozen=True, gc=False):
    """A car that is plugged in, and what is known of it."""

    place: str
    connected_us: int = 0
    wanted_a: float = NO_LIMIT
    """The most it would draw, each phase. 0: nothing, it gets no share. Anything else gets at
    least the minimum."""
    phases: int = 0
    """How many phases the car draws from, as measured; 0: unknown, then all that are wired."""
    departure_us: int = 0
    """0: unknown."""
    energy_wh: float = 0.0
    """Still to be delivered until departure; 0: unknown."""
    priority: int = 0
    """Classes: a greater one is served before a lesser one gets more than its minimum."""
    weight: float = 1.0
    """Max-min fair: its part compared with others of the same class."""
    plan_a: float = NO_LIMIT
    """The most that the plan allows now. Below the minimum: paused by the plan."""
    turn: Turn | None = None
    """None: it was not there before."""
    idle: bool = False
    """It draws nothing: it gets its minimum, but only of what nobody else can use."""


class BindingKind(StrEnum):
    """Why an EVSE does not get more."""

    CIRCUIT = "circuit"
    CHARGER = "charger"
    """The charger's own rating, or the supply that its EVSEs share."""
    CONTRACT = "contract"
    SCHEDULE = "schedule"
    """A limit of the capacity schedule; `source` says whose."""
    CAR = "car"
    PLAN = "plan"
    RESERVED = "reserved"
    """It cannot be told: what it may draw at worst is set aside."""


class Binding(msgspec.Struct, frozen=True, gc=False):
    """The constraint that binds an EVSE, the nearest one when there are several."""

    kind: BindingKind
    circuit: str = ""
    phase: str = ""
    """L1, L2, L3, or empty for the power of all."""
    source: str = ""


class EvseLimit(msgspec.Struct, frozen=True, gc=False):
    """What an EVSE may draw."""

    limit_a: float
    """Each phase; DC: of the input. 0: paused."""
    limit_w: float
    """Of the phases that are counted; DC: of the output."""
    phases: int
    """How many phases were counted for it."""
    binding: Binding

    @property
    def paused(self) -> bool:
        """Whether it may not charge."""
        return self.limit_a == 0


class Allocation(msgspec.Struct, frozen=True, gc=False):
    """Who may draw how much. Its sums keep every limit of every circuit and phase."""

    limits: dict[str, EvseLimit]
    """By the id of the place; a row for each demand and for each reserved place."""
    headroom_a: dict[str, PerPhase]
    """By circuit: what is left of each phase; inf without a limit, negative when loads that
    nobody manages draw more than the circuit carries."""
    overloaded: tuple[Binding, ...] = ()
    """Where unmanaged and reserved currents alone are above a limit: nobody below may charge."""
