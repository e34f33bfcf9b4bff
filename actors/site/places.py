"""The places of a site as columns: what sharing out needs to know of each, worked out once."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from actors.site.counts import Floats, Ints, Path
from domain.site import Current, EvsePlace

MA_PER_A: Final = 1_000
GRACE_MA: Final = 1e-3
"""Floats may miss a whole step by less than this."""


class Places(NamedTuple):
    """Columns with a row for each place, in the order of the ids.

    Attributes:
        number: id -> its row.
        wired: how many phases.
        keys: of the paths of cars of one, two and three phases; shape (places, 3).
        step: the smallest change of its hardware, mA.
        low: the minimum, mA, in whole steps.
        max_a: the most that it allows, A.
        watts: what a mA on each of its phases brings the car, by phase, W.
    """

    number: Mapping[str, int]
    wired: Ints
    keys: Ints
    step: Ints
    low: Ints
    max_a: Floats
    watts: Floats


def places_of(
    places: Sequence[EvsePlace], paths: Mapping[str, Sequence[Path]], volts: float
) -> Places:
    """Return the columns; `paths`: of each place for cars of one, two and three phases."""
    line = sorted(places, key=lambda place: place.id)
    step = np.array([round(place.resolution_a * MA_PER_A) for place in line], np.intp)
    minima = np.array([round(place.min_a * MA_PER_A) for place in line], np.intp)
    used = [place.efficiency if place.current is Current.DC else 1.0 for place in line]
    return Places(
        {place.id: number for number, place in enumerate(line)},
        np.array([place.phases for place in line], np.intp),
        np.array([[path.key for path in paths[place.id]] for place in line], np.intp),
        step,
        -(-minima // step) * step,
        np.array([place.max_a for place in line], float),
        volts / MA_PER_A * np.array(used, float),
    )


def whole_steps(amperes: Floats, step: Ints) -> Ints:
    """Return currents in mA, rounded down to whole steps, mA."""
    whole: Ints = np.floor(amperes * MA_PER_A + GRACE_MA).astype(np.intp) // step * step
    return whole
