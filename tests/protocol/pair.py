"""Both ends of a connection, joined by two lists instead of a network.

A wire is the list of frames on their way to one end. Faults are methods; `index` counts from the
frame that would arrive next.
"""

from protocol.dialect import OCPP_16, Dialect
from protocol.session import Role, Session, SessionEvent, SessionLimits

SECOND_US = 1_000_000
T0_US = 1_767_225_600 * SECOND_US
TIMEOUT_US = 30 * SECOND_US


def other(role: Role) -> Role:
    return Role.CHARGER if role is Role.CSMS else Role.CSMS


class SessionPair:
    def __init__(self, dialect: Dialect = OCPP_16, limits: SessionLimits | None = None) -> None:
        self.now_us = T0_US
        self.sessions = {
            role: Session(role=role, dialect=dialect, limits=limits or SessionLimits())
            for role in Role
        }
        self.wires: dict[Role, list[bytes]] = {role: [] for role in Role}
        self._delayed: list[tuple[Role, bytes]] = []

    def call(self, role: Role, uid: str, action: str = "Heartbeat") -> None:
        self.sessions[role].call(uid, action, {}, self.now_us, TIMEOUT_US)

    def send(self) -> None:
        """Put what both ends want to send on the wires."""
        for role, session in self.sessions.items():
            self.wires[other(role)] += session.take_frames()

    def deliver(self, to: Role) -> None:
        """Let the next frame arrive."""
        self.sessions[to].receive(self.wires[to].pop(0), self.now_us)

    def settle(self) -> None:
        """Let everything arrive that is on its way."""
        self.send()
        while any(self.wires.values()):
            for role in Role:
                while self.wires[role]:
                    self.deliver(role)
            self.send()

    def events(self, role: Role) -> list[SessionEvent]:
        return self.sessions[role].take_events()

    def pass_time(self, duration_us: int) -> None:
        self.now_us += duration_us
        for session in self.sessions.values():
            session.tick(self.now_us)

    def close(self) -> None:
        for session in self.sessions.values():
            session.close(self.now_us)

    # --- faults --------------------------------------------------------------------------------

    def drop(self, to: Role, index: int = 0) -> None:
        del self.wires[to][index]

    def duplicate(self, to: Role, index: int = 0) -> None:
        self.wires[to].insert(index, self.wires[to][index])

    def reorder(self, to: Role, index: int = 0) -> None:
        """Let a frame overtake all others."""
        self.wires[to].insert(0, self.wires[to].pop(index))

    def delay(self, to: Role, index: int = 0) -> None:
        """Hold a frame until `resume`."""
        self._delayed.append((to, self.wires[to].pop(index)))

    def resume(self) -> None:
        for to, frame in self._delayed:
            self.wires[to].append(frame)
        self._delayed.clear()
