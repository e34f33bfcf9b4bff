"""What is counted, from supervisor.telemetry."""

from docs.pages.tables import table
from supervisor.telemetry import METRICS

HEAD = """\
# Metrics

Made from `METRICS` in `supervisor/telemetry.py` by `python -m docs.generate`; edit that.

The page of a node (`/metrics` of the REST interface) has every series once a process, under the
label `process`. Times are seconds, sizes bytes.
"""


def page() -> str:
    """Return the page as Markdown."""
    rows = (
        (f"`{row.name}`", row.kind, ", ".join(f"`{label}`" for label in row.labels), row.help)
        for row in METRICS
    )
    return "\n".join([HEAD, *table(("metric", "kind", "labels", "what it counts"), rows), ""])
