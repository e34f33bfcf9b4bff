"""What came of a simulated site: figures, a table's rows, JSON, and a plot as SVG."""

from collections.abc import Mapping, Sequence
from html import escape

from csms.simulate_site.run import Moment, Outcome, energy_wh

MET = 0.98
"""A session that got this share of what it asked for counts as met."""
WIDTH, HEIGHT, MARGIN = 960, 320, 48
COLOURS = ("#1b6ca8", "#c2571a", "#3a7d44", "#7a4d9f", "#a8323e")


def figures(outcome: Outcome) -> dict[str, float]:
    """Return what came of it; energies in kWh, power in kW, shares in percent.

    `fairness_pct` is Jain's index over the shares of what sessions asked for: 100 when all got the
    same share.
    """
    sessions = outcome.scenario.sessions
    asked = energy_wh(sessions)
    got = sum(outcome.got_wh.values())
    shares = [
        min(1.0, outcome.got_wh[one.id] / one.energy_wh) for one in sessions if one.energy_wh > 0
    ]
    squares = sum(share * share for share in shares)
    fairness = sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0
    return {
        "sessions": len(sessions),
        "asked_kwh": asked / 1_000,
        "delivered_kwh": got / 1_000,
        "delivered_pct": 100 * got / asked if asked else 0.0,
        "met_pct": 100 * sum(share >= MET for share in shares) / len(shares) if shares else 0.0,
        "peak_kw": max((one.power_w for one in outcome.moments), default=0.0) / 1_000,
        "cost": outcome.cost,
        "fairness_pct": 100 * fairness,
        "paused_pct": _paused_pct(outcome.moments),
        "over_limit_moments": outcome.over_limit,
    }


def _paused_pct(moments: Sequence[Moment]) -> float:
    present = sum(one.cars for one in moments)
    return 100 * sum(one.paused for one in moments) / present if present else 0.0


def svg(outcomes: Mapping[str, Outcome]) -> str:
    """Return a plot of the power of each policy over time, and of what the site carries."""
    moments = [one for outcome in outcomes.values() for one in outcome.moments]
    if not moments:
        return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"/>'
    begin, end = min(one.at_us for one in moments), max(one.at_us for one in moments)
    top = max(one.power_w for one in moments) * 1.1 or 1.0
    room = next(iter(outcomes.values())).moments
    if min(one.room_w for one in room) < 10 * top:
        top = max(top, *(min(one.room_w, 10 * top) * 1.05 for one in room))

    def line(points: Sequence[tuple[int, float]], style: str) -> str:
        spots = " ".join(
            f"{MARGIN + (at - begin) / max(1, end - begin) * (WIDTH - 2 * MARGIN):.1f},"
            f"{HEIGHT - MARGIN - min(watts, top) / top * (HEIGHT - 2 * MARGIN):.1f}"
            for at, watts in points
        )
        return f'<polyline fill="none" {style} points="{spots}"/>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">',
        "<style>text {font: 12px sans-serif}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        line([(one.at_us, one.room_w) for one in room], 'stroke="#999" stroke-dasharray="4 3"'),
        f'<text x="4" y="{MARGIN}">{top / 1_000:.0f} kW</text>',
        f'<text x="4" y="{HEIGHT - MARGIN}">0</text>',
        f'<text x="{WIDTH - 130}" y="{HEIGHT - 14}">{(end - begin) / 3.6e9:.0f} hours</text>',
    ]
    for number, (name, outcome) in enumerate(outcomes.items()):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(
            line([(one.at_us, one.power_w) for one in outcome.moments], f'stroke="{colour}"')
        )
        at = MARGIN + number * 170
        parts.append(f'<text x="{at}" y="20" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
