"""What a virtual charger saw, for whoever measures: values that drivers pass on, never act on."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What was measured; load tests show it as the type of a request."""

    CONNECT = "CONNECT"
    """From dialling to an open WebSocket."""
    OCPP = "OCPP"
    """From a CALL of the charger to its answer, by action."""
    CSMS = "CSMS"
    """From a command of the server to the charger's answer, by action."""
    FLOW = "FLOW"
    """What a driver waits for: several messages."""


class Saw(NamedTuple):
    """One thing that ended, well or not.

    Attributes:
        kind: what was measured.
        name: the action or the flow.
        us: how long it took, in microseconds.
        failure: empty, or why it counts as failed: a code of CALLERROR, "timeout", "lost", a
            refusal of the handshake.
        bytes: size of the answer, where there is one.
    """

    kind: Kind
    name: str
    us: int
    failure: str = ""
    bytes: int = 0
