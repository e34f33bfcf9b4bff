"""What the lines of one gateway share, as they see it; `csms.gateway.gateway` has it."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from actors.charger.settings import ChargerSettings
from csms.gateway.activation import Activation
from csms.gateway.askers import Askers
from csms.gateway.directory import Directory
from csms.gateway.models import Models
from csms.gateway.poison import Poison
from csms.gateway.questions import Questions
from csms.gateway.sites import Sites
from domain.answers import Answer
from domain.events import Event
from domain.records import ChargerRecord
from domain.reports import Report
from protocol.limits import SessionLimits
from protocol.version import ReadingLimits
from supervisor.asyncio_base import AsyncioBase


class Journal(Protocol):
    """Where entries are kept; storage.journal has one."""

    def append(self, blob: bytes, done: Callable[[], None] | None = None) -> None:
        """Keep `blob`; call `done` when it is durable."""


class House(Protocol):
    """What the lines of one gateway share."""

    name: str
    loop: asyncio.AbstractEventLoop
    now_us: Callable[[], int]
    base: AsyncioBase
    directory: Directory
    charger_settings: ChargerSettings
    session_limits: SessionLimits
    reading_limits: ReadingLimits
    activation: Activation[Any]
    sites: Sites
    questions: Questions
    models: Models
    poison: Poison
    sent_note_s: float
    """So long after a command was sent it is noted that it was, unless it has ended by then."""
    writing: set[Askers]
    """Those that tell somebody something after the next commit."""

    def saw(self, number: int) -> None:
        """Count a known oddity of chargers."""

    @property
    def journal(self) -> Journal:
        """The journal of now."""

    def keep(self, charger: str, generation: int, events: tuple[Event, ...]) -> None:
        """Write events that nobody waits for."""

    def keep_then(
        self, charger: str, events: tuple[Event, ...], done: Callable[[], None], generation: int = 0
    ) -> bool:
        """Write events; `done` is called after the commit. False: nothing is written."""

    def acknowledged(self, action: str, latency_us: int) -> None:
        """Count an answer."""

    def commanded(self, action: str, outcome: str) -> None:
        """Count the end of a command."""

    def flagged(self, action: str, flags: tuple[str, ...]) -> None:
        """Count violations."""

    def unmatched(self) -> None:
        """Count an answer to no open call."""

    def actor_failed(self, charger: str, error: BaseException) -> None:
        """Note a crash."""

    def last_resort(self, report: Report, record: ChargerRecord) -> Answer:
        """Return an answer to a report that no actor survives."""
