"""Where connected chargers are, and whose they are: remembered from one command to the next.

What is remembered may be out of date. Therefore a command says against which connection and which
record it was checked, and a gateway takes it only if it knows of no newer ones
(`csms.gateway.orders.is_as_checked`); and whoever is refused by what is remembered is looked at
anew. So nothing depends on how old it is.
"""

from collections import OrderedDict
from typing import NamedTuple

from domain.records import ChargerRecord


class Whereabout(NamedTuple):
    """A charger that is connected."""

    record: ChargerRecord
    gateway: str
    generation: int
    """Of its connection."""
    subprotocol: str

    @property
    def checked(self) -> tuple[int, int]:
        """What a command to it was checked against: the connection's and the record's number."""
        return self.generation, self.record.revision


class Whereabouts:
    """Bounded memory; who was asked for least lately is forgotten first.

    Args:
        chargers_max: remembered.
    """

    def __init__(self, chargers_max: int) -> None:
        self._max = chargers_max
        self._known: OrderedDict[str, Whereabout] = OrderedDict()

    def get(self, charger: str) -> Whereabout | None:
        """Return what is remembered of a charger."""
        known = self._known.get(charger)
        if known is not None:
            self._known.move_to_end(charger)
        return known

    def put(self, known: Whereabout) -> None:
        """Remember a charger."""
        self._known[known.record.id] = known
        self._known.move_to_end(known.record.id)
        if len(self._known) > self._max:
            self._known.popitem(last=False)

    def forget(self, charger: str) -> None:
        """Look it up anew the next time."""
        self._known.pop(charger, None)
