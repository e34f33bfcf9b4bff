"""Locust's HTML report with one more tab: the chargers, the verdict, the accounts."""

import html
from collections.abc import Sequence
from typing import Any

from loadtests.gauges import Gauge

WIDTH, HEIGHT = 900, 160
CURVES = (
    ("Connected, booted and charging", ("connected", "booted", "charging")),
    ("Faults injected, and messages that wait in chargers", ("faults", "waiting")),
    ("Cores of the generator", ("cpu",)),
)
COLOURS = ("#2563eb", "#16a34a", "#d97706")
POINTS_MAX = 600

SCRIPT = """
<script>
(function () {
  var ours = document.getElementById("csms-chargers");
  document.querySelectorAll("#csms-tabs button").forEach(function (button) {
    button.onclick = function () {
      ours.hidden = button.dataset.tab !== "chargers";
      document.getElementById("root").hidden = !ours.hidden;
    };
  });
})();
</script>
"""
STYLE = """
<style>
#csms-tabs { display: flex; gap: 8px; padding: 8px 24px; background: #111827; }
#csms-tabs button { font: 14px sans-serif; padding: 6px 14px; border: 0; border-radius: 4px; }
#csms-chargers { font: 14px sans-serif; color: #111827; background: #fff; padding: 16px 24px; }
#csms-chargers table { border-collapse: collapse; margin-bottom: 16px; }
#csms-chargers td, #csms-chargers th { padding: 4px 12px; border: 1px solid #d1d5db; }
#csms-chargers td + td { text-align: right; }
#csms-chargers .no { color: #b91c1c; font-weight: bold; }
</style>
"""


def with_tab(page: str, summary: dict[str, Any], rows: Sequence[tuple[float, Gauge]]) -> str:
    """Return the page of Locust with the tab in it.

    Args:
        page: what Locust made.
        summary: as `loadtests.curtain` makes it.
        rows: gauges by second.
    """
    tabs = (
        '<div id="csms-tabs"><button data-tab="load">Load</button>'
        '<button data-tab="chargers">Chargers</button></div>'
        f'<div id="csms-chargers" hidden>{_body(summary, rows)}</div>'
    )
    head, mark, rest = page.partition("<body>")
    if not mark:
        return page + STYLE + tabs + SCRIPT
    before, end, after = rest.rpartition("</body>")
    return f"{head}{mark}{STYLE}{tabs}{before}{SCRIPT}{end}{after}"


def _body(summary: dict[str, Any], rows: Sequence[tuple[float, Gauge]]) -> str:
    accounts = summary["accounts"]
    loss = "not known" if accounts["loss"] is None else str(accounts["loss"])
    parts = [
        f"<h2>Verdict: {'passed' if summary['passed'] else 'failed'}</h2>",
        _table(
            ("what", "asked", "found", ""),
            [
                (row["what"], row["asked"], row["found"], "ok" if row["passed"] else "NO")
                for row in summary["verdict"]
            ],
        ),
    ]
    parts += [_chart(title, names, rows) for title, names in CURVES]
    parts += [
        f"<h2>Accounts: loss {loss}</h2>",
        _table(
            ("message", "sent", "acknowledged", "unanswered", "stored", "lost"),
            [
                (
                    name,
                    row["sent"],
                    row["acknowledged"],
                    row["unanswered"],
                    _known(row),
                    row["lost"],
                )
                for name, row in (*accounts["kinds"].items(), ("transactions", accounts["bills"]))
            ],
        ),
        "<h2>Faults injected</h2>",
        _table(("fault", "times"), sorted(summary["faults"].items())),
        "<h2>The generator</h2>",
        _table(("figure", "value"), list(summary["generator"].items())),
    ]
    return "".join(parts)


def _known(row: dict[str, Any]) -> object:
    return "?" if row["stored"] is None else row["stored"]


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return "<p>none</p>"
    cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    lines = [f"<tr>{cells}</tr>"]
    for row in rows:
        mark = ' class="no"' if row[-1] == "NO" else ""
        cells = "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row)
        lines.append(f"<tr{mark}>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _chart(title: str, names: Sequence[str], rows: Sequence[tuple[float, Gauge]]) -> str:
    step = max(1, len(rows) // POINTS_MAX)
    shown = rows[::step]
    top = max((getattr(gauge, name) for _, gauge in shown for name in names), default=0) or 1
    last_s = (shown[-1][0] if shown else 0) or 1
    lines = []
    for name, colour in zip(names, COLOURS, strict=False):
        points = " ".join(
            f"{at_s / last_s * WIDTH:.1f},{HEIGHT - getattr(gauge, name) / top * HEIGHT:.1f}"
            for at_s, gauge in shown
        )
        lines.append(f'<polyline fill="none" stroke="{colour}" points="{points}"/>')
    legend = ", ".join(
        f'<span style="color:{colour}">{name}</span>'
        for name, colour in zip(names, COLOURS, strict=False)
    )
    return (
        f"<h2>{html.escape(title)}</h2><p>{legend}; top: {top:g}, {last_s:g} s</p>"
        f'<svg width="{WIDTH}" height="{HEIGHT}" style="border:1px solid #d1d5db">'
        f"{''.join(lines)}</svg>"
    )
