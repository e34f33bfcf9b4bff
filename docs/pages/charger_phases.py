"""The phases of a charger's connection, from actors.charger.state.PHASES."""

from collections import defaultdict

from actors.charger.machine import PHASES
from actors.charger.state import Phase

HEAD = """\
# Phases of a charger's connection

Made from `PHASES` in `actors/charger/state.py` by `python -m docs.generate`; edit that.

A happening without an arrow leaves the phase alone. Reports are answered in every phase; commands
are sent in *accepted* and *pending*, and in *silent* once `charger.boot_backstop_s` has passed.
"""


def page() -> str:
    """Return the page as Markdown with a Mermaid diagram."""
    arrows: dict[tuple[Phase, Phase], list[str]] = defaultdict(list)
    for (before, happening), after in PHASES.items():
        arrows[before, after].append(happening)
    return "\n".join(
        [
            HEAD,
            "```mermaid",
            "stateDiagram-v2",
            f"    [*] --> {Phase.SILENT}: connected",
            *(
                f"    {before} --> {after}: {', '.join(happenings)}"
                for (before, after), happenings in arrows.items()
            ),
            f"    {Phase.GONE} --> [*]",
            "```",
            "",
        ]
    )
