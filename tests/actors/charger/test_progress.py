import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from actors.charger import progress
from actors.charger.effects import Effect, Keep, Occupy, Release, Reply, Send, Wake
from actors.charger.messages import Activated, CommandAnswered, Connected, Tick
from actors.charger.state import State
from actors.charger.transactions import remember
from domain.answers import StatusAnswer, TransactionAnswer
from domain.events import (
    ConnectorStatusReported,
    NoticeReported,
    TransactionEndedProvisionally,
    TransactionProgressed,
    TransactionStatusTold,
)
from domain.known import KnownCharger, OpenTransaction
from domain.pricing import Shown
from domain.records import TokenRecord
from domain.reports import AuthorizationAsked, QuestionAsked, TransactionReported
from tests.actors.charger.desk import (
    T0,
    S,
    boot,
    new_state,
    only,
    run,
    said,
)


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


ASKS = {"GetTransactionStatus", "CostUpdated"}


def asking(*tokens: TokenRecord, **settings: object) -> State:
    """A state whose version lets us ask."""
    state = new_state(*tokens, connect=False, **settings)
    run(state, Connected(1, 0, "Accepted", 0.5, actions=ASKS))
    run(state, Activated(KnownCharger("CP1")))
    boot(state)
    return state


def progress_of(effects: list[Effect]) -> TransactionProgressed:
    return next(e for e in effects[0].events if isinstance(e, TransactionProgressed))


def test_an_event_that_comes_twice_is_kept_flagged_and_answered_the_same() -> None:
    state = new_state(TokenRecord("TAG"))
    first = run(state, said(event("Started", 0, token="TAG")))
    state.desk.elsewhere["tag"] = 5  # now it would be one too many
    again = run(state, said(event("Started", 0, token="TAG")))
    assert again[0].answer == first[0].answer
    assert progress_of(again).flags == ("sent_again",)
    assert progress_of(again).transaction == progress_of(first).transaction
    assert not only(again, Occupy)


def test_a_token_that_charges_elsewhere_is_concurrent_unless_the_event_was_queued() -> None:
    state = new_state(TokenRecord("TAG"))
    state.desk.elsewhere["tag"] = 1
    refused = run(state, said(event("Started", 0, token="TAG")))
    assert refused[0].answer.token.status == "ConcurrentTx"
    queued = TransactionReported(
        "tx-2", "Started", 0, T0, "Authorized", 2, token="TAG", offline=True
    )
    assert run(state, said(queued))[0].answer.token.status == "Accepted"


def test_a_token_that_is_shown_after_the_cable_counts_from_then_on() -> None:
    state = new_state(TokenRecord("TAG"))
    assert Occupy("", 100) in run(state, said(event("Started", 0)))
    effects = run(state, said(event("Updated", 1, token="TAG")))
    assert effects[0].answer.token.status == "Accepted"
    assert Occupy("TAG", 100) in effects
    assert Release("TAG", 100) in run(state, said(event("Ended", 2)))


def test_an_end_before_its_start_and_two_ends_are_all_of_one_transaction() -> None:
    state = new_state()
    end = progress_of(run(state, said(event("Ended", 7))))
    start = progress_of(run(state, said(event("Started", 0))))
    second = progress_of(run(state, said(event("Ended", 8))))
    assert {end.transaction, start.transaction, second.transaction} == {100}
    assert start.flags == second.flags == ("after_ended",)
    assert not state.transactions[100].open


def test_an_id_that_a_charger_gives_again_after_the_end_is_another_transaction() -> None:
    state = new_state()
    run(state, said(event("Started", 0)))
    run(state, said(event("Ended", 1)))
    later = TransactionReported("tx-1", "Started", 2, T0 + 60 * S, "Authorized", 1)
    assert progress_of(run(state, said(later))).transaction == 101


def test_the_next_start_on_an_evse_ends_the_one_before_provisionally() -> None:
    state = new_state()
    run(state, said(event("Started", 0)))
    after = TransactionReported("tx-2", "Started", 0, T0 + S, "Authorized", 1)
    effects = run(state, said(after))
    assert TransactionEndedProvisionally(100, 1, T0 + S, "next_start") in effects[0].events
    assert [t.number for t in state.transactions.values() if t.open] == [101]


def test_a_late_start_does_not_end_the_transaction_that_runs_since() -> None:
    state = new_state()
    after = TransactionReported("tx-2", "Started", 0, T0 + 9 * S, "Authorized", 1)
    run(state, said(after))
    effects = run(state, said(event("Started", 0, offline=True)))
    assert TransactionEndedProvisionally(101, 1, T0 + 9 * S, "next_start") in effects[0].events
    assert [t.number for t in state.transactions.values() if t.open] == [100]


def test_available_does_not_end_a_transaction_that_has_a_name() -> None:
    state = new_state()
    run(state, said(event("Started", 0)))
    effects = run(state, said(ConnectorStatusReported(1, "Available", T0 + S, plug=1)))
    assert [type(each) for each in effects[0].events] == [ConnectorStatusReported]
    assert state.transactions[100].open


def test_plugs_of_an_evse_have_statuses_of_their_own() -> None:
    state = new_state()
    run(state, said(ConnectorStatusReported(1, "Occupied", T0, plug=1)))
    run(state, said(ConnectorStatusReported(1, "Available", T0, plug=2)))
    assert {key: c.status for key, c in state.connectors.items()} == {
        (1, 1): "Occupied",
        (1, 2): "Available",
    }


def test_a_gap_that_lasts_is_asked_about_and_the_answer_is_kept() -> None:
    state = asking()
    run(state, said(event("Started", 0)))
    effects = run(state, said(event("Updated", 3)))
    assert [wake.at_us for wake in only(effects, Wake)] == [T0 + 15 * S]
    (send,) = only(run(state, Tick(), T0 + 15 * S), Send)
    assert (send.command.action, send.command.payload) == (
        "GetTransactionStatus",
        {"transactionId": "tx-1"},
    )
    answer = {"ongoingIndicator": True, "messagesInQueue": True}
    effects = run(state, CommandAnswered(send.command.id, "accepted", answer), T0 + 16 * S)
    assert only(effects, Keep)[0].events == (
        TransactionStatusTold("tx-1", 100, T0 + 16 * S, ongoing=True, queued=True),
    )
    assert state.looks == {100: T0 + 316 * S}
    run(state, said(event("Updated", 1)))
    run(state, said(event("Updated", 2)))
    assert not state.looks


def test_a_gap_that_closes_in_time_is_not_asked_about() -> None:
    state = asking()
    for seq in (0, 2, 1):
        run(state, said(event("Updated", seq)))
    assert not only(run(state, Tick(), T0 + 15 * S), Send)


def test_a_charger_is_asked_a_few_times_only() -> None:
    state = asking(doubts_max=2)
    run(state, said(event("Started", 0)))
    run(state, said(event("Updated", 3)))
    now_us, asked = T0, 0
    for _ in range(5):
        now_us += 400 * S
        for send in only(run(state, Tick(), now_us), Send):
            asked += 1
            run(
                state,
                CommandAnswered(send.command.id, "accepted", {"messagesInQueue": True}),
                now_us,
            )
    assert asked == 2


def test_a_transaction_that_runs_no_more_ends_provisionally() -> None:
    state = new_state(connect=False)
    run(state, Connected(1, 0, "Accepted", 0.5, actions=ASKS))
    known = OpenTransaction(7, 1, "TAG", 0, T0, "", said="tx-1", seqs=((0, 3),))
    run(state, Activated(KnownCharger("CP1", (known,))))
    boot(state)
    (send,) = only(run(state, Tick(), T0 + 15 * S), Send)
    answer = {"ongoingIndicator": False, "messagesInQueue": False}
    effects = run(state, CommandAnswered(send.command.id, "accepted", answer), T0 + 16 * S)
    assert (
        TransactionEndedProvisionally(7, 1, T0 + 16 * S, "status") in only(effects, Keep)[0].events
    )
    assert Release("TAG", 7) in effects


def test_what_the_ledger_tells_late_keeps_its_number() -> None:
    state = new_state(connect=False, activation_wait_ms=0)
    run(state, Connected(1, 0, "Accepted", 0.5))
    blank = progress_of(run(state, said(event("Updated", 4))))
    assert (blank.transaction, blank.flags) == (100, ("started_blank",))
    known = OpenTransaction(7, 1, "TAG", 0, T0, "", said="tx-1", seqs=((0, 3),))
    effects = run(state, Activated(KnownCharger("CP1", (known,))))
    assert Release("", 100) in effects
    assert Occupy("TAG", 7) in effects
    assert progress_of(run(state, said(event("Updated", 5)))).transaction == 7
    assert state.transactions[7].seqs == ((0, 5),)


def test_a_member_of_the_group_may_stop_and_others_are_flagged() -> None:
    family = [TokenRecord(name, parent="FAM") for name in ("MOM", "DAD")]
    for token, flags in {"MOM": (), "DAD": (), "FAM": (), "ELSE": ("stopped_by_other",)}.items():
        state = new_state(*family, TokenRecord("ELSE"))
        run(state, said(event("Started", 0, token="MOM")))
        end = run(state, said(event("Ended", 1, token=token)))
        assert progress_of(end).flags == flags
        assert end[0].answer.token is not None
    assert (
        run(new_state(*family), said(event("Started", 0, token="DAD")))[0].answer.token.parent
        == "FAM"
    )


def test_a_record_of_one_type_says_nothing_of_a_token_of_another() -> None:
    state = new_state(TokenRecord("1234", kind="KeyCode"))
    asked = run(state, said(AuthorizationAsked("1234", "ISO14443")))
    assert asked[0].answer.token.status == "Invalid"
    assert (
        run(state, said(AuthorizationAsked("1234", "KeyCode")))[0].answer.token.status == "Accepted"
    )
    start = event("Started", 0, token="", token_kind="NoAuthorization")
    assert run(state, said(start))[0].answer.token.status == "Accepted"


def test_the_driver_is_shown_what_billing_says() -> None:
    state = asking()
    state.desk.price = lambda s: Shown(0.5 * (s.at_us - s.started_us) / S, "hello", 3)
    first = run(state, said(event("Started", 0)), T0 + 2 * S)
    assert first[0].answer == TransactionAnswer(None, 1.0, 3, "hello")
    assert progress_of(first).cost == 1.0
    (send,) = only(run(state, Tick(), T0 + 62 * S), Send)
    assert send.command.action == "CostUpdated"
    assert send.command.payload == {"totalCost": 31.0, "transactionId": "tx-1"}
    run(state, CommandAnswered(send.command.id, "accepted", {}), T0 + 63 * S)
    run(state, said(event("Ended", 1)), T0 + 64 * S)
    assert not only(run(state, Tick(), T0 + 200 * S), Send)


EVENTS = st.builds(
    TransactionReported,
    said=st.sampled_from(["a", "b"]),
    kind=st.sampled_from(["Started", "Updated", "Updated", "Updated", "Updated", "Ended"]),
    seq=st.just(-1),
    at_us=st.integers(T0 - 10 * S, T0),
    trigger=st.sampled_from(["MeterValuePeriodic", "Deauthorized", "Trigger"]),
    connector=st.sampled_from([0, 1, 1, 1, 2]),
    state=st.sampled_from(["", "Charging"]),
    token=st.sampled_from(["", "", "", "TAG"]),
    token_kind=st.sampled_from(["", "", "", "Central"]),
    remote_start=st.sampled_from([0, 0, 7]),
    meter_wh=st.sampled_from([-1, 0, 100, 100, 200, 300]),
    flags=st.sampled_from([(), ("missing:/seqNo",)]),
    detail=st.sampled_from(["", '{"x":1}']),
)
STEPS = st.lists(st.tuples(EVENTS, st.sampled_from([1, 1, 1, 1, 1, 0, 2])), max_size=20)


def content(state: State) -> tuple[object, ...]:
    named = [(number, asdict(each)) for number, each in state.transactions.items()]
    return (named, state.said, state.looks or None, state.follows)


@settings(max_examples=300)
@given(steps=STEPS, prices=st.booleans(), may_ask=st.booleans())
def test_the_next_event_in_order_does_what_any_event_does(steps, prices, may_ask) -> None:
    states = [
        asking(TokenRecord("TAG")) if may_ask else new_state(TokenRecord("TAG")) for _ in "12"
    ]
    for state in states:
        state.desk.prices = prices
    seqs: dict[str, int] = {}
    for event, step in steps:
        seqs[event.said] = max(0, seqs.get(event.said, -1) + step)
        report = replace(event, seq=seqs[event.said])
        shortened = progress.progressed(states[0], said(report), T0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(progress, "_goes_on", lambda *_: False)
            assert progress.progressed(states[1], said(report), T0) == shortened
        assert content(states[0]) == content(states[1])


def test_most_events_take_the_short_way() -> None:
    state = new_state()
    state.desk.prices = False
    run(state, said(event("Started", 0)))
    transaction = state.transactions[100]
    assert progress._goes_on(state, transaction, event("Updated", 1, meter_wh=5))
    assert not progress._goes_on(state, transaction, event("Updated", 2))
