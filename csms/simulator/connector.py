"""One connector of a simulated charger: what is plugged in, and the transaction that runs."""

from dataclasses import dataclass
from typing import NamedTuple

from csms.simulator.vehicle import Vehicle


@dataclass
class Transaction:
    """A transaction as the charger knows it. `number` is 0 until the server has given one."""

    token: str
    started_us: int
    meter_start_wh: int
    number: int = 0
    id: str = ""
    """The charger's own name for it (2.x)."""
    events: int = 0
    """How many TransactionEvents were made of it (2.x)."""
    known: bool = False
    """The server has acknowledged its begin."""
    flowing: bool = False
    """Power has flowed, and the server knew of the transaction."""


class Reservation(NamedTuple):
    """A connector that is kept for a token (OCPP 1.6 section 5.13)."""

    number: int
    token: str
    until_us: int


@dataclass
class Connector:
    """One connector. `energy_wh` and `exported_wh` are its meter and never go back."""

    number: int
    energy_wh: float = 0.0
    exported_wh: float = 0.0
    """What cars have given back (2.1)."""
    status: str = "Available"
    operative: bool = True
    inoperative_after: bool = False
    """ChangeAvailability came during a transaction: obey when it has ended."""
    vehicle: Vehicle | None = None
    transaction: Transaction | None = None
    reservation: Reservation | None = None
    metered_us: int = 0
    """Up to when `energy_wh` is counted."""
    plugged_us: int = 0
    """When the vehicle came."""
    remote_start: int | None = None
    """Number of the RequestStartTransaction that the next transaction obeys (2.x)."""
    shown_us: int = 0
    """When a card was shown for what comes next; 0: none was."""
    power_w: float = 0.0
    offered_w: float = 0.0

    @property
    def free(self) -> bool:
        """Whether a driver may plug in."""
        return self.operative and self.vehicle is None and self.transaction is None

    @property
    def meter_wh(self) -> int:
        """The meter as transactions see it."""
        return round(self.energy_wh)
