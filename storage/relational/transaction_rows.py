"""Rows of transactions and of their stops, their ids, and what must be loaded for events."""

import hashlib
import json
from typing import Final, TypeAlias

import msgspec

from domain import sequences
from domain.events import (
    Entry,
    TransactionEndedProvisionally,
    TransactionProgressed,
    TransactionStarted,
    TransactionStatusTold,
    TransactionStopped,
)
from domain.sequences import Ranges
from domain.text import clean

OPEN: Final = "open"
PROVISIONAL: Final = "provisional"
ENDED: Final = "ended"
ORPHAN: Final = "orphan"

TransactionEvent: TypeAlias = (
    TransactionStarted
    | TransactionStopped
    | TransactionEndedProvisionally
    | TransactionProgressed
    | TransactionStatusTold
)


class Transaction(msgspec.Struct, kw_only=True):
    """A row of `transactions`. `number` is None while only the stop is known."""

    id: str
    charger: str
    number: int | None = None
    connector: int = 0
    token: str = ""
    token_status: str = ""
    reservation: int = 0
    started_us: int = 0
    started_raw: str = ""
    start_quality: str = ""
    start_received_us: int = 0
    meter_start_wh: int = 0
    state: str = OPEN
    ended_because: str = ""
    ended_us: int = 0
    stopped_raw: str = ""
    stop_quality: str = ""
    stop_received_us: int = 0
    meter_stop_wh: int = 0
    stop_token: str = ""
    stop_reason: str = ""
    stop: str = ""
    last_meter_wh: int = 0
    last_meter_us: int = 0
    flags: str = "[]"
    revision: int = 0
    said: str = ""
    plug: int = 0
    token_kind: str = ""
    charging_state: str = ""
    start_trigger: str = ""
    stop_trigger: str = ""
    remote_start: int = 0
    offline: bool = False
    seqs: str = "[]"
    missing: int = 0
    seconds_charging: int = -1
    meter_start_us: int = 0
    cost: float | None = None

    def flag(self, *names: str) -> None:
        """Add flags that are not there yet."""
        flags = json.loads(self.flags or "[]")
        flags += [name for name in dict.fromkeys(names) if name not in flags]
        self.flags = json.dumps(flags)

    def unflag(self, *names: str) -> None:
        """Take flags away."""
        self.flags = json.dumps([f for f in json.loads(self.flags or "[]") if f not in names])

    @property
    def ranges(self) -> Ranges:
        """2.x: the sequence numbers that have come."""
        return tuple((first, last) for first, last in json.loads(self.seqs or "[]"))

    @ranges.setter
    def ranges(self, ranges: Ranges) -> None:
        self.seqs = json.dumps(ranges)
        self.missing = sequences.missing(ranges)


class Stop(msgspec.Struct, kw_only=True):
    """A row of `transaction_stops`."""

    id: str
    charger: str
    said_transaction: int
    transaction: str = ""
    guessed: bool = False
    at_us: int
    stopped_raw: str
    quality: str
    received_us: int
    meter_stop_wh: int
    token: str
    reason: str


class Needs(msgspec.Struct):
    """What must be loaded before the transaction events of a batch can be applied."""

    ids: set[str] = msgspec.field(default_factory=set)
    numbers: set[int] = msgspec.field(default_factory=set)
    stops: set[str] = msgspec.field(default_factory=set)
    started_numbers: set[int] = msgspec.field(default_factory=set)
    chargers: set[str] = msgspec.field(default_factory=set)
    """Whose running transactions are needed."""
    said: set[str] = msgspec.field(default_factory=set)
    """2.x: transactions that are looked for by the charger's own id."""

    def add(self, entry: Entry, event: TransactionEvent) -> None:
        """Note what `event` needs."""
        if isinstance(event, TransactionStarted):
            self.ids.add(start_id(entry.charger, event))
            self.started_numbers.add(event.transaction)
            self.numbers.add(event.transaction)
            self.chargers.add(entry.charger)
        elif isinstance(event, TransactionStopped):
            self.stops.add(stop_id(entry.charger, event))
            self.numbers.update(n for n in (event.transaction, event.said_transaction) if n > 0)
            self.chargers.add(entry.charger)
        elif isinstance(event, TransactionProgressed):
            self.said.add(clean(event.said))
            self.numbers.add(event.transaction)
            self.chargers.add(entry.charger)
            if event.kind == "Ended":
                self.stops.add(end_id(entry.charger, event))
        elif isinstance(event, TransactionStatusTold):
            self.said.add(clean(event.said))
            self.chargers.add(entry.charger)
        else:
            self.numbers.add(event.transaction)


def said_id(charger: str, said: str, started_us: int = 0) -> str:
    """Return the id of a transaction of 2.x; `started_us` when its charger used `said` before."""
    return _hash("said", charger, said, started_us)


def end_id(charger: str, event: TransactionProgressed) -> str:
    """Return the id of an Ended; those of one number that differ are told apart."""
    return _hash("ended", charger, event.said, event.seq, event.at_us, event.meter_wh)


def start_id(charger: str, event: TransactionStarted) -> str:
    """Return the id of the transaction that `event` starts.

    A start without a timestamp is told apart by its number: two such sessions may well begin at
    the same meter reading.
    """
    number = 0 if event.started_raw else event.transaction
    return _hash(
        "start",
        charger,
        event.connector,
        event.started_raw,
        event.token,
        event.meter_start_wh,
        number,
    )


def stop_id(charger: str, event: TransactionStopped) -> str:
    """Return the id of a stop; also that of the orphan which it becomes."""
    return _hash("stop", charger, event.said_transaction, event.stopped_raw, event.meter_stop_wh)


def _hash(*parts: str | int) -> str:
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=16).hexdigest()
