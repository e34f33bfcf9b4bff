"""How numbers, instants and JSON are written on the pages. Pure."""

import json
import math
from datetime import UTC, datetime, timedelta

NONE = "\N{EN DASH}"
"""For a value that is not there."""
US_PER_S = 1_000_000
KILO = 1_000
MEGA = 1_000_000
MINUTE_S = 60
HOUR_S = 3_600
DAY_S = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def power(watts: float | None) -> str:
    """Return watts as people read them: 850 W, 22.1 kW, 1.25 MW."""
    return NONE if watts is None else _scaled(watts, "W")


def energy(watt_hours: float | None) -> str:
    """Return watt-hours as people read them."""
    return NONE if watt_hours is None else _scaled(watt_hours, "Wh")


def _scaled(value: float, unit: str) -> str:
    if abs(value) >= MEGA:
        return f"{value / MEGA:.2f} M{unit}"
    if abs(value) >= KILO:
        return f"{value / KILO:.1f} k{unit}"
    return f"{value:.0f} {unit}"


def percent(value: float | None) -> str:
    """Return a percentage with what NEVI asks for: three places."""
    return NONE if value is None else f"{value:.3f} %"


def moment(at_us: int | None) -> datetime | None:
    """Return an instant, or None for never and for what no calendar has."""
    if not at_us:
        return None
    try:
        return EPOCH + timedelta(microseconds=at_us)
    except OverflowError:
        return None


def iso(at_us: int | None) -> str:
    """Return an instant for `datetime` of a time element; empty: never."""
    when = moment(at_us)
    return "" if when is None else when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(at_us: int | None) -> str:
    """Return an instant in UTC for people; the page's script turns it into local time."""
    when = moment(at_us)
    return NONE if when is None else f"{when:%Y-%m-%d %H:%M:%S} UTC"


def duration(seconds: float | None) -> str:
    """Return how long: 42 s, 3 min, 2 h 05 min, 3 d 4 h."""
    if seconds is None or seconds < 0:
        return NONE
    whole = int(seconds)
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min"
    if whole < DAY_S:
        return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S:02d} min"
    return f"{whole // DAY_S} d {whole % DAY_S // HOUR_S} h"


def latency(latency_us: int) -> str:
    """Return microseconds as people read them; 0: nothing was measured."""
    if latency_us <= 0:
        return ""
    if latency_us < KILO:
        return f"{latency_us} µs"
    if latency_us < MEGA:
        return f"{latency_us / KILO:.1f} ms"
    return f"{latency_us / MEGA:.1f} s"


def pretty(text: str) -> str:
    """Return JSON with line breaks; what is no JSON as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def amperes(value: object) -> str:
    """Return a current, or those of three phases; no limit is a dash."""
    if isinstance(value, list | tuple):
        return " / ".join(_ampere(one) for one in value) + " A"
    text = _ampere(value)
    return text if text == NONE else f"{text} A"


def _ampere(value: object) -> str:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return NONE
    return f"{value:.1f}".removesuffix(".0")
