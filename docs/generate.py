"""Pages that are made from the code, so that they cannot differ from it.

    python -m docs.generate            write them
    python -m docs.generate --check    exit 1 and name those that differ

A page is a row of `PAGES`: its path beside this file, and the function that returns its text.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from docs.pages import (
    capacity,
    charger_phases,
    configuration,
    metrics,
    ocpp_coverage,
    permissions,
    processes,
    refusals,
)

ROOT = Path(__file__).parent

PAGES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "capacity.md": capacity.page,
        "charger-phases.md": charger_phases.page,
        "configuration.md": configuration.page,
        "metrics.md": metrics.page,
        "ocpp-coverage.md": ocpp_coverage.page,
        "permissions.md": permissions.page,
        "processes.md": processes.page,
        "refusals.md": refusals.page,
    }
)


def differing(root: Path = ROOT) -> list[str]:
    """Return the pages under `root` that are not what the code says, in the order of the table."""
    return [name for name, page in PAGES.items() if _read(root / name) != page()]


def write(names: Iterable[str], root: Path = ROOT) -> None:
    """Write the pages `names` under `root`."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGES[name](), encoding="utf-8")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, name what differs")
    names = differing()
    if parser.parse_args(arguments).check:
        for name in names:
            sys.stderr.write(f"docs/{name} is out of date: run python -m docs.generate\n")
        return 1 if names else 0
    write(names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
