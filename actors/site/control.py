"""Limits and habits of telling chargers what they may draw."""

from pydantic import BaseModel, ConfigDict, Field


class ControlSettings(BaseModel):
    """When a limit is worth a message, and when a charger is no longer believed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    standing_a: float = Field(
        default=0.0,
        ge=0,
        le=80,
        description="What an EVSE may draw from the start of a session until the session has its"
        " own limit, and what it falls back to. It is set aside for every EVSE at all times. 0:"
        " cars wait for their first limit, and get none while the site's actor is away.",
    )
    gather_s: float = Field(
        default=1.0,
        ge=0,
        le=60,
        description="A site's actor that has just begun tells nobody anything for this time: its"
        " chargers go on with what they have until it has heard of all of them.",
    )
    change_min_a: float = Field(
        default=1.0,
        ge=0.1,
        le=32,
        description="A change of a limit by less is not sent, unless it is from or to a pause, or"
        " a circuit carries too much.",
    )
    raise_interval_s: float = Field(
        default=10.0,
        ge=0,
        le=3_600,
        description="The limit of an EVSE is raised at most once in this time. Lowering never"
        " waits.",
    )
    answer_s: float = Field(
        default=35.0,
        ge=1,
        le=600,
        description="A command whose end was not told after this time counts as lost.",
    )
    retry_s: float = Field(
        default=5.0,
        ge=0.1,
        le=600,
        description="A limit whose answer was lost or an error is sent again after this time;"
        " twice as long after each further failure, up to 64 times.",
    )
    refusals_max: int = Field(
        default=3,
        ge=1,
        le=100,
        description="After so many refusals in a row an EVSE gets no share any more: what it has"
        " is set aside for it, and it is asked again rarely.",
    )
    silent_after: int = Field(
        default=5,
        ge=1,
        le=100,
        description="After so many orders in a row without an answer an EVSE counts as silent: what"
        " it may draw at worst is set aside for it until it answers.",
    )
    obey_s: float = Field(
        default=30.0,
        ge=1,
        le=600,
        description="A charger has this time to follow a lower limit before its meter is held"
        " against it.",
    )
    tolerance_a: float = Field(
        default=1.0,
        ge=0,
        le=16,
        description="A car may draw so much more than its limit before that counts as ignored.",
    )
    strikes_max: int = Field(
        default=3,
        ge=1,
        le=100,
        description="After so many measurements in a row above its limit, an EVSE is set aside"
        " what it really draws, and at least its limit.",
    )
    review_s: float = Field(
        default=15.0,
        ge=0.5,
        le=3_600,
        description="The site is looked at again after this time even if nothing was heard:"
        " measurements grow old, turns change, schedules begin and end.",
    )
