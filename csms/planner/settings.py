"""Whether sites are planned ahead, how often, and for how long a plan is followed."""

from pydantic import BaseModel, ConfigDict, Field


class PlannerSettings(BaseModel):
    """Habits of the planner; those of the plan itself are in the section `plan`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(
        default=False,
        description="Run the planner as a process of the node. Needs the extra `planning`.",
    )
    every_s: float = Field(
        default=120.0, ge=1, le=300, description="How often each site is planned anew."
    )
    fresh_s: float = Field(
        default=600.0,
        ge=5,
        le=3_600,
        description="For how long a plan is followed; without a newer one sites then share by their"
        " policy alone.",
    )
    history_days: int = Field(
        default=7,
        ge=1,
        le=28,
        description="Days before that the forecast of metered loads and PV looks at.",
    )
    ask_s: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="A gateway or the warehouse that has not answered by then is planned without.",
    )
