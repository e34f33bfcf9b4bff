"""Facts to changes for those who watch. Pure; costs nothing while nobody does."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from domain.events import (
    ChargerBooted,
    ChargerConnected,
    ChargerDisconnected,
    CommandFinished,
    CommandFollowed,
    CommandQueued,
    CommandSent,
    ConnectionRefused,
    ConnectorStatusReported,
    DiagnosticsStatusReported,
    EnergyMeasured,
    Entry,
    Event,
    FirmwareStatusReported,
    LimitDecided,
    LogStatusReported,
    MessageExchanged,
    Sample,
    SecurityEventReported,
    TransactionEndedProvisionally,
    TransactionProgressed,
    TransactionStarted,
    TransactionStopped,
)
from domain.live import LiveChange, LiveKind

POWER: Final = "Power.Active.Import"
WATTS: Final = {"W": 1.0, "kW": 1_000.0, "": 1.0}
LOCATIONS: Final = frozenset({"", "Outlet"})

Place: TypeAlias = Callable[[str], tuple[str, str]]
"""The tenant and the site of a charger; empty texts: it has no record."""

_Read: TypeAlias = Callable[[Any], tuple[str, dict[str, Any]] | None]
"""An event -> what distinguishes its object among those of the charger, and the data."""


def power_w(samples: Iterable[Sample]) -> float | None:
    """Return the newest power of a connector: the sum, or that of the phases; None: not said."""
    total: float | None = None
    phases: dict[str, float] = {}
    for sample in samples:
        if sample.measurand != POWER or sample.text or sample.location not in LOCATIONS:
            continue
        watts = sample.value * WATTS.get(sample.unit, 0.0)
        if sample.phase:
            phases[sample.phase] = watts
        else:
            total = watts
    if total is None and phases:
        return sum(phases.values())
    return total


def _measured(event: EnergyMeasured | TransactionProgressed) -> tuple[str, dict[str, Any]] | None:
    watts = power_w(event.samples)
    if watts is None:
        return None
    return str(event.connector), {"connector": event.connector, "power_w": watts}


def _connected(event: ChargerConnected) -> tuple[str, dict[str, Any]]:
    return "", {"connected": True, "remote": event.remote, "gateway": event.gateway}


def _disconnected(event: ChargerDisconnected) -> tuple[str, dict[str, Any]]:
    return "", {"connected": False, "reason": event.reason}


def _status(event: ConnectorStatusReported) -> tuple[str, dict[str, Any]]:
    return str(event.connector), {
        "connector": event.connector,
        "status": event.status,
        "error_code": event.error_code,
    }


def _transaction(state: str) -> _Read:
    def read(event: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - three kinds
        number = event.transaction or getattr(event, "said_transaction", 0)
        connector = getattr(event, "connector", 0)
        return str(number), {"transaction": number, "connector": connector, "state": state}

    return read


STATES: Final = {"Started": "started", "Updated": "running", "Ended": "stopped"}


def _progressed(event: TransactionProgressed) -> tuple[str, dict[str, Any]]:
    return event.said, {
        "transaction": event.transaction,
        "connector": event.connector,
        "state": STATES.get(event.kind, "running"),
    }


def _finished(event: CommandFinished) -> tuple[str, dict[str, Any]]:
    return event.command, {
        "id": event.command,
        "action": event.action,
        "state": "finished",
        "outcome": event.outcome,
    }


def _followed(event: CommandFollowed) -> tuple[str, dict[str, Any]]:
    return event.command, {"id": event.command, "state": "followed", "end": event.end}


def _queued(event: CommandQueued) -> tuple[str, dict[str, Any]]:
    return event.command, {"id": event.command, "action": event.action, "state": "queued"}


def _sent(event: CommandSent) -> tuple[str, dict[str, Any]]:
    return event.command, {"id": event.command, "state": "sent"}


def _limit(event: LimitDecided) -> tuple[str, dict[str, Any]]:
    return event.place, {
        "place": event.place,
        "evse": event.evse,
        "limit_a": event.limit_a,
        "because": event.because,
    }


def _progress(what: str) -> _Read:
    return lambda event: (what, {"what": what, "status": event.status})


READERS: Final[Mapping[type[Event], tuple[tuple[str, _Read], ...]]] = {
    ChargerConnected: ((LiveKind.CONNECTION, _connected),),
    ChargerDisconnected: ((LiveKind.CONNECTION, _disconnected),),
    ChargerBooted: (
        (
            LiveKind.BOOT,
            lambda event: ("", {"vendor": event.vendor, "model": event.model}),
        ),
    ),
    ConnectorStatusReported: ((LiveKind.STATUS, _status),),
    EnergyMeasured: ((LiveKind.POWER, _measured),),
    TransactionStarted: ((LiveKind.TRANSACTION, _transaction("started")),),
    TransactionStopped: ((LiveKind.TRANSACTION, _transaction("stopped")),),
    TransactionEndedProvisionally: ((LiveKind.TRANSACTION, _transaction("provisional")),),
    CommandFinished: ((LiveKind.COMMAND, _finished),),
    CommandFollowed: ((LiveKind.COMMAND, _followed),),
    CommandQueued: ((LiveKind.COMMAND, _queued),),
    CommandSent: ((LiveKind.COMMAND, _sent),),
    MessageExchanged: (
        (
            LiveKind.MESSAGE,
            lambda event: ("", {"action": event.action, "outcome": event.outcome}),
        ),
    ),
    ConnectionRefused: ((LiveKind.REFUSAL, lambda event: ("", {"reason": event.reason})),),
    LimitDecided: ((LiveKind.LIMIT, _limit),),
    FirmwareStatusReported: ((LiveKind.PROGRESS, _progress("firmware")),),
    DiagnosticsStatusReported: ((LiveKind.PROGRESS, _progress("diagnostics")),),
    LogStatusReported: ((LiveKind.PROGRESS, _progress("log")),),
    SecurityEventReported: ((LiveKind.SECURITY, lambda event: ("", {"what": event.kind})),),
    TransactionProgressed: (
        (LiveKind.TRANSACTION, _progressed),
        (LiveKind.POWER, _measured),
    ),
}


class LiveWindow:
    """Changes since the last `take`, the newest one of each object. Bounded.

    Args:
        place: where a charger belongs.
        changes_max: more are left out, and `take` says so.
    """

    def __init__(self, place: Place, changes_max: int) -> None:
        self._place = place
        self._max = changes_max
        self._changes: dict[tuple[str, str], LiveChange] = {}
        self._gap = False
        self.kinds: frozenset[str] = frozenset()
        """Which kinds somebody watches; others are not even looked at."""

    def fold(self, entries: Sequence[Entry]) -> None:
        """Take over what entries of a journal say."""
        kinds = self.kinds
        if not kinds:
            return
        for entry in entries:
            for event in entry.events:
                for kind, reader in READERS.get(type(event), ()):
                    read = reader(event) if kind in kinds else None
                    if read is not None:
                        self._put(kind, read[0], read[1], entry)

    def put(self, change: LiveChange) -> None:
        """Take over a change that is no fact of a journal."""
        if change.kind not in self.kinds:
            return
        key = (change.kind, change.key)
        if key not in self._changes and len(self._changes) >= self._max:
            self._gap = True
        else:
            self._changes[key] = change

    def _put(self, kind: str, part: str, data: dict[str, Any], entry: Entry) -> None:
        key = (kind, f"{entry.charger}/{part}" if part else entry.charger)
        before = self._changes.pop(key, None)
        if before is None and len(self._changes) >= self._max:
            self._gap = True
            return
        if before is not None and kind == LiveKind.COMMAND:
            data = before.data | data
        tenant, site = self._place(entry.charger)
        self._changes[key] = LiveChange(
            kind, key[1], entry.charger, tenant, site, entry.received_us, data
        )

    def take(self) -> tuple[tuple[LiveChange, ...], bool]:
        """Return what has changed, oldest first, and whether some were left out."""
        changes, gap = tuple(self._changes.values()), self._gap
        self._changes, self._gap = {}, False
        return changes, gap
