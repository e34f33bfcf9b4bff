"""Results: kept as JSON, shown as tables."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.goals import ROWS, Figures, rows_of

FOLDER = Path(__file__).parent / "results"
BEGIN, END = "<!-- numbers:begin -->", "<!-- numbers:end -->"
HOW = (
    "[How each figure is measured](docs/performance.md); all windows are in "
    "[benchmarks/results](benchmarks/results)."
)
NOTEWORTHY = 0.05
MARKS = {True: "yes", False: "**no**", None: ""}


@dataclass(frozen=True)
class Result:
    """One run of one benchmark.

    Attributes:
        figures: what `goals.ROWS` has rows for.
        machine: see `machine.machine()`.
        details: all windows, so that a median can be looked behind.
    """

    name: str
    date: str
    machine: Mapping[str, Any]
    figures: Figures
    details: Mapping[str, Any] = field(default_factory=dict)


def write(result: Result, folder: Path = FOLDER) -> Path:
    """Keep a result instead of the last one of its name; return where."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    path.write_text(json.dumps(_rounded(asdict(result)), indent=1) + "\n")
    return path


def read(name: str, folder: Path = FOLDER) -> Result | None:
    """The last kept result of that name, if any."""
    try:
        return Result(**json.loads((folder / f"{name}.json").read_text()))
    except FileNotFoundError:
        return None


def _rounded(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


def compared(result: Result, last: Result | None, *, judged: bool = True) -> str:
    """The figures of a run as text: value, goal, whether it is reached, change since `last`.

    `judged`: a quick run is not, its loads are too small.
    """
    lines = []
    if slower := _slower(result, last):
        lines.append(
            f"  (a fixed piece of work takes {slower:.2f} times as long here as it did then)"
        )
    for row in rows_of(result.name):
        value = result.figures.get(row.key)
        if value is None:
            continue
        verdict = {True: "reached", False: "MISSED", None: ""}[
            row.reached(value) if judged else None
        ]
        before = last.figures.get(row.key) if last else None
        change = f"{100 * (value / before - 1):+.0f} %" if before else ""
        lines.append(
            f"  {row.label:<48} {row.shown(value):>14}  {row.goal:>14}  {verdict:<8}{change:>7}"
        )
    return "\n".join(lines)


def _slower(result: Result, last: Result | None) -> float | None:
    """How the machine itself differs, as a factor; None: not known, or too little to be named."""
    now, then = (one.machine.get("work_ms") if one else None for one in (result, last))
    if not now or not then:
        return None
    return now / then if abs(now / then - 1) >= NOTEWORTHY else None


def markdown(results: Iterable[Result]) -> str:
    """The table of all recorded figures, with the machine it was taken on."""
    known = {result.name: result for result in results}
    lines = ["| what | measured | goal | reached |", "|---|---:|---:|---|"]
    for row in ROWS:
        result = known.get(row.benchmark)
        value = result.figures.get(row.key) if result else None
        if value is None:
            continue
        cells = (row.label, row.shown(value), row.goal, MARKS[row.reached(value)])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_places(known.values()), "", HOW])


def _places(results: Iterable[Result]) -> list[str]:
    """One sentence for each machine and day the results are from."""
    places: dict[str, list[str]] = {}
    for result in results:
        machine = result.machine
        place = (
            f"{machine['cores']} cores ({machine['cpu']}), {machine['memory_gib']:g} GiB, "
            f"{machine['filesystem']} with {machine['fsync_ms']:g} ms a flush, "
            f"{_work(machine)}"
            f"Python {machine['python']}, {result.date[:10]}"
        )
        places.setdefault(place, []).append(result.name)
    if len(places) == 1:
        return [f"Taken on {place}; node and generator share the cores." for place in places]
    return [f"{', '.join(names)}: taken on {place}." for place, names in places.items()]


def _work(machine: Mapping[str, Any]) -> str:
    return f"{work:g} ms for the fixed work, " if (work := machine.get("work_ms")) else ""


def put_between_marks(text: str, table: str) -> str:
    """Return `text` with `table` between the two marks. ValueError: they are not there."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"there is no {BEGIN} ... {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n{table}\n{END}", text, count=1)
