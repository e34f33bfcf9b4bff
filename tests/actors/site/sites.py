"""Sites and demands for tests, by Hypothesis or by hand, and an independent judge of limits."""

from hypothesis import strategies as st

from actors.site.limits import limits_now
from actors.site.settings import Policy, SiteSettings
from actors.site.tree import compile_tree, used_phases
from domain.site import (
    Allocation,
    CapacityLimit,
    Circuit,
    CircuitLoad,
    Current,
    Demand,
    EvsePlace,
    Site,
    Turn,
)

NOW = 1_767_225_600_000_000
S = 1_000_000
ROTATIONS = ("RST", "RTS", "SRT", "STR", "TRS", "TSR", "")


def garage(limit_a=32.0, count=3, **place):
    """One circuit, some EVSEs."""
    places = tuple(EvsePlace(f"C{n}/1", f"C{n}", 1, "main", **place) for n in range(count))
    return Site("garage", (Circuit("main", limit_a=limit_a),), places)


def demand(number, **fields):
    return Demand(f"C{number}/1", **{"connected_us": NOW - (100 - number) * S, **fields})


@st.composite
def circuits(draw):
    currents = st.one_of(
        st.floats(0, 200), st.tuples(*[st.floats(0, 200)] * 3), st.just(float("inf"))
    )
    count = draw(st.integers(1, 6))
    return tuple(
        Circuit(
            f"N{n}",
            f"N{draw(st.integers(0, n - 1))}" if n else "",
            draw(currents),
            draw(st.one_of(st.just(float("inf")), st.floats(0, 100_000))),
            draw(st.sampled_from([1.0, 0.8])),
            unmanaged_a=draw(st.tuples(*[st.floats(0, 10)] * 3)),
        )
        for n in range(count)
    )


@st.composite
def sites(draw, minima=(0.0, 6.0), resolutions=(0.1, 1.0)):
    nodes = draw(circuits())
    places = tuple(
        EvsePlace(
            f"C{n}/1",
            f"C{n}",
            1,
            draw(st.sampled_from(nodes)).id,
            draw(st.sampled_from([16.0, 32.0, 63.0])),
            draw(st.sampled_from(minima)),
            draw(st.integers(1, 3)),
            draw(st.sampled_from(ROTATIONS)),
            draw(st.sampled_from(list(Current))),
            resolution_a=draw(st.sampled_from(resolutions)),
        )
        for n in range(draw(st.integers(0, 12)))
    )
    return Site("S", nodes, places)


@st.composite
def demands_at(draw, site):
    turns = st.builds(Turn, st.booleans(), st.integers(NOW - 7200 * S, NOW))
    return [
        Demand(
            place.id,
            draw(st.integers(NOW - 9000 * S, NOW)),
            draw(st.one_of(st.floats(0, 40), st.just(float("inf")))),
            draw(st.integers(0, 3)),
            draw(st.one_of(st.just(0), st.integers(NOW, NOW + 9000 * S))),
            draw(st.one_of(st.just(0.0), st.floats(1, 50_000))),
            draw(st.integers(0, 2)),
            draw(st.sampled_from([0.5, 1.0, 2.0])),
            draw(st.one_of(st.just(float("inf")), st.floats(0, 32))),
            draw(st.one_of(st.none(), turns)),
        )
        for place in site.places
        if draw(st.integers(0, 9))
    ]


@st.composite
def schedules(draw, site):
    names = [circuit.id for circuit in site.circuits]
    return draw(
        st.lists(
            st.builds(
                CapacityLimit,
                st.sampled_from(names),
                st.sampled_from(["operator", "grid"]),
                st.floats(0, 100),
                st.one_of(st.just(float("inf")), st.floats(0, 50_000)),
                st.sampled_from([0, NOW - 1, NOW + 1]),
                st.sampled_from([0, NOW, NOW + 1]),
                st.integers(0, 1),
            ),
            max_size=3,
        )
    )


@st.composite
def loads_at(draw, site):
    return [
        CircuitLoad(
            circuit.id,
            draw(st.tuples(*[st.floats(-20, 30)] * 3)),
            NOW - draw(st.sampled_from([0, 100, 200])) * S,
        )
        for circuit in site.circuits
        if draw(st.booleans())
    ]


def judge(site: Site, demands, allocation: Allocation, rooms: dict[str, list[float]]):
    """Every circuit whose phases or power carry more than `rooms`, worked out from scratch."""
    wanted = {one.place: one for one in demands}
    up = {circuit.id: circuit.parent for circuit in site.circuits}
    sums = {circuit.id: [0.0, 0.0, 0.0, 0.0] for circuit in site.circuits}
    for place in site.places:
        limit = allocation.limits.get(place.id)
        if limit is None:
            continue
        car = wanted[place.id].phases if place.id in wanted else 0
        phases = min(car or place.phases, place.phases)
        node = place.circuit
        while node:
            for phase in used_phases(place, phases):
                sums[node][phase] += limit.limit_a
            sums[node][3] += limit.limit_a * phases
            node = up[node]
    return [
        (name, part, used, room)
        for name, all_used in sums.items()
        for part, (used, room) in enumerate(zip(all_used, rooms[name], strict=True))
        if used > max(room, 0) + 1e-6
    ]


def rooms_of(site, schedule=(), loads=(), settings=None):
    """What each circuit has for EVSEs, in A, worked out from scratch: phases, then power."""
    stale = (settings or SiteSettings()).load_stale_s
    fresh = {load.circuit: load for load in loads if NOW - load.at_us <= stale * S}
    below = {circuit.id: [circuit.id] for circuit in site.circuits}
    for circuit in site.circuits:
        node = circuit
        while node.parent:
            node = next(one for one in site.circuits if one.id == node.parent)
            below[node.id].append(circuit.id)
    rooms = {}
    for circuit in site.circuits:
        limits = circuit.limit_a if isinstance(circuit.limit_a, tuple) else (circuit.limit_a,) * 3
        caps = [one * circuit.derating for one in limits]
        caps.append(circuit.limit_w * circuit.derating / site.voltage_v)
        holds = [
            one
            for one in schedule
            if one.circuit == circuit.id
            and one.from_us <= NOW
            and (not one.until_us or one.until_us > NOW)
        ]
        for one in holds:
            rivals = [other.priority for other in holds if other.source == one.source]
            if one.priority == max(rivals):
                caps = [
                    *[min(cap, one.limit_a) for cap in caps[:3]],
                    min(caps[3], one.limit_w / site.voltage_v),
                ]
        drawn = [
            fresh[name].current_a
            if name in fresh
            else next(one for one in site.circuits if one.id == name).unmanaged_a
            for name in below[circuit.id]
        ]
        per_phase = [sum(one[phase] for one in drawn) for phase in range(3)]
        taken = [*per_phase, sum(per_phase)]
        rooms[circuit.id] = [cap - one for cap, one in zip(caps, taken, strict=True)]
    return rooms


def prepared(site, settings=None, **now):
    settings = settings or SiteSettings()
    tree = compile_tree(site)
    return tree, limits_now(tree, NOW, settings, **now)


POLICIES = list(Policy)
