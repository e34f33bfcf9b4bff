"""What the ledger knows of a charger when it connects."""

import msgspec


class OpenTransaction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A started transaction: open, or ended so lately that its start may be sent again."""

    transaction: int
    connector: int
    token: str
    meter_start_wh: int
    started_us: int
    started_raw: str
    last_meter_wh: int = 0
    open: bool = True
    said: str = ""
    """2.x: the charger's own id of it. 1.6: empty."""
    seq: int = -1
    """2.x: the greatest sequence number that was seen; -1: none."""
    seqs: tuple[tuple[int, int], ...] = ()
    """2.x: the sequence numbers that were seen; see domain.sequences."""
    ended: bool = False
    """True: its end was told; else it only cannot be running any more, when it is not open."""


class KnownConnector(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The newest status of a connector."""

    connector: int
    status: str
    at_us: int
    error_code: str = "NoError"
    plug: int = 0


class KnownCommand(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A command that the charger has accepted, and of which nothing has followed yet."""

    command: str
    action: str
    payload: str
    """JSON text, secrets redacted."""
    finished_us: int
    """When it was accepted."""


class KnownCharger(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The answer to an activation. `transactions`: all open ones and the last 20 ended ones."""

    charger: str
    transactions: tuple[OpenTransaction, ...] = ()
    connectors: tuple[KnownConnector, ...] = ()
    booted: bool = False
    commands: tuple[KnownCommand, ...] = ()
    """Lately accepted ones, oldest first."""
    vendor: str = ""
    model: str = ""
    """What it said at its last boot."""
