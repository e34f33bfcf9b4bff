"""Virtual chargers of every version."""

from collections.abc import Mapping
from random import Random

from csms.simulator.charger import SimulatedCharger
from csms.simulator.identity import Identity
from csms.simulator.settings import SimulatorSettings
from csms.simulator.v2.charger import SimulatedCharger21, SimulatedCharger201

CHARGERS: Mapping[str, type[SimulatedCharger]] = {
    made.dialect.subprotocol: made
    for made in (SimulatedCharger, SimulatedCharger201, SimulatedCharger21)
}
"""By subprotocol."""


def make_charger(
    identity: Identity,
    *,
    tokens: tuple[str, ...],
    settings: SimulatorSettings,
    chance: Random,
    now_us: int,
) -> SimulatedCharger:
    """Return a charger of the version that its identity names; see `SimulatedCharger`."""
    made = CHARGERS[identity.subprotocol]
    return made(identity, tokens=tokens, settings=settings, chance=chance, now_us=now_us)
