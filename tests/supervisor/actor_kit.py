"""Actors and helpers that the tests of AsyncioBase share."""

# Thespian names the methods of actors
import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from thespian.actors import Actor

from supervisor.actor_events import ActorEvent
from supervisor.asyncio_base import ActorLimits, AsyncioBase

SECOND = 10.0
"""Long enough to be a failure when it passes."""


class Kit:
    """Builds bases in the running loop and keeps what they report."""

    def __init__(self) -> None:
        self.events: list[ActorEvent] = []
        self.loop_errors: list[dict[str, Any]] = []
        self.bases: list[AsyncioBase] = []

    def start(self, **limits: Any) -> AsyncioBase:
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.set_exception_handler(lambda _loop, context: self.loop_errors.append(context))
        base = AsyncioBase(limits=ActorLimits(**limits), on_telemetry=self.events.append)
        self.bases.append(base)
        return base


@pytest.fixture
def kit() -> Iterator[Kit]:
    kit = Kit()
    yield kit
    assert not kit.loop_errors, "nothing may escape into the loop"
    assert not any(base._cells or base._names for base in kit.bases if base._closed)


async def settle(base: AsyncioBase) -> None:
    """Return when no actor has anything to do or to wait for."""
    while base._pumping or base._tasks:
        await asyncio.sleep(0)


async def quiet(base: AsyncioBase) -> None:
    """Return when no actor has anything to do; some may wait for an awaitable."""
    await asyncio.sleep(0)  # lets tasks that were just made send their first message
    while base._pumping:
        await asyncio.sleep(0)


class Recorder(Actor):
    """Keeps every message it gets in the list that it was built with."""

    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen

    def receiveMessage(self, message: Any, sender: Any) -> None:
        self.seen.append(message)


class Doer(Actor):
    """Does what the message says: calls it with itself and the sender, and returns what it returns."""

    def receiveMessage(self, message: Any, sender: Any) -> Any:
        return message(self, sender) if callable(message) else None


def reply(answer: Any) -> Callable[[Actor, Any], None]:
    return lambda actor, sender: actor.send(sender, answer)


def boom(_actor: Actor, _sender: Any) -> None:
    raise ValueError("boom")
