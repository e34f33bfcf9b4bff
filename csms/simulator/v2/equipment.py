"""What a well-equipped charger of 2.x has beside its connectors: a display, monitors, tariffs, DER.

Most hardware has none of it (`Model.equipped`); a charger that is never asked for it has no memory
of it. The modules beside this one obey the commands, one concept a file.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

from csms.simulator.connector import Connector
from csms.simulator.face import ChargerFace, Request
from csms.simulator.outbox import Payload
from protocol.dialect import Dialect

Item = TypeVar("Item")
SEVERITY_MAX = 9


@dataclass
class Monitor:
    """A monitor of a variable (part 2, chapter N).

    Attributes:
        row: SetMonitoringData, as it was set.
        last: what it has seen last; empty: nothing yet.
    """

    number: int
    row: dict[str, Any]
    last: str = ""


@dataclass
class Stream:
    """A periodic event stream (2.1, N11 to N15), with values that are not sent yet."""

    number: int
    monitor: int
    params: dict[str, int]
    values: list[tuple[int, str]] = field(default_factory=list)
    """When, in us, and what."""


@dataclass
class Control:
    """A control of the distributed energy resource (2.1, chapter R).

    Attributes:
        request: SetDERControl, as it came.
        superseded: another one of its type goes before it.
        started: it is at work, and the server was told.
    """

    request: dict[str, Any]
    superseded: bool = False
    started: bool = False


@dataclass
class Equipment:
    """All of it. It survives a reboot."""

    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    """MessageInfo by id."""
    monitors: dict[int, Monitor] = field(default_factory=dict)
    monitors_made: int = 0
    severity: int = SEVERITY_MAX
    """Events of a greater number, which are less severe, are not reported."""
    events: int = 0
    """How many were reported."""
    streams: dict[int, Stream] = field(default_factory=dict)
    networks: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Connection data by slot."""
    published: dict[str, str] = field(default_factory=dict)
    """Location of firmware by its checksum; empty while it is fetched."""
    costs: dict[str, float] = field(default_factory=dict)
    """What drivers are shown, by transaction."""
    controls: dict[str, Control] = field(default_factory=dict)
    tariffs: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Default tariff by EVSE."""
    driver_tariffs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By transaction."""
    transfers: dict[str, list[str]] = field(default_factory=dict)
    """Allowed energy transfer modes by transaction."""
    regulation: int = 0
    """The last aFRR signal."""
    paying: dict[int, int] = field(default_factory=dict)
    """EVSE -> until when, in us, somebody pays for it on the web."""


class EquippedFace(ChargerFace, Protocol):
    """What the commands of equipment need of a charger."""

    dialect: ClassVar[Dialect]

    @property
    def equipment(self) -> Equipment:
        """Return what it has."""

    def announce(self, action: str, payload: Payload) -> bool:
        """Send what is not answered (2.1); return whether there is a connection."""


EquippedCommand = Callable[[Any, Request], Payload]
"""Takes an `EquippedFace`."""


def running(charger: ChargerFace, name: object) -> Connector | None:
    """Return the connector where the transaction of that name runs."""
    for connector in charger.connectors.values():
        if connector.transaction is not None and connector.transaction.id == name:
            return connector
    return None


def parts(items: Sequence[Item], size: int) -> Iterator[tuple[int, Sequence[Item], bool]]:
    """Yield number, items, and whether another part comes."""
    for seq, at in enumerate(range(0, len(items), size)):
        yield seq, items[at : at + size], at + size < len(items)
