"""What the main meters of chargers showed on the days before, as SQL for the analytical store."""

from collections.abc import Iterable, Sequence
from typing import Any

PHASES = {"L1": (0,), "L2": (1,), "L3": (2,), "L1-N": (0,), "L2-N": (1,), "L3-N": (2,)}
ALL = (0, 1, 2)


def query(charger: str, slot_s: int, days: int) -> str:
    """Return the statement: mean current of each slot and phase; export is negative."""
    name = charger.replace("\\", "\\\\").replace("'", "\\'")
    return (  # read-only, and quoted above: the gate takes no parameters
        f"SELECT intDiv(toUnixTimestamp(ts), {slot_s}) AS slot, phase,"  # noqa: S608
        " avg(if(measurand = 'Current.Export', -value, value)) AS amperes"
        " FROM samples"
        f" WHERE charger = '{name}' AND connector = 0"
        " AND measurand IN ('Current.Import', 'Current.Export') AND unit = 'A'"
        f" AND ts > now() - INTERVAL {days} DAY"
        " GROUP BY slot, phase ORDER BY slot, phase"
    )


def rows_of(answer: Iterable[Sequence[Any]]) -> list[tuple[int, int, float]]:
    """Return (slot, phase 0 to 2, amperes); a value without a phase is that of each."""
    return [
        (int(slot), number, float(amperes))
        for slot, phase, amperes in answer
        for number in (PHASES.get(str(phase), ()) if phase else ALL)
    ]
