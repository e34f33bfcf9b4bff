"""What all users of a process share: who plays which charger, books, cues, gauges.

Workers send gauges every second and their books when a test stops; the master puts them together.
"""

from __future__ import annotations

import functools
import heapq
import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gevent
from locust import argument_parser, events
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from csms.simulator.books import Books, from_json
from csms.simulator.identity import Identity
from csms.simulator.machine import Leave
from csms.simulator.models import MODELS
from csms.simulator.settings import SimulatorSettings
from csms.simulator.trust import trust
from loadtests.gauges import Cost, Gauge, Timeline, rss_mb
from loadtests.options import LoadOptions, add_options, listed, pairs, read_options
from loadtests.websocket import not_a_server

if TYPE_CHECKING:
    import ssl

    from loadtests.chargers import OcppUser

log = logging.getLogger(__name__)

GAUGE_S = 1.0
FINISH_S = 60.0
"""How long the master waits for the books of its workers."""
WRONG_LINE = 2
"""Exit code of a mistake on the command line."""
BOOKS_AT_ONCE = 500
"""Chargers in one message from a worker to the master."""


class Part(NamedTuple):
    """Which charger a user plays."""

    number: int
    identity: Identity
    password: str
    url: str
    source: str
    tokens: tuple[str, ...]
    settings: SimulatorSettings
    seed: str
    problem: str = ""
    """Why nobody can play it; empty: somebody can."""


@dataclass(frozen=True)
class Cue:
    """Something that happens to many chargers at once. Travels from the master to the workers.

    Attributes:
        name: leave, faults or calm; `restart` and `firmware` concern the server.
        share: of the chargers, 0 to 1; who is meant depends on their number only.
        part: which slice of that size: 0 is the first.
        wait_s: how long they stay away.
        politely: with a closing handshake.
    """

    name: str
    share: float = 1.0
    part: int = 0
    wait_s: float = 0.0
    politely: bool = False

    def means(self, number: int) -> bool:
        """Return whether charger `number` is meant."""
        if self.share >= 1:
            return True
        slices = max(1, round(1 / self.share))
        return number % slices == self.part % slices


class Stage:
    """The stage of one process."""

    def __init__(self, environment: Any) -> None:  # noqa: ANN401 - Locust's
        self.environment = environment
        self.options: LoadOptions = read_options(environment.parsed_options)
        self.users: set[OcppUser] = set()
        self.books: dict[str, Books] = {}
        self.timeline = Timeline()
        self.cost = Cost()
        self._base_mb = rss_mb()
        self.finished: set[str] = set()
        """Workers that have sent their books."""
        self.begun_us = 0
        self.firmware_wanted = False
        self._members = self.options.members()
        self._tokens = listed(self.options.token)
        self._sources = listed(self.options.sources)
        self._models = listed(self.options.models) or ("exemplary",)
        self._faults = self.options.fault_settings()
        self._said = pairs(self.options.simulator)
        self._settings: dict[str, SimulatorSettings] = {}
        self._tls: dict[str, ssl.SSLContext | None] = {}
        self._free: list[int] = []
        self._next = 0
        self._lives: dict[int, int] = {}

    # Parts

    def take_part(self, url: str, simulator: Mapping[str, Any], models: tuple[str, ...]) -> Part:
        """Return the part for a new user who dials `url`: the lowest number that nobody plays."""
        if self._free:
            mine = heapq.heappop(self._free)
        else:
            mine, self._next = self._next, self._next + 1
        number = mine * self._stride() + self._index()
        problem = ""
        if self._members:
            name, password = self._members[number % len(self._members)]
            if number >= len(self._members):
                # Two with one identity would push each other out.
                problem = (
                    f"--chargers-csv has {len(self._members)} chargers and there is no number "
                    f"{number + 1}: fewer --users, or a row for every user and every process"
                )
        else:
            name, password = f"{self.options.prefix}{number:06d}", self.options.password
        kinds = models or self._models
        life = self._lives[number] = self._lives.get(number, 0) + 1
        return Part(
            number,
            Identity.of(name, MODELS[kinds[number % len(kinds)]]),
            password,
            url,
            self._sources[number % len(self._sources)] if self._sources else "",
            self._tokens,
            self.settings(simulator),
            f"{self.options.seed}/{name}/{life}",
            problem,
        )

    def leave(self, part: Part, books: Books) -> None:
        """Take a part back, and keep the books."""
        heapq.heappush(self._free, (part.number - self._index()) // self._stride())
        mine = self.books.setdefault(part.identity.id, Books())
        merge(mine, books)

    def _index(self) -> int:
        runner = self.environment.runner
        return max(0, runner.worker_index) if isinstance(runner, WorkerRunner) else 0

    def _stride(self) -> int:
        if not isinstance(self.environment.runner, WorkerRunner):
            return 1
        options = self.environment.parsed_options
        processes = getattr(options, "processes", None) or 0
        return max(1, processes, getattr(options, "expect_workers", None) or 1)

    def settings(self, simulator: Mapping[str, Any]) -> SimulatorSettings:
        """Return settings of the chargers of one class, made once."""
        key = repr(sorted(simulator.items()))
        made = self._settings.get(key)
        if made is None:
            said = {"faults": self._faults, **simulator, **self._said}
            made = self._settings[key] = SimulatorSettings.model_validate(said)
        return made

    def tls(self, part: Part) -> ssl.SSLContext | None:
        """Return the TLS context of a charger; shared unless certificates are its own."""
        cert = self.options.cert
        key = cert.replace("{id}", part.identity.id)
        if key not in self._tls:
            self._tls[key] = trust(
                part.url,
                Path(self.options.ca) if self.options.ca else None,
                Path(key) if key else None,
            )
        return self._tls[key]

    # Cues

    def cue(self, cue: Cue) -> None:
        """Let it happen, in this process or in all workers."""
        log.info("cue: %s", cue)
        runner = self.environment.runner
        if isinstance(runner, MasterRunner):
            runner.send_message("ocpp_cue", vars(cue))
        else:
            self.play(cue)

    def play(self, cue: Cue) -> None:
        """Let it happen here."""
        if cue.name == "firmware":
            self.firmware_wanted = True
            return
        for user in list(self.users):
            if not cue.means(user.part.number):
                continue
            match cue.name:
                case "leave":
                    user.tell(Leave(cue.wait_s, cue.politely))
                case "faults" | "calm":
                    user.machine.faulty = cue.name == "faults"
                case _:
                    raise ValueError(f"no cue {cue.name!r}")

    # Gauges

    def gauge(self) -> Gauge:
        """Return what the chargers of this process are doing."""
        gauge = Gauge(
            users=len(self.users),
            cpu=self.cost.cores(),
            rss_mb=round(rss_mb(), 1),
            base_mb=round(self._base_mb, 1),
        )
        gauge.faults = sum(sum(books.faults.values()) for books in self.books.values())
        for user in self.users:
            charger = user.charger
            gauge.connected += charger.connected
            gauge.booted += charger.registered
            gauge.charging += charger.busy()
            gauge.waiting += charger.outbox.kept
            gauge.faults += sum(charger.books.faults.values())
        return gauge

    def watch(self) -> None:
        """Keep the gauges, for ever."""
        while True:
            asleep_s = time.monotonic()
            gevent.sleep(GAUGE_S)
            late_s = time.monotonic() - asleep_s - GAUGE_S
            runner = self.environment.runner
            gauge = self.gauge()
            gauge.lag_ms = round(max(0.0, late_s * 1_000), 1)
            if isinstance(runner, WorkerRunner):
                runner.send_message("ocpp_gauge", gauge.to_json())
                continue
            if not isinstance(runner, MasterRunner):
                self.timeline.latest["local"] = gauge
            if self.begun_us:
                self.timeline.tick(time.time() - self.begun_us / 1e6)  # noqa: TID251 - no Clock here


def merge(mine: Books, theirs: Books) -> None:
    """Add the books of another life of the same charger."""
    mine.add(theirs)
    mine.bills.update(theirs.bills)


# Locust's workers build the whole command line once for every option at every spawn message
# (runners.py, "spawn"): seconds in which no charger is served. What it returns never changes.
argument_parser.default_args_dict = functools.cache(argument_parser.default_args_dict)


def stage_of(environment: Any) -> Stage:  # noqa: ANN401 - Locust's
    """Return the stage of an environment, made when first asked for."""
    stage = getattr(environment, "ocpp_stage", None)
    if stage is None:
        stage = environment.ocpp_stage = Stage(environment)
    return stage


@events.init_command_line_parser.add_listener
def _options(parser: Any) -> None:  # noqa: ANN401
    add_options(parser)


@events.init.add_listener
def _init(environment: Any, runner: Any, **_: Any) -> None:  # noqa: ANN401
    # gevent's clock stands still while nothing yields, as during imports: without this, --run-time
    # would be shorter by as long as they took.
    gevent.get_hub().loop.update_now()
    options = environment.parsed_options
    said = not_a_server(options.host) if options.host else ""
    if said:
        if not isinstance(runner, WorkerRunner):
            sys.stderr.write(f"locust: error: argument -H/--host: {said}\n")
        sys.exit(WRONG_LINE)
    stage = stage_of(environment)
    if isinstance(runner, WorkerRunner):
        runner.register_message("ocpp_cue", lambda msg, **_: stage.play(Cue(**msg.data)))
        runner.register_message("ocpp_finish", lambda **_: _finish(stage), concurrent=True)
    elif isinstance(runner, MasterRunner):

        def gauge(msg: Any, **_: Any) -> None:  # noqa: ANN401
            stage.timeline.latest[msg.node_id] = Gauge(**msg.data)

        def books(msg: Any, **_: Any) -> None:  # noqa: ANN401
            for name, row in msg.data.items():
                merge(stage.books.setdefault(name, Books()), from_json(row))

        runner.register_message("ocpp_gauge", gauge)
        runner.register_message("ocpp_books", books)
        runner.register_message("ocpp_finished", lambda msg, **_: stage.finished.add(msg.node_id))
    gevent.spawn(stage.watch)


@events.test_start.add_listener
def _begin(environment: Any, **_: Any) -> None:  # noqa: ANN401
    stage = stage_of(environment)
    stage.begun_us = int(time.time() * 1e6)  # noqa: TID251 - Locust has no Clock
    stage.books.clear()
    stage.timeline.rows.clear()


@events.test_stopping.add_listener
def _ending(environment: Any, **_: Any) -> None:  # noqa: ANN401
    """On the master, before Locust sends the workers home: take their books.

    Locust itself waits half a second for the last words of its workers.
    """
    stage, runner = stage_of(environment), environment.runner
    if not isinstance(runner, MasterRunner) or not stage.begun_us:
        return
    expected = {client.id for client in runner.clients.all if client.state != STATE_MISSING}
    stage.finished.clear()
    runner.send_message("ocpp_finish")
    end_s = time.monotonic() + FINISH_S
    while not expected <= stage.finished:
        if time.monotonic() > end_s:
            log.error("workers without books: %s", ", ".join(expected - stage.finished))
            return
        gevent.sleep(0.05)


def _finish(stage: Stage) -> None:
    """On a worker: let all chargers say goodbye, then send the books."""
    runner = stage.environment.runner
    gevent.killall([user.greenlet for user in list(stage.users)], timeout=FINISH_S)
    rows = list(stage.books.items())
    for first in range(0, len(rows), BOOKS_AT_ONCE):
        part = rows[first : first + BOOKS_AT_ONCE]
        runner.send_message("ocpp_books", {name: books.to_json() for name, books in part})
    stage.books.clear()
    runner.send_message("ocpp_finished")
