"""`OcppUser`: a virtual charger as a Locust user. A greenlet, a machine and a socket."""

from __future__ import annotations

import time
from collections.abc import Mapping
from random import Random
from typing import Any, ClassVar

import gevent
from gevent import GreenletExit
from locust import User, task

from csms.simulator.charger import SimulatedCharger
from csms.simulator.driver import charger_url
from csms.simulator.instants import US_PER_S
from csms.simulator.machine import (
    Begin,
    Close,
    Cut,
    Deaf,
    Dial,
    Effect,
    Gone,
    Input,
    Opened,
    Phase,
    Refused,
    Reset,
    Send,
    Stop,
    Text,
    Tick,
    VirtualMachine,
)
from csms.simulator.sightings import Saw
from csms.simulator.versions import make_charger
from loadtests.stage import Part, stage_of
from loadtests.websocket import Gone as SocketGone
from loadtests.websocket import NotOpened, WebSocket

IDLE_S_MAX = 60.0
FAREWELL_S = 5.0
"""How long a charger that must go waits for the answer to its open call."""


class Woken(Exception):
    """Something came into the inbox of a charger that waits."""


class OcppUser(User):
    """One charger.

    Attributes:
        simulator: what differs from the simulator's usual settings, for all chargers of a class.
        models: names of models, by turns; empty: those of the command line.
    """

    abstract = True
    simulator: ClassVar[Mapping[str, Any]] = {}
    models: ClassVar[tuple[str, ...]] = ()

    def __init__(self, environment: Any) -> None:  # noqa: ANN401 - Locust's
        super().__init__(environment)
        self._stage = stage_of(environment)
        self.part: Part = self._stage.take_part(self.host or "", self.simulator, self.models)
        part = self.part
        charger = make_charger(
            part.identity,
            tokens=part.tokens,
            settings=part.settings,
            chance=Random(part.seed),
            now_us=now_us(),
        )
        faulty = any(part.settings.faults.rates.values())
        dice = Random(f"{part.seed}/network") if faulty else None
        self.machine = VirtualMachine(charger, dice)
        self._socket: WebSocket | None = None
        self._deaf = False
        self._waiting = False
        self._inbox: list[Input] = []
        self._fire = environment.events.request.fire

    @property
    def charger(self) -> SimulatedCharger:
        """How it behaves."""
        return self.machine.charger

    @task
    def live(self) -> None:
        """Do nothing: `run` lives. Locust wants every user to have a task."""

    def tell(self, happened: Input) -> None:
        """Let something happen to the charger, from another greenlet."""
        self._inbox.append(happened)
        if self._waiting:
            gevent.get_hub().loop.run_callback(self._wake)

    def _wake(self) -> None:
        """End the wait. Runs in the hub, as gevent's own timeouts do (kill() would tell Locust
        that this user is gone)."""
        if self._waiting and self._greenlet is not None:
            self._greenlet.throw(Woken())

    def run(self) -> None:
        """Live until Locust stops this user."""
        self._state = "running"
        if self.part.problem:
            self.environment.events.user_error.fire(
                user_instance=self, exception=ValueError(self.part.problem), tb=None
            )
            return
        self._stage.users.add(self)
        try:
            self._handle(Begin())
            while self._state == "running":
                self._step()
        except GreenletExit:
            pass
        except Exception as error:
            # A mistake of ours. Locust would go on with a charger less; the verdict must know.
            self.environment.events.user_error.fire(
                user_instance=self, exception=error, tb=error.__traceback__
            )
            raise
        finally:
            self._farewell()
            self._stage.users.discard(self)
            self._stage.leave(self.part, self.charger.books)

    def _farewell(self) -> None:
        """Wait for the open answer, so that nothing is left open in the books; then close."""
        self.machine.faulty = False
        end_s = time.monotonic() + FAREWELL_S
        while (
            self.machine.phase is Phase.OPEN
            and self.charger.open_action
            and time.monotonic() < end_s
        ):
            self._step(0.1)
        self._handle(Stop())
        if self._socket is not None:
            self._socket.reset()

    def _step(self, wait_s_max: float = IDLE_S_MAX) -> None:
        """Wait for the next thing to happen, and do what follows."""
        if self._inbox:
            self._handle(self._inbox.pop(0))
            return
        due_us = self.machine.due_us()
        wait_s = IDLE_S_MAX if due_us is None else (due_us - now_us()) / US_PER_S
        wait_s = min(max(wait_s, 0.0005), wait_s_max)
        try:
            texts = self._wait(wait_s)
        except (TimeoutError, Woken):
            self._handle(Tick())
        except SocketGone:
            self._socket = None
            self._handle(Gone())
        else:
            for text in texts:
                self._handle(Text(text))

    def _wait(self, wait_s: float) -> list[bytes]:
        self._waiting = True
        try:
            if self._socket is None or self._deaf:
                gevent.sleep(wait_s)
                raise TimeoutError
            # The first texts may have come together with the handshake.
            return self._socket.take() or self._socket.receive(wait_s)
        finally:
            self._waiting = False

    def _handle(self, happened: Input) -> None:
        inputs = [happened]
        while inputs:
            for effect in self.machine.handle(inputs.pop(0), now_us()):
                answer = self._do(effect)
                if answer is not None:
                    inputs.append(answer)

    def _do(self, effect: Effect) -> Input | None:
        """Carry out one effect; return what came of it, if that is known at once."""
        socket = self._socket
        match effect:
            case Saw(kind, name, us, failure, size):
                self._fire(
                    request_type=str(kind),
                    name=name,
                    response_time=us / 1_000,
                    response_length=size,
                    exception=Failure(failure) if failure else None,
                    context={},
                )
            case Dial():
                return self._dial()
            case Send(text=text) if socket is not None:
                try:
                    socket.send(text)
                except SocketGone:
                    self._socket = None
                    return Gone()
            case Cut(text=text) if socket is not None:
                self._socket, self._deaf = None, False
                socket.cut(text)
            case Reset() if socket is not None:
                self._socket, self._deaf = None, False
                socket.reset()
            case Close() if socket is not None:
                self._socket, self._deaf = None, False
                socket.close()
            case Deaf():
                self._deaf = True
            case _:
                pass
        return None

    def _dial(self) -> Input:
        part = self.part
        try:
            self._socket = WebSocket(
                charger_url(part.url, part.identity.id),
                subprotocol=part.identity.subprotocol,
                basic=(part.identity.id, part.password) if part.password else None,
                tls=self._stage.tls(part),
                source=part.source,
                frame_bytes_max=part.settings.frame_bytes_max,
            )
        except NotOpened as error:
            return Refused(str(error))
        return Opened()


class Failure(Exception):
    """Why something that was measured has failed; equal texts are one row of the report."""


def now_us() -> int:
    """Return the time: that of the wall at the start of the process, and steady since then."""
    return _ORIGIN_US + time.monotonic_ns() // 1_000


_ORIGIN_US = (time.time_ns() - time.monotonic_ns()) // 1_000
