"""Start, meter, stop, and what may have been lost between them (OCPP 1.6 sections 4.7, 4.8, 4.10).

A sanity check never blocks an answer: the message is kept with a flag and billing judges later.
"""

from msgspec.structs import replace

from actors.charger import authorization, outbox
from actors.charger.effects import Effect, Keep, Occupy, Release, Reply
from actors.charger.messages import Said
from actors.charger.state import Connector, State, Transaction
from domain.answers import ACKNOWLEDGED, StartAnswer, StopAnswer, TokenDecision
from domain.events import (
    EnergyMeasured,
    Event,
    TransactionEndedProvisionally,
    TransactionStarted,
    TransactionStopped,
)
from domain.known import KnownCharger
from domain.reports import StartReported, StopReported

ENERGY = "Energy.Active.Import.Register"
WH_PER_UNIT = {"Wh": 1.0, "kWh": 1_000.0}
ROLLOVER_NEAR = 0.98
"""A register that drops from above this share of a power of ten has rolled over."""
NO_TRANSACTION = (0, -1)
"""Numbers that stand for "none" or "not known" (1.6 errata 3.18, and chargers in the field)."""


def remember(state: State, known: KnownCharger) -> None:
    """Take over what the ledger knows; what this connection saw itself goes before it."""
    for seen in known.transactions:
        key = (seen.connector, seen.started_raw, seen.token, seen.meter_start_wh)
        state.recent.setdefault(key, (seen.transaction, TokenDecision("Accepted")))
        state.transactions.setdefault(
            seen.transaction,
            Transaction(
                seen.transaction,
                seen.connector,
                seen.token,
                seen.started_us,
                max(seen.last_meter_wh, seen.meter_start_wh),
                seen.open,
            ),
        )
    for connector in known.connectors:
        state.connectors.setdefault(
            connector.connector, Connector(connector.status, connector.at_us)
        )
    _forget(state)


def _forget(state: State) -> None:
    """Keep the memory of ended transactions and recent starts bounded."""
    limit = state.settings.recent_starts_max
    while len(state.recent) > limit:
        del state.recent[next(iter(state.recent))]
    if len(state.transactions) > limit:
        ended = [number for number, seen in state.transactions.items() if not seen.open]
        for number in ended[: len(state.transactions) - limit]:
            del state.transactions[number]


def _defer(state: State, message: Said, now_us: int) -> bool:
    """Hold a start or stop back until the ledger has said what it knows."""
    if state.known or now_us >= state.wait_until_us:
        return False
    if state.deferred is None:
        state.deferred = []
    if len(state.deferred) >= state.settings.deferred_max:
        return False
    state.deferred.append(message)
    return True


def started(state: State, message: Said, now_us: int) -> list[Effect]:
    """Answer StartTransaction: the same number for a start that is sent again."""
    report = message.report
    assert isinstance(report, StartReported)
    if _defer(state, message, now_us):
        return []
    key = (report.connector, report.started_raw, report.token, report.meter_start_wh)
    seen = state.recent.get(key)
    if seen is not None:
        number, decision = seen
        return [Reply(message.call, StartAnswer(number, decision), ())]

    effects: list[Effect] = []
    events: list[Event] = []
    previous = state.open_on(report.connector)
    if previous is not None:
        events.append(_end_provisionally(previous, report.at_us, "next_start"))
        effects.append(Release(previous.token, previous.number))

    decision = authorization.decide(state, report.token, now_us)
    is_replay = now_us - report.at_us > state.settings.replay_age_s * 1_000_000
    if decision.status == "Accepted" and not is_replay:
        # A charger that replays a finished session would stop the running one if told
        # ConcurrentTx, so only a start that happens now is refused for it.
        here = sum(1 for t in state.transactions.values() if t.open and t.token == report.token)
        if authorization.is_concurrent(state, report.token, here):
            decision = TokenDecision("ConcurrentTx", decision.expires_us, decision.parent)

    number = state.desk.next_transaction()
    state.transactions[number] = Transaction(
        number, report.connector, report.token, report.at_us, report.meter_start_wh
    )
    state.recent[key] = (number, decision)
    _forget(state)
    flags = report.flags
    if not state.known:
        flags = (*flags, "started_blank")
    events.append(
        TransactionStarted(
            number,
            report.connector,
            report.token,
            report.meter_start_wh,
            report.at_us,
            report.started_raw,
            report.reservation,
            decision.status,
            report.quality,
            flags,
        )
    )
    events += outbox.follow(state, "transaction_started", report.token, number)
    effects.append(Reply(message.call, StartAnswer(number, decision), tuple(events)))
    effects.append(Occupy(report.token, number))
    return effects


def _end_provisionally(
    transaction: Transaction, at_us: int, because: str
) -> TransactionEndedProvisionally:
    transaction.open = False
    return TransactionEndedProvisionally(transaction.number, transaction.connector, at_us, because)


def stopped(state: State, message: Said, now_us: int) -> list[Effect]:
    """Answer StopTransaction as if all were well, whatever the number (1.6 errata 3.18)."""
    report = message.report
    assert isinstance(report, StopReported)
    if _defer(state, message, now_us):
        return []
    transaction = _meant(state, report)
    flags = report.flags
    effects: list[Effect] = []
    if transaction is None:
        flags = (*flags, "unknown_transaction")
    else:
        if report.meter_stop_wh < transaction.meter_wh:
            flags = (*flags, _decrease(transaction.meter_wh))
        if transaction.open:
            transaction.open = False
            effects.append(Release(transaction.token, transaction.number))
    events: tuple[Event, ...] = (
        TransactionStopped(
            report.said_transaction,
            transaction.number if transaction is not None else 0,
            report.meter_stop_wh,
            report.at_us,
            report.stopped_raw,
            report.token,
            report.reason,
            report.samples,
            report.quality,
            flags,
        ),
    )
    if transaction is not None:
        number = transaction.number
        events += outbox.follow(state, "transaction_stopped", str(number), number)
    decision = authorization.decide(state, report.token, now_us) if report.token else None
    effects.insert(0, Reply(message.call, StopAnswer(decision), events))
    return effects


def _meant(state: State, report: StopReported) -> Transaction | None:
    """Return the transaction that a stop means: by number, else the only one it can be."""
    transaction = state.transactions.get(report.said_transaction)
    if transaction is not None or report.said_transaction not in NO_TRANSACTION:
        return transaction
    fitting = [
        candidate
        for candidate in state.transactions.values()
        if candidate.open
        and candidate.started_us <= report.at_us
        and (not report.token or candidate.token == report.token)
    ]
    return fitting[0] if len(fitting) == 1 else None


def measured(state: State, message: Said, now_us: int) -> list[Effect]:
    """Keep meter values, with the transaction that they belong to."""
    del now_us
    report = message.report
    assert isinstance(report, EnergyMeasured)
    transaction = state.transactions.get(report.transaction)
    flags: tuple[str, ...] = ()
    if transaction is None:
        if report.transaction in NO_TRANSACTION:
            transaction = state.open_on(report.connector) if report.connector else None
            if transaction is not None:
                report = replace(report, transaction=transaction.number)
        else:
            flags = ("unknown_transaction",)
    if transaction is not None:
        flags = _follow_register(transaction, report)
    if flags:
        report = replace(report, flags=report.flags + flags)
    if state.follows:
        followed = outbox.follow(state, "meter_reported")
        return [Reply(message.call, ACKNOWLEDGED, (report, *followed))]
    return [Reply(message.call, ACKNOWLEDGED, (report,))]


def _follow_register(transaction: Transaction, report: EnergyMeasured) -> tuple[str, ...]:
    """Note the energy register's last reading; return a flag when it went down."""
    for sample in report.samples:
        if sample.measurand == ENERGY and not sample.phase and not sample.text:
            reading_wh = sample.value * WH_PER_UNIT.get(sample.unit, 1.0)
            before_wh, transaction.meter_wh = transaction.meter_wh, reading_wh
            if reading_wh < before_wh:
                return (_decrease(before_wh),)
    return ()


def _decrease(before_wh: float) -> str:
    """Return the flag for a register that went down from `before_wh`."""
    ceiling = 10.0
    while ceiling <= before_wh:
        ceiling *= 10
    return "meter_rollover" if before_wh >= ROLLOVER_NEAR * ceiling else "meter_decreased"


def ended_by_available(state: State, connector: int, at_us: int) -> list[Effect]:
    """End the open transaction of a connector that says it is free."""
    transaction = state.open_on(connector) if connector else None
    if transaction is None or at_us <= transaction.started_us:
        return []
    return [
        Keep((_end_provisionally(transaction, at_us, "available"),)),
        Release(transaction.token, transaction.number),
    ]
