import json

from csms.api.hub import QUIET, Filter, Hub
from csms.api.settings import ApiSettings
from domain.live import LiveChange, LiveChanges


def change(kind: str, charger: str, tenant: str = "default", site: str = "s") -> LiveChange:
    return LiveChange(kind, charger, charger, tenant, site, 1, {"connected": True})


def hub(**settings: float) -> Hub:
    return Hub(ApiSettings.model_validate(settings), "e")


def told(frame: bytes) -> tuple[str, str, dict]:
    lines = dict(line.split(": ", 1) for line in frame.decode().strip().split("\n"))
    return lines["id"], lines["event"], json.loads(lines["data"])


def chargers_in(frame: bytes) -> list[str]:
    return [one["charger"] for one in told(frame)[2]["changes"]]


def happen(a_hub: Hub, *changes: LiveChange) -> None:
    a_hub.heard(LiveChanges(changes))
    a_hub.flush()


def test_everybody_gets_what_he_may_see_and_wants():
    a_hub = hub()
    all_of_it = a_hub.open(Filter(QUIET))
    of_tenant = a_hub.open(Filter(QUIET, tenant="t"))
    of_charger = a_hub.open(Filter(QUIET, chargers=frozenset({"B"})))
    of_site = a_hub.open(Filter(QUIET, sites=frozenset({"x"})))
    of_kind = a_hub.open(Filter(frozenset({"status"})))
    allowed = a_hub.open(Filter(QUIET, allowed=frozenset({"x"})))
    everybody = (all_of_it, of_tenant, of_charger, of_site, of_kind, allowed)
    for watcher in everybody:
        assert told(watcher.frames.popleft())[1] == "open"
    happen(
        a_hub,
        change("connection", "A", "t"),
        change("connection", "B"),
        change("status", "C", site="x"),
    )
    assert [chargers_in(watcher.frames.popleft()) for watcher in everybody] == [
        ["A", "B", "C"], ["A"], ["B"], ["C"], ["C"], ["C"],
    ]  # fmt: skip


def test_many_changes_of_a_kind_are_only_counted():
    a_hub = hub(live_details_max=2)
    watcher = a_hub.open(Filter(QUIET))
    watcher.frames.clear()
    happen(a_hub, *(change("power", name) for name in "ABC"), change("connection", "A"))
    (kind, one) = told(watcher.frames.popleft())[2]["changes"]
    assert kind == {"kind": "power", "many": 3}
    assert one["kind"] == "connection"


def test_who_comes_back_gets_what_he_has_missed_once():
    a_hub = hub()
    watcher = a_hub.open(Filter(QUIET))
    last_id = told(watcher.frames.popleft())[0]
    a_hub.close(watcher)
    for name in ("A", "B", "A"):
        happen(a_hub, change("connection", name))
    again = a_hub.open(Filter(QUIET), last_id)
    assert sorted(chargers_in(again.frames.popleft())) == ["A", "B"]
    happen(a_hub, change("connection", "C"))
    identity, event, _ = told(again.frames.popleft())
    assert (identity, event) == ("e-4", "changes")


def test_who_comes_back_too_late_gets_a_snapshot():
    a_hub = hub(live_ring_changes=100)
    watcher = a_hub.open(Filter(QUIET))
    last_id = told(watcher.frames.popleft())[0]
    for number in range(102):
        happen(a_hub, change("connection", str(number)))
    for stale in (last_id, "other-3", "e-9999", "e-x", "e"):
        assert told(a_hub.open(Filter(QUIET), stale).frames.popleft())[1] == "snapshot", stale


def test_a_kind_that_was_not_listened_to_is_never_taken_as_whole():
    a_hub = hub()
    a_hub.open(Filter(frozenset({"status"})))
    happen(a_hub, change("status", "A"))
    resumed = a_hub.open(Filter(frozenset({"power"})), "e-0")
    assert told(resumed.frames.popleft())[1] == "snapshot"


def test_who_does_not_read_gets_one_snapshot_instead():
    a_hub = hub(live_frames_max=3)
    watcher = a_hub.open(Filter(QUIET))
    for number in range(3):
        happen(a_hub, change("connection", str(number)))
    assert len(watcher.frames) == 1
    assert told(watcher.frames[0])[1:] == ("snapshot", {"reason": "slow"})
    assert a_hub.dropped == 1


def test_a_gap_in_what_is_told_is_a_snapshot_for_everybody():
    a_hub = hub()
    watcher = a_hub.open(Filter(QUIET))
    watcher.frames.clear()
    a_hub.heard(LiveChanges((change("connection", "A"),), gap=True))
    a_hub.flush()
    identity, event, _ = told(watcher.frames.popleft())
    assert event == "snapshot"
    assert told(a_hub.open(Filter(QUIET), identity).frames.popleft())[1] == "changes"


def test_streams_have_a_limit_and_kinds_are_asked_for_once():
    asked: list[frozenset[str]] = []
    a_hub = Hub(ApiSettings(live_streams_max=2), "e", asked.append)
    first = a_hub.open(Filter(frozenset({"power"})))
    assert a_hub.open(Filter(frozenset({"power", "status"}))) is not None
    assert a_hub.open(Filter(frozenset({"power"}))) is None
    assert asked == [frozenset({"power"}), frozenset({"power", "status"})]
    a_hub.close(first)
    assert a_hub.open(Filter(frozenset({"power"}))) is not None
