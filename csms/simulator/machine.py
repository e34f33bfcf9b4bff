"""A virtual charger with its network: everything that it does, without doing any of it.

    effects = machine.handle(Begin(), now_us)      then carry the effects out, in order, and hand in
    effects = machine.handle(Opened(), now_us)     what happens; call with Tick() at `due_us()`

The laws:

1. A driver only carries out effects and hands in inputs. It decides nothing.
2. After `Cut`, `Reset` or `Close` the connection is gone; nothing more is heard of it. Its `Gone`
   may come or not, it is ignored.
3. `Dial` is answered by exactly one of `Opened` and `Refused`.
4. Time, dice and texts are handed in: the same inputs give the same effects.

    AWAY ──Dial──▶ DIALLING ──Opened──▶ OPEN ──half_open──▶ FROZEN
     ▲                │ Refused          │ Gone, Cut, Reset    │ Reset
     └────────────────┴──────────────────┴─────────────────────┘        STOPPED: for ever
"""

from collections.abc import Callable, Mapping
from enum import Enum
from random import Random
from typing import NamedTuple, TypeAlias

from csms.simulator.charger import SimulatedCharger
from csms.simulator.faults import Happening, throw
from csms.simulator.instants import US_PER_S
from csms.simulator.models import TEXT_QUIRKS, Model
from csms.simulator.sightings import Kind, Saw

CALL_MARK = b"[2,"
BACKOFF_DOUBLINGS_MAX = 16


class Begin(NamedTuple):
    """Live; dial after `wait_s`."""

    wait_s: float = 0.0


class Opened(NamedTuple):
    """The WebSocket is open."""


class Refused(NamedTuple):
    """It could not be opened: "HTTP 401", or the name of an error."""

    reason: str


class Text(NamedTuple):
    """The server has sent a text."""

    text: str | bytes


class Gone(NamedTuple):
    """The connection is closed, whoever did it."""


class Tick(NamedTuple):
    """Time has passed."""


class Leave(NamedTuple):
    """Lose the connection and come back after `wait_s`: a blackout, a restart of the network."""

    wait_s: float
    politely: bool = False
    """With a closing handshake."""


class Stop(NamedTuple):
    """Leave for ever."""


Input: TypeAlias = Begin | Opened | Refused | Text | Gone | Tick | Leave | Stop


class Dial(NamedTuple):
    """Open a connection."""


class Send(NamedTuple):
    """Send a text."""

    text: bytes


class Cut(NamedTuple):
    """Send the first half of the frame of this text, then reset the connection."""

    text: bytes


class Reset(NamedTuple):
    """Reset the connection, without a closing handshake."""


class Close(NamedTuple):
    """Close the connection politely (1000)."""


class Deaf(NamedTuple):
    """Neither read nor write any more; keep the socket open until `Reset` or `Close`."""


Effect: TypeAlias = Dial | Send | Cut | Reset | Close | Deaf | Saw


class Phase(Enum):
    """Where the machine is; see the drawing above."""

    NEW = "new"
    AWAY = "away"
    DIALLING = "dialling"
    OPEN = "open"
    FROZEN = "frozen"
    STOPPED = "stopped"


class VirtualMachine:
    """One charger and its network.

    Args:
        charger: how it behaves.
        dice: of its network, for waits and faults: then these do not change what drivers do. None:
            the charger's own; dice take 2.5 KB.
    """

    __slots__ = (
        "_dialled_us",
        "_dice",
        "_effects",
        "_failures",
        "_held",
        "_held_until_us",
        "_model",
        "_wake_us",
        "charger",
        "faulty",
        "phase",
    )

    def __init__(self, charger: SimulatedCharger, dice: Random | None = None) -> None:
        self.charger = charger
        self.phase = Phase.NEW
        self.faulty = any(charger.settings.faults.rates.values())
        """Whether faults happen. May be changed while it runs."""
        identity = charger.identity
        self._model = Model(identity.vendor, identity.model, quirks=identity.quirks)
        self._dice = charger.chance if dice is None else dice
        self._effects: list[Effect] = []
        self._held: list[bytes] = []
        self._held_until_us = 0
        self._wake_us = 0
        self._dialled_us = 0
        self._failures = 0

    def handle(self, happened: Input, now_us: int) -> list[Effect]:
        """Take what happened; return what is to be done, in order."""
        if self.phase is not Phase.STOPPED:
            HANDLERS[type(happened)](self, happened, now_us)
        self._effects += self.charger.take_sightings()
        effects, self._effects = self._effects, []
        return effects

    def due_us(self) -> int | None:
        """Return when `Tick` must come at the latest; None: never by itself."""
        dues: list[int] = []
        if self.phase in {Phase.AWAY, Phase.FROZEN}:
            dues.append(self._wake_us)
        if self.phase is Phase.OPEN and self._held:
            dues.append(self._held_until_us)
        if self.phase not in {Phase.NEW, Phase.STOPPED}:
            due_us = self.charger.due_us()
            if due_us is not None:
                dues.append(due_us)
        return min(dues, default=None)

    # Inputs

    def _begin(self, begin: Begin, now_us: int) -> None:
        if self.phase is Phase.NEW:
            self._away(now_us, begin.wait_s)
            self._wake(now_us)

    def _opened(self, _opened: Opened, now_us: int) -> None:
        if self.phase is not Phase.DIALLING:
            return
        self.phase = Phase.OPEN
        self._failures = 0
        self._effects.append(Saw(Kind.CONNECT, "WebSocket", now_us - self._dialled_us))
        self.charger.connect(now_us)
        self._carry(now_us)

    def _refused(self, refused: Refused, now_us: int) -> None:
        if self.phase is not Phase.DIALLING:
            return
        books = self.charger.books.refused
        books[refused.reason] = books.get(refused.reason, 0) + 1
        took_us = now_us - self._dialled_us
        self._effects.append(Saw(Kind.CONNECT, "WebSocket", took_us, refused.reason))
        self._failures += 1
        self._away(now_us, self._backoff_s())

    def _text(self, text: Text, now_us: int) -> None:
        if self.phase is Phase.OPEN:
            self.charger.receive(text.text, now_us)
            self._carry(now_us)

    def _gone(self, _gone: Gone, now_us: int) -> None:
        if self.phase in {Phase.OPEN, Phase.FROZEN}:
            self._lose(now_us, self._backoff_s())

    def _tick(self, _tick: Tick, now_us: int) -> None:
        self.charger.tick(now_us)
        if self.phase is Phase.OPEN:
            self._carry(now_us)
        else:
            self._wake(now_us)

    def _leave(self, leave: Leave, now_us: int) -> None:
        if self.phase in {Phase.OPEN, Phase.FROZEN}:
            self._effects.append(Close() if leave.politely else Reset())
            self._lose(now_us, leave.wait_s)
        elif self.phase is Phase.AWAY:
            self._away(now_us, leave.wait_s)

    def _stop(self, _stop: Stop, now_us: int) -> None:
        if self.phase in {Phase.OPEN, Phase.FROZEN}:
            self._effects.append(Close())
        self.charger.disconnect(now_us)
        self.phase = Phase.STOPPED

    # The network

    def _backoff_s(self) -> float:
        settings = self.charger.settings
        if not settings.backoff:
            return settings.reconnect_s_min
        doublings = min(max(0, self._failures - 1), BACKOFF_DOUBLINGS_MAX)
        wait_s = min(settings.reconnect_s_min * 2.0**doublings, settings.reconnect_s_max)
        return wait_s * self._dice.uniform(0.5, 1.5)

    def _away(self, now_us: int, wait_s: float) -> None:
        self.phase = Phase.AWAY
        self._wake_us = now_us + int(wait_s * US_PER_S)

    def _lose(self, now_us: int, wait_s: float) -> None:
        self._held.clear()
        self.charger.disconnect(now_us)
        self._away(now_us, wait_s)

    def _wake(self, now_us: int) -> None:
        if now_us < self._wake_us:
            return
        if self.phase is Phase.AWAY:
            self.phase, self._dialled_us = Phase.DIALLING, now_us
            self._effects.append(Dial())
        elif self.phase is Phase.FROZEN:
            self._effects.append(Reset())
            self._lose(now_us, self._backoff_s())

    def _carry(self, now_us: int) -> None:
        """Send what the charger has to say, through faults."""
        if self._held and now_us >= self._held_until_us:
            self._effects += [Send(text) for text in self._held]
            self._held.clear()
        for frame in self.charger.take_frames():
            self._send(frame, now_us)
            if self.phase is not Phase.OPEN:
                return
        hangup = self.charger.hangup
        if hangup is not None:
            self._effects.append(Close())
            self._lose(now_us, hangup.wait_s)

    def _send(self, frame: bytes, now_us: int) -> None:
        if not frame.startswith(CALL_MARK):
            self._effects.append(Send(frame))
            return
        if self._model.quirks and not TEXT_QUIRKS.keys().isdisjoint(self._model.quirks):
            frame = self._model.write(self.charger.open_action, frame)
        happening = throw(self.charger.settings.faults, self._dice) if self.faulty else None
        if happening is None:
            self._effects.append(Send(frame))
        else:
            self._suffer(happening, frame, now_us)

    def _suffer(self, happening: Happening, frame: bytes, now_us: int) -> None:
        faults = self.charger.books.faults
        faults[happening.name] = faults.get(happening.name, 0) + 1
        if happening.cut or happening.reset:
            self._effects.append(Cut(frame) if happening.cut else Reset())
            self._lose(now_us, self._backoff_s())
        elif happening.frozen_s:
            self._effects.append(Deaf())
            self.phase = Phase.FROZEN
            self._wake_us = now_us + int(happening.frozen_s * US_PER_S)
        elif happening.silent_s:
            self.charger.spoiled = True
            self._held.append(frame)
            self._held_until_us = now_us + int(happening.silent_s * US_PER_S)
        else:
            self._mar(happening, frame)

    def _mar(self, happening: Happening, frame: bytes) -> None:
        """Send, but not quite right."""
        if happening.clock_s is not None:
            self.charger.clock_error_us = int(happening.clock_s * US_PER_S)
        if happening.swapped:
            self.charger.swap_next = True
        if happening.extra:
            self._effects.append(Send(happening.extra))
        self._effects.append(Send(frame))
        if happening.twice:
            self._effects.append(Send(frame))


HANDLERS: Mapping[type, Callable[..., None]] = {
    Begin: VirtualMachine._begin,  # noqa: SLF001 - the table belongs to the class
    Opened: VirtualMachine._opened,  # noqa: SLF001
    Refused: VirtualMachine._refused,  # noqa: SLF001
    Text: VirtualMachine._text,  # noqa: SLF001
    Gone: VirtualMachine._gone,  # noqa: SLF001
    Tick: VirtualMachine._tick,  # noqa: SLF001
    Leave: VirtualMachine._leave,  # noqa: SLF001
    Stop: VirtualMachine._stop,  # noqa: SLF001
}
"""What is done about each input."""
