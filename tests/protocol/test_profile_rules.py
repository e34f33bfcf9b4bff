"""Each rule of charging profiles, in each version."""

import pytest

from protocol.limits_on_chargers import ChargerLimit
from protocol.profile_rules import ProfileLimits, check_profile, read_units
from protocol.versions import VERSIONS

V2 = ["ocpp2.0.1", "ocpp2.1"]
ALL = ["ocpp1.6", *V2]
NO_LIMITS = ProfileLimits()
START = "2026-01-01T00:00:00Z"


def words(name):
    return VERSIONS[name].profile_words


def call(name, place=1, schedule=None, **fields):
    """A TxDefaultProfile that breaks nothing, with what is said instead."""
    plan = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
    } | (schedule or {})
    profile = {
        words(name).id: 5,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
    } | fields
    if name == "ocpp1.6":
        profile["chargingSchedule"] = plan
    else:
        profile["chargingSchedule"] = [{"id": 1} | plan]
    return {words(name).place: place, words(name).carriers["SetChargingProfile"]: profile}


def broken(name, payload, limits=NO_LIMITS, action="SetChargingProfile", **options):
    found = check_profile(words(name), action, payload, limits, **options)
    return [each.field.rpartition(".")[2] for each in found]


def periods(*starts):
    return {"chargingSchedulePeriod": [{"startPeriod": each, "limit": 6.0} for each in starts]}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("schedule", "fields", "place", "field"),
    [
        ({}, {}, 1, None),
        ({}, {}, 0, None),
        ({}, {"stackLevel": 3}, 1, "stackLevel"),
        ({}, {"stackLevel": -1}, 1, "stackLevel"),
        (periods(0, 60, 120), {}, 1, None),
        (periods(0, 1, 2, 3), {}, 1, "chargingSchedulePeriod"),
        (periods(10), {}, 1, "startPeriod"),
        (periods(0, 60, 60), {}, 1, "startPeriod"),
        (periods(0, 60) | {"duration": 60}, {}, 1, "startPeriod"),
        (periods(0, 60) | {"duration": 61}, {}, 1, None),
        ({"chargingRateUnit": "W"}, {}, 1, "chargingRateUnit"),
        ({}, {"chargingProfileKind": "Absolute"}, 1, "startSchedule"),
        ({"startSchedule": START}, {"chargingProfileKind": "Absolute"}, 1, None),
        ({"startSchedule": START}, {"chargingProfileKind": "Recurring"}, 1, "recurrencyKind"),
        (
            {"startSchedule": START},
            {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"},
            1,
            None,
        ),
        ({}, {"transactionId": 7}, 1, "transactionId"),
    ],
)
def test_a_rule_names_its_field(name, schedule, fields, place, field) -> None:
    limits = ProfileLimits(2, 3, frozenset({"A"}))
    found = broken(name, call(name, place, schedule, **fields), limits)
    assert found == ([field] if field else [])


@pytest.mark.parametrize("name", ALL)
def test_what_a_charger_has_not_said_is_no_limit(name) -> None:
    payload = call(name, 1, periods(*range(50)) | {"chargingRateUnit": "W"}, stackLevel=99)
    assert broken(name, payload) == []


def test_a_profile_of_a_transaction_has_a_connector_in_16() -> None:
    tx = {"chargingProfilePurpose": "TxProfile"}
    assert broken("ocpp1.6", call("ocpp1.6", 1, **tx)) == []
    assert broken("ocpp1.6", call("ocpp1.6", 0, **tx)) == ["connectorId"]


@pytest.mark.parametrize("name", V2)
def test_a_profile_of_a_transaction_names_it_in_2x(name) -> None:
    tx = {"chargingProfilePurpose": "TxProfile"}
    assert broken(name, call(name, 1, **tx, transactionId="T")) == []
    assert broken(name, call(name, 1, **tx)) == ["transactionId"]
    assert broken(name, call(name, 0, **tx, transactionId="T")) == ["evseId"]


@pytest.mark.parametrize("name", ALL)
def test_the_limit_of_the_whole_charger_is_at_place_0(name) -> None:
    fields = {"chargingProfilePurpose": words(name).whole, "chargingProfileKind": "Absolute"}
    assert broken(name, call(name, 0, {"startSchedule": START}, **fields)) == []
    payload = call(name, 1, {"startSchedule": START}, **fields)
    assert broken(name, payload) == [words(name).place]


@pytest.mark.parametrize("name", V2)
def test_the_limit_of_a_whole_station_is_not_relative(name) -> None:
    payload = call(name, 0, chargingProfilePurpose="ChargingStationMaxProfile")
    assert broken(name, payload) == ["chargingProfileKind"]


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("ocpp1.6", "RemoteStartTransaction"),
        ("ocpp2.0.1", "RequestStartTransaction"),
        ("ocpp2.1", "RequestStartTransaction"),
    ],
)
def test_a_start_carries_a_profile_of_a_transaction_that_has_no_id_yet(name, action) -> None:
    def start(**fields):
        profile = call(name, 1, **fields)[words(name).carriers["SetChargingProfile"]]
        return {words(name).carriers[action]: profile}

    assert broken(name, start(chargingProfilePurpose="TxProfile"), action=action) == []
    assert broken(name, start(), action=action) == ["chargingProfilePurpose"]
    payload = start(chargingProfilePurpose="TxProfile", transactionId="7")
    assert broken(name, payload, action=action) == ["transactionId"]
    assert broken(name, {}, action=action) == []


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("number", "is_taken"), [(11, 1), (22, 1), (13, 1), (14, 0), (1, 0)])
def test_ids_of_the_sites_own_limits_are_left_to_it(name, number, is_taken) -> None:
    payload = call(name, 1, **{words(name).id: number})
    assert broken(name, payload, shared=True) == [words(name).id] * is_taken
    assert broken(name, payload) == []


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("limit", [{}, {"session": "7"}, {"whole": True}], ids=str)
def test_the_sites_own_limits_break_no_rule(name, limit) -> None:
    payload = VERSIONS[name].write_limit(
        ChargerLimit(evse=1, **{"session": ""} | limit, limit_a=16.0)
    )
    assert broken(name, payload) == []


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("junk", [None, 5, "x", [], [None], {"chargingSchedulePeriod": [1, {}]}])
def test_no_json_makes_it_raise(name, junk) -> None:
    payload = call(name)
    field = words(name).carriers["SetChargingProfile"]
    payload[field]["chargingSchedule"] = junk
    payload[field]["stackLevel"] = payload[field]["chargingProfileKind"] = junk
    broken(name, payload)
    payload = call(name, 1, {"chargingRateUnit": junk, "duration": junk}, transactionId=junk)
    broken(name, payload, ProfileLimits(0, 1, frozenset({"A"})), shared=True)
    broken(name, {field: junk})


def test_units_are_read_in_the_words_of_each_version() -> None:
    assert read_units(words("ocpp1.6"), "Current, Power") == {"A", "W"}
    assert read_units(words("ocpp1.6"), "Current") == {"A"}
    assert read_units(words("ocpp2.0.1"), "A,W") == {"A", "W"}
    assert read_units(words("ocpp2.0.1"), "") == frozenset()
