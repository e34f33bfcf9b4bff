"""Quirks change what is said; a server that tolerates them is not told anything else."""

import json

import pytest
from pydantic import ValidationError

from csms.simulator.faults import FaultSettings
from csms.simulator.metering import MEASURANDS
from csms.simulator.models import MODELS, MODELS_16, QUIRKS, TEXT_QUIRKS, Model
from tests.csms.simulator.network import Network

SAMPLE = {
    "value": "1500",
    "context": "Sample.Periodic",
    "measurand": "Energy.Active.Import.Register",
    "unit": "Wh",
    "location": "Outlet",
}
METER_VALUES = {
    "connectorId": 1,
    "transactionId": 7,
    "meterValue": [{"timestamp": "2026-01-01T00:00:00.000Z", "sampledValue": [SAMPLE]}],
}


def said(quirk: str) -> dict:
    return Model("V", "M", quirks=(quirk,)).say("MeterValues", METER_VALUES)["meterValue"][0]


def test_every_quirk_of_a_model_exists() -> None:
    for model in MODELS.values():
        assert set(model.quirks) <= QUIRKS.keys() | TEXT_QUIRKS.keys()


def test_keys_of_a_model_have_their_values_from_the_beginning() -> None:
    for name, model in MODELS.items():
        charger = Network(model=name).charger
        for key, value in model.keys.items():
            [row] = charger.keys.listing([key])["configurationKey"]
            assert row["value"] == value
    network = Network(model="wordy", arrival_s_mean=1.0).begin()
    network.pass_s(60)
    samples = network.said("MeterValues")[-1]["meterValue"][0]["sampledValue"]
    assert {sample["measurand"] for sample in samples} == set(MEASURANDS)


def test_instants_may_lack_their_zone_or_have_a_short_one() -> None:
    assert said("no_zone")["timestamp"] == "2026-01-01T00:00:00"
    assert said("short_offset")["timestamp"] == "2026-01-01T00:00:00+00"


def test_samples_may_be_numbers_kilowatt_hours_or_lack_what_is_usual() -> None:
    assert said("numbers")["sampledValue"][0]["value"] == 1500.0
    kilo = said("kilowatt_hours")["sampledValue"][0]
    assert (kilo["value"], kilo["unit"]) == ("1.500", "kWh")
    assert said("defaults_left_out")["sampledValue"] == [{"value": "1500"}]


EVENT = {
    "eventType": "Updated",
    "timestamp": "2026-01-01T00:00:00.000Z",
    "seqNo": 2,
    "evse": {"id": 1},
    "meterValue": [
        {
            "timestamp": "2026-01-01T00:00:00.000Z",
            "sampledValue": [{"value": 1500.0, "unitOfMeasure": {"unit": "Wh"}}],
        }
    ],
}


@pytest.mark.parametrize(
    ("quirk", "sample"),
    [
        ("kilowatt_hours", {"value": 1.5, "unitOfMeasure": {"unit": "kWh"}}),
        ("multiplied", {"value": 15_000.0, "unitOfMeasure": {"unit": "Wh", "multiplier": -1}}),
        ("texts", {"value": "1500.0", "unitOfMeasure": {"unit": "Wh"}}),
    ],
)
def test_samples_of_2x_have_quirks_of_their_own(quirk: str, sample: dict) -> None:
    told = Model("V", "M", quirks=(quirk,)).say("TransactionEvent", EVENT)
    assert told["meterValue"][0]["sampledValue"] == [sample]


def test_events_may_be_numbered_from_elsewhere_and_leave_out_where_they_are() -> None:
    told = Model("V", "M", quirks=("numbers_go_on", "evse_once")).say("TransactionEvent", EVENT)
    assert told["seqNo"] == 4_002
    assert "evse" not in told
    begun = {**EVENT, "eventType": "Started"}
    assert Model("V", "M", quirks=("evse_once",)).say("TransactionEvent", begun)["evse"]


def test_a_quirk_leaves_the_given_payload_alone() -> None:
    said("numbers")
    assert METER_VALUES["meterValue"][0]["sampledValue"][0]["value"] == "1500"


def test_a_text_quirk_writes_what_is_no_json() -> None:
    text = json.dumps([2, "u", "MeterValues", METER_VALUES]).encode()
    written = MODELS["careless"].write("MeterValues", text)
    assert b'"transactionId":,' in written
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(written)


@pytest.mark.parametrize("name", MODELS_16)
def test_each_model_charges_against_a_server_that_mends_what_it_says(name: str) -> None:
    network = Network(model=name).begin().pass_s(3_600)
    assert network.charger.counts.stopped >= 1
    assert network.rejected == 0


def test_a_model_that_always_boots_boots_on_each_connection() -> None:
    network = Network(model="hurried", tokens=()).begin().pass_s(5)
    network.gone()
    network.pass_s(5)
    boots = [action for action, _ in network.stored.values() if action == "BootNotification"]
    assert len(boots) == 2


def test_unknown_faults_and_wrong_chances_are_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="no fault 'flood'"):
        FaultSettings(rates={"flood": 0.1})
    with pytest.raises(ValidationError, match="the chance of cut is 2"):
        FaultSettings(rates={"cut": 2.0})
