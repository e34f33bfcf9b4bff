"""How much a run measures: a full one, or a quick one that shows only that everything works."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Sizes of all benchmarks; seconds unless said otherwise."""

    windows: int = 5
    window_s: float = 3.0
    warm_up_s: float = 2.0
    paced_s: float = 15.0
    storm_chargers: int = 5_000
    scale_chargers: int = 20_000
    scale_middle: int = 1_000
    scale_windows: int = 3
    scale_window_s: float = 5.0
    scale_per_s: float = 2_000.0
    drop_s: float = 8.0
    recovery_chargers: int = 1_000
    recovery_rounds: int = 3
    warehouse_entries: int = 150_000
    warehouse_log: bool = True
    settle_s: float = 2.0
    capacity_sites: int = 50
    capacity_s: float = 60.0
    part_rounds: int = 5
    crowd_chargers: int = 100_000
    crowd_s: float = 45.0
    storm_returning: int = 20_000
    storm_live_s: float = 25.0
    neighbour_rounds: int = 3
    neighbour_s: float = 6.0
    outage_s: float = 20.0
    outage_per_s: float = 500.0
    soak_s: float = 90.0
    soak_step_s: float = 5.0
    page_chargers: int = 10_000
    page_rounds: int = 40
    operators_chargers: int = 19_000
    operators_dashboards: int = 200
    operators_s: float = 12.0
    operators_commands_per_s: tuple[float, ...] = (100, 200, 300, 400, 500, 600, 700, 800, 900, 1e3)


FULL = Effort()
QUICK = Effort(
    windows=3,
    window_s=0.7,
    warm_up_s=0.3,
    paced_s=2.0,
    storm_chargers=500,
    scale_chargers=1_500,
    scale_middle=500,
    scale_windows=2,
    scale_window_s=1.0,
    scale_per_s=500.0,
    drop_s=2.0,
    recovery_chargers=200,
    recovery_rounds=1,
    warehouse_entries=10_000,
    warehouse_log=False,
    settle_s=0.5,
    capacity_sites=3,
    capacity_s=12.0,
    part_rounds=1,
    crowd_chargers=1_000,
    crowd_s=4.0,
    storm_returning=400,
    storm_live_s=4.0,
    neighbour_rounds=1,
    neighbour_s=2.0,
    outage_s=3.0,
    outage_per_s=200.0,
    soak_s=4.0,
    soak_step_s=0.4,
    page_chargers=300,
    page_rounds=3,
    operators_chargers=200,
    operators_dashboards=20,
    operators_s=4.0,
    operators_commands_per_s=(50.0, 100.0),
)
