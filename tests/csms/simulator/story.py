"""A simulated charger and a small server, joined by lists, in time that jumps."""

from collections.abc import Callable
from random import Random

from csms.simulator.charger import SimulatedCharger
from csms.simulator.identity import Identity
from csms.simulator.instants import US_PER_S
from csms.simulator.settings import SimulatorSettings
from protocol.events import CallReceived, ErrorReceived, ResultReceived
from protocol.session import Role, Session, SessionLimits
from protocol.versions import VERSIONS

VERSION = VERSIONS["ocpp1.6"]
T0 = 1_767_225_600_000_000
ACCEPTED = {"status": "Accepted"}


class Story:
    """Runs one charger against a server that answers by a table; keeps what was said."""

    def __init__(self, tokens=("TAG1",), seed=1, **settings) -> None:
        self.now_us = T0
        settings.setdefault("arrival_s_mean", 20.0)
        settings.setdefault("session_s_mean", 120.0)
        self.charger = SimulatedCharger(
            Identity("SIM1"),
            tokens=tokens,
            settings=SimulatorSettings(**settings),
            chance=Random(seed),
            now_us=self.now_us,
        )
        self.said: list[tuple[str, dict]] = []
        self.uids: list[str] = []
        self.results: dict[str, dict | str] = {}
        self.numbers = 100
        self.silent: set[str] = set()
        self.answers: dict[str, Callable[[dict], dict]] = {
            "BootNotification": lambda _: {
                "status": "Accepted",
                "currentTime": "2026-01-01T00:00:00Z",
                "interval": 300,
            },
            "Authorize": lambda _: {"idTagInfo": ACCEPTED},
            "StartTransaction": self._start,
            "StopTransaction": lambda _: {},
            "Heartbeat": lambda _: {"currentTime": "2026-01-01T00:00:00Z"},
        }
        self.server: Session | None = None
        self.commands = 0

    def _start(self, _payload: dict) -> dict:
        self.numbers += 1
        return {"transactionId": self.numbers, "idTagInfo": ACCEPTED}

    def connect(self) -> "Story":
        self.server = Session(role=Role.CSMS, dialect=VERSION.dialect, limits=SessionLimits())
        self.charger.connect(self.now_us)
        self.exchange()
        return self

    def disconnect(self) -> None:
        self.charger.disconnect(self.now_us)
        self.server = None

    def exchange(self) -> None:
        """Carry frames until nobody has any."""
        while self.server is not None:
            frames = self.charger.take_frames()
            for frame in frames:
                self.server.receive(frame, self.now_us)
            self._serve()
            replies = self.server.take_frames()
            for frame in replies:
                self.charger.receive(frame, self.now_us)
            if not frames and not replies:
                return

    def _serve(self) -> None:
        assert self.server is not None
        for event in self.server.take_events():
            match event:
                case CallReceived(uid=uid, action=action, payload=payload):
                    assert VERSION.schemas.request(action).flags(payload) == (), (action, payload)
                    self.said.append((action, payload))
                    self.uids.append(uid)
                    if action not in self.silent:
                        self.server.answer(uid, self.answers.get(action, lambda _: {})(payload))
                case ResultReceived(uid=uid, action=action, payload=payload):
                    assert VERSION.schemas.response(action).flags(payload) == (), (action, payload)
                    self.results[uid] = payload
                case ErrorReceived(uid=uid, code=code):
                    self.results[uid] = str(code)
                case _:
                    raise AssertionError(event)

    def call(self, action: str, payload: dict) -> dict | str:
        """Send a command and return the charger's answer, or the code of its error."""
        assert self.server is not None
        self.commands += 1
        uid = f"c{self.commands}"
        assert VERSION.schemas.request(action).flags(payload) == ()
        self.server.call(uid, action, payload, self.now_us, 30 * US_PER_S)
        self.exchange()
        return self.results[uid]

    def pass_s(self, seconds: float) -> None:
        """Let time pass, from one due moment to the next."""
        end_us = self.now_us + int(seconds * US_PER_S)
        while True:
            due_us = self.charger.due_us()
            if due_us is None or due_us > end_us:
                break
            self.now_us = max(self.now_us, due_us)
            self.charger.tick(self.now_us)
            self.exchange()
            if self.charger.hangup is not None:
                break
        self.now_us = max(self.now_us, end_us) if self.charger.hangup is None else self.now_us

    def until(self, action: str, seconds: float = 600) -> dict:
        """Let time pass until the charger says `action` again; return its payload."""
        before = len(self.said)
        end_us = self.now_us + int(seconds * US_PER_S)
        while self.now_us < end_us:
            self.pass_s(0.5)
            for said, payload in self.said[before:]:
                if said == action:
                    return payload
        raise AssertionError(f"{action} never came; {[a for a, _ in self.said[before:]]}")

    def actions(self) -> list[str]:
        return [action for action, _ in self.said]
