"""Every limit and habit of sharing out a site's power."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Policy(StrEnum):
    """Who gets what when there is not enough for all."""

    EQUAL_SHARE = "equal_share"
    """The same for everybody, whatever a car draws: needs no meter values."""
    MAX_MIN_FAIR = "max_min_fair"
    """The same by weight; what a car cannot use goes to the others."""
    FIRST_COME = "first_come"
    """All that can be had, in the order of arrival."""
    EARLIEST_DEADLINE = "earliest_deadline"
    """All that can be had, in the order of departure; unknown departures last."""
    LEAST_LAXITY = "least_laxity"
    """Evens out the time that cars have to spare; those without a deadline have most."""


class SiteSettings(BaseModel):
    """Habits of a site. Times are in the unit that the name ends in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: Policy = Field(
        default=Policy.MAX_MIN_FAIR, description="Who gets what when there is not enough for all."
    )
    turn_s: int = Field(
        default=900,
        ge=60,
        le=86_400,
        description="When not all can have their minimum, a car keeps its place for this time; "
        "then those that wait go before it, the longest waiting first.",
    )
    pause_s_max: int = Field(
        default=3_600,
        ge=60,
        le=86_400,
        description="A car that has been paused for longer goes before all others of its class, "
        "whatever the policy says.",
    )
    resume_margin_a: float = Field(
        default=1.0,
        ge=0,
        le=16,
        description="A paused car is let in again only when so much more than its minimum is "
        "free, so that a load that flickers does not switch it on and off.",
    )
    laxity_window_s: int = Field(
        default=900,
        ge=10,
        le=14_400,
        description="Least laxity: the time over which cars' spare times are made even. Short: "
        "almost all goes to the most urgent; long: shares change slowly.",
    )
    load_stale_s: int = Field(
        default=120,
        ge=1,
        description="An older measurement of unmanaged loads is not believed: the circuit's "
        "worst case counts, and sources such as PV count nothing.",
    )
    draws_a: float = Field(
        default=1.0,
        gt=0,
        le=6,
        description="A phase with less current than this is one that the car does not use.",
    )
    phases_after: int = Field(
        default=3,
        ge=1,
        le=100,
        description="Measurements in a row that must agree before the phases of a car are believed "
        "to be fewer than those wired; one measurement of more is believed at once.",
    )
    wanted_margin_a: float = Field(
        default=2.0,
        ge=0.5,
        le=16,
        description="A car that draws so much less than its limit is at its own limit; it is "
        "offered what it draws and this much.",
    )
    wanted_after_s: int = Field(
        default=60,
        ge=1,
        le=3_600,
        description="How long a car must draw less than its limit before others get the rest: "
        "cars take seconds to a minute to follow.",
    )
    idle_after_s: int = Field(
        default=300,
        ge=10,
        le=86_400,
        description="A car that draws nothing for so long though it may is full, or does not want:"
        " it keeps its minimum only while nobody else can use it, and is asked again after"
        " `pause_s_max`.",
    )
