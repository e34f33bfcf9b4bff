from typing import Any

from csms.api.timeline import Scene, timeline

FOLLOW_S = 120.0
S = 1_000_000


def row(**fields: Any) -> dict[str, Any]:
    return {
        "action": "RemoteStartTransaction",
        "payload": '{"connectorId":1,"idTag":"T"}',
        "outcome": "",
        "error_code": "",
        "error_text": "",
        "queued_us": 1 * S,
        "sent_us": 0,
        "finished_us": 0,
        "deadline_us": 31 * S,
        "follow_end": "",
        "follow_detail": "",
        "followed_us": 0,
    } | fields


ACCEPTED = {"outcome": "accepted", "sent_us": 2 * S, "finished_us": 3 * S}


def scene(status: str, at_us: int = 0, connected: bool = True, **fields: Any) -> Scene:
    one = {
        "connector": 1,
        "status": status,
        "error_code": "NoError",
        "vendor_error": "",
        "info": "",
        "at_us": at_us,
    }
    return Scene(connected, "ocpp1.6", ({**one, "connector": 2, "status": "Faulted"}, one | fields))


def words(steps: list[Any]) -> list[str]:
    return [step.step for step in steps]


def test_a_command_on_its_way_is_awaited_until_its_deadline():
    steps, settled = timeline(row(), Scene(), FOLLOW_S, 5 * S)
    assert words(steps) == ["queued", "awaited"]
    assert (steps[-1].awaited, steps[-1].until_us, settled) == ("answer", 31 * S, False)
    steps, _ = timeline(row(sent_us=2 * S), Scene(), FOLLOW_S, 5 * S)
    assert words(steps) == ["queued", "sent", "awaited"]


def test_a_command_whose_gateway_died_is_unknown_and_nothing_else():
    steps, settled = timeline(row(sent_us=2 * S), Scene(), FOLLOW_S, 60 * S)
    assert (words(steps), settled) == (["queued", "sent", "unknown"], True)


def test_a_remote_start_waits_for_the_plug_with_a_countdown():
    steps, settled = timeline(row(**ACCEPTED), scene("Available"), FOLLOW_S, 10 * S)
    last = steps[-1]
    assert words(steps) == ["queued", "sent", "accepted", "awaited"]
    assert (last.awaited, last.sight, last.until_us) == (
        "transaction_started",
        "plug_awaited",
        123 * S,
    )
    assert not settled
    steps, _ = timeline(row(**ACCEPTED), scene("Preparing"), FOLLOW_S, 10 * S)
    assert steps[-1].sight == "car_connected"


def test_a_started_transaction_says_what_the_charger_does_now():
    done = row(**ACCEPTED, follow_end="transaction_started", followed_us=20 * S)
    steps, settled = timeline(done, scene("Charging", 21 * S), FOLLOW_S, 30 * S)
    assert words(steps)[-2:] == ["transaction_started", "now"]
    assert (steps[-1].sight, settled) == ("charging", True)


def test_when_nothing_happened_the_reason_is_what_was_seen_then():
    nothing = row(**ACCEPTED, follow_end="nothing_happened", followed_us=123 * S)
    steps, settled = timeline(nothing, scene("Available", 1 * S), FOLLOW_S, 200 * S)
    assert (words(steps)[-1], steps[-1].sight, settled) == (
        "nothing_happened",
        "plug_awaited",
        True,
    )
    fault = scene("Faulted", 50 * S, error_code="GroundFailure", info="F7")
    steps, _ = timeline(nothing, fault, FOLLOW_S, 200 * S)
    assert (steps[-1].sight, steps[-1].detail) == ("faulted", "GroundFailure F7")
    steps, _ = timeline(nothing, scene("Charging", 190 * S), FOLLOW_S, 200 * S)
    assert steps[-1].sight == ""
    steps, _ = timeline(nothing, scene("Available", 1 * S, connected=False), FOLLOW_S, 200 * S)
    assert steps[-1].sight == "offline"


def test_what_nobody_reported_in_time_is_said_even_when_the_gateway_did_not():
    steps, settled = timeline(row(**ACCEPTED), scene("Available"), FOLLOW_S, 300 * S)
    assert (words(steps)[-1], settled) == ("nothing_happened", True)


def test_an_answer_is_the_end_of_what_leads_to_nothing():
    get = row(**ACCEPTED) | {"action": "GetConfiguration", "payload": "{}"}
    steps, settled = timeline(get, Scene(), FOLLOW_S, 4 * S)
    assert (words(steps), settled) == (["queued", "sent", "accepted"], True)
    no = row(outcome="rejected", sent_us=2 * S, finished_us=3 * S)
    steps, settled = timeline(no, Scene(), FOLLOW_S, 4 * S)
    assert (words(steps)[-1], settled) == ("rejected", True)
