"""Faults put into the product on purpose: each breaks one law, and the simulation must find it."""

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock

import actors.site.ceilings
import protocol.session
from actors.charger import machine, outbox
from actors.site.state import Spot
from csms.gateway.connection import Connection
from csms.gateway.line import ChargerLine
from storage.relational.projector import Projector
from tests.simulation.disk import SteppedJournal
from tests.simulation.story import Result, tell


def answer_before_the_commit() -> AbstractContextManager[object]:
    """The gateway answers when a record is queued, not when it is on disk."""
    append = SteppedJournal.append

    def at_once(self, blob, done=None):
        append(self, blob)
        if done is not None:
            done()

    return mock.patch.object(SteppedJournal, "append", at_once)


def forget_the_fence() -> AbstractContextManager[object]:
    """A connection that was replaced goes on as if it were not."""
    return mock.patch.object(ChargerLine, "fence", return_value=None)


def raise_before_the_others_have_lowered() -> AbstractContextManager[object]:
    """A lower limit counts as soon as it is sent."""
    told = actors.site.ceilings.told_max_a

    def hopeful(spot: Spot) -> float:
        return spot.order.limit_a if spot.order is not None else told(spot)

    return mock.patch.object(actors.site.ceilings, "told_max_a", hopeful)


def end_commands_twice() -> AbstractContextManager[object]:
    """A connection's end ends commands that have ended."""
    abandon = outbox.abandon

    def again(state, now_us):
        entry = state.open_command
        effects = abandon(state, now_us)
        if entry is not None:
            state.open_command = entry
            effects += abandon(state, now_us)
        return effects

    return mock.patch.object(machine.outbox, "abandon", again)


def move_on_before_it_is_stored() -> AbstractContextManager[object]:
    """A batch's last record counts as projected though it was left out."""
    apply = Projector.apply

    async def short(self, uuid, rows, name):
        if len(rows) < 20:
            return await apply(self, uuid, rows, name)
        applied = await apply(self, uuid, rows[:-10], name)
        return applied._replace(lsn=rows[-1].lsn)

    return mock.patch.object(Projector, "apply", short)


def remember_every_call() -> AbstractContextManager[object]:
    """A session keeps what it has answered for ever."""

    def keep(self, uid, digest):
        self._recent = {} if self._recent is None else self._recent
        entry = self._recent[uid] = protocol.session._Inbound(uid, digest)
        return entry

    return mock.patch.object(protocol.session.Session, "_remember", keep)


def read_on_whatever_waits() -> AbstractContextManager[object]:
    """A connection is read however many of its calls wait for their answers."""
    return mock.patch.object(Connection, "_consider_pause", return_value=None)


MUTATIONS: Mapping[str, Callable[[], AbstractContextManager[object]]] = {
    "answer before the commit": answer_before_the_commit,
    "forget the fence": forget_the_fence,
    "raise before the others have lowered": raise_before_the_others_have_lowered,
    "end commands twice": end_commands_twice,
    "move on before it is stored": move_on_before_it_is_stored,
    "remember every call": remember_every_call,
    "read on whatever waits": read_on_whatever_waits,
}


def tell_broken(name: str, busy_s: int, seed: int, template: Path, root: Path) -> Result:
    """Tell a story, perhaps with a fault of ours in it."""
    with MUTATIONS[name]() if name else contextlib.nullcontext():
        return tell(seed, template, root, busy_s=busy_s)
