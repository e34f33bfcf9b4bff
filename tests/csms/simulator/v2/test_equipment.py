"""What follows from the commands that only a well-equipped charger of 2.x obeys."""

from datetime import UTC, datetime

import pytest

from csms.simulator.v2.customers import CHARS
from csms.simulator.v2.display import MESSAGES_MAX
from csms.simulator.v2.monitors import MONITORS_MAX
from protocol.events import SendReceived
from protocol.schemas import load_schemas
from tests.csms.simulator.network import T0, Network
from tests.csms.simulator.v2.payloads import (
    PAYLOADS,
    TOKEN,
    curve,
    droop,
    dynamic_profile,
    priority_profile,
    tariff,
)

ACCEPTED = {"status": "Accepted"}
SCHEMAS = {name: load_schemas(folder, "Request") for name, folder in
           {"modern": "v201", "newest": "v21"}.items()}  # fmt: skip


def instant(network: Network, seconds: float) -> str:
    return datetime.fromtimestamp(network.now_us / 1e6 + seconds, UTC).isoformat()


class Place(Network):
    """A network whose charger charges; all that it says must satisfy the schemas."""

    def __init__(self, model: str, connectors: int = 2, **more) -> None:
        super().__init__(model=model, connectors=connectors, session_s_mean=100_000.0, **more)
        self.schemas = SCHEMAS[model]
        self.begin().pass_s(5)
        while self.charger.busy() < connectors:
            self.pass_s(1)
        self.pass_s(5)
        self.number, self.connector = next(iter(self.charger.connectors.items()))
        assert self.connector.transaction is not None
        self.name = self.connector.transaction.id

    def call(self, action: str, payload: dict) -> dict | str:
        assert self.schemas.request(action).flags(payload) == (), payload
        answer = super().call(action, payload)
        assert isinstance(answer, dict), answer
        assert self.schemas.response(action).flags(answer) == (), answer
        return answer

    def said(self, action: str) -> list[dict]:
        found = super().said(action)
        for payload in found:
            assert self.schemas.request(action).flags(payload) == (), payload
        return found


@pytest.fixture(params=["modern", "newest"])
def place(request) -> Place:
    return Place(request.param)


@pytest.fixture
def newest() -> Place:
    return Place("newest")


# Display


def message(number: int, **more: object) -> dict:
    text = {"format": "UTF8", "content": "hello"}
    return {"message": {"id": number, "priority": "NormalCycle", "message": text, **more}}


def test_messages_are_told_in_parts_and_the_last_part_says_so(place) -> None:
    for number in (1, 2, 3):
        assert place.call("SetDisplayMessage", message(number)) == ACCEPTED
    assert place.call("GetDisplayMessages", {"requestId": 5}) == ACCEPTED
    place.pass_s(2)
    parts = place.said("NotifyDisplayMessages")
    assert [len(part["messageInfo"]) for part in parts] == [2, 1]
    assert [(part["requestId"], part["tbc"]) for part in parts] == [(5, True), (5, False)]


def test_a_message_is_replaced_cleared_and_filtered(place) -> None:
    place.call("SetDisplayMessage", message(1))
    place.call("SetDisplayMessage", message(1, priority="AlwaysFront"))
    wanted = {"requestId": 1, "priority": "NormalCycle"}
    assert place.call("GetDisplayMessages", wanted) == {"status": "Unknown"}
    assert place.call("ClearDisplayMessage", {"id": 1}) == ACCEPTED
    assert place.call("ClearDisplayMessage", {"id": 1}) == {"status": "Unknown"}


def test_a_message_ends_with_its_time_and_with_its_transaction(place) -> None:
    place.call("SetDisplayMessage", message(1, endDateTime=instant(place, 10)))
    place.call("SetDisplayMessage", message(2, transactionId=place.name))
    assert place.call("SetDisplayMessage", message(3, transactionId="other")) == {
        "status": "UnknownTransaction"
    }
    place.call("RequestStopTransaction", {"transactionId": place.name})
    place.pass_s(20)
    assert place.call("GetDisplayMessages", {"requestId": 1}) == {"status": "Unknown"}


def test_a_display_has_its_limits(place) -> None:
    web = message(1)
    web["message"]["message"] = {"format": "HTML", "content": "<b>"}
    assert place.call("SetDisplayMessage", web) == {"status": "NotSupportedMessageFormat"}
    for number in range(MESSAGES_MAX):
        assert place.call("SetDisplayMessage", message(number)) == ACCEPTED
    assert place.call("SetDisplayMessage", message(99)) == {"status": "Rejected"}


def test_the_cost_of_a_transaction_is_shown_while_it_runs(place) -> None:
    place.call("CostUpdated", {"totalCost": 1.5, "transactionId": place.name})
    place.call("CostUpdated", {"totalCost": 2.5, "transactionId": "other"})
    assert place.charger.equipment.costs == {place.name: 1.5}


# Customers


def test_what_is_known_of_a_card_is_told_in_parts() -> None:
    place = Place("newest", connectors=6)
    wanted = {"requestId": 3, "report": True, "clear": False, "idToken": TOKEN}
    assert place.call("CustomerInformation", wanted) == ACCEPTED
    place.pass_s(2)
    parts = place.said("NotifyCustomerInformation")
    assert len(parts) >= 2
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))
    assert [part["tbc"] for part in parts] == [True] * (len(parts) - 1) + [False]
    assert all(len(part["data"]) <= CHARS for part in parts)
    told = "".join(part["data"] for part in parts)
    assert told.count("transaction:") == 6


def test_where_nothing_is_known_of_a_customer_that_is_told(place) -> None:
    wanted = {"requestId": 3, "report": True, "clear": True, "customerIdentifier": "X"}
    assert place.call("CustomerInformation", wanted) == ACCEPTED
    place.pass_s(2)
    assert [part["data"] for part in place.said("NotifyCustomerInformation")] == ["-"]
    nobody = {"requestId": 4, "report": True, "clear": False}
    assert place.call("CustomerInformation", nobody) == {"status": "Invalid"}


# Monitors


def monitor(kind: str = "Periodic", value: float = 5.0, **more: object) -> dict:
    return {
        "value": value,
        "type": kind,
        "severity": 5,
        "component": {"name": "EVSE", "evse": {"id": 1}},
        "variable": {"name": "Power"},
        **more,
    }


def put(place: Place, *rows: dict) -> list[dict]:
    answer = place.call("SetVariableMonitoring", {"setMonitoringData": list(rows)})
    assert isinstance(answer, dict)
    return answer["setMonitoringResult"]


INTERVAL = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}


def test_monitors_are_reported_in_parts_by_criteria_and_variable(place) -> None:
    kinds = ("Periodic", "UpperThreshold", "LowerThreshold", "Delta")
    rows = [monitor(kind) for kind in kinds] + [monitor("Delta", **INTERVAL)]
    assert [row["id"] for row in put(place, *rows)] == [1, 2, 3, 4, 5]
    assert place.call("GetMonitoringReport", {"requestId": 1}) == ACCEPTED
    place.pass_s(2)
    parts = place.said("NotifyMonitoringReport")
    assert [(len(p["monitor"]), p["seqNo"], p["tbc"]) for p in parts] == [
        (4, 0, True),
        (1, 1, False),
    ]
    wanted = {"requestId": 2, "monitoringCriteria": ["DeltaMonitoring"],
              "componentVariable": [INTERVAL]}  # fmt: skip
    assert place.call("GetMonitoringReport", wanted) == ACCEPTED
    place.pass_s(2)
    [told] = place.said("NotifyMonitoringReport")[-1]["monitor"]
    assert told["variableMonitoring"][0]["id"] == 5


@pytest.mark.parametrize(
    ("row", "status"),
    [
        (monitor(component={"name": "Nobody"}), "UnknownComponent"),
        (monitor(component={"name": "EVSE", "evse": {"id": 9}}), "UnknownVariable"),
        (monitor(value=0.0), "Rejected"),
        (monitor(id=77), "Rejected"),
        (monitor(), "Duplicate"),
        (monitor(severity=10), "Rejected"),
    ],
)
def test_a_monitor_that_cannot_be_is_refused_with_the_reason(place, row, status) -> None:
    put(place, monitor())
    assert put(place, row)[0]["status"] == status


def test_there_are_so_many_monitors_and_no_more(place) -> None:
    def row(at: int) -> dict:
        kinds = ("Periodic", "Delta", "UpperThreshold", "LowerThreshold")
        return monitor(kinds[at % 4], 1_000.0, severity=at // 4 % 10, component=EVSES[at // 40])

    statuses = [put(place, row(at))[0]["status"] for at in range(MONITORS_MAX + 1)]
    assert statuses == ["Accepted"] * MONITORS_MAX + ["Rejected"]


EVSES = [{"name": "EVSE", "evse": {"id": number}} for number in (1, 2)]


def test_a_period_brings_events_until_it_is_cleared(place) -> None:
    [row] = put(place, monitor())
    place.pass_s(26)
    events = place.said("NotifyEvent")
    assert len(events) == 5
    assert events[0]["eventData"][0]["trigger"] == "Periodic"
    assert float(events[0]["eventData"][0]["actualValue"]) > 0
    place.call("ClearVariableMonitoring", {"id": [row["id"]]})
    place.pass_s(30)
    assert len(place.said("NotifyEvent")) == 5


def test_a_change_brings_an_event_and_a_threshold_one_each_way(place) -> None:
    put(place, monitor("Delta", 50.0, **INTERVAL), monitor("UpperThreshold", 500.0, **INTERVAL))
    for value in ("80", "900", "300"):
        wanted = {"setVariableData": [{"attributeValue": value, **INTERVAL}]}
        place.call("SetVariables", wanted)
        place.pass_s(6)
    told = [event["eventData"][0] for event in place.said("NotifyEvent")]
    assert [(one["trigger"], one["actualValue"], one["cleared"]) for one in told] == [
        ("Delta", "900", False),
        ("Alerting", "900", False),
        ("Delta", "300", False),
        ("Alerting", "300", True),
    ]


def test_the_level_keeps_what_is_less_severe_and_the_base_clears(place) -> None:
    put(place, monitor())
    assert place.call("SetMonitoringLevel", {"severity": 4}) == ACCEPTED
    place.pass_s(12)
    assert place.said("NotifyEvent") == []
    assert place.call("SetMonitoringLevel", {"severity": 10}) == {"status": "Rejected"}
    assert place.call("SetMonitoringBase", {"monitoringBase": "All"}) == ACCEPTED
    assert place.charger.equipment.monitors
    place.call("SetMonitoringBase", {"monitoringBase": "FactoryDefault"})
    wanted = {"requestId": 1}
    assert place.call("GetMonitoringReport", wanted) == {"status": "EmptyResultSet"}


# Streams


def streamed(place: Place) -> list[SendReceived]:
    sent = [event for event in place.sends if event.action == "NotifyPeriodicEventStream"]
    for event in sent:
        assert place.schemas.request(event.action).flags(event.payload) == ()
    return sent


def test_a_stream_is_opened_flows_is_adjusted_and_closed(newest) -> None:
    put(newest, monitor(value=2.0, periodicEventStream={"interval": 60, "values": 5}))
    newest.pass_s(31)
    [opened] = newest.said("OpenPeriodicEventStream")
    assert opened["constantStreamData"]["variableMonitoringId"] == 1
    sent = streamed(newest)
    assert [len(event.payload["data"]) for event in sent] == [5, 5, 5]
    assert [row["t"] for row in sent[0].payload["data"]] == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert newest.said("NotifyEvent") == []
    adjusted = {"id": 1, "params": {"values": 2}}
    assert newest.call("AdjustPeriodicEventStream", adjusted) == ACCEPTED
    answer = newest.call("GetPeriodicEventStream", {})
    assert answer["constantStreamData"][0]["params"] == {"values": 2}
    newest.pass_s(10)
    assert len(streamed(newest)[-1].payload["data"]) == 2
    newest.call("ClearVariableMonitoring", {"id": [1]})
    newest.pass_s(2)
    assert newest.said("ClosePeriodicEventStream") == [{"id": 1}]
    before = len(streamed(newest))
    newest.pass_s(30)
    assert len(streamed(newest)) == before
    assert newest.call("GetPeriodicEventStream", {}) == {}


# The station


def test_firmware_is_published_step_by_step_and_taken_back(place) -> None:
    checksum = "a" * 32
    [wanted] = PAYLOADS["PublishFirmware"]("")
    assert place.call("PublishFirmware", {**wanted, "checksum": checksum}) == ACCEPTED
    place.pass_s(1)
    unpublish = {"checksum": checksum}
    assert place.call("UnpublishFirmware", unpublish) == {"status": "DownloadOngoing"}
    place.pass_s(10)
    told = place.said("PublishFirmwareStatusNotification")
    assert [row["status"] for row in told] == [
        "Downloading", "Downloaded", "ChecksumVerified", "Published",
    ]  # fmt: skip
    assert told[-1]["location"] == [wanted["location"]]
    assert place.call("UnpublishFirmware", unpublish) == {"status": "Unpublished"}
    assert place.call("UnpublishFirmware", unpublish) == {"status": "NoFirmware"}


def test_a_checksum_that_is_none_is_found_after_the_download(place) -> None:
    [wanted] = PAYLOADS["PublishFirmware"]("")
    place.call("PublishFirmware", {**wanted, "checksum": "none"})
    place.pass_s(10)
    told = place.said("PublishFirmwareStatusNotification")
    assert told[-1]["status"] == "InvalidChecksum"
    assert place.call("UnpublishFirmware", {"checksum": "none"}) == {"status": "NoFirmware"}


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, "Accepted"),
        ({"securityProfile": 0}, "Rejected"),
        ({"ocppTransport": "SOAP"}, "Rejected"),
        ({"ocppCsmsUrl": "https://example.org"}, "Failed"),
    ],
)
def test_a_network_profile_is_kept_when_it_can_be_used(place, more, status) -> None:
    [wanted] = PAYLOADS["SetNetworkProfile"]("")
    data = {**wanted["connectionData"], **more}
    assert place.call("SetNetworkProfile", {**wanted, "connectionData": data}) == {"status": status}
    assert (1 in place.charger.equipment.networks) is (status == "Accepted")


# Distributed energy


def test_a_scheduled_control_starts_ends_and_is_gone(newest) -> None:
    wanted = droop("D1", startTime=instant(newest, 10), duration=20.0)
    assert newest.call("SetDERControl", wanted) == ACCEPTED
    newest.pass_s(5)
    assert newest.said("NotifyDERStartStop") == []
    newest.pass_s(30)
    told = newest.said("NotifyDERStartStop")
    assert [(row["controlId"], row["started"]) for row in told] == [("D1", True), ("D1", False)]
    everything = {"requestId": 1}
    assert newest.call("GetDERControl", everything) == {"status": "NotFound"}


def test_of_controls_of_a_type_the_first_in_priority_works(newest) -> None:
    newest.call("SetDERControl", droop("LOW", priority=5))
    newest.pass_s(2)
    answer = newest.call("SetDERControl", droop("HIGH", priority=1))
    assert answer == {"status": "Accepted", "supersededIds": ["LOW"]}
    newest.call("SetDERControl", droop("LOWEST", priority=9))
    newest.pass_s(2)
    newest.call("SetDERControl", curve("VOLT"))
    newest.call("GetDERControl", {"requestId": 8})
    newest.pass_s(2)
    reports = newest.said("ReportDERControl")
    assert [row["tbc"] for row in reports] == [True, True, True, False]
    state = {
        row["freqDroop"][0]["id"]: row["freqDroop"][0]["isSuperseded"]
        for row in reports if "freqDroop" in row
    }  # fmt: skip
    assert state == {"LOW": True, "HIGH": False, "LOWEST": True}
    assert reports[-1]["curve"][0]["curveType"] == "VoltVar"
    started = [row["controlId"] for row in newest.said("NotifyDERStartStop") if row["started"]]
    assert started == ["LOW", "HIGH"]


def test_controls_are_cleared_by_name_and_the_end_is_told(newest) -> None:
    newest.call("SetDERControl", droop("D1"))
    newest.pass_s(2)
    named = {"isDefault": False, "controlId": "D1"}
    assert newest.call("ClearDERControl", named) == ACCEPTED
    newest.pass_s(2)
    assert [row["started"] for row in newest.said("NotifyDERStartStop")] == [True, False]
    assert newest.call("ClearDERControl", named) == {"status": "NotFound"}


def test_a_control_without_the_values_of_its_type_is_refused(newest) -> None:
    wanted = droop("D1")
    del wanted["freqDroop"]
    assert newest.call("SetDERControl", wanted) == {"status": "Rejected"}
    timed = {**droop("D1", duration=5.0), "isDefault": True}
    assert newest.call("SetDERControl", timed) == {"status": "Rejected"}


# Tariffs


def test_tariffs_are_where_they_were_set_until_they_are_cleared(newest) -> None:
    assert newest.call("SetDefaultTariff", {"evseId": 0, "tariff": tariff("T1")}) == ACCEPTED
    assert newest.call("SetDefaultTariff", {"evseId": 2, "tariff": tariff("T2")}) == ACCEPTED
    change = {"transactionId": newest.name, "tariff": tariff("MINE")}
    assert newest.call("ChangeTransactionTariff", change) == ACCEPTED
    rows = newest.call("GetTariffs", {"evseId": 0})["tariffAssignments"]
    assert [(row["tariffId"], row["tariffKind"], row["evseIds"]) for row in rows] == [
        ("T1", "DefaultTariff", [1]),
        ("T2", "DefaultTariff", [2]),
        ("MINE", "DriverTariff", [1]),
    ]
    cleared = newest.call("ClearTariffs", {"tariffIds": ["T2", "none"]})
    assert [row["status"] for row in cleared["clearTariffsResult"]] == ["Accepted", "NoTariff"]
    newest.call("ClearTariffs", {})
    newest.call("RequestStopTransaction", {"transactionId": newest.name})
    newest.pass_s(5)
    assert newest.call("GetTariffs", {"evseId": 0}) == {"status": "NoTariff"}


def test_tariffs_that_cannot_be_are_refused(newest) -> None:
    newest.call("SetDefaultTariff", {"evseId": 1, "tariff": tariff("T1")})
    many = {"evseId": 1, "tariff": tariff("T3", prices=11)}
    assert newest.call("SetDefaultTariff", many) == {"status": "TooManyElements"}
    other = {"evseId": 2, "tariff": tariff("T1", prices=2)}
    assert newest.call("SetDefaultTariff", other) == {"status": "DuplicateTariffId"}
    strange = {"transactionId": newest.name, "tariff": tariff("T4", "USD")}
    assert newest.call("ChangeTransactionTariff", strange) == {"status": "NoCurrencyChange"}
    gone = {"transactionId": "other", "tariff": tariff("T4")}
    assert newest.call("ChangeTransactionTariff", gone) == {"status": "TxNotFound"}


# Power


def test_priority_needs_a_profile_counts_first_and_is_told(newest) -> None:
    wanted = {"transactionId": newest.name, "activate": True}
    assert newest.call("UsePriorityCharging", wanted) == {"status": "NoProfile"}
    slow = {**priority_profile(), "id": 1, "chargingProfilePurpose": "TxDefaultProfile"}
    slow["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"] = 1_000.0
    newest.call("SetChargingProfile", {"evseId": 1, "chargingProfile": slow})
    newest.call("SetChargingProfile", {"evseId": 1, "chargingProfile": priority_profile()})
    assert newest.connector.power_w <= 1_000
    assert newest.call("UsePriorityCharging", wanted) == ACCEPTED
    assert newest.connector.power_w > 1_000
    newest.call("UsePriorityCharging", {**wanted, "activate": False})
    assert newest.connector.power_w <= 1_000
    newest.pass_s(2)
    assert [row["activated"] for row in newest.said("NotifyPriorityCharging")] == [True, False]


def test_a_dynamic_schedule_is_obeyed_at_once_and_takes_the_signal(newest) -> None:
    update = {"chargingProfileId": 22, "scheduleUpdate": {"limit": 1_200.0}}
    signal = {"timestamp": instant(newest, 0), "signal": -3}
    assert newest.call("UpdateDynamicSchedule", update) == {"status": "Rejected"}
    assert newest.call("AFRRSignal", signal) == {"status": "Rejected"}
    newest.call("SetChargingProfile", {"evseId": 1, "chargingProfile": dynamic_profile()})
    assert newest.connector.power_w > 1_200
    assert newest.call("UpdateDynamicSchedule", update) == ACCEPTED
    assert newest.connector.power_w <= 1_200
    assert newest.call("AFRRSignal", signal) == ACCEPTED
    assert newest.charger.equipment.regulation == -3


def test_a_car_is_offered_the_allowed_modes_of_its_transaction(newest) -> None:
    modes = {"transactionId": newest.name, "allowedEnergyTransfer": ["AC_BPT"]}
    assert newest.call("NotifyAllowedEnergyTransfer", modes) == ACCEPTED
    assert newest.charger.equipment.transfers == {newest.name: ["AC_BPT"]}
    other = {**modes, "transactionId": "other"}
    assert newest.call("NotifyAllowedEnergyTransfer", other) == {"status": "Rejected"}


def test_a_battery_goes_in_and_another_comes_out() -> None:
    network = Network(model="newest", connectors=1, tokens=()).begin().pass_s(5)
    wanted = {"requestId": 4, "idToken": TOKEN}
    assert network.call("RequestBatterySwap", wanted) == ACCEPTED
    network.pass_s(10)
    told = network.said("BatterySwap")
    assert [(row["eventType"], row["requestId"]) for row in told] == [
        ("BatteryIn", 4),
        ("BatteryOut", 4),
    ]
    first, then = (row["batteryData"][0] for row in told)
    assert first["serialNumber"] != then["serialNumber"]
    assert first["soC"] < then["soC"]


def test_a_station_without_a_free_slot_swaps_nothing(newest) -> None:
    wanted = {"requestId": 4, "idToken": TOKEN}
    assert newest.call("RequestBatterySwap", wanted) == {"status": "Rejected"}


def test_a_charger_that_is_never_asked_has_no_memory_of_equipment(newest) -> None:
    assert newest.charger._equipment is None
    assert newest.now_us > T0
