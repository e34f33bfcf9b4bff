"""BootNotification and heartbeats (OCPP 1.6 sections 4.2 and 4.6)."""

from msgspec.structs import replace

from actors.charger import outbox
from actors.charger.effects import Effect, Reply
from actors.charger.messages import BootAnswered, Said
from actors.charger.state import Phase, State
from domain.answers import BootDecision, HeartbeatAnswer
from domain.events import ChargerBooted


def booted(state: State, message: Said, now_us: int) -> list[Effect]:
    """Answer with the registration that the charger's record says now.

    The interval is spread so that chargers that booted together do not beat together. Commands
    wait until the answer has left (BootAnswered): some chargers drop the link otherwise.
    """
    report = message.report
    assert isinstance(report, ChargerBooted)
    record = state.desk.charger(state.charger)
    if record is not None:
        # A Pending charger that an operator accepts asks again on the same connection.
        state.registration = record.registration
        state.heartbeat_s = record.heartbeat_s or state.settings.heartbeat_s
    state.step(f"boot {state.registration}")
    state.boot_unanswered = True
    if state.phase is Phase.ACCEPTED:
        spread = 1 + state.settings.heartbeat_jitter * (2 * state.spread - 1)
        interval_s = max(1, round(state.heartbeat_s * spread))
    else:
        interval_s = state.settings.retry_boot_s
    return [
        Reply(
            message.call,
            BootDecision(state.registration, interval_s, now_us),
            (replace(report, status=state.registration), *outbox.follow(state, "booted")),
        )
    ]


def answered(state: State, message: BootAnswered, now_us: int) -> list[Effect]:
    """Send what waited for the boot."""
    del message
    state.boot_unanswered = False
    return outbox.pump(state, now_us)


def heartbeat(state: State, message: Said, now_us: int) -> list[Effect]:
    """Answer with the time. Kept in the message log, but nobody waits for the disk."""
    followed = outbox.follow(state, "heartbeat_received")
    return [Reply(message.call, HeartbeatAnswer(now_us), followed, durable=False)]
