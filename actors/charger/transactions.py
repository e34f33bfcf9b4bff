"""Start, meter, stop, and what may have been lost between them (OCPP 1.6 sections 4.7, 4.8, 4.10).

A sanity check never blocks an answer: the message is kept with a flag and billing judges later.
"""

from msgspec.structs import replace

from actors.charger import authorization, outbox
from actors.charger.effects import Effect, Occupy, Release, Reply
from actors.charger.messages import Said
from actors.charger.state import Connector, State, Transaction
from domain import sequences
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
METER_WH_MAX = float(1 << 53)
"""No register counts there; a greater number is noise, and not compared with."""
ROLLOVER_NEAR = 0.98
"""A register that drops from above this share of a power of ten has rolled over."""
NOT_KNOWN = -1
NO_TRANSACTION = (0, NOT_KNOWN)
"""Numbers that stand for "none" or "not known" (1.6 errata 3.18, and chargers in the field)."""


def remember(state: State, known: KnownCharger) -> list[Effect]:
    """Take over what the ledger knows; what this connection saw itself goes before it."""
    own_starts, state.recent = state.recent, {}
    own, state.transactions = state.transactions, {}
    busy = {seen.connector for seen in own.values() if seen.open}
    effects: list[Effect] = []
    for seen in known.transactions:
        if not seen.said:
            key = (seen.connector, seen.started_raw, seen.token, seen.meter_start_wh)
            state.recent[key] = (seen.transaction, None)
        transaction = Transaction(
            seen.transaction,
            seen.connector,
            seen.token,
            seen.started_us,
            max(seen.last_meter_wh, seen.meter_start_wh),
            # The ledger ends the one that a start without its knowledge has followed.
            seen.open and seen.connector not in busy,
            seen.said,
            seen.ended,
            seen.meter_start_wh,
            seen.seqs,
        )
        if seen.said:
            ours = own.pop(state.said.get(seen.said, 0), None)
            if ours is not None:
                effects += _merge(transaction, ours)
                (state.looks or {}).pop(ours.number, None)
            state.said[seen.said] = seen.transaction
        state.transactions[seen.transaction] = transaction
    state.recent |= own_starts
    state.transactions |= own
    for connector in known.connectors:
        state.connectors.setdefault(
            (connector.connector, connector.plug), Connector(connector.status, connector.at_us)
        )
    return effects + forget(state)


def _merge(known: Transaction, ours: Transaction) -> list[Effect]:
    """Take over what this connection saw of a transaction before the ledger told its number."""
    for first, last in ours.seqs:
        for seq in range(first, last + 1):
            known.seqs = sequences.insert(known.seqs, seq)
    known.connector = ours.connector or known.connector
    known.token = known.token or ours.token
    known.meter_wh = max(known.meter_wh, ours.meter_wh)
    known.decisions = ours.decisions
    known.ended = known.ended or ours.ended
    known.open = ours.open and not known.ended
    if not ours.open or ours.number == known.number:
        return []
    effects: list[Effect] = [Release(ours.token, ours.number)]
    return [*effects, Occupy(known.token, known.number)] if known.open else effects


def forget(state: State) -> list[Effect]:
    """Keep the memory of transactions and recent starts bounded, the newest stay."""
    settings = state.settings
    while len(state.recent) > settings.recent_starts_max:
        del state.recent[next(iter(state.recent))]
    if len(state.transactions) <= settings.recent_starts_max:
        return []
    effects: list[Effect] = []
    running = [seen for seen in state.transactions.values() if seen.open]
    for seen in running[: max(0, len(running) - settings.open_transactions_max)]:
        _drop(state, seen.number)
        effects.append(Release(seen.token, seen.number))
    ended = [number for number, seen in state.transactions.items() if not seen.open]
    for number in ended[: max(0, len(ended) - settings.recent_starts_max)]:
        _drop(state, number)
    return effects


def _drop(state: State, number: int) -> None:
    said = state.transactions.pop(number).said
    if state.said.get(said) == number:
        del state.said[said]
    if state.looks is not None:
        state.looks.pop(number, None)


def started(state: State, message: Said, now_us: int) -> list[Effect]:
    """Answer StartTransaction: the same number for a start that is sent again."""
    report = message.report
    assert isinstance(report, StartReported)
    key = (report.connector, report.started_raw, report.token, report.meter_start_wh)
    seen = state.recent.get(key)
    if seen is not None:
        # Never ConcurrentTx to one that is sent again: it would stop the running session.
        number, known_decision = seen
        decision = known_decision or authorization.decide(state, report.token, now_us)
        return [Reply(message.call, StartAnswer(number, decision), (), flags=("start_again",))]

    effects: list[Effect] = []
    events: list[Event] = []
    previous = state.open_on(report.connector) if report.connector else None
    if previous is not None:
        events.append(end_provisionally(previous, report.at_us, "next_start"))
        effects.append(Release(previous.token, previous.number))

    decision = authorization.decide(state, report.token, now_us)
    is_replay = now_us - report.at_us > state.settings.replay_age_s * 1_000_000
    if decision.status == "Accepted" and not is_replay:
        # A charger that replays a finished session would stop the running one if told
        # ConcurrentTx, so only a start that happens now is refused for it.
        here = sum(
            seen.open and authorization.is_same(seen.token, report.token)
            for seen in state.transactions.values()
        )
        if authorization.is_concurrent(state, report.token, here):
            decision = TokenDecision("ConcurrentTx", decision.expires_us, decision.parent)

    number = state.desk.next_transaction()
    state.transactions[number] = Transaction(
        number, report.connector, report.token, report.at_us, report.meter_start_wh
    )
    state.recent[key] = (number, decision)
    effects += forget(state)
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
    reply = Reply(message.call, StartAnswer(number, decision), tuple(events))
    return [reply, *effects, Occupy(report.token, number)]


def end_provisionally(
    transaction: Transaction, at_us: int, because: str
) -> TransactionEndedProvisionally:
    """Close a transaction whose stop was lost; return the event that says so."""
    transaction.open = False
    return TransactionEndedProvisionally(transaction.number, transaction.connector, at_us, because)


def stopped(state: State, message: Said, now_us: int) -> list[Effect]:
    """Answer StopTransaction as if all were well, whatever the number (1.6 errata 3.18)."""
    report = message.report
    assert isinstance(report, StopReported)
    transaction = _meant(state, report)
    flags = report.flags
    effects: list[Effect] = []
    odd: tuple[str, ...] = ()
    if transaction is None:
        flags = (*flags, "unknown_transaction")
    else:
        if transaction.ended:
            odd = ("stop_again",)
        elif report.said_transaction == NOT_KNOWN and _was_concurrent(state, transaction.number):
            odd = ("stop_after_concurrent",)
        transaction.ended = True
        if report.meter_stop_wh < transaction.meter_wh:
            flags = (*flags, decrease(transaction.meter_wh))
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
    effects.insert(0, Reply(message.call, StopAnswer(decision), events, flags=odd))
    return effects


def _was_concurrent(state: State, number: int) -> bool:
    """Return whether this connection told a transaction's start ConcurrentTx."""
    return any(
        known == number and decision is not None and decision.status == "ConcurrentTx"
        for known, decision in state.recent.values()
    )


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
        and (not report.token or authorization.is_same(candidate.token, report.token))
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
            number = transaction.number if transaction is not None else 0
            if number != report.transaction:
                report = replace(report, transaction=number)
        else:
            flags = ("unknown_transaction",)
    odd: tuple[str, ...] = ()
    if transaction is not None:
        flags = _follow_register(transaction, report)
        if not transaction.open:
            odd = ("after_stop",)
    if flags:
        report = replace(report, flags=report.flags + flags)
    ends = outbox.follow(state, "meter_reported")
    return [Reply(message.call, ACKNOWLEDGED, (report, *ends), flags=odd)]


def _follow_register(transaction: Transaction, report: EnergyMeasured) -> tuple[str, ...]:
    """Note the energy register's last reading; return a flag when it went down."""
    for sample in report.samples:
        if sample.measurand == ENERGY and not sample.phase and not sample.text:
            reading_wh = sample.value * WH_PER_UNIT.get(sample.unit, 1.0)
            if not abs(reading_wh) < METER_WH_MAX:
                continue
            before_wh, transaction.meter_wh = transaction.meter_wh, reading_wh
            if reading_wh < before_wh:
                return (decrease(before_wh),)
    return ()


def decrease(before_wh: float) -> str:
    """Return the flag for a register that went down from `before_wh`."""
    ceiling = 10.0
    while ceiling <= before_wh:
        ceiling *= 10
    return "meter_rollover" if before_wh >= ROLLOVER_NEAR * ceiling else "meter_decreased"


def ended_by_available(state: State, connector: int, at_us: int) -> Transaction | None:
    """Return the open transaction that a connector which says it is free must have lost."""
    transaction = state.open_on(connector) if connector else None
    if transaction is None or transaction.said or at_us <= transaction.started_us:
        return None  # 2.x: it may well run while no car is there (TxStartPoint, TxStopPoint)
    return transaction
