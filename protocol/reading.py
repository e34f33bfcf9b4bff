"""How one message is to be understood: when it came, what is known of the clock, limits."""

import msgspec
from pydantic import BaseModel, ConfigDict, Field


class ReadingLimits(BaseModel):
    """What a reader takes at face value. Nothing beyond a limit is refused: it is marked or cut."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    year_min: int = Field(
        default=2010,
        ge=1971,
        le=2100,
        description="An instant before this year is replaced by the receive time, quality absurd.",
    )
    future_max_s: int = Field(
        default=86_400,
        ge=60,
        description="An instant further in the future than this many seconds is replaced by the"
        " receive time, quality absurd.",
    )
    skew_max_s: int = Field(
        default=300,
        ge=1,
        description="An instant that is later than the charger's clock can be by more than this"
        " many seconds is kept, quality skewed. The past has no such limit: chargers replay what"
        " they queued while offline.",
    )
    token_length_max: int = Field(
        default=255,
        ge=20,
        description="Longer tokens are cut to this many characters and flagged.",
    )
    text_length_max: int = Field(
        default=10_000,
        ge=255,
        description="Longer texts are cut to this many characters.",
    )
    name_length_max: int = Field(
        default=255,
        ge=50,
        description="Longer names (statuses, serial numbers, measurands, units) are cut to this"
        " many characters.",
    )
    signed_length_max: int = Field(
        default=65_536,
        ge=2_500,
        description="Longer sampled values that are no number (signed data) are cut to this many"
        " characters and flagged: a cut signature proves nothing.",
    )


DEFAULT_LIMITS = ReadingLimits()


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What a reader must know besides the payload.

    `received_us` is our clock when the message came. `zone` is the IANA name of the zone in which
    the charger writes times without a zone; empty: UTC. `offset_us` is by how much its clock is
    known to be ahead of ours: it is used to judge times, never to change them, because durations
    are differences of the charger's own times.
    """

    received_us: int
    zone: str = ""
    offset_us: int = 0
    limits: ReadingLimits = DEFAULT_LIMITS
