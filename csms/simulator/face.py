"""What obeys the server's commands, and what it needs of a charger to do so.

A command takes the charger and the payload and returns the payload of the answer. What happens
later is put on the charger's agenda. A payload that lacks something raises KeyError.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from csms.simulator.connector import Connector
from csms.simulator.keys import KeyTable
from csms.simulator.limits import Limits
from csms.simulator.outbox import OnAnswer, Payload
from csms.simulator.settings import SimulatorSettings

Request: TypeAlias = Mapping[str, Any]
LATER_S = 0.5
"""From an answer to what follows from it."""
STEP_S = 2.0
"""Between two reports of progress."""


class ChargerFace(Protocol):
    """What commands need of a charger."""

    settings: SimulatorSettings
    keys: KeyTable
    limits: Limits
    connectors: dict[int, Connector]
    local_list: Any
    identity: Any
    certificates: list[Payload]
    firmware: str
    firmware_status: str
    now_us: int
    diagnostics_status: str

    def stamp(self, at_us: int) -> str: ...  # noqa: D102
    def after(self, seconds: float, happen: Callable[[int], None]) -> None: ...  # noqa: D102
    def send(self, action: str, payload: Payload, answered: OnAnswer | None = None) -> None: ...  # noqa: D102
    def turn(self, connector: Connector, status: str) -> None: ...  # noqa: D102
    def settle(self, connector: Connector) -> None: ...  # noqa: D102
    def plug(self, connector: Connector) -> None: ...  # noqa: D102
    def start(self, connector: Connector, token: str) -> None: ...  # noqa: D102
    def stop(self, connector: Connector, reason: str, token: str = "") -> None: ...  # noqa: D102
    def busy(self) -> int: ...  # noqa: D102
    def meter(self, connector: Connector) -> None: ...  # noqa: D102
    def limits_changed(self) -> None: ...  # noqa: D102
    def report_status(self, number: int) -> None: ...  # noqa: D102
    def report_meter(self, connector: Connector, context: str) -> None: ...  # noqa: D102
    def boot_again(self) -> None: ...  # noqa: D102
    def reboot(self, kind: str) -> None: ...  # noqa: D102


Command: TypeAlias = Callable[[ChargerFace, Request], Payload]


def answer(status: str) -> Payload:
    """Return an answer that is only a status."""
    return {"status": status}


def settle_later(charger: ChargerFace, connector: Connector) -> None:
    """Give a connector its status soon after the answer, if nobody is plugged in by then."""

    def settle(_now_us: int) -> None:
        if connector.vehicle is None:
            charger.settle(connector)

    charger.after(LATER_S, settle)
