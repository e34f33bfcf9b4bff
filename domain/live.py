"""What has just changed, for those who watch: told at once, never kept, may be lost.

Whoever needs to know for certain reads the stores. A change is told after it is in the relational
store, so what it speaks of can be read there already.
"""

from enum import StrEnum
from typing import Any

import msgspec


class LiveKind(StrEnum):
    """What a change speaks of."""

    CONNECTION = "connection"
    """A charger came or went: `connected`, `remote` or `reason`."""
    BOOT = "boot"
    STATUS = "status"
    """A connector: `connector`, `status`, `error_code`."""
    POWER = "power"
    """A connector: `connector`, `power_w`."""
    TRANSACTION = "transaction"
    """`transaction`, `connector`, `state` (started, stopped, provisional or running)."""
    COMMAND = "command"
    """`id`, `action`, `state` (queued, sent, finished or followed), `outcome`, `end`."""
    MESSAGE = "message"
    """The newest exchange of a charger: `action`, `outcome`."""
    REFUSAL = "refusal"
    """A connection that was not let in: `reason`. The identity is claimed, never proved."""
    LIMIT = "limit"
    """A site's decision for an EVSE: `place`, `limit_a`, `because`."""
    PROGRESS = "progress"
    """Firmware, diagnostics or log: `what`, `status`."""
    SECURITY = "security"
    """A security event of a charger: `what`."""
    JOB = "job"
    """`id`, `state`."""
    ALERT = "alert"
    """`id`, `state` (open, acknowledged or resolved), `severity`."""


class LiveChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One change. A later one of the same `kind` and `key` stands for both."""

    kind: str
    key: str
    charger: str
    """Empty: it is of no charger."""
    tenant: str
    """Empty: of the installation."""
    site: str
    at_us: int
    data: dict[str, Any]


class LiveChanges(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What goes over a link. `gap`: some were left out since the last ones."""

    changes: tuple[LiveChange, ...]
    gap: bool = False
