from actors.ledger.live import LiveWindow, power_w
from domain.events import (
    ChargerConnected,
    CommandFinished,
    CommandFollowed,
    ConnectorStatusReported,
    EnergyMeasured,
    Entry,
    Event,
    HeartbeatReceived,
    Sample,
)

ALL = frozenset({"connection", "status", "power", "command"})


def window(changes_max: int = 100, kinds: frozenset[str] = ALL) -> LiveWindow:
    made = LiveWindow(lambda charger: ("tenant", f"site of {charger}"), changes_max)
    made.kinds = kinds
    return made


def entry(*events: Event, charger: str = "A", at_us: int = 1) -> Entry:
    return Entry(charger, 1, at_us, events)


def power(value: float, **fields: str) -> Sample:
    return Sample(1, "Power.Active.Import", value, fields.pop("unit", "W"), **fields)


def test_the_newest_change_of_an_object_stands_for_all_of_its_window():
    changing = window()
    changing.fold([entry(ConnectorStatusReported(1, "Preparing", 1))])
    changing.fold([entry(ConnectorStatusReported(2, "Available", 1))])
    changing.fold([entry(ConnectorStatusReported(1, "Charging", 2), at_us=2)])
    changes, gap = changing.take()
    assert [(c.key, c.data["status"], c.site) for c in changes] == [
        ("A/2", "Available", "site of A"),
        ("A/1", "Charging", "site of A"),
    ]
    assert not gap
    assert changing.take() == ((), False)


def test_what_nobody_watches_is_left_out():
    changing = window(kinds=frozenset({"power"}))
    changing.fold([entry(ChargerConnected("r", "ocpp1.6", 1, "gw0"), HeartbeatReceived())])
    changing.fold([entry(EnergyMeasured(1, 0, (power(7_000.0),)))])
    changes, _ = changing.take()
    assert [(c.kind, c.data["power_w"]) for c in changes] == [("power", 7_000.0)]


def test_power_is_the_sum_or_that_of_the_phases():
    phases = tuple(power(1.5, unit="kW", phase=name) for name in ("L1", "L2", "L3"))
    assert power_w(phases) == 4_500.0
    assert power_w((*phases, power(4_400.0))) == 4_400.0
    assert power_w((power(1.0, location="Inlet"), Sample(1, "Voltage", 230.0, "V"))) is None


def test_above_its_limit_a_window_says_that_something_is_missing():
    changing = window(changes_max=2)
    for number in range(3):
        changing.fold([entry(ConnectorStatusReported(number, "Available", 1))])
    changes, gap = changing.take()
    assert len(changes) == 2
    assert gap
    assert changing.take() == ((), False)


def test_what_a_command_was_stays_known_when_something_follows():
    changing = window()
    finished = CommandFinished("c", "Reset", "{}", "accepted")
    changing.fold([entry(finished), entry(CommandFollowed("c", "booted"))])
    ((change,), _) = changing.take()
    assert change.data == {
        "id": "c",
        "action": "Reset",
        "state": "followed",
        "outcome": "accepted",
        "end": "booted",
    }
