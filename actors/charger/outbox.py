"""Commands to a charger: the queue, the open one, and what followed from those it accepted.

One at a time, by priority, then deadline, then age. Nothing is sent before BootNotification was
answered, or before the backstop for chargers that send none (some drop the link otherwise).
"""

import heapq
from collections.abc import Iterable

import msgspec

from actors.charger.effects import Close, Effect, Finish, Keep, Send, Wake
from actors.charger.messages import Asked, CommandAnswered, Expected
from actors.charger.state import Follow, OpenCommand, Phase, State
from domain.commands import CommandResult, Outcome
from domain.events import CommandFinished, CommandFollowed

_encoder = msgspec.json.Encoder()

NEVER_US = 1 << 62
"""As a backstop: time alone lets nothing go."""
WHOLE_CHARGER = "0"
"""As a connector: whichever connector reports."""


def asked(state: State, message: Asked, now_us: int) -> list[Effect]:
    """Queue a command, and send it when its turn is now."""
    queue = state.queue
    if queue is None:
        queue = state.queue = []
    command = message.command
    if _has(state, command.id):
        return []  # asked twice: the end of the first is the end of both
    if state.phase is Phase.GONE:
        return _end(message, Outcome.REFUSED, "the charger is not connected", now_us)
    if len(queue) >= state.settings.commands_max:
        text = f"{len(queue)} commands wait already (charger.commands_max)"
        return _end(message, Outcome.REFUSED, text, now_us)
    entry = OpenCommand(command, message.follow, 0, message.key, message.once)
    order = command.queued_us or now_us
    heapq.heappush(queue, (command.priority, command.deadline_us, order, command.id, entry))
    return pump(state, now_us)


def _has(state: State, command: str) -> bool:
    entry = state.open_command
    if entry is not None and entry.command.id == command:
        return True
    return any(item[3] == command for item in state.queue or ())


def _end(message: Asked, outcome: Outcome, text: str, now_us: int) -> list[Effect]:
    return _finish(
        OpenCommand(message.command, message.follow, 0),
        CommandAnswered(message.command.id, outcome, error_text=text),
        now_us,
    )


def may_send(state: State, now_us: int) -> bool:
    """Return whether the charger takes commands now."""
    if state.open_command is not None or state.boot_unanswered:
        return False
    if state.phase is Phase.SILENT:
        return now_us >= state.boot_backstop_us and state.registration != "Rejected"
    # While Pending the charger takes commands (1.6 section 4.2.1); Rejected and gone it does not.
    return state.phase in (Phase.ACCEPTED, Phase.PENDING)


def pump(state: State, now_us: int) -> list[Effect]:
    """Send the next command, if one waits and may go."""
    effects: list[Effect] = []
    while state.queue and may_send(state, now_us):
        _, deadline_us, _, _, entry = heapq.heappop(state.queue)
        if deadline_us <= now_us:
            ended = CommandAnswered(
                entry.command.id, Outcome.EXPIRED, error_text="its deadline passed in the queue"
            )
            effects += _finish(entry, ended, now_us)
            continue
        entry.sent_us = now_us
        state.open_command = entry
        timeout_us = min(state.settings.call_timeout_s * 1_000_000, deadline_us - now_us)
        effects.append(Send(entry.command, timeout_us))
    return effects


def answered(state: State, message: CommandAnswered, now_us: int) -> list[Effect]:
    """End the open command and send the next."""
    entry = state.open_command
    if entry is None or entry.command.id != message.command:
        return [Keep(message.beside)] if message.beside else []
    state.open_command = None
    if message.outcome == Outcome.REFUSED:
        entry.sent_us = 0
    effects = _finish(entry, message, now_us)
    if message.outcome == Outcome.ACCEPTED and entry.follow:
        _watch(state, entry, now_us)
    if message.outcome == Outcome.TIMED_OUT:
        state.timeouts += 1
        if state.timeouts >= state.settings.timeouts_in_a_row_max:
            state.timeouts = 0
            return [*effects, Close(1001, "commands are not answered")]
    else:
        state.timeouts = 0
    return effects + pump(state, now_us)


def _finish(entry: OpenCommand, ended: CommandAnswered, now_us: int) -> list[Effect]:
    command = entry.command
    response = "" if ended.response is None else _encoder.encode(ended.response).decode()
    return [
        Keep(
            (
                *ended.beside,
                CommandFinished(
                    command.id,
                    command.action,
                    _encoder.encode(command.payload).decode(),
                    ended.outcome,
                    response,
                    ended.error_code,
                    ended.error_text,
                    command.issued_by,
                    command.queued_us,
                    entry.sent_us,
                    now_us,
                ),
            )
        ),
        Finish(
            command,
            CommandResult(
                command.id,
                ended.outcome,
                ended.response,
                ended.error_code,
                ended.error_text,
                entry.sent_us,
                now_us,
            ),
        ),
    ]


def abandon(state: State, now_us: int) -> list[Effect]:
    """The connection went: the open command is lost, waiting ones were never sent."""
    effects: list[Effect] = []
    if state.open_command is not None:
        entry, state.open_command = state.open_command, None
        text = "the connection went before the answer"
        lost = CommandAnswered(entry.command.id, Outcome.LOST, error_text=text)
        effects += _finish(entry, lost, now_us)
    waiting, state.queue = state.queue, None
    for *_, entry in sorted(waiting or ()):
        refused = CommandAnswered(
            entry.command.id, Outcome.REFUSED, error_text="the connection went before it was sent"
        )
        effects += _finish(entry, refused, now_us)
    return effects


def _watch(state: State, entry: OpenCommand, now_us: int) -> None:
    _expect(state, Expected(entry.command.id, entry.follow, now_us, entry.key, entry.once))


def expect(state: State, expected: Iterable[Expected], now_us: int) -> None:
    """Go on waiting for what should follow from commands of earlier connections."""
    for one in expected:
        is_late = one.accepted_us + state.settings.follow_s * 1_000_000 <= now_us
        if not is_late and all(f.command != one.command for f in state.follows or ()):
            _expect(state, one)


def _expect(state: State, expected: Expected) -> None:
    key = expected.key
    if state.follows is None:
        state.follows = []
    if len(state.follows) >= state.settings.follows_max:
        del state.follows[0]
    until_us = expected.accepted_us + state.settings.follow_s * 1_000_000
    if expected.follow == "status_reported" and key == WHOLE_CHARGER:
        key = ""
    state.follows.append(Follow(expected.command, expected.follow, key, until_us, expected.once))


def follow(
    state: State,
    kind: str,
    key: str = "",
    transaction: int = 0,
    detail: str = "",
    *,
    is_final: bool = True,
) -> tuple[CommandFollowed, ...]:
    """Return the events of every watched command that this report ends.

    `is_final`: False when the report says that more will come; it ends only triggers then.
    """
    if not state.follows:
        return ()
    ends = [
        f
        for f in state.follows
        if f.kind == kind
        and (is_final or f.once)
        and (not f.key or not key or f.key.casefold() == key.casefold())
    ]
    if not ends:
        return ()
    state.follows = [f for f in state.follows if f not in ends] or None
    return tuple(CommandFollowed(f.command, kind, transaction, detail) for f in ends)


def due(state: State, now_us: int) -> list[Effect]:
    """Give up on what did not follow in time, expire what waits, send what may go."""
    effects: list[Effect] = []
    late = [f for f in state.follows or () if f.until_us <= now_us]
    if late:
        state.follows = [f for f in state.follows or () if f not in late] or None
        effects.append(Keep(tuple(CommandFollowed(f.command, "nothing_happened") for f in late)))
    expired = [item for item in state.queue or () if item[1] <= now_us]
    for item in expired:
        assert state.queue is not None
        state.queue.remove(item)
        heapq.heapify(state.queue)
        ended = CommandAnswered(
            item[4].command.id, Outcome.EXPIRED, error_text="its deadline passed in the queue"
        )
        effects += _finish(item[4], ended, now_us)
    return effects + pump(state, now_us)


def _waits_for_backstop(state: State) -> bool:
    """Return whether time alone will let the next command go."""
    return (
        state.open_command is None
        and state.boot_backstop_us != NEVER_US
        and not state.boot_unanswered
        and state.registration != "Rejected"
    )


def wake(state: State, effects: list[Effect]) -> None:
    """Ask for a Tick at the earliest time that matters, when it is not asked for already."""
    times = [f.until_us for f in state.follows or ()]
    times += [item[1] for item in state.queue or ()]
    if state.queue and state.phase is Phase.SILENT and _waits_for_backstop(state):
        times.append(state.boot_backstop_us)
    if state.deferred:
        times.append(state.wait_until_us)
    if state.looks:
        times.append(min(state.looks.values()))
    if times:
        earliest_us = min(times)
        if not state.wake_us or earliest_us < state.wake_us:
            state.wake_us = earliest_us
            effects.append(Wake(earliest_us))
