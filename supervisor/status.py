"""The table of children in `<run_dir>/tree.json`, for whoever wants to know and is not main."""

import dataclasses
import json
from pathlib import Path

from supervisor.child import ChildStatus, State, TreeStatus

FILE_NAME = "tree.json"


def write_status(run_dir: Path, status: TreeStatus) -> None:
    """Replace the file at once: a reader sees the old table or the new one. OSError."""
    path = run_dir / FILE_NAME
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(dataclasses.asdict(status)))
    fresh.replace(path)


def read_status(run_dir: Path) -> TreeStatus | None:
    """The last table written, None when there is none. `at_us` says how old it is."""
    try:
        fields = json.loads((run_dir / FILE_NAME).read_text())
    except FileNotFoundError:
        return None
    children = tuple(
        ChildStatus(**(row | {"state": State(row["state"])})) for row in fields.pop("children")
    )
    return TreeStatus(**fields, children=children)


def render_status(status: TreeStatus) -> str:
    """The table as text, one child a line."""
    head = ("child", "state", "pid", "restarts", "last end", "info")
    rows = [head] + [
        (
            row.name,
            row.state.value,
            str(row.pid or "-"),
            str(row.restarts),
            row.last_reason or "-",
            " ".join(f"{key}={value}" for key, value in row.info.items()),
        )
        for row in status.children
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)
