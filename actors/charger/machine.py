"""The charger's machine: handle(state, message, now_us) -> effects.

Laws:
    1. Nothing here waits, reads a clock, or touches a socket or a store: effects say what to do.
    2. Every report is answered exactly once, in one Reply, whatever it says: what looks wrong is
       flagged and kept (OCPP 1.6 sections 4.7, 4.8, 4.10).
    3. Every look-up of a transaction is in this charger's own state: no other charger's can be met.
    4. A command (by its id) ends in exactly one Finish.
    5. Starts, stops and events of transactions wait for what the ledger knows, but never longer
       than `activation_wait_ms`, and are handled in the order in which they came.

PHASES (state.py) is the table of a connection's life.
"""

from collections.abc import Callable, Mapping

from actors.charger import authorization, boot, monitors, notices, outbox, progress, transactions
from actors.charger.effects import Effect, Reply
from actors.charger.messages import (
    Activated,
    Asked,
    BootAnswered,
    CommandAnswered,
    Connected,
    Disconnected,
    Message,
    Said,
    Tick,
)
from actors.charger.state import PHASES, State
from domain.events import (
    ChargerBooted,
    ConnectorStatusReported,
    DeviceNoticed,
    DiagnosticsStatusReported,
    EnergyMeasured,
    FirmwareStatusReported,
    HeartbeatReceived,
    LogStatusReported,
    MonitoringTold,
    NoticeReported,
    SecurityEventReported,
    StreamReported,
    VariablesReported,
)
from domain.reports import (
    AuthorizationAsked,
    CertificateAsked,
    DataOffered,
    QuestionAsked,
    StartReported,
    StopReported,
    TransactionReported,
)

__all__ = ["HANDLERS", "PHASES", "REPORTS", "answered_calls", "handle"]

Reporter = Callable[[State, Said, int], list[Effect]]

REPORTS: Mapping[type, Reporter] = {
    ChargerBooted: boot.booted,
    HeartbeatReceived: boot.heartbeat,
    AuthorizationAsked: authorization.asked,
    StartReported: transactions.started,
    StopReported: transactions.stopped,
    EnergyMeasured: transactions.measured,
    ConnectorStatusReported: notices.status,
    FirmwareStatusReported: notices.followed("firmware_reported"),
    DiagnosticsStatusReported: notices.followed("diagnostics_reported"),
    LogStatusReported: notices.followed("log_reported"),
    SecurityEventReported: notices.kept,
    DataOffered: notices.data_offered,
    CertificateAsked: notices.certificate_asked,
    TransactionReported: progress.progressed,
    QuestionAsked: notices.question,
    VariablesReported: notices.kept,
    DeviceNoticed: notices.noticed,
    NoticeReported: notices.kept,
    StreamReported: notices.kept,
    MonitoringTold: monitors.told,
}


WAITS_FOR_LEDGER = frozenset({StartReported, StopReported, TransactionReported})


def said(state: State, message: Said, now_us: int) -> list[Effect]:
    """Answer one report, or hold it back until the ledger has said what it knows."""
    kind = type(message.report)
    if state.waits and kind in WAITS_FOR_LEDGER:
        return _hold(state, message, now_us)
    return REPORTS[kind](state, message, now_us)


def _hold(state: State, message: Said, now_us: int) -> list[Effect]:
    if state.deferred is None:
        state.deferred = []
    state.deferred.append(message)
    if now_us < state.wait_until_us and len(state.deferred) <= state.settings.deferred_max:
        return []
    return _release(state, now_us)


def _release(state: State, now_us: int) -> list[Effect]:
    """Wait no longer; handle what was held back."""
    state.waits = False
    waiting, state.deferred = state.deferred, None
    effects: list[Effect] = []
    for message in waiting or ():
        effects += said(state, message, now_us)
    return effects


def connected(state: State, message: Connected, now_us: int) -> list[Effect]:
    """Begin: wait for what the ledger knows, and for the boot."""
    state.registration = message.registration
    state.heartbeat_s = message.heartbeat_s or state.settings.heartbeat_s
    state.spread = message.spread
    state.actions = message.actions
    state.wait_until_us = now_us + state.settings.activation_wait_ms * 1_000
    state.boot_backstop_us = now_us + state.settings.boot_backstop_s * 1_000_000
    if message.boots_first:
        state.boot_backstop_us = outbox.NEVER_US
    return []


def activated(state: State, message: Activated, now_us: int) -> list[Effect]:
    """Take over what the ledger knows, then handle what waited for it."""
    effects: list[Effect] = []
    if message.boots_first:
        state.boot_backstop_us = outbox.NEVER_US
    if message.known is not None:
        effects = transactions.remember(state, message.known)
        outbox.expect(state, message.expected, now_us)
        state.known = True
        progress.resume(state, now_us)
    return effects + _release(state, now_us)


def disconnected(state: State, message: Disconnected, now_us: int) -> list[Effect]:
    """End: keep what was held back, give up what waits for an answer from the charger."""
    del message
    state.step("disconnected")
    return _release(state, now_us) + outbox.abandon(state, now_us)


def tick(state: State, message: Tick, now_us: int) -> list[Effect]:
    """See whose time has come."""
    del message
    state.wake_us = 0
    effects: list[Effect] = []
    if state.deferred and now_us >= state.wait_until_us:
        effects += _release(state, now_us)
    return effects + progress.due(state, now_us) + outbox.due(state, now_us)


def answered(state: State, message: CommandAnswered, now_us: int) -> list[Effect]:
    """End the open command; learn from some answers."""
    effects = progress.status_told(state, message, now_us)
    effects += monitors.answered(state, message, now_us)
    return effects + outbox.answered(state, message, now_us)


HANDLERS: Mapping[type, Callable[..., list[Effect]]] = {
    Said: said,
    Connected: connected,
    BootAnswered: boot.answered,
    Disconnected: disconnected,
    Activated: activated,
    Asked: outbox.asked,
    CommandAnswered: answered,
    Tick: tick,
}


def handle(state: State, message: Message, now_us: int) -> list[Effect]:
    """Return what `message` leads to; `state` is changed in place.

    `now_us` is microseconds since 1970 UTC. Never raises for anything that a charger can send.
    """
    effects = HANDLERS[type(message)](state, message, now_us)
    if state.deferred or state.queue or state.follows or state.looks:
        outbox.wake(state, effects)
    return effects


def answered_calls(effects: list[Effect]) -> list[str]:
    """Return the ids of the calls that `effects` answer (for the law tests)."""
    return [effect.call.uid for effect in effects if type(effect) is Reply]
