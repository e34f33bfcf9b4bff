"""Settings of the simulated chargers."""

from pydantic import BaseModel, ConfigDict, Field

from csms.simulator.faults import FaultSettings
from csms.simulator.metering import FREQUENCY_HZ, VOLTAGE_V


class SimulatorSettings(BaseModel):
    """How simulated chargers behave. A second of theirs may be shorter than one of ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connectors: int = Field(default=2, ge=1, le=20, description="Connectors of each charger.")
    meter_interval_s: float = Field(
        default=10.0, gt=0, description="Time between the MeterValues of a transaction."
    )
    arrival_s_mean: float = Field(
        default=60.0, gt=0, description="Mean time that a connector stays free between two drivers."
    )
    session_s_mean: float = Field(
        default=300.0, gt=0, description="Mean time that a driver stays plugged in."
    )
    power_w_max: float = Field(default=22_000.0, gt=0, description="Rated power of a connector.")
    fallback_a: float | None = Field(
        default=None,
        ge=0,
        description="What the installer has set each connector to draw at most, A of each phase,"
        " while no charging profile says anything; none: the rated power.",
    )
    grid_voltage_v: float = Field(
        default=VOLTAGE_V,
        gt=0,
        description="Voltage of the grid between a phase and neutral: what meters say, what a "
        "limit in A is worth, and where a VoltWatt curve is read (2.1).",
    )
    grid_frequency_hz: float = Field(
        default=FREQUENCY_HZ,
        gt=0,
        description="Frequency of the grid: where FreqWatt and other curves are read (2.1).",
    )
    battery_wh: float = Field(default=40_000.0, gt=0, description="Battery of a visiting vehicle.")
    offline_messages_max: int = Field(
        default=10_000,
        ge=1,
        description="Messages kept while away; then MeterValues go first, never starts and stops.",
    )
    call_timeout_s: float = Field(
        default=30.0,
        gt=0,
        description="An unanswered transaction message is sent again after this.",
    )
    reconnect_s_min: float = Field(
        default=1.0, gt=0, description="First wait before connecting again."
    )
    reconnect_s_max: float = Field(
        default=30.0,
        gt=0,
        description="Longest wait before connecting again; it doubles up to here.",
    )
    backoff: bool = Field(
        default=True,
        description="Waits before connecting again double and are spread by dice; without, every "
        "charger comes back exactly after reconnect_s_min.",
    )
    faults: FaultSettings = Field(
        default_factory=FaultSettings, description="What goes wrong on purpose."
    )
    ramp_per_s: float = Field(
        default=50.0,
        gt=0,
        description="Chargers started each second, so that a server is not stormed.",
    )
    frame_bytes_max: int = Field(
        default=1_048_576,
        ge=1_024,
        description="Largest frame from the server; more closes with 1009.",
    )
