from csms.simulator.vehicle import Vehicle


def test_power_falls_when_the_battery_is_nearly_full() -> None:
    powers = [Vehicle(50_000, 11_000, soc).power_w(22_000) for soc in (0.3, 0.8, 0.9, 0.97, 1.0)]
    assert powers[:2] == [11_000, 11_000]
    assert powers[1] > powers[2] > powers[3] > powers[4] == 0


def test_a_vehicle_takes_no_more_than_it_is_offered() -> None:
    assert Vehicle(50_000, 11_000, 0.3).power_w(4_000) == 4_000


def test_an_hour_of_charging_is_metered_and_stored_with_a_loss() -> None:
    vehicle = Vehicle(10_000, 11_000, 0.2)
    assert vehicle.charge(1_000, 3_600) == 1_000
    assert vehicle.soc == 0.2 + 0.092
