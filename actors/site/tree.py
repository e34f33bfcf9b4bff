"""A site's model, validated and prepared: which limits an EVSE counts against.

A circuit has four rows: one for each phase (amperes), and one for its power (amperes of all phases
together). An EVSE counts once in each phase row of each circuit above it whose phase it uses, and
with its number of phases in the power rows.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from actors.site.counts import Counts, Path, counts_of
from actors.site.places import Places, places_of
from domain.errors import CsmsError
from domain.site import NO_LIMIT, Circuit, EvsePlace, PerPhase, Site

ROWS_PER_CIRCUIT: Final = 4
POWER: Final = 3
"""The row of a circuit that follows those of its phases."""
THREE: Final = 3
LETTERS: Final = {"R": 0, "S": 1, "T": 2}
DEPTH_MAX: Final = 16
VOLTS_MAX: Final = 100_000.0
AMPERES_MAX: Final = 1e6
WATTS_MAX: Final = 1e9
"""More than any site has: beyond is a slip of the pen."""
RESOLUTION_A_MIN: Final = 0.001


@dataclass(frozen=True)
class Problem:
    """What is wrong, and with which node. `where` is a path such as circuits.Hall.parent."""

    where: str
    what: str


class SiteModelWrong(CsmsError):
    """A site's model cannot be used. `problems` names every node that is wrong."""

    def __init__(self, site: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(site, problems)
        self.site = site
        self.problems = problems

    def __str__(self) -> str:
        """Return all problems in one line."""
        said = "; ".join(f"{problem.where}: {problem.what}" for problem in self.problems)
        return f"site {self.site}: {said}"


@dataclass(frozen=True)
class Tree:
    """A valid site.

    Attributes:
        index: circuit -> its number; its rows begin at four times that.
        order: the circuits by number, each after its parent.
        places: by id.
        paths: place -> the rows of cars of one, two and three phases.
        columns: what sharing needs to know of the places.
        every_path: by its key.
        users: row -> a bit for the key of each path that counts in it.
        counts: all that counts anywhere, for sums of all rows at once.
        memory: what `narrowed` has found before. It only saves work.
    """

    site: Site
    index: Mapping[str, int]
    order: tuple[Circuit, ...]
    places: Mapping[str, EvsePlace]
    paths: Mapping[str, tuple[Path, Path, Path]]
    columns: Places
    every_path: tuple[Path, ...]
    users: tuple[int, ...]
    counts: Counts
    memory: dict[Any, Any] = field(default_factory=dict, compare=False)

    def path(self, place: str, phases: int) -> Path:
        """Return the rows of a place with a car of so many phases; 0: all that are wired."""
        wired = self.places[place].phases
        return self.paths[place][(phases if 0 < phases < wired else wired) - 1]

    def row_name(self, row: int) -> tuple[Circuit, str]:
        """Return whose row it is, and L1, L2, L3 or empty for power."""
        circuit, part = divmod(row, ROWS_PER_CIRCUIT)
        return self.order[circuit], "" if part == POWER else f"L{part + 1}"


def per_phase(limit: float | PerPhase) -> PerPhase:
    """Return the limit of each phase."""
    return limit if isinstance(limit, tuple) else (limit, limit, limit)


def compile_tree(site: Site) -> Tree:
    """Validate a site and prepare it for `allocate`.

    Raises:
        SiteModelWrong: with every node that is wrong.
    """
    problems = tuple(_problems(site))
    if problems:
        raise SiteModelWrong(site.id, problems)
    by_id = {circuit.id: circuit for circuit in site.circuits}
    order = sorted(site.circuits, key=lambda circuit: (len(_line(circuit, by_id)), circuit.id))
    index = {circuit.id: number for number, circuit in enumerate(order)}
    known: dict[tuple[tuple[int, ...], tuple[int, ...], int], Path] = {}
    paths = {place.id: _paths(place, by_id, index, known) for place in site.places}
    every_path = tuple(known.values())
    return Tree(
        site,
        index,
        tuple(order),
        {place.id: place for place in site.places},
        paths,
        places_of(site.places, paths, site.voltage_v),
        every_path,
        _users(every_path, len(order) * ROWS_PER_CIRCUIT),
        counts_of(every_path, len(order) * ROWS_PER_CIRCUIT),
    )


def _users(paths: Iterable[Path], rows: int) -> tuple[int, ...]:
    users = [0] * rows
    for path in paths:
        for row in (*path.rows, *path.powers):
            users[row] |= 1 << path.key
    return tuple(users)


def used_phases(place: EvsePlace, phases: int) -> tuple[int, ...]:
    """Return the site's phases, 0 to 2, that a car of so many phases draws from at this place."""
    if phases == THREE or not place.rotation:
        return (0, 1, 2)
    return tuple(sorted(LETTERS[letter] for letter in place.rotation[:phases]))


def _paths(
    place: EvsePlace,
    by_id: Mapping[str, Circuit],
    index: Mapping[str, int],
    known: dict[tuple[tuple[int, ...], tuple[int, ...], int], Path],
) -> tuple[Path, Path, Path]:
    bases = [index[name] * ROWS_PER_CIRCUIT for name in _line(by_id[place.circuit], by_id)]
    powers = tuple(base + POWER for base in bases)

    def path(phases: int) -> Path:
        used = used_phases(place, phases)
        rows = tuple(base + phase for base in bases for phase in used)
        key = (rows, powers, phases)
        if key not in known:
            known[key] = Path(len(known), rows, powers, phases)
        return known[key]

    return path(1), path(2), path(THREE)


def _line(circuit: Circuit, by_id: Mapping[str, Circuit]) -> list[str]:
    """The circuit and all above it, up to the root."""
    line = [circuit.id]
    while circuit.parent and circuit.parent in by_id and len(line) <= DEPTH_MAX:
        circuit = by_id[circuit.parent]
        line.append(circuit.id)
    return line


def _problems(site: Site) -> Iterable[Problem]:
    by_id = {circuit.id: circuit for circuit in site.circuits}
    if not 1 <= site.voltage_v <= VOLTS_MAX:
        yield Problem("voltage_v", f"{site.voltage_v:g} V is not a voltage")
    yield from _twice("circuits", [circuit.id for circuit in site.circuits])
    yield from _twice("places", [place.id for place in site.places])
    yield from _twice("places", [f"{place.charger}/{place.evse}" for place in site.places])
    roots = [circuit.id for circuit in site.circuits if not circuit.parent]
    if len(roots) != 1:
        yield Problem("circuits", f"one must have no parent, not {len(roots)} ({sorted(roots)})")
    for circuit in site.circuits:
        yield from _circuit_problems(circuit, by_id)
    for place in site.places:
        yield from _place_problems(place, by_id)


def _twice(where: str, names: list[str]) -> Iterable[Problem]:
    seen: set[str] = set()
    for name in names:
        if not name or name in seen:
            yield Problem(f"{where}.{name}", "twice" if name else "has no id")
        seen.add(name)


def limit_problems(limit_a: float | PerPhase, limit_w: float) -> Iterable[tuple[str, str]]:
    """Yield what is wrong with a limit: name and rule. What has no limit is infinite."""
    if not all(0 <= value <= AMPERES_MAX or value == NO_LIMIT for value in per_phase(limit_a)):
        yield "limit_a", f"must be 0 to {AMPERES_MAX:,.0f} A"
    if not (0 <= limit_w <= WATTS_MAX or limit_w == NO_LIMIT):
        yield "limit_w", f"must be 0 to {WATTS_MAX:,.0f} W"


def _circuit_problems(circuit: Circuit, by_id: Mapping[str, Circuit]) -> Iterable[Problem]:
    here = f"circuits.{circuit.id}"
    if circuit.parent and circuit.parent not in by_id:
        yield Problem(f"{here}.parent", f"there is no circuit {circuit.parent}")
    line = _line(circuit, by_id)
    if len(set(line)) < len(line):
        yield Problem(f"{here}.parent", f"goes round in a circle: {' < '.join(line[:4])} ...")
    elif len(line) > DEPTH_MAX:
        yield Problem(f"{here}.parent", f"deeper than {DEPTH_MAX} levels")
    for name, rule in limit_problems(circuit.limit_a, circuit.limit_w):
        yield Problem(f"{here}.{name}", rule)
    if not 0 < circuit.derating <= 1:
        yield Problem(f"{here}.derating", f"{circuit.derating:g} is not above 0 and at most 1")
    if not all(0 <= value <= AMPERES_MAX for value in circuit.unmanaged_a):
        yield Problem(f"{here}.unmanaged_a", f"must be 0 to {AMPERES_MAX:,.0f} A")


def _place_problems(place: EvsePlace, by_id: Mapping[str, Circuit]) -> Iterable[Problem]:
    here = f"places.{place.id}"
    if place.circuit not in by_id:
        yield Problem(f"{here}.circuit", f"there is no circuit {place.circuit}")
    if place.phases not in (1, 2, THREE):
        yield Problem(f"{here}.phases", f"{place.phases} is not 1, 2 or 3")
    if place.rotation and sorted(place.rotation) != ["R", "S", "T"]:
        yield Problem(f"{here}.rotation", f"{place.rotation} is not R, S and T in some order")
    if not (0 <= place.min_a <= place.max_a and 0 < place.max_a <= AMPERES_MAX):
        yield Problem(f"{here}.max_a", f"{place.max_a:g} A with a minimum of {place.min_a:g} A")
    elif not (math.isfinite(place.resolution_a) and place.resolution_a >= RESOLUTION_A_MIN):
        yield Problem(f"{here}.resolution_a", f"must be {RESOLUTION_A_MIN:g} A or more")
    elif place.max_a // place.resolution_a * place.resolution_a < place.min_a:
        yield Problem(f"{here}.resolution_a", "no step lies between min_a and max_a")
    if place.fallback_a > place.max_a:
        yield Problem(f"{here}.fallback_a", f"{place.fallback_a:g} A is above max_a")
    if not 0 < place.efficiency <= 1:
        yield Problem(f"{here}.efficiency", f"{place.efficiency:g} is not above 0 and at most 1")
