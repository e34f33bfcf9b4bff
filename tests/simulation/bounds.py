"""What may never grow beyond its limit: looked at after every step of a process."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from csms.gateway.line import ChargerLine
from storage.journal import JournalWriter
from tests.simulation.node import GATEWAYS, Process

READ_ON = 2
"""Calls that a connection may take beyond `unanswered_max`: the one that shows that it is reached,
and one more when reading has just begun again."""


class Bound(NamedTuple):
    """One limit: what is measured, and how much of it there may be, 1 or more."""

    name: str
    measure: Callable[[Any], int]
    most: Callable[[Any], int]


def _size(things: Any) -> int:
    return 0 if things is None else len(things)


def _state(line: ChargerLine) -> Any:
    return line.address.instance.state


def _gateway(line: ChargerLine) -> Any:
    return line._gateway


LINE: tuple[Bound, ...] = (
    Bound(
        "calls without an answer",
        lambda line: line.session.unanswered,
        lambda line: _gateway(line).settings.unanswered_max + READ_ON,
    ),
    Bound(
        "bytes read and not taken",
        lambda line: line.connection._backlog_bytes,
        lambda line: (
            _gateway(line).settings.backlog_bytes_max + _gateway(line).settings.message_bytes_max
        ),
    ),
    Bound(
        "calls remembered",
        lambda line: _size(line.session._recent),
        lambda line: line.session._limits.recent_calls_max,
    ),
    Bound(
        "commands whose answers are late",
        lambda line: _size(line.session._late),
        lambda line: line.session._limits.late_calls_max,
    ),
)
"""Of a connection."""

STATE: tuple[Bound, ...] = tuple(
    Bound(name, lambda state, of=of: _size(getattr(state, of)), most)
    for name, of, most in (
        ("commands that wait", "queue", lambda state: state.settings.commands_max),
        ("starts and stops held back", "deferred", lambda state: state.settings.deferred_max),
        ("commands followed", "follows", lambda state: state.settings.follows_max),
        ("starts remembered", "recent", lambda state: state.settings.recent_starts_max),
        ("connectors", "connectors", lambda state: state.settings.connectors_max),
        (
            "transactions",
            "transactions",
            lambda state: state.settings.open_transactions_max + state.settings.recent_starts_max,
        ),
    )
)
"""Of a charger's actor."""

JOURNAL: tuple[Bound, ...] = (
    Bound(
        "records that wait for a commit",
        lambda journal: journal.stats.queued_records,
        lambda journal: 2 * journal._settings.queue_records_max,
    ),
    Bound(
        "bytes that wait for a commit",
        lambda journal: journal.stats.queued_bytes,
        lambda journal: 2 * journal._settings.queue_bytes_max,
    ),
)

GATEWAY: tuple[Bound, ...] = (
    Bound("connections", lambda g: len(g.lines), lambda g: g.settings.connections_max),
    Bound("handshakes", lambda g: len(g.gate.unfinished), lambda g: g.settings.handshakes_max),
)


def _over(bounds: tuple[Bound, ...], whose: str, thing: object) -> Iterator[str]:
    for name, measure, most in bounds:
        has = measure(thing)
        if has and has > most(thing):
            yield f"{whose}: {name}: {has}, and at most {most(thing)} may be"


def overfull(process: Process) -> Iterator[str]:
    """Yield what has grown beyond its limit in a process."""
    base = getattr(process.part, "_base", None)
    for address in base._cells if base is not None else ():
        box = address.box  # a queue only when more than one message waits
        if type(box) is deque and len(box) > address.limit:
            yield f"{address.label}: {len(box)} messages wait, and at most {address.limit} may"
    if process.name not in GATEWAYS:
        return
    gateway = process.part.gateway
    yield from _over(GATEWAY, process.name, gateway)
    if isinstance(gateway.journal, JournalWriter):
        yield from _over(JOURNAL, process.name, gateway.journal)
    for line in gateway.lines.values():
        yield from _over(LINE, line.charger, line)
        if line.address.instance is not None:
            yield from _over(STATE, line.charger, _state(line))
