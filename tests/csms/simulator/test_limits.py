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


def test_what_the_installer_has_set_holds_until_a_profile_says_something() -> None:
    limits = Limits(fallback_a=6.0)
    assert [limits.offered_w(1, 22_000.0, 0, 1, phases=n) for n in (1, 3)] == [1_380.0, 4_140.0]
    limits.install(1, profile(16.0))
    assert limits.offered_w(1, 22_000.0, 0, 1, phases=1) == 3_680.0
    assert limits.offered_w(2, 22_000.0, 0, 1, phases=1) == 1_380.0
    limits.clear({"id": 1})
    limits.install(0, {**profile(10.0), "chargingProfilePurpose": "ChargePointMaxProfile"})
    assert limits.offered_w(1, 22_000.0, 0, 1, phases=1) == 2_300.0


def test_amperes_are_worth_less_where_the_grid_has_a_lower_voltage() -> None:
    limits = Limits(fallback_a=6.0, voltage_v=200.0)
    assert limits.offered_w(1, 22_000.0, 0, 1, phases=3) == 3_600.0
    limits.install(1, profile(10.0))
    assert limits.offered_w(1, 22_000.0, 0, 1, phases=1) == 2_000.0
