import itertools

import msgspec

from actors.alerts.machine import decide, pause_s
from domain.alerts import Alert, Change, Rule, Sighting, Silence

S = 1_000_000
RULE = Rule("r", "t", severity="critical", channels=("mail",))
AWAY = Sighting("A", 0, "gone", "A", "site")


class World:
    """Alerts over time, as the store would keep them."""

    def __init__(self, rule: Rule = RULE, *silences: Silence) -> None:
        self.rule, self.silences = rule, silences
        self.opened: dict[str, Alert] = {}
        self._ids = itertools.count(1)

    def at(self, now_s: int, *sightings: Sighting) -> list[tuple[str, tuple[str, ...]]]:
        changes: list[Change] = decide(
            self.rule,
            sightings,
            self.opened,
            self.silences,
            now_s * S,
            lambda: str(next(self._ids)),
        )
        for change in changes:
            if change.event == "resolved":
                del self.opened[change.alert.subject]
            else:
                self.opened[change.alert.subject] = change.alert
        return [(change.event, change.channels) for change in changes]


def test_what_lasts_is_told_once_and_once_more_when_it_is_over():
    world = World()
    assert world.at(1, AWAY) == [("opened", ("mail",))]
    assert world.at(2, AWAY, AWAY) == []
    assert world.at(3) == [("resolved", ("mail",))]
    assert world.at(4) == []
    assert world.at(5, AWAY) == [("opened", ("mail",))]


def test_what_does_not_last_long_enough_is_never_told():
    world = World(msgspec.structs.replace(RULE, hold_s=60))
    assert world.at(59, AWAY) == []
    assert world.at(60, AWAY) == [("opened", ("mail",))]


def test_nobody_cares_so_others_are_told_once():
    world = World(msgspec.structs.replace(RULE, escalate_s=10, escalate_channels=("boss",)))
    world.at(1, AWAY)
    assert world.at(10, AWAY) == []
    assert world.at(11, AWAY) == [("escalated", ("boss",))]
    assert world.at(99, AWAY) == []
    assert world.at(100) == [("resolved", ("mail", "boss"))]


def test_who_has_acknowledged_is_left_in_peace():
    world = World(msgspec.structs.replace(RULE, escalate_s=10))
    world.at(1, AWAY)
    world.opened["A"] = msgspec.structs.replace(world.opened["A"], state="acknowledged")
    assert world.at(99, AWAY) == []
    assert world.at(100) == [("resolved", ("mail",))]


def test_a_silence_holds_back_what_is_then_told_when_it_still_is_so():
    world = World(RULE, Silence(50 * S, charger="A"))
    other = msgspec.structs.replace(AWAY, subject="B", charger="B")
    assert world.at(1, AWAY, other) == [("opened", ()), ("opened", ("mail",))]
    assert world.at(49, AWAY, other) == []
    assert world.at(50, AWAY, other) == [("told", ("mail",))]
    quiet = World(RULE, Silence(50 * S))
    quiet.at(1, AWAY)
    assert quiet.at(2) == [("resolved", ())]


def test_pauses_double_up_to_the_longest():
    assert [pause_s(n, 5, 60) for n in (1, 2, 3, 4, 5, 99)] == [5, 10, 20, 40, 60, 60]
