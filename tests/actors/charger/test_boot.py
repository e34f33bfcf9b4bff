import pytest
from msgspec.structs import replace

from actors.charger.effects import Reply
from actors.charger.messages import Connected, Disconnected
from actors.charger.state import Phase
from domain.answers import BootDecision, HeartbeatAnswer
from domain.events import CommandFollowed, HeartbeatReceived
from domain.records import ChargerRecord
from tests.actors.charger.desk import BOOT, T0, S, call, command, new_state, only, run, said


@pytest.mark.parametrize(
    ("registration", "phase", "interval_s"),
    [
        ("Accepted", Phase.ACCEPTED, 300),
        ("Pending", Phase.PENDING, 60),
        ("Rejected", Phase.REJECTED, 60),
    ],
)
def test_a_boot_is_answered_with_the_registration_of_the_record(
    registration, phase, interval_s
) -> None:
    state = new_state(connect=False)
    run(state, Connected(1, 0, registration, 0.5))
    assert run(state, said(BOOT)) == [
        Reply(
            call(),
            BootDecision(registration, interval_s, T0),
            (replace(BOOT, status=registration),),
        )
    ]
    assert state.phase is phase


@pytest.mark.parametrize(("spread", "interval_s"), [(0.0, 270), (0.5, 300), (0.9999, 330)])
def test_the_interval_is_spread_by_each_chargers_own_share(spread, interval_s) -> None:
    state = new_state(connect=False)
    run(state, Connected(1, 0, "Accepted", spread))
    (reply,) = run(state, said(BOOT))
    assert reply.answer.interval_s == interval_s


def test_a_charger_has_the_heartbeat_of_its_own_record() -> None:
    state = new_state(connect=False)
    run(state, Connected(1, 1_000, "Accepted", 0.5))
    (reply,) = run(state, said(BOOT))
    assert reply.answer.interval_s == 1_000


def test_a_pending_charger_that_was_accepted_meanwhile_is_told_so_at_its_next_boot() -> None:
    state = new_state(connect=False)
    run(state, Connected(1, 0, "Pending", 0.5))
    run(state, said(BOOT))
    state.desk.chargers["cp1"] = ChargerRecord("CP1", registration="Accepted", heartbeat_s=50)
    (reply,) = run(state, said(BOOT), T0 + S)
    assert reply.answer == BootDecision("Accepted", 50, T0 + S)
    assert state.phase is Phase.ACCEPTED


def test_a_boot_loop_is_answered_every_time_and_sends_nothing_else() -> None:
    state = new_state()
    for index in range(100):
        effects = run(state, said(BOOT, str(index)), T0 + index)
        assert [type(effect) for effect in effects] == [Reply]
    assert state.phase is Phase.ACCEPTED


def test_a_heartbeat_is_answered_with_the_time_and_waits_for_no_disk() -> None:
    assert run(new_state(), said(HeartbeatReceived()), T0 + 5) == [
        Reply(call(), HeartbeatAnswer(T0 + 5), (), durable=False)
    ]


def test_a_heartbeat_ends_the_trigger_that_asked_for_it() -> None:
    from tests.actors.charger.test_outbox import accept

    state = new_state()
    accept(state, command(action="TriggerMessage", follow="heartbeat_received"))
    (reply,) = run(state, said(HeartbeatReceived()))
    assert reply.events == (CommandFollowed("c1", "heartbeat_received"),)


def test_after_the_end_of_the_connection_the_phase_is_gone_for_good() -> None:
    state = new_state()
    run(state, said(BOOT))
    run(state, Disconnected())
    assert state.phase is Phase.GONE
    assert len(only(run(state, said(BOOT)), Reply)) == 1
    assert state.phase is Phase.GONE
