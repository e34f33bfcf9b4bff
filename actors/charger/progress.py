"""Transactions of OCPP 2.x: each TransactionEvent is kept for itself (part 2, section E)."""

from actors.charger import authorization, outbox, transactions
from actors.charger.effects import Effect, Occupy, Release, Reply
from actors.charger.messages import Said
from actors.charger.state import State, Transaction
from domain.answers import TransactionAnswer
from domain.events import Event, TransactionProgressed
from domain.reports import TransactionReported


def progressed(state: State, message: Said, now_us: int) -> list[Effect]:
    """Answer a TransactionEvent; the same number for every event of a transaction.

    A token is judged in each event that shows one (E01.FR.10, C01); a sanity check never blocks.
    """
    report = message.report
    assert isinstance(report, TransactionReported)
    decision = authorization.decide(state, report.token, now_us) if report.token else None
    effects: list[Effect] = []
    transaction = _of(state, report.said)
    if transaction is None:
        number = state.desk.next_transaction()
        transaction = Transaction(
            number,
            report.connector,
            report.token,
            report.at_us,
            max(0, report.meter_wh),
            said=report.said,
        )
        state.transactions[number] = transaction
        effects += transactions.forget(state)
        effects.append(Occupy(report.token, number))
    if report.kind == "Ended" and transaction.open:
        transaction.open = False
        effects.append(Release(transaction.token, transaction.number))
    events: tuple[Event, ...] = (
        TransactionProgressed(
            report.said,
            transaction.number,
            report.kind,
            report.seq,
            report.at_us,
            report.trigger,
            report.connector or transaction.connector,
            report.plug,
            report.offline,
            report.state,
            report.token,
            report.token_kind,
            decision.status if decision is not None else "",
            report.stop_reason,
            report.remote_start,
            report.reservation,
            report.meter_wh,
            report.samples,
            report.quality,
            report.flags,
            report.seconds_charging,
            report.detail,
        ),
    )
    return [
        Reply(
            message.call, TransactionAnswer(decision), events + _ends(state, transaction, report)
        ),
        *effects,
    ]


def _of(state: State, said: str) -> Transaction | None:
    return next((seen for seen in state.transactions.values() if seen.said == said), None)


def _ends(state: State, transaction: Transaction, report: TransactionReported) -> tuple[Event, ...]:
    """Return what this event ends: a RequestStart by its number, a RequestStop, a trigger."""
    number = transaction.number
    ends: tuple[Event, ...] = ()
    if report.remote_start:
        ends += outbox.follow(state, "transaction_started", str(report.remote_start), number)
    if report.kind == "Ended":
        ends += outbox.follow(state, "transaction_stopped", report.said, number)
    if report.samples:
        ends += outbox.follow(state, "meter_reported")
    return ends + outbox.follow(state, "transaction_reported", report.said, number)
