"""What tests of the charger's machine share: a desk in memory, short ways to say things."""

from collections.abc import Callable
from itertools import count

from actors.charger.effects import Effect
from actors.charger.machine import handle
from actors.charger.messages import Activated, Asked, BootAnswered, Call, Connected, Message, Said
from actors.charger.settings import ChargerSettings
from actors.charger.state import State
from domain.commands import Command
from domain.events import ChargerBooted, ConnectorStatusReported, EnergyMeasured, Sample
from domain.known import KnownCharger
from domain.pricing import RunningSession, Shown
from domain.records import ChargerRecord, TokenRecord
from domain.reports import Report, StartReported, StopReported

S = 1_000_000
T0 = 1_777_636_800 * S
ENERGY = "Energy.Active.Import.Register"
BOOT = ChargerBooted("V", "M")


class MemoryDesk:
    prices = True

    def __init__(self, *tokens: TokenRecord, first: int = 100) -> None:
        self.tokens = {record.id.casefold(): record for record in tokens}
        self.chargers: dict[str, ChargerRecord] = {}
        self.elsewhere: dict[str, int] = {}
        self._numbers = count(first)
        self._commands = count(1)
        self.price: Callable[[RunningSession], Shown | None] = lambda _session: None

    def token(self, token: str) -> TokenRecord | None:
        return self.tokens.get(token.casefold())

    def charger(self, identity: str) -> ChargerRecord | None:
        return self.chargers.get(identity.casefold())

    def active(self, token: str, *, besides: str) -> int:
        return self.elsewhere.get(token.casefold(), 0)

    def next_transaction(self) -> int:
        return next(self._numbers)

    def next_command(self) -> str:
        return f"own{next(self._commands)}"

    def shown(self, session: RunningSession) -> Shown | None:
        return self.price(session)


def call(uid: str = "u") -> Call:
    return Call(uid, "Any", b"{}", T0, ())


def said(report: Report, uid: str = "u") -> Said:
    return Said(report, call(uid))


def new_state(*tokens: TokenRecord, connect: bool = True, **settings: object) -> State:
    """A state that knows what the ledger knows (nothing), unless `connect` is False."""
    state = State("CP1", ChargerSettings(**settings), MemoryDesk(*tokens))
    if connect:
        handle(state, Connected(1, 0, "Accepted", 0.5), T0)
        handle(state, Activated(KnownCharger("CP1")), T0)
    return state


def boot(state: State, now_us: int = T0) -> list[Effect]:
    return handle(state, said(BOOT), now_us) + handle(state, BootAnswered(), now_us)


def run(state: State, message: Message, now_us: int = T0) -> list[Effect]:
    return handle(state, message, now_us)


def start(
    connector: int = 1, token: str = "TAG", meter: int = 1_000, at_us: int = T0, raw: str = ""
) -> StartReported:
    return StartReported(connector, token, meter, at_us, raw or str(at_us))


def stop(
    number: int, meter: int = 2_000, at_us: int = T0 + 3_600 * S, token: str = ""
) -> StopReported:
    return StopReported(number, meter, at_us, str(at_us), token)


def meter(
    *values: float, transaction: int = 0, connector: int = 1, unit: str = "Wh"
) -> EnergyMeasured:
    samples = tuple(Sample(T0, ENERGY, value, unit) for value in values)
    return EnergyMeasured(connector, transaction, samples)


def status(connector: int, word: str, at_us: int = T0) -> ConnectorStatusReported:
    return ConnectorStatusReported(connector, word, at_us)


def command(
    name: str = "c1",
    action: str = "Reset",
    payload: dict[str, object] | None = None,
    deadline_us: int = T0 + 60 * S,
    priority: int = 2,
    follow: str = "",
    queued_us: int = T0,
    key: str = "",
    once: bool = False,
) -> Asked:
    asked = Command(name, "CP1", action, payload or {}, deadline_us, priority, "", queued_us)
    return Asked(asked, follow, key, once)


def only(effects: list[Effect], kind: type) -> list[Effect]:
    return [effect for effect in effects if type(effect) is kind]
