"""Transactions of OCPP 2.x: each TransactionEvent is kept for itself (part 2, section E).

Events may come twice, late, out of order, or never: what is odd is flagged and kept, and the
charger is asked how a transaction stands when something of it is missing (E14).
"""

from collections.abc import Sequence
from typing import Final

from actors.charger import authorization, outbox, transactions
from actors.charger.effects import Effect, Keep, Occupy, Release, Reply
from actors.charger.messages import Asked, CommandAnswered, Said
from actors.charger.state import State, Transaction
from domain import sequences
from domain.answers import NOTHING_TO_SAY, TokenDecision, TransactionAnswer
from domain.commands import Command, Outcome, Priority
from domain.events import Event, TransactionProgressed, TransactionStatusTold
from domain.pricing import RunningSession, Shown
from domain.reports import TransactionReported

STARTED: Final = "Started"
UPDATED: Final = "Updated"
ENDED: Final = "Ended"
STOPPING: Final = frozenset({"StopAuthorized", "Deauthorized"})
"""Triggers that say that the token is there to end the transaction."""
STATUS: Final = "GetTransactionStatus"
COST: Final = "CostUpdated"
DEADLINE_US: Final = 60_000_000
TOKENS_MAX: Final = 4
"""Tokens of a transaction whose answers are remembered."""

SENT_AGAIN: Final = "sent_again"
AFTER_ENDED: Final = "after_ended"
NO_FLAGS: Final[tuple[str, ...]] = ()


def progressed(state: State, message: Said, now_us: int) -> list[Effect]:
    """Answer a TransactionEvent; every event of a transaction has the same number of ours."""
    report = message.report
    assert isinstance(report, TransactionReported)
    transaction = _of(state, report)
    if transaction is not None and _goes_on(state, transaction, report):
        return [_went_on(message, transaction, report)]
    effects: list[Effect] = []
    events: list[Event] = []
    flags: list[str] = []
    if transaction is None:
        transaction = _begin(state, report)
        effects += transactions.forget(state)
        if not state.known:
            flags.append("started_blank")
    holes = len(transaction.seqs)
    is_newest = _count(transaction, report.seq, flags)
    odd = ("events_missing",) if 0 < holes < len(transaction.seqs) else ()
    if transaction.ended:
        flags.append(AFTER_ENDED)
    if report.connector:
        transaction.connector = report.connector
    if report.kind == STARTED and SENT_AGAIN not in flags:
        transaction.started_us = report.at_us
        transaction.meter_start_wh = float(report.meter_wh)
    if report.meter_wh >= 0 and is_newest:
        if report.meter_wh < transaction.meter_wh:
            flags.append(transactions.decrease(transaction.meter_wh))
        transaction.meter_wh = float(report.meter_wh)
    decision = None
    if report.token or report.token_kind:
        decision = _judge(state, transaction, report, flags, now_us)
    _step(state, transaction, report, events, effects)
    shown = _shown(state, transaction, now_us) if state.desk.prices else None
    _doubt(state, transaction, now_us, is_priced=shown is not None)
    if shown is not None and shown.cost is not None:
        transaction.cost = shown.cost
    event = _event(report, transaction, decision, shown, flags)
    ends = _ends(state, transaction, report) if state.follows else ()
    answer = NOTHING_TO_SAY
    if shown is not None:
        answer = TransactionAnswer(decision, shown.cost, shown.priority, shown.message)
    elif decision is not None:
        answer = TransactionAnswer(decision)
    return [Reply(message.call, answer, (event, *events, *ends), flags=odd), *effects]


def _goes_on(state: State, transaction: Transaction, report: TransactionReported) -> bool:
    """Return whether an event is just the next one of a running transaction, as nearly all are.

    Then only its number and its register are new, and nobody waits for it.
    """
    seqs = transaction.seqs
    return (
        report.kind == UPDATED
        and transaction.open
        and not transaction.ended
        and len(seqs) == 1
        and seqs[0][1] + 1 == report.seq
        and not report.token_kind
        and not report.token
        and (report.connector == transaction.connector or not report.connector)
        and (report.meter_wh >= transaction.meter_wh or report.meter_wh < 0)
        and not (state.follows or state.looks or state.desk.prices)
        and _other_on(state, transaction) is None
    )


def _went_on(message: Said, transaction: Transaction, report: TransactionReported) -> Reply:
    """Do what `progressed` does with such an event, and nothing else."""
    transaction.seqs = ((transaction.seqs[0][0], report.seq),)
    transaction.doubted = False
    if report.meter_wh >= 0:
        transaction.meter_wh = float(report.meter_wh)
    return Reply(message.call, NOTHING_TO_SAY, (_event(report, transaction, None, None, NO_FLAGS),))


def _count(transaction: Transaction, seq: int, flags: list[str]) -> bool:
    """Note the number of an event; return whether it is greater than any before."""
    seqs = transaction.seqs
    is_newest = not seqs or seq > seqs[-1][1]
    if not is_newest and sequences.holds(seqs, seq):
        flags.append(SENT_AGAIN)
    transaction.seqs = sequences.insert(seqs, seq)
    return is_newest


def _of(state: State, report: TransactionReported) -> Transaction | None:
    """Return the transaction that an event is of.

    Some chargers count their ids anew after a reset: a start after the end of the transaction
    that had its id begins another one.
    """
    found = state.transactions.get(state.said.get(report.said, 0))
    if (
        found is not None
        and found.ended
        and report.kind == STARTED
        and report.at_us > found.started_us
        and not sequences.holds(found.seqs, report.seq)
    ):
        return None
    return found


def _begin(state: State, report: TransactionReported) -> Transaction:
    number = state.desk.next_transaction()
    transaction = Transaction(
        number, report.connector, "", report.at_us, -1.0, said=report.said, open=False
    )
    state.transactions[number] = transaction
    state.said[report.said] = number
    return transaction


def _judge(
    state: State,
    transaction: Transaction,
    report: TransactionReported,
    flags: list[str],
    now_us: int,
) -> TokenDecision:
    """Judge the token that an event shows: as before, when it was judged before (E01.FR.10)."""
    token = report.token
    stops = report.kind == ENDED or report.trigger in STOPPING
    if stops and not authorization.may_stop(state, token, transaction.token):
        flags.append("stopped_by_other")
    known = (transaction.decisions or {}).get(token)
    if known is not None:
        return known
    decision = authorization.decide(state, token, now_us, report.token_kind)
    is_replay = report.offline or (now_us - report.at_us > state.settings.replay_age_s * 1_000_000)
    if decision.status == "Accepted" and not (stops or is_replay or transaction.token):
        # Never to one that is sent again or late: it would stop the running session.
        here = sum(
            other.open and other is not transaction and authorization.is_same(other.token, token)
            for other in state.transactions.values()
        )
        if not transaction.ended and authorization.is_concurrent(state, token, here):
            decision = TokenDecision("ConcurrentTx", decision.expires_us, decision.parent)
    if transaction.decisions is None:
        transaction.decisions = {}
    if len(transaction.decisions) < TOKENS_MAX:
        transaction.decisions[token] = decision
    return decision


def _step(
    state: State,
    transaction: Transaction,
    report: TransactionReported,
    events: list[Event],
    effects: list[Effect],
) -> None:
    """Begin, go on, or end; an older transaction of the same EVSE has lost its end."""
    if report.kind == ENDED:
        transaction.ended = True
        if transaction.open:
            transaction.open = False
            effects.append(Release(transaction.token, transaction.number))
        return
    shows_late = bool(report.token) and not transaction.token and report.trigger not in STOPPING
    if shows_late:
        if transaction.open:
            effects.append(Release("", transaction.number))
        transaction.token = report.token
    if transaction.ended:
        return
    was_open = transaction.open
    other = _other_on(state, transaction)
    if other is not None and other.started_us > transaction.started_us:
        # It began before the one that runs now: told late, and its end is still to come.
        if was_open:
            effects.append(Release(transaction.token, transaction.number))
        transaction.open = True
        events.append(transactions.end_provisionally(transaction, other.started_us, "next_start"))
        return
    if other is not None:
        events.append(transactions.end_provisionally(other, report.at_us, "next_start"))
        effects.append(Release(other.token, other.number))
    transaction.open = True
    if not was_open or shows_late:
        effects.append(Occupy(transaction.token, transaction.number))


def _other_on(state: State, transaction: Transaction) -> Transaction | None:
    if not transaction.connector or len(state.transactions) == 1:
        return None
    for other in state.transactions.values():
        if other.open and other.connector == transaction.connector and other is not transaction:
            return other
    return None


def _event(
    report: TransactionReported,
    transaction: Transaction,
    decision: TokenDecision | None,
    shown: Shown | None,
    flags: Sequence[str],
) -> TransactionProgressed:
    return TransactionProgressed(
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
        (*report.flags, *flags) if flags else report.flags,
        report.seconds_charging,
        report.detail,
        shown.cost if shown is not None and shown.cost is not None else -1.0,
    )


def _ends(state: State, transaction: Transaction, report: TransactionReported) -> tuple[Event, ...]:
    """Return what this event ends: a RequestStart by its number, a RequestStop, a trigger."""
    number = transaction.number
    ends: tuple[Event, ...] = ()
    if report.remote_start:
        ends += outbox.follow(state, "transaction_started", str(report.remote_start), number)
    if report.kind == ENDED:
        ends += outbox.follow(state, "transaction_stopped", report.said, number)
    if report.samples:
        ends += outbox.follow(state, "meter_reported")
    return ends + outbox.follow(state, "transaction_reported", report.said, number)


# ---- what is looked at again --------------------------------------------------------------------


def look(state: State, transaction: Transaction, at_us: int) -> None:
    """Look at a transaction again at `at_us`, or earlier when that is so already."""
    if state.looks is None:
        state.looks = {}
    before = state.looks.get(transaction.number)
    state.looks[transaction.number] = at_us if before is None else min(before, at_us)


def _doubt(state: State, transaction: Transaction, now_us: int, *, is_priced: bool) -> None:
    """Ask for the status soon when events are missing, not when none are."""
    settings = state.settings
    if len(transaction.seqs) > 1:  # ranges that do not touch: something is missing
        if not transaction.doubted and transaction.doubts < settings.doubts_max:
            transaction.doubted = True
            look(state, transaction, now_us + settings.doubt_s * 1_000_000)
        return
    transaction.doubted = False
    if state.looks is not None:
        state.looks.pop(transaction.number, None)
    if is_priced and transaction.open and settings.cost_updated_s and COST in state.actions:
        look(state, transaction, now_us + settings.cost_updated_s * 1_000_000)


def resume(state: State, now_us: int) -> None:
    """After a reconnect: running transactions of which nothing is heard are asked about."""
    if STATUS not in state.actions:
        return
    for transaction in state.transactions.values():
        if transaction.said and transaction.open and not transaction.doubted:
            transaction.doubted = True
            look(state, transaction, now_us + state.settings.doubt_s * 1_000_000)


def due(state: State, now_us: int) -> list[Effect]:
    """Ask about doubtful transactions, tell what running ones cost by now."""
    ready = [number for number, at_us in (state.looks or {}).items() if at_us <= now_us]
    effects: list[Effect] = []
    for number in ready:
        assert state.looks is not None
        del state.looks[number]
        transaction = state.transactions.get(number)
        if transaction is None:
            continue
        if transaction.doubted:
            transaction.doubted = False
            if STATUS in state.actions and transaction.doubts < state.settings.doubts_max:
                transaction.doubts += 1
                payload: dict[str, object] = {"transactionId": transaction.said}
                effects += _ask(state, STATUS, payload, now_us)
        else:
            effects += _tell_cost(state, transaction, now_us)
    if not state.looks:
        state.looks = None
    return effects


def _tell_cost(state: State, transaction: Transaction, now_us: int) -> list[Effect]:
    shown = _shown(state, transaction, now_us) if transaction.open else None
    if shown is None or shown.cost is None:
        return []
    look(state, transaction, now_us + state.settings.cost_updated_s * 1_000_000)
    if shown.cost == transaction.cost:
        return []
    transaction.cost = shown.cost
    payload: dict[str, object] = {"totalCost": shown.cost, "transactionId": transaction.said}
    return _ask(state, COST, payload, now_us)


def _ask(state: State, action: str, payload: dict[str, object], now_us: int) -> list[Effect]:
    command = Command(
        id=state.desk.next_command(),
        charger=state.charger,
        action=action,
        payload=payload,
        deadline_us=now_us + DEADLINE_US,
        priority=Priority.BACKGROUND,
        issued_by="csms",
        queued_us=now_us,
    )
    return outbox.asked(state, Asked(command), now_us)


def _shown(state: State, transaction: Transaction, now_us: int) -> Shown | None:
    return state.desk.shown(
        RunningSession(
            charger=state.charger,
            transaction=transaction.number,
            said=transaction.said,
            token=transaction.token,
            connector=transaction.connector,
            started_us=transaction.started_us,
            meter_start_wh=transaction.meter_start_wh,
            meter_wh=transaction.meter_wh,
            at_us=now_us,
            ended=transaction.ended,
        )
    )


def status_told(state: State, message: CommandAnswered, now_us: int) -> list[Effect]:
    """Keep what a charger says of a transaction; must run before `outbox.answered`."""
    entry = state.open_command
    if (
        entry is None
        or entry.command.id != message.command
        or entry.command.action != STATUS
        or message.outcome != Outcome.ACCEPTED
    ):
        return []
    response = message.response or {}
    said = entry.command.payload.get("transactionId")
    if not isinstance(said, str):
        return []
    ongoing = response.get("ongoingIndicator")
    ongoing = ongoing if isinstance(ongoing, bool) else None
    queued = response.get("messagesInQueue") is True
    number = state.said.get(said, 0)
    transaction = state.transactions.get(number)
    events: list[Event] = [TransactionStatusTold(said, number, now_us, ongoing, queued)]
    effects: list[Effect] = []
    if transaction is not None:
        if queued:
            transaction.doubted = True
            look(state, transaction, now_us + state.settings.doubt_again_s * 1_000_000)
        elif ongoing is False and transaction.open:
            events.append(transactions.end_provisionally(transaction, now_us, "status"))
            effects.append(Release(transaction.token, transaction.number))
    return [Keep(tuple(events)), *effects]
