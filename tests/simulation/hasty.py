"""A charger that does not wait for answers: bursts of meter values beside what its machine says.

Some firmware sends all that it has kept at once. Nothing of that is sent again: what was not
acknowledged when the connection ends is the charger's loss, and no law speaks of it.
"""

from collections.abc import Callable
from random import Random

import msgspec

from csms.simulator.instants import iso
from tests.simulation.chargers import TEXT, WorldCharger, frame
from tests.simulation.world import US_PER_S, World

BURST = (10, 60)
"""Least and most calls at once: `gateway.unanswered_max` is 16."""
PAUSE_S = (1, 4)


class Hasty:
    """Bursts of one charger, until `is_over`."""

    def __init__(
        self, world: World, charger: WorldCharger, dice: Random, is_over: Callable[[], bool]
    ) -> None:
        self._world = world
        self._charger = charger
        self._dice = dice
        self._is_over = is_over

    def begin(self) -> None:
        """Send the first burst in a while."""
        wait_s = self._dice.uniform(*PAUSE_S)
        self._world.after(int(wait_s * US_PER_S), self._burst)

    def _burst(self) -> None:
        if self._is_over():
            return
        self.begin()
        charger = self._charger
        socket = charger.socket
        if socket is None or socket.over or socket.deaf or not charger.machine.charger.registered:
            return
        texts = [self._call() for _ in range(self._dice.randint(*BURST))]
        for text in texts:
            charger.on_out(socket, text)
        socket.wire.send(0, b"".join(frame(TEXT, text) for text in texts))

    def _call(self) -> bytes:
        is_first = self._charger.machine.charger.identity.subprotocol == "ocpp1.6"
        watts = self._dice.randrange(11_000)
        measured = {
            "timestamp": iso(self._world.now_us),
            "sampledValue": [
                {"value": str(watts) if is_first else watts, "measurand": "Power.Active.Import"}
            ],
        }
        place = "connectorId" if is_first else "evseId"
        uid = f"{self._dice.getrandbits(96):024x}"
        payload = {place: 1, "meterValue": [measured]}
        return msgspec.json.encode([2, uid, "MeterValues", payload])
