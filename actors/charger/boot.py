"""BootNotification and heartbeats (OCPP 1.6 sections 4.2 and 4.6)."""

from msgspec.structs import replace

from actors.charger import outbox
from actors.charger.effects import Effect, Keep, Reply
from actors.charger.messages import Said
from actors.charger.state import Phase, State
from domain.answers import BootDecision, HeartbeatAnswer
from domain.events import ChargerBooted

PHASE_OF_REGISTRATION = {
    "Accepted": Phase.ACCEPTED,
    "Pending": Phase.PENDING,
    "Rejected": Phase.REJECTED,
}


def booted(state: State, message: Said, now_us: int) -> list[Effect]:
    """Answer with the registration that the charger's record says.

    The interval is spread so that chargers that booted together do not beat together.
    """
    report = message.report
    assert isinstance(report, ChargerBooted)
    state.phase = PHASE_OF_REGISTRATION[state.registration]
    if state.phase is Phase.ACCEPTED:
        spread = 1 + state.settings.heartbeat_jitter * (2 * state.spread - 1)
        interval_s = max(1, round(state.heartbeat_s * spread))
    else:
        interval_s = state.settings.retry_boot_s
    effects: list[Effect] = [
        Reply(
            message.call,
            BootDecision(state.registration, interval_s, now_us),
            (replace(report, status=state.registration),),
        )
    ]
    followed = outbox.follow(state, "booted")
    if followed:
        effects.append(Keep(followed))
    return effects + outbox.pump(state, now_us)


def heartbeat(state: State, message: Said, now_us: int) -> list[Effect]:
    """Answer with the time. Kept in the message log, but nobody waits for the disk."""
    followed = outbox.follow(state, "heartbeat_received")
    return [Reply(message.call, HeartbeatAnswer(now_us), followed, durable=False)]
