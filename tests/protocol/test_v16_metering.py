"""OCPP 1.6 edition 2, sections 4.7 and 7.31 to 7.45."""

from typing import Any

import pytest

from domain.events import EnergyMeasured, Sample
from protocol.reading import Reading, ReadingLimits
from protocol.time import read_time
from protocol.v16.metering import read_meter_values
from protocol.v16.vocabulary import MEASURANDS
from tests.protocol.payloads_v16 import INBOUND, T

READING = Reading(1_777_636_800_000_000)
T_US = read_time(T, READING)[0]


def meter_values(*sampled: Any, **change: Any) -> EnergyMeasured:
    payload = {
        "connectorId": 1,
        "transactionId": 5,
        "meterValue": [{"timestamp": T, "sampledValue": list(sampled)}],
    }
    return read_meter_values(payload | change, READING)


def one(reading: Reading = READING, **sampled: Any) -> tuple[Sample, tuple[str, ...]]:
    payload = {"connectorId": 1, "meterValue": [{"timestamp": T, "sampledValue": [sampled]}]}
    report = read_meter_values(payload, reading)
    assert len(report.samples) == 1
    flags = tuple(
        flag.removeprefix("/").replace("/meterValue/*/sampledValue/*", "") for flag in report.flags
    )
    return report.samples[0], flags


def test_samples_come_in_their_order_with_their_own_words() -> None:
    report = read_meter_values(INBOUND["MeterValues"], READING)
    assert (report.connector, report.transaction, report.flags) == (1, 5, ())
    assert report.samples == (
        Sample(T_US, "Energy.Active.Import.Register", 1500.0, "Wh"),
        Sample(T_US, "Power.Active.Import", 7.36, "kW"),
        Sample(T_US, "Current.Import", 16.0, "A", "L1"),
        Sample(T_US, "Voltage", 230.1, "V", "L1-N", "Outlet", "Sample.Clock"),
    )


def test_a_bare_value_is_the_imported_energy_in_wh() -> None:
    assert one(value="15") == (Sample(T_US, "Energy.Active.Import.Register", 15.0, "Wh"), ())


@pytest.mark.parametrize("measurand", sorted(MEASURANDS))
def test_a_missing_unit_is_the_usual_one_of_the_measurand(measurand: str) -> None:
    sample, flags = one(value="1", measurand=measurand)
    assert (sample.unit, flags) == (MEASURANDS[measurand], ())


@pytest.mark.parametrize(
    ("said", "kept", "flags"),
    [
        ("Celsius", "Celsius", ()),
        ("Celcius", "Celsius", ()),
        ("Hertz", "Hz", ()),
        ("KWH", "kWh", ("coerced:/unit",)),
        ("w", "W", ("coerced:/unit",)),
        ("°C", "Celsius", ("coerced:/unit",)),
        ("%", "Percent", ("coerced:/unit",)),
        ("Amps", "A", ("coerced:/unit",)),
        ("furlong", "furlong", ("coerced:/unit",)),
        (None, "Wh", ()),
        ("", "Wh", ()),
    ],
)
def test_units_have_one_spelling(said: object, kept: str, flags: tuple[str, ...]) -> None:
    sample, found = one(value="1", unit=said)
    assert (sample.unit, found) == (kept, flags)


@pytest.mark.parametrize(
    ("said", "measurand", "phase"),
    [
        ("energy.active.import.register", "Energy.Active.Import.Register", ""),
        ("Energy_Active_Import_Register", "Energy.Active.Import.Register", ""),
        ("SOC", "SoC", ""),
        ("Voltage.L1", "Voltage", "L1"),
        ("Current.Import.L2-N", "Current.Import", "L2-N"),
        ("Power.Active.Import.L1.X", "Power.Active.Import.L1.X", ""),
        ("Plug.Insertions", "Plug.Insertions", ""),
    ],
)
def test_measurands_have_one_spelling(said: str, measurand: str, phase: str) -> None:
    sample, flags = one(value="1", measurand=said)
    assert (sample.measurand, sample.phase) == (measurand, phase)
    assert flags == ("coerced:/measurand",)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("L1", "L1"),
        ("l1", "L1"),
        ("L1N", "L1-N"),
        ("1", "L1"),
        ("N", "N"),
        ("Q", "Q"),
        (None, ""),
        (0, "0"),
    ],
)
def test_phases_have_one_spelling(said: object, kept: str) -> None:
    assert one(value="1", phase=said)[0].phase == kept


def test_a_lone_neutral_and_a_phase_on_a_register_are_data_like_any_other() -> None:
    assert one(value="1", measurand="Current.Import", phase="N")[1] == ()
    assert one(value="1", phase="L3")[1] == ()


@pytest.mark.parametrize(
    ("said", "value", "flags"),
    [
        (1.5, 1.5, ("coerced:/value",)),
        (21.399999, 21.399999, ("coerced:/value",)),
        (7, 7.0, ("coerced:/value",)),
        ("-0.5", -0.5, ()),
        ("1e3", 1000.0, ()),
    ],
)
def test_numbers_are_read_whatever_their_type(
    said: object, value: float, flags: tuple[str, ...]
) -> None:
    sample, found = one(value=said)
    assert (sample.value, sample.text, found) == (value, "", flags)


@pytest.mark.parametrize(
    ("said", "text", "flag"),
    [
        ("1,5", "1,5", "unreadable:/value"),
        ("1_000", "1_000", "unreadable:/value"),
        ("NaN", "NaN", "unreadable:/value"),
        ("inf", "inf", "unreadable:/value"),
        ("1e999", "1e999", "unreadable:/value"),
        (float("nan"), "NaN", "unreadable:/value"),
        (10**400, "1" + "0" * 400, "unreadable:/value"),
        ("on", "on", "unreadable:/value"),
        ({"a": 1}, '{"a":1}', "unreadable:/value"),
        (None, "", "missing:/value"),
    ],
)
def test_what_is_no_number_is_kept_as_text_and_marked(said: object, text: str, flag: str) -> None:
    sample, flags = one(value=said)
    assert (sample.value, sample.text, flags) == (0.0, text, (flag,))


def test_signed_data_is_text_even_when_it_looks_like_a_number() -> None:
    sample, flags = one(value="4711", format="SignedData")
    assert (sample.value, sample.text, flags) == (0.0, "4711", ())


def test_signed_data_is_kept_whole_up_to_its_limit() -> None:
    assert len(one(value="A" * 30_000, format="SignedData")[0].text) == 30_000
    small = Reading(READING.received_us, "", 0, ReadingLimits(signed_length_max=2_500))
    sample, flags = one(small, value="A" * 3_000, format="SignedData")
    assert (len(sample.text), flags) == (2_500, ("cut:/value",))


def test_an_empty_list_of_samples_is_accepted() -> None:
    report = meter_values()
    assert (report.samples, report.flags) == ((), ())


def test_a_lone_object_is_taken_for_a_list_of_one() -> None:
    report = meter_values(meterValue={"timestamp": T, "sampledValue": {"value": "1"}})
    assert len(report.samples) == 1
    assert report.flags == ("coerced:/meterValue", "coerced:/meterValue/*/sampledValue")


@pytest.mark.parametrize("said", [None, 5, "x", [5], [[]], [{"sampledValue": [5]}]])
def test_what_is_no_list_of_samples_is_marked(said: object) -> None:
    report = meter_values(meterValue=said)
    assert report.samples == ()
    assert report.flags


def test_no_order_and_no_difference_is_asked_of_samples() -> None:
    late = {"timestamp": "2026-03-29T00:31:00Z", "sampledValue": [{"value": "5"}]}
    early = {"timestamp": T, "sampledValue": [{"value": "9"}, {"value": "9"}]}
    report = meter_values(meterValue=[late, early, late])
    assert [sample.value for sample in report.samples] == [5, 9, 9, 5]
    assert report.flags == ()


def test_samples_without_a_time_have_the_receive_time() -> None:
    report = meter_values(meterValue=[{"sampledValue": [{"value": "1"}]}])
    assert (report.samples[0].at_us, report.samples[0].quality) == (READING.received_us, "missing")


@pytest.mark.parametrize("number", [-1, 0, 99])
def test_the_transaction_is_the_number_that_was_said(number: int) -> None:
    assert meter_values({"value": "1"}, transactionId=number).transaction == number


def test_a_null_transaction_is_none() -> None:
    report = meter_values({"value": "1"}, transactionId=None)
    assert (report.transaction, report.flags) == (0, ())
