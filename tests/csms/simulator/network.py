"""A virtual machine and a small server of our own protocol package, in time that jumps."""

from collections import deque
from random import Random

from csms.simulator.faults import FaultSettings
from csms.simulator.identity import Identity
from csms.simulator.instants import US_PER_S
from csms.simulator.machine import (
    Begin,
    Close,
    Cut,
    Deaf,
    Dial,
    Gone,
    Opened,
    Refused,
    Reset,
    Send,
    Text,
    Tick,
    VirtualMachine,
)
from csms.simulator.models import MODELS
from csms.simulator.settings import SimulatorSettings
from csms.simulator.versions import make_charger
from protocol.events import (
    CallReceived,
    ErrorReceived,
    FrameRejected,
    ResultReceived,
    SendReceived,
)
from protocol.session import Role, Session, SessionLimits

T0 = 1_767_225_600_000_000
ACCEPTED = {"status": "Accepted"}


class Network:
    """Carries out the effects of one machine against a server that stores what it is told."""

    def __init__(self, seed=1, rates=None, model="exemplary", tokens=("TAG1",), **settings) -> None:
        settings = {"arrival_s_mean": 20.0, "session_s_mean": 120.0, **settings}
        self.now_us = T0
        charger = make_charger(
            Identity.of("V1", MODELS[model]),
            tokens=tokens,
            settings=SimulatorSettings(faults=FaultSettings(rates=rates or {}), **settings),
            chance=Random(seed),
            now_us=T0,
        )
        self.machine = VirtualMachine(charger, Random(f"{seed}/network"))
        self.charger = charger
        self.server: Session | None = None
        self.refuse = ""
        self.log: list[tuple[int, object]] = []
        self.stored: dict[str, tuple[str, dict]] = {}
        """By message id: what the server was told."""
        self.results: dict[str, dict | str] = {}
        self.sends: list[SendReceived] = []
        self.rejected = 0
        self.texts: list[bytes] = []
        self.transactions = 100

    def begin(self) -> "Network":
        self._do(Begin())
        return self

    def _do(self, happened) -> None:
        inputs = deque([happened])
        while inputs:
            for effect in self.machine.handle(inputs.popleft(), self.now_us):
                self.log.append((self.now_us, effect))
                match effect:
                    case Dial() if self.refuse:
                        inputs.append(Refused(self.refuse))
                    case Dial():
                        self.server = Session(
                            role=Role.CSMS, dialect=self.charger.dialect, limits=SessionLimits()
                        )
                        inputs.append(Opened())
                    case Send(text=text):
                        inputs.extend(self._serve(text))
                    case Cut() | Reset() | Close():
                        self.server = None
                        inputs.clear()
                    case Deaf() | _:
                        pass

    def _serve(self, text: bytes) -> list[Text]:
        server = self.server
        assert server is not None
        self.texts.append(text)
        server.receive(text, self.now_us)
        for event in server.take_events():
            if isinstance(event, CallReceived):
                self.stored[event.uid] = (event.action, event.payload)
                server.answer(event.uid, self._answer(event.action))
            elif isinstance(event, ResultReceived):
                self.results[event.uid] = event.payload
            elif isinstance(event, ErrorReceived):
                self.results[event.uid] = str(event.code)
            elif isinstance(event, SendReceived):
                self.sends.append(event)
            elif isinstance(event, FrameRejected):
                self.rejected += 1
        return [Text(frame) for frame in server.take_frames()]

    def _answer(self, action) -> dict:
        if action == "BootNotification":
            return {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 60}
        if action == "StartTransaction":
            self.transactions += 1
            return {"transactionId": self.transactions, "idTagInfo": ACCEPTED}
        if self.charger.dialect.subprotocol != "ocpp1.6":
            if action == "Authorize":
                return {"idTokenInfo": ACCEPTED}
            return ACCEPTED if action == "OpenPeriodicEventStream" else {}
        if action in {"Authorize", "StopTransaction"}:
            return {"idTagInfo": ACCEPTED}
        return {}

    def call(self, action: str, payload: dict) -> dict | str:
        """Send a command; return the charger's answer, or the code of its error."""
        assert self.server is not None
        uid = f"c{len(self.results)}"
        self.server.call(uid, action, payload, self.now_us, 30 * US_PER_S)
        for frame in self.server.take_frames():
            self._do(Text(frame))
        return self.results[uid]

    def said(self, action: str) -> list[dict]:
        """Every payload of an action that the server was told."""
        return [payload for name, payload in self.stored.values() if name == action]

    def gone(self) -> None:
        """The server's side vanishes."""
        self.server = None
        self._do(Gone())

    def pass_s(self, seconds: float) -> "Network":
        end_us = self.now_us + int(seconds * US_PER_S)
        while (due_us := self.machine.due_us()) is not None and due_us <= end_us:
            self.now_us = max(self.now_us, due_us)
            self._do(Tick())
        self.now_us = end_us
        return self

    def effects(self, kind) -> list:
        return [effect for _, effect in self.log if isinstance(effect, kind)]

    def times(self, kind) -> list[float]:
        return [(at - T0) / US_PER_S for at, effect in self.log if isinstance(effect, kind)]
