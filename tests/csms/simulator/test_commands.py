from datetime import UTC, datetime

import pytest

from csms.simulator.commands import COMMANDS
from protocol.versions import VERSIONS
from tests.csms.simulator.story import ACCEPTED, T0, Story


def later(seconds: float) -> str:
    return datetime.fromtimestamp(T0 / 1e6 + seconds, UTC).isoformat()


def profile(limit: float, unit: str = "W", purpose: str = "TxDefaultProfile", **more) -> dict:
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
        **more,
    }


def charging(**settings) -> Story:
    settings = {"connectors": 1, "session_s_mean": 100_000.0, **settings}
    story = Story(**settings).connect()
    story.until("StartTransaction")
    story.pass_s(1)
    return story


def test_every_command_of_the_version_is_answered() -> None:
    assert set(COMMANDS) == set(VERSIONS["ocpp1.6"].outbound)


def test_remote_start_starts_with_the_named_token() -> None:
    story = Story(tokens=()).connect()
    answer = story.call("RemoteStartTransaction", {"connectorId": 2, "idTag": "REMOTE"})
    assert answer == ACCEPTED
    start = story.until("StartTransaction")
    assert (start["connectorId"], start["idTag"]) == (2, "REMOTE")


def test_remote_start_on_a_busy_connector_is_rejected() -> None:
    story = charging()
    payload = {"connectorId": 1, "idTag": "REMOTE"}
    assert story.call("RemoteStartTransaction", payload) == {"status": "Rejected"}


def test_remote_stop_stops_only_the_named_transaction() -> None:
    story = charging()
    assert story.call("RemoteStopTransaction", {"transactionId": 999}) == {"status": "Rejected"}
    assert story.call("RemoteStopTransaction", {"transactionId": 101}) == ACCEPTED
    assert story.until("StopTransaction")["reason"] == "Remote"


@pytest.mark.parametrize("kind", ["Hard", "Soft"])
def test_reset_ends_transactions_hangs_up_and_boots_again(kind) -> None:
    story = charging()
    assert story.call("Reset", {"type": kind}) == ACCEPTED
    assert story.until("StopTransaction")["reason"] == f"{kind}Reset"
    story.pass_s(5)
    assert story.charger.hangup is not None
    story.disconnect()
    story.connect()
    assert story.actions().count("BootNotification") == 2


def test_a_connector_goes_out_of_service_and_comes_back() -> None:
    story = Story(tokens=(), connectors=1).connect()
    for kind, status in (("Inoperative", "Unavailable"), ("Operative", "Available")):
        payload = {"connectorId": 1, "type": kind}
        assert story.call("ChangeAvailability", payload) == ACCEPTED
        assert story.until("StatusNotification")["status"] == status


def test_a_busy_connector_goes_out_of_service_when_its_transaction_has_ended() -> None:
    story = charging()
    payload = {"connectorId": 1, "type": "Inoperative"}
    assert story.call("ChangeAvailability", payload) == {"status": "Scheduled"}
    story.call("RemoteStopTransaction", {"transactionId": 101})
    story.pass_s(30)
    assert story.charger.connectors[1].status == "Unavailable"


def test_keys_are_listed_changed_and_refused() -> None:
    story = Story(tokens=()).connect()
    change = {"key": "MeterValueSampleInterval", "value": "3"}
    assert story.call("ChangeConfiguration", change) == ACCEPTED
    listing = story.call("GetConfiguration", {"key": ["MeterValueSampleInterval", "Nonsense"]})
    assert listing["configurationKey"][0]["value"] == "3"
    assert listing["unknownKey"] == ["Nonsense"]
    for key, value, status in (
        ("NumberOfConnectors", "9", "Rejected"),
        ("HeartbeatInterval", "often", "Rejected"),
        ("Nonsense", "1", "NotSupported"),
        ("SecurityProfile", "2", "RebootRequired"),
    ):
        payload = {"key": key, "value": value}
        assert story.call("ChangeConfiguration", payload) == {"status": status}


def test_the_password_is_never_listed() -> None:
    story = Story(tokens=()).connect()
    key = {"key": "AuthorizationKey", "value": "0123456789abcdef0123"}
    assert story.call("ChangeConfiguration", key) == ACCEPTED
    rows = story.call("GetConfiguration", {})["configurationKey"]
    assert {"key": "AuthorizationKey", "readonly": False} in rows


@pytest.mark.parametrize(
    ("message", "action"),
    [
        ("BootNotification", "BootNotification"),
        ("Heartbeat", "Heartbeat"),
        ("StatusNotification", "StatusNotification"),
        ("MeterValues", "MeterValues"),
        ("FirmwareStatusNotification", "FirmwareStatusNotification"),
        ("DiagnosticsStatusNotification", "DiagnosticsStatusNotification"),
    ],
)
def test_a_triggered_message_comes(message, action) -> None:
    story = Story(tokens=()).connect()
    assert story.call("TriggerMessage", {"requestedMessage": message}) == ACCEPTED
    story.until(action, 5)


def test_a_charging_profile_limits_the_power_at_once() -> None:
    story = charging(power_w_max=22_000.0)
    story.until("MeterValues")  # the vehicle has ramped up
    payload = {"connectorId": 1, "csChargingProfiles": profile(2_000)}
    assert story.call("SetChargingProfile", payload) == ACCEPTED
    assert 0 < story.charger.connectors[1].power_w <= 2_000
    assert story.call("ClearChargingProfile", {}) == ACCEPTED
    assert story.charger.connectors[1].power_w > 2_000


def test_a_limit_of_nothing_suspends_the_transaction() -> None:
    story = charging()
    story.call("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile(0)})
    assert story.charger.connectors[1].status == "SuspendedEVSE"


def test_amperes_are_per_phase() -> None:
    story = charging()
    payload = {"connectorId": 1, "csChargingProfiles": profile(6, "A")}
    story.call("SetChargingProfile", payload)
    connector = story.charger.connectors[1]
    assert connector.offered_w == 6 * 230 * connector.vehicle.phases


def test_a_transaction_profile_needs_a_transaction() -> None:
    story = Story(tokens=()).connect()
    payload = {"connectorId": 1, "csChargingProfiles": profile(2_000, purpose="TxProfile")}
    assert story.call("SetChargingProfile", payload) == {"status": "Rejected"}


def test_the_composite_schedule_shows_the_limit_that_counts() -> None:
    story = charging()
    story.call("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile(3_000)})
    payload = {"connectorId": 1, "duration": 600, "chargingRateUnit": "W"}
    schedule = story.call("GetCompositeSchedule", payload)["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 3_000.0}]


def test_a_reserved_connector_is_kept_for_its_token_until_it_expires() -> None:
    story = Story(tokens=(), connectors=1).connect()
    payload = {"connectorId": 1, "expiryDate": later(120), "idTag": "MINE", "reservationId": 7}
    assert story.call("ReserveNow", payload) == ACCEPTED
    assert story.until("StatusNotification")["status"] == "Reserved"
    other = {"connectorId": 1, "idTag": "OTHER"}
    assert story.call("RemoteStartTransaction", other) == {"status": "Rejected"}
    story.pass_s(130)
    assert story.charger.connectors[1].status == "Available"


def test_a_reservation_is_used_by_its_token() -> None:
    story = Story(tokens=(), connectors=1).connect()
    payload = {"connectorId": 1, "expiryDate": later(999), "idTag": "MINE", "reservationId": 7}
    story.call("ReserveNow", payload)
    story.call("RemoteStartTransaction", {"connectorId": 1, "idTag": "MINE"})
    assert story.until("StartTransaction")["reservationId"] == 7


def test_a_cancelled_reservation_frees_the_connector() -> None:
    story = Story(tokens=(), connectors=1).connect()
    payload = {"connectorId": 1, "expiryDate": later(999), "idTag": "MINE", "reservationId": 7}
    story.call("ReserveNow", payload)
    assert story.call("CancelReservation", {"reservationId": 8}) == {"status": "Rejected"}
    assert story.call("CancelReservation", {"reservationId": 7}) == ACCEPTED
    story.pass_s(2)
    assert story.charger.connectors[1].status == "Available"


def test_the_local_list_keeps_versions() -> None:
    story = Story(tokens=()).connect()
    row = {"idTag": "T", "idTagInfo": {"status": "Accepted"}}
    full = {"listVersion": 3, "updateType": "Full", "localAuthorizationList": [row]}
    assert story.call("SendLocalList", full) == ACCEPTED
    assert story.call("GetLocalListVersion", {}) == {"listVersion": 3}
    old = {"listVersion": 3, "updateType": "Differential"}
    assert story.call("SendLocalList", old) == {"status": "VersionMismatch"}


def test_unlocking_stops_the_transaction() -> None:
    story = charging()
    assert story.call("UnlockConnector", {"connectorId": 1}) == {"status": "Unlocked"}
    stops = [payload for action, payload in story.said if action == "StopTransaction"]
    assert [payload["reason"] for payload in stops] == ["UnlockCommand"]
    assert story.call("UnlockConnector", {"connectorId": 9}) == {"status": "NotSupported"}


def test_firmware_is_downloaded_and_installed() -> None:
    story = Story(tokens=()).connect()
    payload = {"location": "https://example.org/f.bin", "retrieveDate": later(10)}
    assert story.call("UpdateFirmware", payload) == {}
    story.pass_s(30)
    said = [p["status"] for a, p in story.said if a == "FirmwareStatusNotification"]
    assert said == ["Downloading", "Downloaded", "Installing", "Installed"]


def test_diagnostics_are_uploaded() -> None:
    story = Story(tokens=()).connect()
    answer = story.call("GetDiagnostics", {"location": "ftp://example.org/"})
    assert answer == {"fileName": "diagnostics.txt"}
    story.pass_s(10)
    said = [p["status"] for a, p in story.said if a == "DiagnosticsStatusNotification"]
    assert said == ["Uploading", "Uploaded"]


def test_an_unknown_action_is_answered_with_not_implemented() -> None:
    story = Story(tokens=()).connect()
    assert story.server is not None
    story.server.call("x", "MakeCoffee", {}, story.now_us, 1_000_000)
    story.exchange()
    assert story.results["x"] == "NotImplemented"


def test_a_payload_that_lacks_something_is_answered_with_an_error() -> None:
    story = Story(tokens=()).connect()
    assert story.server is not None
    story.server.call("x", "RemoteStartTransaction", {}, story.now_us, 1_000_000)
    story.exchange()
    assert story.results["x"] == "FormationViolation"
