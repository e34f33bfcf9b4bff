"""Starts, ends and samples of transactions."""

from typing import Final

from domain.events import (
    EnergyMeasured,
    Entry,
    TimeQuality,
    TransactionEndedProvisionally,
    TransactionProgressed,
    TransactionStarted,
    TransactionStopped,
)
from storage.analytical.builder import SECOND_US, Builder, Handlers
from storage.analytical.tables import (
    TRANSACTIONS,
)

NO_TRANSACTION = -1
"""Stands for "the charger said 0" in facts that do belong to a transaction."""
_VERSION_16: Final = ("", 0, 0, "", "", 0, "", -1.0)
"""said, seq, plug, trigger, state, offline, token_kind and cost of what 1.6 says."""
_KINDS: Final = {"Started": "started", "Updated": "updated", "Ended": "stopped"}


def _energy(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: EnergyMeasured
) -> None:
    to.samples(lsn, entry, place, event.connector, event.transaction, event.samples)


def _started(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: TransactionStarted
) -> None:
    at_us, quality = to.clamp(event.at_us, entry.received_us, event.quality)
    to.put(
        TRANSACTIONS,
        at_us,
        (
            at_us,
            *place,
            entry.charger,
            event.connector,
            event.transaction,
            event.transaction,
            "started",
            event.token,
            event.token_status,
            event.meter_start_wh,
            "",
            quality,
            event.flags,
            entry.received_us // SECOND_US,
            *_VERSION_16,
            lsn,
        ),
    )


def _stopped(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: TransactionStopped
) -> None:
    at_us, quality = to.clamp(event.at_us, entry.received_us, event.quality)
    transaction = event.transaction or event.said_transaction or NO_TRANSACTION
    to.put(
        TRANSACTIONS,
        at_us,
        (
            at_us,
            *place,
            entry.charger,
            0,
            transaction,
            event.said_transaction,
            "stopped",
            event.token,
            "",
            event.meter_stop_wh,
            event.reason,
            quality,
            event.flags,
            entry.received_us // SECOND_US,
            *_VERSION_16,
            lsn,
        ),
    )
    to.samples(lsn, entry, place, 0, transaction, event.samples)


def _ended(
    to: Builder,
    lsn: int,
    entry: Entry,
    place: tuple[str, str],
    event: TransactionEndedProvisionally,
) -> None:
    at_us, quality = to.clamp(event.at_us, entry.received_us, TimeQuality.OK)
    to.put(
        TRANSACTIONS,
        at_us,
        (
            at_us,
            *place,
            entry.charger,
            event.connector,
            event.transaction,
            event.transaction,
            "ended_provisionally",
            "",
            "",
            0,
            event.because,
            quality,
            (),
            entry.received_us // SECOND_US,
            *_VERSION_16,
            lsn,
        ),
    )


def _progressed(
    to: Builder, lsn: int, entry: Entry, place: tuple[str, str], event: TransactionProgressed
) -> None:
    at_us, quality = to.clamp(event.at_us, entry.received_us, event.quality)
    to.put(
        TRANSACTIONS,
        at_us,
        (
            at_us,
            *place,
            entry.charger,
            event.connector,
            event.transaction,
            0,
            _KINDS.get(event.kind, "updated"),
            event.token,
            event.token_status,
            event.meter_wh,
            event.stop_reason,
            quality,
            event.flags,
            entry.received_us // SECOND_US,
            event.said,
            event.seq,
            event.plug,
            event.trigger,
            event.state,
            int(event.offline),
            event.token_kind,
            event.cost,
            lsn,
        ),
    )
    if event.samples:
        to.samples(lsn, entry, place, event.connector, event.transaction, event.samples)


HANDLERS: Final[Handlers] = {
    EnergyMeasured: _energy,
    TransactionStarted: _started,
    TransactionStopped: _stopped,
    TransactionEndedProvisionally: _ended,
    TransactionProgressed: _progressed,
}
