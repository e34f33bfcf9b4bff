"""Which commands a well-equipped charger obeys, by version; over `csms.simulator.v2.commands`."""

from collections.abc import Mapping

from csms.simulator.v2 import (
    battery_swap,
    customers,
    der,
    display,
    energy,
    monitors,
    station,
    streams,
    tariffs,
)
from csms.simulator.v2.equipment import EquippedCommand

EQUIPPED_201: Mapping[str, EquippedCommand] = {
    **customers.COMMANDS,
    **display.COMMANDS,
    **monitors.COMMANDS,
    **station.COMMANDS,
}
EQUIPPED_21: Mapping[str, EquippedCommand] = {
    **EQUIPPED_201,
    **battery_swap.COMMANDS,
    **der.COMMANDS,
    **energy.COMMANDS,
    **streams.COMMANDS,
    **tariffs.COMMANDS,
}
