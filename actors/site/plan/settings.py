"""Every limit and habit of planning a site's day."""

from pydantic import BaseModel, ConfigDict, Field


class PlanSettings(BaseModel):
    """Habits of the plan. Energy that is missing at departure is far dearer than any tariff."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slot_s: int = Field(default=900, ge=60, le=3_600, description="Length of a slot.")
    slots_max: int = Field(
        default=96, ge=1, le=672, description="Slots ahead; what lies behind them is not planned."
    )
    missing_per_kwh: float = Field(
        default=100.0,
        gt=0,
        description="What a kilowatt-hour that is missing at departure costs, in the currency of "
        "the prices: far more than any price, so that money is saved only where nobody misses it.",
    )
    co2_per_kg: float = Field(
        default=0.0,
        ge=0,
        description="What a kilogram of CO2 costs, in the same currency; 0: nothing.",
    )
    sooner_per_kwh: float = Field(
        default=0.001,
        ge=0,
        description="What a kilowatt-hour costs for each slot that it comes later: with equal "
        "prices energy comes early, as cars leave sooner than said.",
    )
    peak_per_kw: float = Field(
        default=0.0, ge=0, description="What the highest power of the plan costs, per kilowatt."
    )
    solve_s_max: float = Field(
        default=5.0, gt=0, description="When the solver is not done by then there is no plan."
    )
