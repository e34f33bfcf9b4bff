import pytest

from actors.charger.effects import Occupy, Release, Reply, Wake
from actors.charger.messages import Activated, Connected, Disconnected, Tick
from domain.answers import ACKNOWLEDGED, StartAnswer, StopAnswer, TokenDecision
from domain.events import (
    EnergyMeasured,
    HeartbeatReceived,
    TransactionEndedProvisionally,
    TransactionStarted,
    TransactionStopped,
)
from domain.known import KnownCharger, OpenTransaction
from domain.records import TokenRecord
from tests.actors.charger.desk import (
    ENERGY,
    T0,
    S,
    call,
    meter,
    new_state,
    only,
    run,
    said,
    start,
    status,
    stop,
)

TAG = TokenRecord("TAG")
YES = TokenDecision("Accepted")
AGAIN = ("start_again",)


def begun(state, report=None, uid="u", now_us=T0) -> int:
    (reply,) = only(run(state, said(report or start(), uid), now_us), Reply)
    return reply.answer.transaction


def decision(state, report, now_us=T0) -> str:
    (reply,) = only(run(state, said(report), now_us), Reply)
    return reply.answer.token.status


def flags(effects) -> tuple[str, ...]:
    (reply,) = only(effects, Reply)
    return reply.events[0].flags


# 4.8 StartTransaction


def test_a_start_is_kept_numbered_and_counted() -> None:
    assert run(new_state(TAG), said(start())) == [
        Reply(
            call(),
            StartAnswer(100, YES),
            (TransactionStarted(100, 1, "TAG", 1_000, T0, str(T0)),),
        ),
        Occupy("TAG", 100),
    ]


def test_the_same_start_gets_the_same_answer_and_is_kept_once() -> None:
    state = new_state(TAG)
    first = begun(state)
    assert run(state, said(start(), "again")) == [
        Reply(call("again"), StartAnswer(first, YES), flags=AGAIN)
    ]


@pytest.mark.parametrize(
    "other",
    [start(2), start(token="TAG2"), start(meter=1_001), start(raw="2026")],
)
def test_a_start_that_differs_in_any_part_of_its_key_is_another_one(other) -> None:
    state = new_state(TAG)
    assert begun(state) != begun(state, other)


def test_a_start_without_its_predecessors_stop_ends_that_one_provisionally() -> None:
    state = new_state(TAG)
    first = begun(state)
    effects = run(state, said(start(at_us=T0 + S)), T0 + S)
    assert effects[0].events[0] == TransactionEndedProvisionally(first, 1, T0 + S, "next_start")
    assert type(effects[0].events[1]) is TransactionStarted
    assert effects[1:] == [Release("TAG", first), Occupy("TAG", first + 1)]
    assert decision(state, start(2, at_us=T0 + 2 * S)) == "ConcurrentTx"


def test_a_token_in_another_case_is_the_same_token() -> None:
    state = new_state(TAG)
    begun(state)
    assert decision(state, start(2, token="tag")) == "ConcurrentTx"


@pytest.mark.parametrize(("age_s", "said_status"), [(299, "ConcurrentTx"), (301, "Accepted")])
def test_a_start_from_an_offline_time_is_never_concurrent(age_s, said_status) -> None:
    state = new_state(TAG)
    state.desk.elsewhere["tag"] = 1
    assert decision(state, start(at_us=T0 - age_s * S)) == said_status


def test_a_start_that_is_sent_again_is_answered_as_before_though_the_token_is_busy_now() -> None:
    state = new_state(TAG)
    begun(state)
    state.desk.elsewhere["tag"] = 1
    assert decision(state, start()) == "Accepted"


def test_a_start_that_was_answered_by_an_earlier_connection_is_judged_again() -> None:
    state = new_state(TokenRecord("TAG", status="Blocked"))
    seen = OpenTransaction(7, 1, "TAG", 1_000, T0, str(T0))
    run(state, Activated(KnownCharger("CP1", (seen,))))
    assert run(state, said(start())) == [
        Reply(call(), StartAnswer(7, TokenDecision("Blocked")), flags=AGAIN)
    ]


# 4.10 StopTransaction


def test_a_stop_ends_its_transaction() -> None:
    state = new_state(TAG)
    number = begun(state)
    assert run(state, said(stop(number))) == [
        Reply(
            call(),
            StopAnswer(None),
            (TransactionStopped(number, number, 2_000, T0 + 3_600 * S, str(T0 + 3_600 * S)),),
        ),
        Release("TAG", number),
    ]


@pytest.mark.parametrize("number", [0, -1, 987_654, 2**31 - 1])
def test_a_stop_without_a_known_number_is_answered_as_any_other(number) -> None:
    state = new_state()
    (reply,) = run(state, said(stop(number)))
    assert reply.answer == StopAnswer(None)
    assert reply.events[0].transaction == 0
    assert reply.events[0].flags == ("unknown_transaction",)


@pytest.mark.parametrize("said_number", [0, -1])
def test_a_stop_without_a_number_means_the_only_transaction_there_is(said_number) -> None:
    state = new_state(TAG)
    number = begun(state)
    (reply, release) = run(state, said(stop(said_number, token="tag")))
    assert reply.events[0].transaction == number
    assert release == Release("TAG", number)


def test_a_stop_without_a_number_means_none_when_two_fit() -> None:
    state = new_state(TAG)
    begun(state)
    begun(state, start(2))
    (reply,) = run(state, said(stop(-1)))
    assert reply.events[0].transaction == 0


def test_a_stop_that_comes_again_is_kept_again_and_releases_nothing() -> None:
    state = new_state(TAG)
    number = begun(state)
    first, _ = run(state, said(stop(number)))
    (again,) = run(state, said(stop(number)))
    assert (again.answer, again.events, again.flags) == (
        first.answer,
        first.events,
        ("stop_again",),
    )


def test_a_stop_without_its_start_is_kept_for_the_ledger() -> None:
    (reply,) = run(new_state(TAG), said(stop(55, token="TAG")))
    assert reply.events[0].said_transaction == 55
    assert reply.answer == StopAnswer(YES)


# 4.7 MeterValues


def test_meter_values_belong_to_the_transaction_that_they_name() -> None:
    state = new_state(TAG)
    number = begun(state)
    report = meter(1_500, transaction=number)
    assert run(state, said(report)) == [Reply(call(), ACKNOWLEDGED, (report,))]


@pytest.mark.parametrize("said_number", [0, -1])
def test_meter_values_without_a_number_belong_to_what_runs_on_their_connector(said_number) -> None:
    state = new_state(TAG)
    number = begun(state)
    (here,) = run(state, said(meter(1_500, transaction=said_number)))
    assert here.events[0].transaction == number
    (there,) = run(state, said(meter(1_500, transaction=said_number, connector=2)))
    assert there.events[0].transaction == 0


def test_meter_values_of_an_unknown_transaction_keep_its_number_and_a_flag() -> None:
    (reply,) = run(new_state(), said(meter(1, transaction=77)))
    assert reply.events[0].transaction == 77
    assert reply.events[0].flags == ("unknown_transaction",)


@pytest.mark.parametrize(
    ("before", "after", "flag"),
    [
        (99_999, 3, ("meter_rollover",)),
        (98_000, 3, ("meter_rollover",)),
        (97_999, 3, ("meter_decreased",)),
        (5_000, 4_999, ("meter_decreased",)),
        (5_000, 5_000, ()),
    ],
)
def test_a_register_that_goes_down_is_flagged_and_kept(before, after, flag) -> None:
    state = new_state(TAG)
    number = begun(state)
    run(state, said(meter(before, transaction=number)))
    assert flags(run(state, said(meter(after, transaction=number)))) == flag


def test_kilowatt_hours_are_compared_with_watt_hours() -> None:
    state = new_state(TAG)
    number = begun(state)
    assert flags(run(state, said(meter(1.5, transaction=number, unit="kWh")))) == ()
    assert flags(run(state, said(meter(1_600, transaction=number)))) == ()


@pytest.mark.parametrize("value", [1e308, -1e308, 2.0**53])
def test_an_absurd_reading_is_kept_and_not_compared_with(value) -> None:
    state = new_state(TAG)
    number = begun(state)
    run(state, said(meter(value, transaction=number, unit="kWh")))
    assert flags(run(state, said(meter(1_001, transaction=number)))) == ()


def test_a_meter_that_counts_from_the_sessions_start_is_flagged_once_and_kept() -> None:
    state = new_state(TAG)
    number = begun(state, start(meter=4_076_000))
    assert flags(run(state, said(meter(0, transaction=number)))) == ("meter_decreased",)
    assert flags(run(state, said(meter(900, transaction=number)))) == ()
    assert flags(run(state, said(stop(number, meter=4_077_000)))) == ()


def test_a_stop_below_the_last_reading_is_flagged_and_answered() -> None:
    state = new_state(TAG)
    number = begun(state)
    run(state, said(meter(9_000, transaction=number)))
    assert flags(run(state, said(stop(number, meter=8_000)))) == ("meter_decreased",)


# What may have been lost between them


def test_a_connector_that_becomes_available_has_lost_its_stop() -> None:
    state = new_state(TAG)
    number = begun(state)
    report = status(1, "Available", T0 + S)
    assert run(state, said(report)) == [
        Reply(
            call(),
            ACKNOWLEDGED,
            (report, TransactionEndedProvisionally(number, 1, T0 + S, "available")),
        ),
        Release("TAG", number),
    ]


@pytest.mark.parametrize(
    "report",
    [
        status(1, "Available", T0 - S),
        status(1, "Available", T0),
        status(2, "Available", T0 + S),
        status(0, "Available", T0 + S),
        status(1, "Charging", T0 + S),
    ],
)
def test_no_other_status_ends_a_transaction(report) -> None:
    state = new_state(TAG)
    begun(state)
    assert run(state, said(report)) == [Reply(call(), ACKNOWLEDGED, (report,))]


def test_an_old_available_after_a_newer_status_ends_nothing() -> None:
    state = new_state(TAG)
    begun(state)
    run(state, said(status(1, "Charging", T0 + 10 * S)))
    report = status(1, "Available", T0 + 5 * S)
    assert run(state, said(report)) == [Reply(call(), ACKNOWLEDGED, (report,))]
    assert state.connectors[1, 0].status == "Charging"


def test_a_real_stop_after_a_provisional_end_still_counts() -> None:
    state = new_state(TAG)
    number = begun(state)
    run(state, said(status(1, "Available", T0 + S)))
    (reply,) = run(state, said(stop(number)))
    assert reply.events[0].transaction == number


# Waiting for the ledger


def waiting(**settings: object):
    state = new_state(TAG, connect=False, **settings)
    run(state, Connected(1, 0, "Accepted", 0.5))
    return state


def test_a_start_waits_for_the_ledger_and_then_gets_the_number_that_it_had() -> None:
    state = waiting()
    assert run(state, said(start())) == [Wake(T0 + S)]
    seen = OpenTransaction(7, 1, "TAG", 1_000, T0, str(T0))
    effects = run(state, Activated(KnownCharger("CP1", (seen,))), T0 + 10)
    assert effects == [Reply(call(), StartAnswer(7, YES), flags=AGAIN)]


def test_other_messages_do_not_wait_for_the_ledger() -> None:
    state = waiting()
    run(state, said(start(), "start"))
    assert len(only(run(state, said(HeartbeatReceived())), Reply)) == 1


def test_starts_and_stops_keep_their_order_while_they_wait() -> None:
    state = waiting()
    for uid, report in (("1", start()), ("2", stop(7)), ("3", start(at_us=T0 + S))):
        assert not only(run(state, said(report, uid)), Reply)
    effects = run(state, Activated(KnownCharger("CP1")))
    assert [reply.call.uid for reply in only(effects, Reply)] == ["1", "2", "3"]


def test_a_ledger_that_does_not_answer_in_time_leaves_a_blank_start() -> None:
    state = waiting()
    run(state, said(start()))
    assert run(state, Tick(), T0 + S - 1) == [Wake(T0 + S)]
    effects = run(state, Tick(), T0 + S)
    assert flags(effects) == ("started_blank",)
    assert effects[-1] == Occupy("TAG", 100)


def test_a_ledger_that_says_it_cannot_tell_leaves_blank_starts() -> None:
    state = waiting()
    run(state, said(start()))
    assert flags(run(state, Activated(None))) == ("started_blank",)
    assert flags(run(state, said(start(2)))) == ("started_blank",)


def test_a_start_that_comes_when_the_time_is_up_does_not_overtake_those_that_wait() -> None:
    state = waiting()
    run(state, said(start(), "1"))
    effects = run(state, said(stop(5), "2"), T0 + S)
    assert [reply.call.uid for reply in only(effects, Reply)] == ["1", "2"]


def test_too_many_waiting_ones_are_answered_at_once_in_their_order() -> None:
    state = waiting(deferred_max=2)
    run(state, said(start(1), "1"))
    run(state, said(start(2), "2"))
    effects = run(state, said(start(3), "3"))
    assert [reply.call.uid for reply in only(effects, Reply)] == ["1", "2", "3"]
    assert state.deferred is None


def test_what_waits_when_the_connection_goes_is_kept() -> None:
    state = waiting()
    run(state, said(start()))
    effects = run(state, Disconnected())
    assert type(only(effects, Reply)[0].events[0]) is TransactionStarted


def test_a_ledger_that_answers_late_does_not_change_the_number_of_a_blank_start() -> None:
    state = waiting(recent_starts_max=2)
    run(state, said(start()))
    (reply, _) = run(state, Tick(), T0 + S)
    seen = [OpenTransaction(n, n, "X", 0, T0, str(n)) for n in range(1, 9)]
    run(state, Activated(KnownCharger("CP1", tuple(seen))))
    assert begun(state, start()) == reply.answer.transaction


def test_of_two_open_ones_on_a_connector_the_one_seen_here_counts() -> None:
    state = waiting()
    run(state, said(start()))
    run(state, Tick(), T0 + S)
    old = OpenTransaction(7, 1, "OLD", 0, T0 - S, "old")
    run(state, Activated(KnownCharger("CP1", (old,))))
    (reply, _) = run(state, said(stop(-1)))
    assert reply.events[0].transaction == 100


# Bounds


def test_memory_of_ended_transactions_is_bounded() -> None:
    state = new_state(TAG, recent_starts_max=5)
    for index in range(100):
        begun(state, start(at_us=T0 + index * S), now_us=T0 + index * S)
    assert len(state.transactions) <= 6
    assert len(state.recent) <= 5


def test_memory_of_running_transactions_is_bounded_and_their_tokens_are_released() -> None:
    state = new_state(TAG, recent_starts_max=1, open_transactions_max=3)
    released = []
    for connector in range(1, 51):
        released += only(run(state, said(start(connector))), Release)
    assert len(state.transactions) <= 4
    assert len(released) >= 46


def test_memory_of_connectors_is_bounded() -> None:
    state = new_state(connectors_max=3)
    for connector in range(50):
        run(state, said(status(connector, "Available")))
    assert len(state.connectors) == 3


def test_signed_values_and_single_phases_are_no_register() -> None:
    state = new_state(TAG)
    number = begun(state)
    from domain.events import Sample

    report = EnergyMeasured(
        1,
        number,
        (
            Sample(T0, ENERGY, 1.0, "Wh", phase="L1"),
            Sample(T0, ENERGY, 0.0, "Wh", text="signed"),
            Sample(T0, "Power.Active.Import", 0.0, "W"),
        ),
    )
    assert flags(run(state, said(report))) == ()
