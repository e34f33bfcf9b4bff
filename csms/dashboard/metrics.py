"""The exposition format of Prometheus, read for the system page. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

LINE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
PARTS_OF_HISTOGRAMS = ("_bucket", "_created", "_sum")


LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"]*)"')
LAG = "csms_projection_lag_records"


@dataclass
class Family:
    """One metric with its help and its samples (labels as they are written, value)."""

    name: str
    help: str = ""
    samples: list[tuple[str, float]] = field(default_factory=list)


def families(text: str) -> list[Family]:
    """Return the metrics of a page, by name; of histograms only how often is told."""
    found: dict[str, Family] = {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, _, words = line.removeprefix("# HELP ").partition(" ")
            found.setdefault(name, Family(name)).help = words
        elif match := LINE.fullmatch(line):
            name = match["name"]
            if name.endswith(PARTS_OF_HISTOGRAMS):
                continue
            base = next((n for n in (name, name[: name.rfind("_")]) if n in found), name)
            label = match["labels"] or ""
            if base != name:
                label = f"{name.removeprefix(base + '_')} {label}".strip()
            try:
                value = float(match["value"])
            except ValueError:
                continue
            found.setdefault(base, Family(base)).samples.append((label, value))
    return sorted((one for one in found.values() if one.samples), key=lambda one: one.name)


class Behind(NamedTuple):
    """How many records of a journal a store has not read yet."""

    reader: str
    journal: str
    records: int


def behind(known: Sequence[Family]) -> list[Behind]:
    """Return how far each store is behind each journal."""
    samples = next((one.samples for one in known if one.name == LAG), [])
    found = []
    for labels, value in samples:
        named = dict(LABEL.findall(labels))
        found.append(Behind(named.get("reader", ""), named.get("journal", ""), round(value)))
    return sorted(found)
