"""Limits of sites in the words of 2.0.1 and 2.1 (functional block K)."""

import pytest

from protocol.limits_on_chargers import LONG_AGO, ChargerLimit
from protocol.versions import VERSIONS

BOTH = ["ocpp2.0.1", "ocpp2.1"]
SESSION = ChargerLimit(2, "3f2a-tx", 16.0)
STANDING = ChargerLimit(2, "", 6.0)
WHOLE = ChargerLimit(2, "", 20.0, whole=True)
DC = ChargerLimit(1, "3f2a-tx", 32.0, 20_976.09, stack_level=3)


def written(name: str, limit: ChargerLimit) -> dict:
    """Return the payload, which the official schema has nothing against."""
    version = VERSIONS[name]
    assert version.write_limit is not None
    payload = version.write_limit(limit)
    assert version.schemas.request("SetChargingProfile").flags(payload) == ()
    return payload


@pytest.mark.parametrize("name", BOTH)
def test_the_limit_of_a_session_is_one_of_its_evse_and_transaction(name: str) -> None:
    payload = written(name, SESSION)
    profile = payload["chargingProfile"]
    # K01.FR.03: a TxProfile names its transaction and an EVSE above 0.
    assert (payload["evseId"], profile["transactionId"]) == (2, "3f2a-tx")
    assert (profile["chargingProfilePurpose"], profile["id"]) == ("TxProfile", 22)
    assert profile["chargingProfileKind"] == "Relative"


@pytest.mark.parametrize("name", BOTH)
def test_the_standing_limit_is_one_of_the_evse_and_of_no_transaction(name: str) -> None:
    payload = written(name, STANDING)
    profile = payload["chargingProfile"]
    assert (payload["evseId"], profile["chargingProfilePurpose"]) == (2, "TxDefaultProfile")
    assert (profile["id"], "transactionId" in profile) == (21, False)


@pytest.mark.parametrize("name", BOTH)
def test_the_limit_of_the_whole_station_is_absolute_and_began_long_ago(name: str) -> None:
    payload = written(name, WHOLE)
    profile = payload["chargingProfile"]
    # K01.FR.38: absolute or recurring, and of the station, which is EVSE 0.
    assert (payload["evseId"], profile["chargingProfilePurpose"]) == (
        0, "ChargingStationMaxProfile",
    )  # fmt: skip
    [schedule] = profile["chargingSchedule"]
    assert (profile["chargingProfileKind"], schedule["startSchedule"]) == ("Absolute", LONG_AGO)
    assert (profile["id"], "transactionId" in profile) == (23, False)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    ("limit", "unit", "rate"),
    [(SESSION, "A", 16.0), (DC, "W", 20_976.0), (ChargerLimit(1, "x", 6.19), "A", 6.1)],
    ids=["AC", "DC", "a tenth, downward"],
)
def test_amperes_for_ac_and_watts_for_dc_with_one_digit(
    name: str, limit: ChargerLimit, unit: str, rate: float
) -> None:
    profile = written(name, limit)["chargingProfile"]
    [schedule] = profile["chargingSchedule"]
    assert schedule["chargingRateUnit"] == unit
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": rate}]
    assert (schedule["id"], profile["stackLevel"]) == (profile["id"], limit.stack_level)


@pytest.mark.parametrize("name", BOTH)
def test_a_new_limit_goes_instead_of_the_one_before_and_of_no_other(name: str) -> None:
    # A station keeps one profile of an id (K01): ours have one for each EVSE and purpose.
    limits = [
        ChargerLimit(evse, session, 6.0, whole=whole)
        for evse in (1, 2)
        for session, whole in (("tx", False), ("", False), ("", True))
    ]
    ids = [written(name, limit)["chargingProfile"]["id"] for limit in limits]
    assert len(set(ids)) == len(limits)
