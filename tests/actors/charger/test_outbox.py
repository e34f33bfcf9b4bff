import pytest

from actors.charger.effects import Close, Finish, Keep, Reply, Send, Wake
from actors.charger.messages import (
    Activated,
    BootAnswered,
    CommandAnswered,
    Connected,
    Disconnected,
    Expected,
    Tick,
)
from domain.commands import CommandResult, Outcome
from domain.events import CommandFinished, CommandFollowed, FirmwareStatusReported
from domain.known import KnownCharger
from tests.actors.charger.desk import (
    BOOT,
    T0,
    S,
    boot,
    command,
    meter,
    new_state,
    only,
    run,
    said,
    start,
    status,
    stop,
)


def ready(**settings: object):
    state = new_state(**settings)
    boot(state)
    return state


def accept(state, asked, now_us: int = T0, outcome: str = Outcome.ACCEPTED) -> list:
    """Have a command sent and answered; return the effects of the answer."""
    if state.phase != "accepted":
        boot(state, now_us)
    run(state, asked, now_us)
    return run(state, CommandAnswered(asked.command.id, outcome, {"status": "x"}), now_us)


def sent(effects) -> list[str]:
    return [effect.command.id for effect in only(effects, Send)]


def ends(effects) -> list[tuple[str, str]]:
    return [(effect.command.id, str(effect.result.outcome)) for effect in only(effects, Finish)]


def test_a_command_is_sent_at_once_to_a_charger_that_has_booted() -> None:
    asked = command(deadline_us=T0 + 600 * S)
    assert run(ready(), asked) == [Send(asked.command, 30 * S)]


def test_a_command_waits_for_its_answer_no_longer_than_its_deadline() -> None:
    asked = command(deadline_us=T0 + 7 * S)
    assert run(ready(), asked) == [Send(asked.command, 7 * S)]


def test_the_end_of_a_command_is_kept_and_told() -> None:
    state = ready()
    asked = command(action="GetConfiguration", payload={"key": []})
    run(state, asked)
    answer = CommandAnswered("c1", Outcome.ACCEPTED, {"configurationKey": []})
    assert run(state, answer, T0 + 5) == [
        Keep(
            (
                CommandFinished(
                    "c1", "GetConfiguration", '{"key":[]}', "accepted",
                    '{"configurationKey":[]}', "", "", "", T0, T0, T0 + 5,
                ),
            )
        ),
        Finish(
            asked.command,
            CommandResult("c1", "accepted", {"configurationKey": []}, "", "", T0, T0 + 5),
        ),
    ]  # fmt: skip


def test_commands_go_one_at_a_time_by_priority_then_deadline_then_age() -> None:
    state = ready()
    run(state, command("open"))
    run(state, command("late", deadline_us=T0 + 99 * S))
    run(state, command("young", deadline_us=T0 + 50 * S, queued_us=T0 + 1))
    run(state, command("old", deadline_us=T0 + 50 * S))
    run(state, command("safety", priority=0, deadline_us=T0 + 99 * S))
    order = ["open"]
    while len(order) < 5:
        effects = run(state, CommandAnswered(order[-1], Outcome.REJECTED, {}))
        order += sent(effects)
    assert order == ["open", "safety", "old", "young", "late"]


def test_a_command_that_is_asked_twice_is_sent_once_and_ends_once() -> None:
    state = ready()
    run(state, command("a"))
    assert run(state, command("a")) == []
    run(state, command("b"))
    assert run(state, command("b")) == []
    effects = run(state, Disconnected())
    assert ends(effects) == [("a", "lost"), ("b", "refused")]


def test_a_full_queue_refuses() -> None:
    state = ready(commands_max=2)
    for name in ("open", "1", "2"):
        run(state, command(name))
    assert ends(run(state, command("3"))) == [("3", "refused")]


def test_an_answer_to_no_open_command_changes_nothing() -> None:
    state = ready()
    assert run(state, CommandAnswered("ghost", Outcome.ACCEPTED)) == []
    run(state, command())
    assert run(state, CommandAnswered("ghost", Outcome.ACCEPTED)) == []
    assert state.open_command is not None


# When commands may go


def test_nothing_is_sent_before_the_boot_has_been_answered() -> None:
    state = new_state()
    asked = command()
    assert run(state, asked) == [Wake(T0 + 20 * S)]
    assert [type(effect) for effect in run(state, said(BOOT))] == [Reply]
    assert run(state, BootAnswered()) == [Send(asked.command, 30 * S)]


def test_nothing_is_sent_between_a_second_boot_and_its_answer() -> None:
    state = ready()
    run(state, said(BOOT))
    assert not sent(run(state, command()))
    assert sent(run(state, BootAnswered())) == ["c1"]


def test_a_charger_that_sends_no_boot_gets_commands_after_the_backstop() -> None:
    state = new_state()
    run(state, command())
    assert not sent(run(state, Tick(), T0 + 20 * S - 1))
    assert sent(run(state, Tick(), T0 + 20 * S)) == ["c1"]


def test_a_pending_charger_gets_commands_and_a_rejected_one_none() -> None:
    for registration, names in (("Pending", ["c1"]), ("Rejected", [])):
        state = new_state(connect=False)
        run(state, Connected(1, 0, registration, 0.5))
        boot(state)
        assert sent(run(state, command())) == names


def test_a_rejected_charger_gets_none_after_the_backstop_either_until_they_expire() -> None:
    state = new_state(connect=False)
    run(state, Connected(1, 0, "Rejected", 0.5))
    assert run(state, command()) == [Wake(T0 + 60 * S)]
    assert run(state, Tick(), T0 + 30 * S) == [Wake(T0 + 60 * S)]
    assert ends(run(state, Tick(), T0 + 60 * S)) == [("c1", "expired")]


def test_a_second_command_of_a_silent_charger_waits_without_waking_anybody() -> None:
    state = new_state()
    run(state, command("a", deadline_us=T0 + 90 * S))
    run(state, command("b", deadline_us=T0 + 90 * S))
    assert run(state, Tick(), T0 + 25 * S)[1:] == [Wake(T0 + 90 * S)]


def test_a_command_whose_deadline_passes_in_the_queue_expires_unsent() -> None:
    state = ready()
    run(state, command("open", deadline_us=T0 + 99 * S))
    assert run(state, command("soon", deadline_us=T0 + 5 * S)) == [Wake(T0 + 5 * S)]
    effects = run(state, Tick(), T0 + 5 * S)
    assert ends(effects) == [("soon", "expired")]
    assert only(effects, Finish)[0].result.sent_us == 0


def test_a_command_that_is_too_late_when_its_turn_comes_expires_and_the_next_one_goes() -> None:
    state = ready()
    run(state, command("open", deadline_us=T0 + 99 * S))
    run(state, command("soon", deadline_us=T0 + 5 * S))
    run(state, command("later", deadline_us=T0 + 99 * S))
    effects = run(state, CommandAnswered("open", Outcome.ACCEPTED, {}), T0 + 6 * S)
    assert ends(effects) == [("open", "accepted"), ("soon", "expired")]
    assert sent(effects) == ["later"]


# When the charger does not answer


def test_three_unanswered_commands_in_a_row_close_the_connection() -> None:
    state = ready()
    for name in ("1", "2", "3", "4"):
        run(state, command(name))
    assert sent(run(state, CommandAnswered("1", Outcome.TIMED_OUT))) == ["2"]
    assert sent(run(state, CommandAnswered("2", Outcome.TIMED_OUT))) == ["3"]
    effects = run(state, CommandAnswered("3", Outcome.TIMED_OUT))
    assert only(effects, Close) == [Close(1001, "commands are not answered")]
    assert not sent(effects)
    assert ends(run(state, Disconnected())) == [("4", "refused")]


def test_an_answer_between_the_unanswered_ones_begins_the_count_anew() -> None:
    state = ready()
    for outcome in ("timed_out", "timed_out", "error", "timed_out", "timed_out"):
        effects = accept(state, command(), outcome=outcome)
        assert not only(effects, Close)


def test_with_the_connection_the_open_command_is_lost_and_the_waiting_ones_are_refused() -> None:
    state = ready()
    for name in ("1", "2", "3"):
        run(state, command(name))
    effects = run(state, Disconnected())
    assert ends(effects) == [("1", "lost"), ("2", "refused"), ("3", "refused")]
    assert len(only(effects, Keep)) == 3
    assert ends(run(state, command("4"))) == [("4", "refused")]


def test_a_command_that_the_session_would_not_send_was_not_sent() -> None:
    state = ready()
    run(state, command())
    (_, finish) = run(state, CommandAnswered("c1", Outcome.REFUSED, error_text="id too long"))
    assert finish.result.outcome == "refused"
    assert finish.result.sent_us == 0


# What follows


FOLLOWED = [
    ("RemoteStartTransaction", "tag", "transaction_started", start()),
    ("RemoteStopTransaction", "100", "transaction_stopped", stop(100)),
    ("Reset", "", "booted", BOOT),
    ("ChangeAvailability", "1", "status_reported", status(1, "Unavailable")),
    ("ChangeAvailability", "0", "status_reported", status(2, "Unavailable")),
    ("TriggerMessage", "2", "meter_reported", meter(1)),
    ("TriggerMessage", "", "status_reported", status(2, "Faulted")),
]


def follows(effects) -> list[CommandFollowed]:
    return [
        event
        for effect in effects
        for event in getattr(effect, "events", ())
        if type(event) is CommandFollowed
    ]


@pytest.mark.parametrize(("action", "key", "follow", "report"), FOLLOWED)
def test_what_an_accepted_command_leads_to_is_kept_with_the_report(
    action, key, follow, report
) -> None:
    state = ready()
    if follow == "transaction_stopped":
        run(state, said(start()))
    accept(state, command(action=action, follow=follow, key=key))
    (followed,) = follows(run(state, said(report)))
    assert (followed.command, followed.end) == ("c1", follow)
    assert state.follows is None


@pytest.mark.parametrize(
    ("action", "key", "follow", "report"),
    [
        ("RemoteStartTransaction", "tag", "transaction_started", start(token="X")),
        ("RemoteStopTransaction", "9", "transaction_stopped", stop(100)),
        ("ChangeAvailability", "1", "status_reported", status(2, "Unavailable")),
    ],
)
def test_a_report_about_something_else_does_not_end_a_command(action, key, follow, report) -> None:
    state = ready()
    run(state, said(start()))
    accept(state, command(action=action, follow=follow, key=key))
    assert not follows(run(state, said(report)))


def test_a_remote_start_knows_the_number_of_its_transaction() -> None:
    state = ready()
    accept(state, command("c", follow="transaction_started", key="TAG"))
    (followed,) = follows(run(state, said(start())))
    assert followed.transaction == 100


@pytest.mark.parametrize("outcome", [o for o in Outcome if o != Outcome.ACCEPTED])
def test_nothing_follows_from_a_command_that_was_not_accepted(outcome) -> None:
    state = ready()
    accept(state, command(follow="booted"), outcome=outcome)
    assert state.follows is None


def test_a_start_that_crosses_its_remote_start_is_answered_meanwhile() -> None:
    state = ready()
    run(state, command("c", follow="transaction_started", key="TAG"))
    assert len(only(run(state, said(start())), Reply)) == 1
    effects = run(state, CommandAnswered("c", Outcome.ACCEPTED, {"status": "Accepted"}))
    assert ends(effects) == [("c", "accepted")]


def test_when_nothing_follows_in_time_that_is_kept() -> None:
    state = ready()
    effects = accept(state, command(follow="booted"))
    assert effects[-1] == Wake(T0 + 600 * S)
    assert run(state, Tick(), T0 + 600 * S) == [Keep((CommandFollowed("c1", "nothing_happened"),))]


def test_followed_commands_are_bounded_and_the_oldest_gives_way() -> None:
    state = ready(follows_max=2)
    for name in ("1", "2", "3"):
        accept(state, command(name, follow="booted"))
    assert [follow.command for follow in state.follows] == ["2", "3"]


def expected(**changes: object) -> Expected:
    fields = {
        "command": "c",
        "follow": "firmware_reported",
        "accepted_us": T0 - 60 * S,
    }
    return Expected(**(fields | changes))


def test_what_an_earlier_connection_was_promised_is_waited_for() -> None:
    state = ready()
    run(state, Activated(KnownCharger("CP"), (expected(),)))
    assert not follows(run(state, said(FirmwareStatusReported("Installing"))))
    (followed,) = follows(run(state, said(FirmwareStatusReported("Installed"))))
    assert (followed.command, followed.detail) == ("c", "Installed")


def test_a_remote_start_of_an_earlier_connection_ends_with_its_transaction() -> None:
    state = ready()
    start_one = expected(follow="transaction_started", key="TAG")
    run(state, Activated(KnownCharger("CP"), (start_one,)))
    assert [one.end for one in follows(run(state, said(start())))] == ["transaction_started"]


def test_what_is_too_old_is_not_waited_for_and_the_rest_as_long_as_before() -> None:
    state = ready()
    late = expected(command="late", accepted_us=T0 - 600 * S)
    effects = run(state, Activated(KnownCharger("CP"), (late, expected())))
    assert effects[-1] == Wake(T0 + 540 * S)
    gone = run(state, Tick(), T0 + 540 * S)
    assert gone == [Keep((CommandFollowed("c", "nothing_happened"),))]
