"""A model that is wrong is refused, and every node that is wrong is named."""

import pytest

from actors.site.phases import PhaseEvidence, observe_phases
from actors.site.settings import SiteSettings
from actors.site.tree import SiteModelWrong, compile_tree
from actors.site.wanted import WantedEvidence, observe_wanted
from domain.site import Circuit, EvsePlace, Site
from tests.actors.site.sites import NOW, S

SETTINGS = SiteSettings()


def wrong(*circuits, places=()):
    with pytest.raises(SiteModelWrong) as caught:
        compile_tree(Site("s", circuits, tuple(places)))
    return {problem.where for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("circuits", "where"),
    [
        ((), {"circuits"}),
        ((Circuit("a"), Circuit("b")), {"circuits"}),
        ((Circuit("a"), Circuit("a", "a")), {"circuits.a", "circuits.a.parent"}),
        ((Circuit("a"), Circuit("b", "x")), {"circuits.b.parent"}),
        (
            (Circuit("r"), Circuit("a", "b"), Circuit("b", "a")),
            {"circuits.a.parent", "circuits.b.parent"},
        ),
        ((Circuit("a", limit_a=-1.0),), {"circuits.a.limit_a"}),
        ((Circuit("a", limit_w=float("nan")),), {"circuits.a.limit_w"}),
        ((Circuit("a", derating=1.2),), {"circuits.a.derating"}),
        ((Circuit("a", limit_a=1e300),), {"circuits.a.limit_a"}),
        ((Circuit("a", limit_w=1e12),), {"circuits.a.limit_w"}),
        ((Circuit("a", unmanaged_a=(0.0, 1e7, 0.0)),), {"circuits.a.unmanaged_a"}),
    ],
)
def test_a_wrong_circuit_is_named(circuits, where):
    assert where <= wrong(*circuits)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"circuit": "x"}, "circuit"),
        ({"phases": 4}, "phases"),
        ({"rotation": "RSS"}, "rotation"),
        ({"min_a": 40.0}, "max_a"),
        ({"resolution_a": 0.0}, "resolution_a"),
        ({"max_a": 7.9, "min_a": 7.5}, "resolution_a"),
        ({"efficiency": 1.1}, "efficiency"),
        ({"max_a": 1e9}, "max_a"),
    ],
)
def test_a_wrong_place_is_named(fields, name):
    place = EvsePlace(**{"id": "C/1", "charger": "C", "evse": 1, "circuit": "a", **fields})
    assert wrong(Circuit("a"), places=[place]) == {f"places.C/1.{name}"}


def test_all_problems_are_told_at_once():
    bad = EvsePlace("C/1", "C", 1, "x")
    assert wrong(Circuit("a", derating=0.0), places=[bad]) == {
        "circuits.a.derating",
        "places.C/1.circuit",
    }


def test_fewer_phases_are_believed_after_some_measurements_more_at_once():
    evidence = PhaseEvidence()
    seen = []
    for current in [(10.0, 0.1, 0.0)] * 3 + [(10.0, 9.0, 9.0)] + [(0.0, 0.0, 0.0)]:
        evidence = observe_phases(evidence, current, SETTINGS)
        seen.append(evidence.phases)
    assert seen == [0, 0, 1, 3, 3]


def test_a_car_that_draws_less_keeps_its_limit_for_a_while_and_is_offered_a_little_more():
    evidence = WantedEvidence()
    seen = []
    for second, drawn, limit in (
        (0, 16, 16),
        (10, 10, 16),
        (50, 10, 16),
        (80, 10, 16),
        (90, 12, 12),
    ):
        evidence = observe_wanted(evidence, drawn, limit, NOW + second * S, SETTINGS)
        seen.append(evidence.wanted_a)
    assert seen == [float("inf"), float("inf"), float("inf"), 12.0, float("inf")]
