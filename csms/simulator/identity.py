"""Who a simulated charger says it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from csms.simulator.models import Model
from protocol.dialect import OCPP_16


@dataclass(frozen=True)
class Identity:
    """Who a simulated charger says it is."""

    id: str
    vendor: str = "Csms"
    model: str = "Simulated"
    serial: str = ""
    firmware: str = "1.0.0"
    quirks: tuple[str, ...] = ()
    """Names from `csms.simulator.models`."""
    boots_always: bool = False
    answer_s: tuple[float, float] = (0.0, 0.0)
    """Least and most seconds that it thinks about a command."""
    subprotocol: str = OCPP_16.subprotocol
    """Which version of OCPP it speaks."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Configuration keys (those of 1.6) that leave the factory with another value."""
    equipped: bool = False
    """Of 2.x: whether it has a display, monitors, tariffs and the like."""

    @classmethod
    def of(cls, charger: str, model: Model, serial: str = "") -> "Identity":
        """Return the identity of a charger of a model."""
        return cls(
            charger,
            model.vendor,
            model.name,
            serial,
            model.firmware,
            model.quirks,
            model.boots_always,
            model.answer_s,
            model.subprotocol,
            model.keys,
            model.equipped,
        )
