"""What must hold after every step, and what must hold when everything has come to rest."""

import re
import sqlite3
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from domain.events import CommandFinished, Entry, MessageExchanged
from storage.analytical.blocks import Window
from storage.analytical.builder import DAY_US, SECOND_US
from storage.analytical.rows import build
from storage.journal_reader import Row
from tests.simulation.bounds import overfull
from tests.simulation.chargers import CALL, ERROR, RESULT, Socket, WorldCharger, decode, texts_in
from tests.simulation.node import GATEWAYS, Node
from tests.simulation.store import identity
from tests.simulation.world import US_PER_S, BrokenLaw, World

PROMISED = frozenset(
    {
        "StartTransaction",
        "StopTransaction",
        "MeterValues",
        "StatusNotification",
        "BootNotification",
        "FirmwareStatusNotification",
        "DiagnosticsStatusNotification",
        "TransactionEvent",
        "SecurityEventNotification",
        "NotifyReport",
        "NotifyEvent",
        "LogStatusNotification",
    }
)
"""Actions whose answer says: it is on disk."""
HEAD = re.compile(rb'\[2,"([^"]*)","([A-Za-z]+)"')
UID_LENGTH = 24
"""Of the ids that virtual chargers make; others are those of malformed frames."""
TWO_OWNERS_S = 5.0
FUSE_SLACK_A = 0.5


class Said(NamedTuple):
    """A call of a charger."""

    action: str
    text: bytes


class Conversation:
    """One connection, as seen on its wire."""

    def __init__(self, charger: str) -> None:
        self.charger = charger
        self.buffer = bytearray()
        self.shaken = False
        self.calls: dict[str, Said] = {}
        self.sent: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.order: dict[str, int] = {}
        self.last = -1


class Laws:
    """Watches a node and its chargers."""

    def __init__(self, world: World, node: Node) -> None:
        self.world = world
        self.node = node
        self.kept: dict[str, dict[int, Row]] = defaultdict(dict)
        """Journal -> lsn -> what is durable."""
        self.durable: set[tuple[str, str]] = set()
        self.finished: Counter[str] = Counter()
        self.asked: dict[str, str] = {}
        """Command -> the outcome that whoever asked was told."""
        self.commands: Counter[tuple[str, str]] = Counter()
        """How often a charger was sent a command."""
        self.acknowledged: dict[tuple[str, str], tuple[Said, Any]] = {}
        self.owned_twice: dict[str, int] = {}
        self.texts = 0
        self.site: list[WorldCharger] = []
        """Those that share a circuit."""
        self.fuse_a = 0.0
        node.disk.on_kept = self._kept
        world.laws.append(self.check)

    # on the wire

    def watch(self, charger: WorldCharger) -> None:
        """See what a charger says and hears."""
        charger.on_socket = lambda socket: self._begin(charger, socket)

    def _begin(self, charger: WorldCharger, socket: Socket) -> None:
        talk = Conversation(charger.name)

        def sent(end: int, data: bytes) -> None:
            if end == 1:
                self._answers(talk, socket, data)

        socket.wire.on_sent = sent
        charger.on_out = lambda _socket, text: self._said(talk, text)
        charger.on_in = lambda one, text: self._heard(talk if one is socket else None, text)

    def _said(self, talk: Conversation, text: bytes) -> None:
        self.texts += 1
        self.world.tell(talk.charger, f"→ {text.decode('utf-8', 'replace')}")
        found = HEAD.match(text)
        if found is None:
            return
        uid = found[1].decode()
        talk.sent[uid] += 1
        talk.calls.setdefault(uid, Said(found[2].decode(), text))
        talk.order.setdefault(uid, len(talk.order))

    def _heard(self, talk: Conversation | None, text: bytes) -> None:
        self.texts += 1
        message = decode(text)
        if talk is not None and message[0] == RESULT:
            said = talk.calls.get(message[1])
            if said is not None:
                self.acknowledged[talk.charger, message[1]] = (said, message[2])

    def _answers(self, talk: Conversation, socket: Socket, data: bytes) -> None:
        """Judge what a gateway writes to a socket, at the moment of writing."""
        talk.buffer += data
        if not talk.shaken:
            if b"\r\n\r\n" not in talk.buffer:
                return
            talk.shaken = True
            talk.buffer = talk.buffer.partition(b"\r\n\r\n")[2]
        for text in texts_in(talk.buffer):
            self.world.tell(socket.gateway, f"→ {talk.charger} {text.decode('utf-8', 'replace')}")
            message = decode(text)
            kind, uid = message[0], message[1]
            if kind == CALL:
                self.commands[talk.charger, uid] += 1
                if self.commands[talk.charger, uid] > 1:
                    raise BrokenLaw(f"{talk.charger} was sent the command {uid} twice")
            elif kind == RESULT:
                self._answer(talk, uid)
            elif kind == ERROR and HEAD.match(talk.calls.get(uid, Said("", b"")).text):
                said = talk.calls[uid]
                if said.action in PROMISED:
                    raise BrokenLaw(f"{talk.charger}: CALLERROR to {said.text!r}: {text!r}")

    def _answer(self, talk: Conversation, uid: str) -> None:
        said = talk.calls.get(uid)
        if said is None:
            raise BrokenLaw(f"{talk.charger} got an answer to {uid}, which it never asked")
        talk.answered[uid] += 1
        if talk.answered[uid] > talk.sent[uid]:
            raise BrokenLaw(f"{talk.charger} got two answers to {said.action} {uid}")
        if talk.answered[uid] == 1:
            if talk.order[uid] < talk.last:
                raise BrokenLaw(f"{talk.charger}: {said.action} {uid} was answered out of order")
            talk.last = talk.order[uid]
        if said.action in PROMISED and (talk.charger, uid) not in self.durable:
            raise BrokenLaw(f"{talk.charger}: {said.action} {uid} is answered but not on disk")

    # power

    def raised(self, charger: WorldCharger) -> None:
        """A limit was raised: not above what the circuit carries, whatever the others have."""
        total_a = sum(sum(one.offers_a()) for one in self.site)
        if total_a > self.fuse_a + FUSE_SLACK_A:
            offers = {one.name: one.offers_a() for one in self.site}
            raise BrokenLaw(f"{charger.name} was raised to {total_a:.1f} A in all: {offers}")

    # on disk

    def _kept(self, journal: str, row: Row, entry: Entry) -> None:
        before = self.kept[journal]
        if row.lsn in before:
            self._broken(f"{journal} has two records {row.lsn}")
        before[row.lsn] = row
        for event in entry.events:
            if type(event) is MessageExchanged:
                if event.incoming and event.outcome == "result":
                    made_here = len(event.uid) == UID_LENGTH
                    if made_here and (entry.charger, event.uid) in self.durable:
                        self._broken(f"{entry.charger}: {event.uid} was kept twice")
                    self.durable.add((entry.charger, event.uid))
            elif type(event) is CommandFinished:
                self.finished[event.command] += 1
                if self.finished[event.command] > 1:
                    self._broken(f"command {event.command} has ended twice")

    def _broken(self, problem: str) -> None:
        # Raised after the step: whoever writes a journal would take it for a failure of the disk.
        self.world.errors.append(problem)

    # after every step

    def check(self, process: str) -> None:
        """Look at what may only ever be one, or so many; only processes can change that."""
        if self.world.errors:
            raise BrokenLaw(self.world.errors[0])
        here = self.node.processes.get(process)
        if here is not None and here.part is not None:
            for problem in overfull(here):
                raise BrokenLaw(problem)
        if process not in GATEWAYS:
            return
        now_us, before = self.world.now_us, self.owned_twice
        lines = [gateway.lines for _, gateway in self.node.gateways()]
        at_both = sorted(lines[0].keys() & lines[1].keys()) if len(lines) > 1 else []
        self.owned_twice = {
            charger: before.get(charger, now_us)
            for charger in at_both
            if not any(held[charger].fenced for held in lines)
        }
        for charger, since_us in self.owned_twice.items():
            if now_us - since_us > TWO_OWNERS_S * US_PER_S:
                raise BrokenLaw(f"{charger} is owned by {' and '.join(GATEWAYS)}")

    # at rest

    def at_rest(self, chargers: list[WorldCharger]) -> None:
        """Compare what chargers were promised with what the stores have."""
        problems = [
            *self._lost(),
            *self._commands(),
            *self._analytical(),
            *self._relational(chargers),
        ]
        if problems:
            raise BrokenLaw("; ".join(problems[:5]) + f" ({len(problems)} in all)")

    def _lost(self) -> list[str]:
        return [
            f"{charger}: {said.action} {uid} was acknowledged and is not in a journal"
            for (charger, uid), (said, _) in self.acknowledged.items()
            if said.action in PROMISED and (charger, uid) not in self.durable
        ]

    def _commands(self) -> list[str]:
        return [
            f"command {command} ended {outcome} for its asker, and {self.finished[command]} times "
            "in the journals"
            for command, outcome in self.asked.items()
            if outcome not in {"gone", "absent", "lost"} and self.finished[command] != 1
        ]

    def _analytical(self) -> list[str]:
        problems = []
        expected: dict[str, Counter] = defaultdict(Counter)
        window = Window(400 * DAY_US, 86_400 * SECOND_US)
        for kept in self.kept.values():
            rows = [row for _, row in sorted(kept.items())]
            for block in build(rows, {}, window, 1_000_000).blocks:
                expected[block.table.name].update(map(identity(block.table), block.rows))
        for table in expected.keys() | self.node.engine.rows.keys():
            stored = self.node.engine.rows.get(table, Counter())
            missing, extra = expected[table] - stored, stored - expected[table]
            if missing or extra:
                problems.append(
                    f"{table}: {missing.total()} rows are missing, {extra.total()} are too many: "
                    f"{next(iter(missing), '')} {next(iter(extra), '')}"
                )
        return problems

    def _relational(self, chargers: list[WorldCharger]) -> list[str]:
        database = self.node.settings.config.paths.database
        store = _read(database)
        problems = [
            f"{store['quarantine']} records are in quarantine"
            for _ in range(bool(store["quarantine"]))
        ]
        for world_charger in chargers:
            problems += _bills(world_charger, store)
        finished = {command for command, times in self.finished.items() if times}
        if finished != store["commands"]:
            problems.append(f"commands differ: {sorted(finished ^ store['commands'])[:5]}")
        return problems


def _read(database: Path) -> dict[str, Any]:
    db = sqlite3.connect(database)
    db.row_factory = sqlite3.Row
    try:
        return {
            "transactions": [dict(row) for row in db.execute("SELECT * FROM transactions")],
            "aliases": {
                (row["charger"], row["number"]): row["transaction"]
                for row in db.execute("SELECT * FROM transaction_aliases")
            },
            "commands": {
                row[0] for row in db.execute("SELECT id FROM commands WHERE outcome != ''")
            },
            "quarantine": db.execute("SELECT count(*) FROM quarantine").fetchone()[0],
        }
    finally:
        db.close()


def _bills(charger: WorldCharger, store: dict[str, Any]) -> list[str]:
    """Compare the charger's own bills with the transactions of the store."""
    problems = []
    rows = {row["id"]: row for row in store["transactions"] if row["charger"] == charger.name}
    by_name = {row["said"] or row["number"]: row for row in rows.values()}
    seen: Counter[str] = Counter()
    # 1.6: the number that the server has given; 2.x: the charger's own name.
    for number, bill in charger.machine.charger.books.bills.items():
        row = by_name.get(number)
        if row is None:
            row = rows.get(store["aliases"].get((charger.name, number), ""))
        if row is None:
            problems.append(f"{charger.name}: transaction {number} is not in the store")
            continue
        seen[row["id"]] += 1
        said = (bill.connector, bill.meter_start_wh)
        has = (row["connector"], row["meter_start_wh"])
        if said != has:
            problems.append(f"{charger.name}: {number} began with {said}, the store has {has}")
        if bill.meter_stop_wh is not None:
            stop = (row["state"], row["meter_stop_wh"])
            if stop != ("ended", bill.meter_stop_wh):
                problems.append(
                    f"{charger.name}: {number} ended with {bill.meter_stop_wh} Wh, "
                    f"the store has {stop}"
                )
    problems += [f"{charger.name}: {one} is two of its bills" for one, n in seen.items() if n > 1]
    return problems
