"""A car follows setpoints and signals, and gives back no more than it may."""

import pytest

from csms.simulator.v2.feeding import interpolated
from csms.simulator.vehicle import RESERVE_SOC
from tests.csms.simulator.v2.payloads import profile
from tests.csms.simulator.v2.test_equipment import ACCEPTED, Place, instant

SIGNAL_CURVE = [{"signal": -100, "power": -6_000.0}, {"signal": 100, "power": 6_000.0}]


def at_a_charger(**settings: float) -> Place:
    """Return a charger with one connector, and a car that could take or give 11 kW for hours."""
    found = Place("newest", connectors=1, power_w_max=11_000.0, **settings)
    assert found.connector.vehicle is not None
    found.connector.vehicle.soc = 0.6
    found.connector.vehicle.battery_wh = 500_000.0
    found.connector.vehicle.phases = 3
    found.connector.vehicle.power_w_max = 11_000.0
    found.pass_s(10)
    return found


@pytest.fixture
def place() -> Place:
    return at_a_charger()


def charge_by(place: Place, **period: object) -> None:
    wanted = profile("TxDefaultProfile", 11_000.0, id=30)
    [row] = wanted["chargingSchedule"][0]["chargingSchedulePeriod"]
    row.update(period)
    if row["limit"] is None:
        del row["limit"]
    assert place.call("SetChargingProfile", {"evseId": 1, "chargingProfile": wanted}) == ACCEPTED


def allow(place: Place, *modes: str) -> None:
    allowed = {"transactionId": place.name, "allowedEnergyTransfer": list(modes)}
    assert place.call("NotifyAllowedEnergyTransfer", allowed) == ACCEPTED


def control(place: Place, kind: str, word: str, name: str = "D", **values: object) -> dict:
    return {
        "isDefault": True,
        "controlId": name,
        "controlType": kind,
        word: {"priority": 1, **values},
    }


def power(place: Place) -> float:
    return place.connector.power_w


def test_a_setpoint_is_followed_and_the_limit_stays_above_it(place) -> None:
    charge_by(place, operationMode="CentralSetpoint", setpoint=5_000.0)
    assert 4_900 <= power(place) <= 5_000
    charge_by(place, operationMode="CentralSetpoint", setpoint=5_000.0, limit=3_000.0)
    assert 2_900 <= power(place) <= 3_000
    charge_by(place, operationMode="Idle", limit=None)
    assert power(place) == 0
    assert place.connector.status == "SuspendedEVSE"


def test_a_setpoint_without_a_limit_goes_before_what_the_installer_has_set(place) -> None:
    place.charger.limits.fallback_a = 0.0
    charge_by(place, operationMode="CentralSetpoint", setpoint=5_000.0, limit=None)
    assert 4_900 <= power(place) <= 5_000


def test_nothing_is_given_back_until_a_bidirectional_transfer_is_allowed(place) -> None:
    charge_by(place, operationMode="CentralSetpoint", setpoint=-4_000.0)
    assert power(place) == 0
    allow(place, "AC_three_phase")
    assert power(place) == 0
    allow(place, "AC_three_phase", "AC_BPT")
    assert -4_000 <= power(place) <= -3_900
    assert place.connector.status == "Charging"


def test_what_is_given_back_is_metered_and_empties_the_battery(place) -> None:
    allow(place, "AC_BPT")
    charge_by(place, operationMode="CentralSetpoint", setpoint=-4_000.0)
    taken_wh, soc = place.connector.energy_wh, place.connector.vehicle.soc
    place.pass_s(3_600)
    assert place.connector.energy_wh == taken_wh
    assert 3_850 <= place.connector.exported_wh <= 4_010
    assert 0.007 <= soc - place.connector.vehicle.soc <= 0.01
    samples = place.said("TransactionEvent")[-1]["meterValue"][0]["sampledValue"]
    said = {row["measurand"]: row["value"] for row in samples}
    assert said["Power.Active.Import"] == 0
    assert 3_900 <= said["Power.Active.Export"] <= 4_000
    assert 3_800 <= said["Energy.Active.Export.Register"] <= 4_010


def test_a_car_keeps_a_reserve_for_its_driver(place) -> None:
    allow(place, "AC_BPT")
    charge_by(place, operationMode="CentralSetpoint", setpoint=-11_000.0)
    place.connector.vehicle.soc = RESERVE_SOC + 0.001
    place.pass_s(1_200)
    assert power(place) == 0
    assert place.connector.status == "SuspendedEV"
    assert place.connector.vehicle.soc > RESERVE_SOC - 0.01


def test_the_signal_moves_the_power_along_its_curve_around_the_baseline(place) -> None:
    allow(place, "AC_BPT")
    charge_by(
        place, operationMode="LocalFrequency", v2xBaseline=1_000.0, v2xSignalWattCurve=SIGNAL_CURVE
    )
    assert 980 <= power(place) <= 1_000
    for signal, watts in ((50, 4_000), (100, 7_000), (-50, -2_000), (-100, -5_000)):
        sent = {"timestamp": instant(place, 0), "signal": signal}
        assert place.call("AFRRSignal", sent) == ACCEPTED
        assert abs(power(place)) == pytest.approx(abs(watts), rel=0.021)
        assert power(place) * watts > 0


def test_a_discharge_limit_of_the_profile_is_kept(place) -> None:
    allow(place, "AC_BPT")
    charge_by(place, operationMode="CentralSetpoint", setpoint=-8_000.0, dischargeLimit=-2_000.0)
    assert -2_000 <= power(place) <= -1_950


@pytest.mark.parametrize(
    ("kind", "word", "values", "most_w"),
    [
        ("LimitMaxDischarge", "limitMaxDischarge", {"pctMaxDischargePower": 25.0}, 2_750),
        (
            "FreqWatt",
            "curve",
            {
                "yUnit": "PctMaxW",
                "curveData": [{"x": 49.0, "y": 100.0}, {"x": 51.0, "y": 0.0}],
            },
            5_500,
        ),
        (
            "EnterService",
            "enterService",
            {"highVoltage": 253.0, "lowVoltage": 210.0, "highFreq": 60.1, "lowFreq": 59.5},
            0,
        ),
        (
            "EnterService",
            "enterService",
            {"highVoltage": 253.0, "lowVoltage": 210.0, "highFreq": 50.1, "lowFreq": 49.5},
            8_000,
        ),
    ],
    ids=["LimitMaxDischarge", "FreqWatt", "EnterService elsewhere", "EnterService here"],
)
def test_a_control_bounds_what_is_given_back_while_it_is_there(
    place, kind, word, values, most_w
) -> None:
    allow(place, "AC_BPT")
    charge_by(place, operationMode="CentralSetpoint", setpoint=-8_000.0)
    assert power(place) < -7_800
    assert place.call("SetDERControl", control(place, kind, word, **values)) == ACCEPTED
    assert -most_w <= power(place) <= -0.97 * most_w
    place.call("ClearDERControl", {"isDefault": True, "controlId": "D"})
    place.pass_s(3)
    assert power(place) < -7_800


VOLT_WATT = {
    "yUnit": "PctMaxW",
    "curveData": [{"x": 106.0, "y": 100.0}, {"x": 110.0, "y": 20.0}],
}
"""As IEEE 1547-2018 has it: from 106 % of the nominal voltage on, less and less."""


@pytest.mark.parametrize(
    ("voltage_v", "most_w"), [(200.0, 8_000), (230.0, 8_000), (248.4, 6_600), (260.0, 2_200)]
)
def test_where_the_voltage_is_high_less_is_given_back(voltage_v, most_w) -> None:
    place = at_a_charger(grid_voltage_v=voltage_v)
    allow(place, "AC_BPT")
    charge_by(place, operationMode="CentralSetpoint", setpoint=-8_000.0)
    assert power(place) < -7_800
    curve = control(place, "VoltWatt", "curve", **VOLT_WATT)
    assert place.call("SetDERControl", curve) == ACCEPTED
    assert -most_w <= power(place) <= -0.97 * most_w


def test_the_frequency_of_the_grid_decides_over_a_curve() -> None:
    place = at_a_charger(grid_frequency_hz=50.5)
    allow(place, "AC_BPT")
    charge_by(place, operationMode="CentralSetpoint", setpoint=-8_000.0)
    curve = {"yUnit": "PctMaxW", "curveData": [{"x": 50.0, "y": 100.0}, {"x": 51.0, "y": 0.0}]}
    assert place.call("SetDERControl", control(place, "FreqWatt", "curve", **curve)) == ACCEPTED
    assert -5_500 <= power(place) <= -5_300


def test_meters_say_the_voltage_of_the_grid_and_no_more_than_the_limit_in_amperes() -> None:
    place = at_a_charger(grid_voltage_v=207.0)
    place.charger.limits.fallback_a = 10.0
    place.charger.keys.change(
        "MeterValuesSampledData", "Voltage,Current.Import,Power.Active.Import"
    )
    place.pass_s(30)
    samples = place.said("TransactionEvent")[-1]["meterValue"][0]["sampledValue"]
    said = {row["measurand"]: [] for row in samples}
    for row in samples:
        said[row["measurand"]].append(row["value"])
    assert all(200 < value < 214 for value in said["Voltage"])
    assert all(9.5 < value < 10.2 for value in said["Current.Import"])
    assert 6_000 < said["Power.Active.Import"][0] <= 6_210


def test_a_scheduled_control_bounds_it_for_its_time_and_before_a_default(place) -> None:
    allow(place, "AC_BPT")
    charge_by(place, operationMode="CentralSetpoint", setpoint=-8_000.0)
    default = control(
        place, "LimitMaxDischarge", "limitMaxDischarge", "DEFAULT", pctMaxDischargePower=50.0
    )
    place.call("SetDERControl", default)
    assert -5_500 <= power(place) <= -5_300
    scheduled = control(
        place,
        "LimitMaxDischarge",
        "limitMaxDischarge",
        "SOON",
        pctMaxDischargePower=10.0,
        startTime=instant(place, 10),
        duration=20.0,
    )
    place.call("SetDERControl", {**scheduled, "isDefault": False})
    assert power(place) <= -5_300
    place.pass_s(15)
    assert -1_100 <= power(place) <= -1_050
    place.pass_s(30)
    assert -5_500 <= power(place) <= -5_300


def test_controls_say_nothing_about_charging(place) -> None:
    place.call(
        "SetDERControl",
        control(place, "LimitMaxDischarge", "limitMaxDischarge", pctMaxDischargePower=0.0),
    )
    assert power(place) > 10_000


@pytest.mark.parametrize(
    ("at", "value"), [(-5, 10.0), (0, 10.0), (5, 15.0), (10, 20.0), (15, 20.0), (30, 20.0)]
)
def test_a_curve_is_straight_between_its_points_and_flat_beyond_them(at, value) -> None:
    assert interpolated([(20, 20.0), (0, 10.0), (10, 20.0)], at) == value


def test_a_curve_without_points_is_none() -> None:
    with pytest.raises(ValueError, match="points"):
        interpolated([], 1)
