"""Limits of simulated chargers."""

from csms.simulator.limits import Limits


def profile(limit: float, unit: str = "A") -> dict[str, object]:
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
    }


def test_amperes_are_of_each_phase_and_watts_of_all() -> None:
    limits = Limits()
    limits.install(1, profile(10.0))
    offered = [limits.offered_w(1, 22_000.0, 0, 1, phases=phases) for phases in (1, 2, 3)]
    assert offered == [2_300.0, 4_600.0, 6_900.0]
    limits.install(1, profile(5_000.0, "W"))
    assert limits.offered_w(1, 22_000.0, 0, 1, phases=1) == 5_000.0


def test_a_car_of_one_phase_is_offered_a_third_of_the_rated_power() -> None:
    assert Limits().offered_w(1, 21_000.0, 0, 1, phases=1) == 7_000.0
