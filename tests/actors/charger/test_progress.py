from actors.charger.effects import Occupy, Release, Reply
from actors.charger.transactions import remember
from domain.answers import StatusAnswer, TransactionAnswer
from domain.events import NoticeReported, TransactionProgressed
from domain.known import KnownCharger, OpenTransaction
from domain.records import TokenRecord
from domain.reports import QuestionAsked, TransactionReported
from tests.actors.charger.desk import T0, new_state, run, said


def event(kind: str, seq: int, **more) -> TransactionReported:
    return TransactionReported("tx-1", kind, seq, T0, "MeterValuePeriodic", 1, **more)


def test_all_events_of_a_transaction_have_its_number() -> None:
    state = new_state(TokenRecord("TAG"))
    first = run(state, said(event("Started", 0, token="TAG", meter_wh=100)))
    second = run(state, said(event("Updated", 1)))
    last = run(state, said(event("Ended", 2)))
    replies = [effects[0] for effects in (first, second, last)]
    assert all(isinstance(reply, Reply) and reply.durable for reply in replies)
    assert [reply.events[0].transaction for reply in replies] == [100, 100, 100]
    assert [reply.answer.token.status if reply.answer.token else None for reply in replies] == [
        "Accepted",
        None,
        None,
    ]
    assert Occupy("TAG", 100) in first
    assert Release("TAG", 100) in last


def test_an_event_of_a_transaction_that_the_ledger_knows_keeps_its_number() -> None:
    known = OpenTransaction(7, 1, "TAG", 0, T0, "", said="tx-1")
    state = new_state()
    remember(state, KnownCharger("CP1", (known,)))
    (reply,) = run(state, said(event("Updated", 5)))
    assert reply.events == (
        TransactionProgressed("tx-1", 7, "Updated", 5, T0, "MeterValuePeriodic", 1),
    )
    assert reply.answer == TransactionAnswer()


def test_a_question_that_nobody_can_answer_is_kept_and_denied() -> None:
    question = QuestionAsked("NotifyEVChargingNeeds", "{}", "1")
    (reply,) = run(new_state(), said(question))
    assert reply.answer == StatusAnswer("Rejected")
    assert reply.events == (NoticeReported("NotifyEVChargingNeeds", "{}", "1", "Rejected"),)
