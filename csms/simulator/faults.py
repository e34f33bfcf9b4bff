"""What goes wrong with chargers and their networks, as a table; chosen by dice with a seed.

The dice are thrown once for every CALL that a charger is about to send.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

DAY_S = 86_400.0
MALFORMED: tuple[bytes, ...] = (
    b"[2,",
    b"{}",
    b'[2,"no-action"]',
    b'[2,"","Heartbeat",{}]',
    b'[9,"x","Heartbeat",{}]',
    b'[2,"quote","Heartbeat",{"a":}]',
    b'[3,"never-asked",{}]',
    b'[2,"list","Heartbeat",[]]',
    b"\x00",
    b"not JSON",
)
"""Frames that no specification knows. A server answers or ignores them, and goes on."""


class Happening(NamedTuple):
    """One fault that happens now. What is not said does not happen.

    Attributes:
        name: of the row in `FAULTS`.
        cut: send half of the text, then reset the connection.
        frozen_s: neither read nor write for so long with the socket open, then reset it.
        silent_s: send nothing of its own for so long; commands are still answered.
        twice: send the text twice.
        swapped: the next MeterValues is sent after the message that waits behind it.
        clock_s: the clock is off by so much from now on.
        extra: send this frame first.
        reset: reset the connection before the text is sent.
    """

    name: str
    cut: bool = False
    frozen_s: float = 0.0
    silent_s: float = 0.0
    twice: bool = False
    swapped: bool = False
    clock_s: float | None = None
    extra: bytes = b""
    reset: bool = False


@dataclass(frozen=True)
class Fault:
    """A row of the table: how it is thrown, and how it is told."""

    happen: Callable[[str, Random], Happening]
    story: str


FAULTS: Mapping[str, Fault] = {
    "cut": Fault(
        lambda name, _: Happening(name, cut=True), "The connection is reset within a message."
    ),
    "reset": Fault(
        lambda name, _: Happening(name, reset=True), "The connection is reset between messages."
    ),
    "half_open": Fault(
        lambda name, dice: Happening(name, frozen_s=dice.uniform(2, 20)),
        "The network swallows everything in both directions for 2 to 20 s.",
    ),
    "silence": Fault(
        lambda name, dice: Happening(name, silent_s=dice.uniform(5, 60)),
        "The charger says nothing for 5 to 60 s, but answers.",
    ),
    "duplicate": Fault(lambda name, _: Happening(name, twice=True), "A message is sent twice."),
    "reorder": Fault(
        lambda name, _: Happening(name, swapped=True),
        "A MeterValues is sent after the message behind it.",
    ),
    "clock": Fault(
        lambda name, dice: Happening(
            name, clock_s=dice.choice((0.0, 3_600.0, -3_600.0, dice.uniform(-DAY_S, DAY_S)))
        ),
        "The clock jumps by an hour, or by anything up to a day, or is right again.",
    ),
    "malformed": Fault(
        lambda name, dice: Happening(name, extra=dice.choice(MALFORMED)),
        "A frame that nobody can read comes before a message.",
    ),
}


class FaultSettings(BaseModel):
    """How often what goes wrong. Everything is off by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rates: Mapping[str, float] = Field(
        default_factory=dict,
        description="Chance of a fault at each CALL of a charger, by name of the fault; 0 to 1.",
    )

    @field_validator("rates")
    @classmethod
    def _known(cls, rates: Mapping[str, float]) -> Mapping[str, float]:
        for name, chance in rates.items():
            if name not in FAULTS:
                raise ValueError(f"no fault {name!r}; there are {', '.join(FAULTS)}")
            if not 0 <= chance <= 1:
                raise ValueError(f"the chance of {name} is {chance}, not 0 to 1")
        return rates


def everything(chance: float) -> FaultSettings:
    """Return settings where every fault happens with the same chance."""
    return FaultSettings(rates=dict.fromkeys(FAULTS, chance))


def throw(settings: FaultSettings, dice: Random) -> Happening | None:
    """Return what goes wrong with the next CALL: at most one fault."""
    for name, chance in settings.rates.items():
        if chance and dice.random() < chance:
            return FAULTS[name].happen(name, dice)
    return None
