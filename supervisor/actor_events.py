"""What `AsyncioBase` reports while it runs. Subscribers count and log; the engine does neither."""

import dataclasses
import logging
from collections.abc import Callable
from typing import TypeAlias


@dataclasses.dataclass(frozen=True, slots=True)
class ActorFailed:
    """A handler raised. `restarted` is False when the actor was stopped for good."""

    actor: str
    message_type: str
    error: BaseException
    restarted: bool


@dataclasses.dataclass(frozen=True, slots=True)
class ActorNotBuilt:
    """The constructor of a child, or of the fresh instance after a crash, raised."""

    actor: str
    error: BaseException


@dataclasses.dataclass(frozen=True, slots=True)
class HookFailed:
    """`onFailure`, `onStop` or the last ActorExitRequest of an actor raised; it is ignored."""

    actor: str
    hook: str
    error: BaseException


@dataclasses.dataclass(frozen=True, slots=True)
class BounceLost:
    """A PoisonMessage could not be routed to the foreign sender of a failed message."""

    actor: str
    error: BaseException


ActorEvent: TypeAlias = ActorFailed | ActorNotBuilt | HookFailed | BounceLost
OnActorEvent: TypeAlias = Callable[[ActorEvent], None]


def log_actor_event(event: ActorEvent) -> None:
    """The subscriber for those who bring none: one warning with the traceback."""
    logging.getLogger("supervisor.actors").warning("%s", event, exc_info=event.error)
