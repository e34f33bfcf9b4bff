"""Who waits for the ends of commands to one charger, on one connection of it.

Nobody is told of an end that is not on disk: who was told would look for it after a crash, and find
nothing.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from domain.commands import CommandResult, Outcome
from domain.events import Event


class Keeper(Protocol):
    """What askers need of their gateway."""

    loop: asyncio.AbstractEventLoop
    writing: "set[Askers]"

    def keep_then(
        self, charger: str, events: tuple[Event, ...], done: Callable[[], None], generation: int = 0
    ) -> bool:
        """Write events; `done` is called after the commit. False: nothing is written."""


class Askers:
    """Futures of ends, by command."""

    __slots__ = ("_charger", "_generation", "_keeper", "_waiting", "_writing")

    def __init__(self, keeper: Keeper, charger: str, generation: int) -> None:
        self._keeper = keeper
        self._charger = charger
        self._generation = generation
        self._waiting: dict[str, asyncio.Future[CommandResult]] = {}
        self._writing: dict[str, CommandResult | None] = {}
        """Commands whose end is on its way to the disk, and how they ended, once that is known."""

    def __contains__(self, command: str) -> bool:
        return command in self._waiting

    def wait(self, command: str) -> asyncio.Future[CommandResult]:
        """Return the future of a command's end; it belongs to all who wait for it."""
        if command not in self._waiting:
            self._waiting[command] = self._keeper.loop.create_future()
        return self._waiting[command]

    def keep(self, command: str, events: tuple[Event, ...]) -> bool:
        """Write down how a command ended; whoever waits is told when it is on disk.

        False: nothing is written.
        """
        written = partial(self._written, command)
        if not self._keeper.keep_then(self._charger, events, written, self._generation):
            return False
        self._writing[command] = None
        self._keeper.writing.add(self)
        return True

    def finish(self, result: CommandResult) -> None:
        """A command has ended: tell it, when that is on disk."""
        if result.id in self._writing:
            self._writing[result.id] = result
        else:
            self._tell(result)

    def unwritten(self) -> None:
        """The journal has failed: nobody will ever know how these commands ended."""
        for command, result in self._writing.items():
            text = "how it ended could not be written down"
            if result is not None:
                text = f"it ended {result.outcome}, but {text}"
            self._tell(CommandResult(command, Outcome.LOST, error_text=text))
        self._writing.clear()

    def give_up(self) -> None:
        """The actor is gone: whoever still waits for a command learns it now."""
        text = "the charger's actor ended before the command did"
        for command in [each for each in self._waiting if each not in self._writing]:
            self._tell(CommandResult(command, Outcome.LOST, error_text=text))

    def _written(self, command: str) -> None:
        result = self._writing.pop(command, None)
        if not self._writing:
            self._keeper.writing.discard(self)
        if result is not None:
            self._tell(result)

    def _tell(self, result: CommandResult) -> None:
        future = self._waiting.pop(result.id, None)
        if future is not None and not future.done():
            future.set_result(result)
