from tests.csms.simulator.story import Story


def test_a_charger_boots_and_reports_itself_and_every_connector() -> None:
    story = Story(tokens=(), connectors=2).connect()
    assert story.actions() == ["BootNotification"] + ["StatusNotification"] * 3
    assert [p["connectorId"] for a, p in story.said if a == "StatusNotification"] == [0, 1, 2]


def test_a_pending_charger_says_nothing_but_boot_notifications() -> None:
    story = Story()
    accepted = story.answers["BootNotification"]
    story.answers["BootNotification"] = lambda p: accepted(p) | {"status": "Pending", "interval": 7}
    story.connect()
    story.pass_s(60)
    assert set(story.actions()) == {"BootNotification"}
    assert 8 <= len(story.said) <= 10
    story.answers["BootNotification"] = accepted
    story.pass_s(10)
    assert "StatusNotification" in story.actions()


def test_heartbeats_come_at_the_interval_of_the_boot_answer() -> None:
    story = Story(tokens=()).connect()
    story.pass_s(3_000)
    assert story.actions().count("Heartbeat") == 10


def test_a_driver_authorizes_charges_and_leaves() -> None:
    story = Story(connectors=1).connect()
    start = story.until("StartTransaction")
    stop = story.until("StopTransaction", 5_000)
    interesting = [a for a in story.actions() if a not in {"StatusNotification", "Heartbeat"}]
    assert interesting[:3] == ["BootNotification", "Authorize", "StartTransaction"]
    assert interesting[-1] == "StopTransaction"
    assert stop["transactionId"] == 101
    assert stop["meterStop"] > start["meterStart"]
    statuses = [p["status"] for a, p in story.said if p.get("connectorId") == 1 and "status" in p]
    assert statuses[:3] == ["Available", "Preparing", "Charging"]
    story.pass_s(15)
    statuses = [p["status"] for a, p in story.said if p.get("connectorId") == 1 and "status" in p]
    assert "Finishing" in statuses


def test_meter_values_carry_the_transaction_and_never_go_back() -> None:
    story = Story(connectors=1).connect()
    story.until("StopTransaction", 5_000)
    readings = [
        float(sample["value"])
        for action, payload in story.said
        if action == "MeterValues" and payload["transactionId"] == 101
        for sample in payload["meterValue"][0]["sampledValue"]
        if sample["measurand"] == "Energy.Active.Import.Register"
    ]
    assert len(readings) >= 2
    assert readings == sorted(readings)
    assert readings[-1] > readings[0]


def test_meter_values_have_three_phases() -> None:
    story = Story(connectors=1).connect()
    value = story.until("MeterValues")["meterValue"][0]
    currents = [s for s in value["sampledValue"] if s["measurand"] == "Current.Import"]
    assert [sample["phase"] for sample in currents] == ["L1", "L2", "L3"]


def test_a_rejected_driver_leaves_without_a_transaction() -> None:
    story = Story(connectors=1)
    story.answers["Authorize"] = lambda _: {"idTagInfo": {"status": "Invalid"}}
    story.connect()
    story.until("Authorize")
    story.pass_s(300)
    assert "StartTransaction" not in story.actions()
    assert story.charger.counts.started == 0


def test_a_transaction_that_the_server_does_not_accept_is_stopped() -> None:
    story = Story(connectors=1)
    story.answers["StartTransaction"] = lambda _: {
        "transactionId": 5,
        "idTagInfo": {"status": "Blocked"},
    }
    story.connect()
    assert story.until("StopTransaction")["reason"] == "DeAuthorized"


def test_what_happened_offline_is_told_in_order_after_the_reconnect() -> None:
    story = Story(connectors=1, session_s_mean=30.0).connect()
    story.pass_s(5)
    story.disconnect()
    said = len(story.said)
    story.pass_s(1_200)
    assert story.charger.counts.started >= 2
    assert len(story.said) == said
    story.connect()
    story.pass_s(1)
    told = [(a, p) for a, p in story.said[said:] if a.endswith("Transaction")]
    assert [a for a, _ in told[:4]] == ["StartTransaction", "StopTransaction"] * 2
    numbers = [p["transactionId"] for a, p in told if a == "StopTransaction"]
    assert numbers[:2] == [101, 102]


def test_a_lost_transaction_message_is_sent_again_after_the_reconnect() -> None:
    story = Story(connectors=1).connect()
    story.silent.add("StartTransaction")
    first = story.until("StartTransaction")
    story.disconnect()
    story.silent.clear()
    story.pass_s(3)
    story.connect()
    again = [p for a, p in story.said if a == "StartTransaction"]
    assert again == [first, first]
    assert len(set(story.uids)) == len(story.uids)


def test_a_reconnect_without_reboot_sends_no_boot_notification() -> None:
    story = Story(tokens=()).connect()
    story.disconnect()
    story.pass_s(5)
    story.connect()
    assert story.actions().count("BootNotification") == 1


def test_unanswered_transaction_messages_are_given_up_after_three_attempts() -> None:
    story = Story(connectors=1, session_s_mean=100_000.0, meter_interval_s=100_000.0).connect()
    story.silent.add("StartTransaction")
    story.until("StartTransaction")
    story.pass_s(200)
    starts = [p for a, p in story.said if a == "StartTransaction"]
    assert len(starts) == 3
    assert story.charger.outbox.kept == 0


def test_a_full_offline_box_drops_meter_values_before_starts_and_stops() -> None:
    story = Story(connectors=1, session_s_mean=60.0, offline_messages_max=6)
    story.pass_s(600)
    assert story.charger.outbox.kept == 6
    assert story.charger.books.dropped > 0
    story.connect()
    story.pass_s(1)
    assert {"StartTransaction", "StopTransaction"} <= set(story.actions())


def test_the_same_seed_tells_the_same_story() -> None:
    stories = [Story(seed=7).connect() for _ in range(2)]
    for story in stories:
        story.pass_s(900)
    assert stories[0].said == stories[1].said
    other = Story(seed=8).connect()
    other.pass_s(900)
    assert other.said != stories[0].said
