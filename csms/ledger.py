"""The ledger as a process of the node: journals -> relational store -> gateways.

It follows every journal of the node, answers what is known of chargers that connect, leases
transaction numbers, and tells gateways which records have changed. While the database is away it
answers with Unavailable at once and tries again; gateways go on without it.

Drain: the gateways have drained before; what is in the journals goes in, if the database is there.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Sequence
from functools import partial
from typing import TypeVar

import msgspec

from actors.ledger.activation import Activation
from actors.ledger.feed import Feed
from actors.ledger.follower import Away, CatchUp, JournalFollower, Look, Position
from actors.ledger.listeners import Listeners
from actors.ledger.live import LiveWindow
from actors.ledger.settings import LedgerSettings
from actors.ledger.snapshot import Mirror, write_snapshot
from actors.ledger.watchers import Watchers
from csms.pki.contract_desk import ContractDesk
from csms.pki.desk import CertificateDesk
from csms.pki.ledger_desk import build_desk, keep_server_certificates
from csms.settings import ProcessSettings
from domain.errors import CsmsError, InvalidInput, Unavailable
from domain.known import KnownCharger
from storage.journal_reader import JournalReader
from storage.relational import feed, leases
from storage.relational.engine import open_engine
from storage.relational.evse_limits import remembered
from storage.relational.key_candidates import expire
from storage.relational.known import known
from storage.relational.migrations import upgrade
from storage.relational.owner import HeldElsewhere, Owner
from storage.relational.projector import Poison, Projector
from storage.relational.registry import Registry
from supervisor.actor_errors import AskFailed
from supervisor.asyncio_base import AsyncioBase
from supervisor.link_frames import Body
from supervisor.links import Link, LinkClient, LinkError, LinkServer
from supervisor.process import ProcessContext
from supervisor.telemetry import Telemetry
from supervisor.unbroken import unbroken

log = logging.getLogger(__name__)

READER = "ledger"
"""Our name among the readers of a journal."""

SNAPSHOT = "registry.snapshot"
HELD_ELSEWHERE_MAX = 6
"""Looks in a row, `ledger.retell_s` apart, that find the database in other hands; then it is."""
KEYS_AT_ONCE = 100
"""New keys that are ended in one look."""

T = TypeVar("T")


class LedgerProcess:
    """One ledger process. `serve()` returns when it has drained."""

    def __init__(self, ctx: ProcessContext) -> None:
        node = ctx.settings
        assert isinstance(node, ProcessSettings)
        config = node.config
        self._ctx = ctx
        self._config = config
        self._url = config.database_url
        self._settings: LedgerSettings = config.ledger
        self._journals = config.paths.journal
        self._snapshot = config.paths.root / SNAPSHOT
        self._engine = open_engine(config.database_url, config.relational)
        self._owner = Owner(self._engine)
        self._base = AsyncioBase()
        self._turn = asyncio.Lock()
        self._mirror = Mirror()
        window = LiveWindow(self._mirror.place, self._settings.live_changes_max)
        self._watchers = Watchers(window, self._settings.live_ms / 1_000)
        self._listeners = Listeners(self._settings.sync_s)
        self._projector = Projector(
            self._engine,
            ctx.clock.now_us,
            self._settings.projector,
            self._poisoned,
            window.fold,
        )
        self._positions: dict[str, Position] = {}
        self._tried = asyncio.Event()
        self._ready = asyncio.Event()
        self._away = ""
        self._telemetry = Telemetry()
        self._activations = self._telemetry.counter("csms_activations_total")
        self._quarantined = self._telemetry.counter("csms_quarantined_total")
        self._activation = Activation(
            self._catch_up,
            self._known,
            self._settings.activation_ms / 1_000,
            self._settings.activation_s,
        )
        self._feed = Feed(
            partial(feed.revision, self._engine),
            lambda after: feed.changes_since(self._engine, after, self._settings.feed_rows_max),
            self._settings,
            self._mirror.apply,
        )
        self._gateways = {
            name: LinkClient(
                ctx.run_dir / f"{name}.sock", {}, config.links, on_link=partial(self._retell, name)
            )
            for name in node.gateways
        }
        self._server = LinkServer(
            ctx.run_dir / f"{ctx.name}.sock",
            {
                "activate": self._activate,
                "subscribe": self._subscribe,
                "sync": self._sync,
                "lease": self._lease,
                "lag": self._lag,
                "limits": self._limits,
                "live": self._watch_live,
                "listen": self._listen,
                "contract": self._contract,
                "metrics": self._metrics,
            },
            config.links,
            on_lost=self._lost,
        )
        self._desk: CertificateDesk | None = build_desk(
            config, self._engine, self._gateways, ctx.clock.now_us
        )
        self._contracts = ContractDesk(config.contracts, ctx.clock.now_us)
        self._keys_expired = self._telemetry.counter("csms_keys_expired_total")
        self._lags: dict[tuple[str, ...], float] = {}
        self._watch()

    async def serve(self) -> None:
        """Follow, answer, drain."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._engine.dispose)
            stack.push_async_callback(self._owner.release)
            stack.callback(self._base.shutdown)
            await stack.enter_async_context(self._server)
            for client in self._gateways.values():
                await stack.enter_async_context(client)
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(work)
                    for work in (
                        self._prepare(),
                        self._keep_scanning(),
                        self._keep_feeding(),
                        self._keep_snapshot(),
                        self._keep_retelling(),
                        self._keep_owning(),
                        self._keep_signing(),
                        self._keep_expiring(),
                        self._watchers.run(),
                        keep_server_certificates(self._config, self._ctx.clock.now_us),
                    )
                ]
                await self._ctx.draining.wait()
                try:
                    await self._catch_up()
                except Unavailable as error:
                    log.warning("left without reading everything: %s", error)
                for task in running:
                    task.cancel()

    # ---- tasks ----------------------------------------------------------------------------

    async def _prepare(self) -> None:
        """Bring the schema up to date; wait for the database as long as it takes."""
        wait_ms = self._settings.retry_ms_min
        while True:
            try:
                revision = await upgrade(self._url)
                await self._owner.take()
            except Unavailable as error:
                self._away = str(error)
                self._tried.set()
                log.warning("the database is waited for: %s", error)
                await asyncio.sleep(wait_ms / 1_000)
                wait_ms = min(2 * wait_ms, self._settings.retry_ms_max)
                continue
            log.info("the relational store is at revision %s", revision)
            self._away = ""
            self._ready.set()
            self._tried.set()
            return

    async def _keep_scanning(self) -> None:
        await self._ready.wait()
        while True:
            await self._scan()
            await asyncio.sleep(self._settings.scan_ms / 1_000)

    async def _keep_feeding(self) -> None:
        await self._ready.wait()
        await self._feed.run()

    async def _keep_snapshot(self) -> None:
        settings = self._settings
        loop = asyncio.get_running_loop()
        written_s = -settings.snapshot_transactions_s
        while True:
            await asyncio.sleep(min(1.0, max(0.05, settings.snapshot_s)))
            wait_s = settings.snapshot_transactions_s
            if self._mirror.records_changed:
                wait_s = settings.snapshot_s
            if not self._mirror.changed or loop.time() - written_s < wait_s:
                continue
            written_s = loop.time()
            blob = self._mirror.encode()
            try:
                await asyncio.to_thread(write_snapshot, self._snapshot, blob)
            except OSError as error:
                self._mirror.changed = self._mirror.records_changed = True
                log.warning("%s cannot be written: %s", self._snapshot, error)

    async def _keep_retelling(self) -> None:
        while True:
            await asyncio.sleep(self._settings.retell_s)
            for position in self._positions.values():
                self._tell_passed(position)

    async def _keep_owning(self) -> None:
        """Take the database again when the connection was cut; end when another node has it.

        Raises:
            HeldElsewhere: another node has it. A fresh process waits until it is free.
        """
        await self._ready.wait()
        held_elsewhere = 0
        while True:
            await asyncio.sleep(self._settings.retell_s)
            if await unbroken(self._owner.holds()):
                continue
            try:
                await unbroken(self._owner.take())
            except HeldElsewhere:
                # The server may take a while to notice that our own last connection has gone.
                held_elsewhere += 1
                if held_elsewhere == HELD_ELSEWHERE_MAX:
                    raise
            except Unavailable as error:
                log.warning("the database is waited for: %s", error)
            else:
                held_elsewhere = 0

    async def _keep_signing(self) -> None:
        await self._ready.wait()
        if self._desk is not None:
            await self._desk.run()

    async def _keep_expiring(self) -> None:
        """End new keys of which nobody knows whether their chargers have them, in time."""
        await self._ready.wait()
        registry = Registry(self._engine, self._ctx.clock.now_us)
        while True:
            await asyncio.sleep(self._config.security.expiry_look_s)
            now_us = self._ctx.clock.now_us()
            try:
                gone = await unbroken(expire(self._engine, registry, now_us, KEYS_AT_ONCE))
            except CsmsError as error:
                log.warning("keys cannot be looked at: %s", error)
                continue
            for charger in gone:
                log.error("charger %r never came with its new key; the old one counts", charger)
            self._keys_expired.add(len(gone))
            if gone:
                self._feed.look()

    # ---- journals -------------------------------------------------------------------------

    async def _scan(self) -> None:
        """Start a follower for every journal that has none."""
        for path in await asyncio.to_thread(lambda: sorted(self._journals.glob("*.db"))):
            name = f"journal {path.stem}"
            if self._base.find(name) is None:
                log.info("follows %s", path.name)
                follower = self._base.create(
                    JournalFollower,
                    name,
                    init={
                        "base": self._base,
                        "path": path,
                        "projector": self._projector,
                        "turn": self._turn,
                        "settings": self._settings,
                        "on_moved": self._moved,
                    },
                )
                self._base.tell(follower, Look())

    async def _catch_up(self) -> None:
        """Return when all that is in the journals now is in the store.

        Raises:
            Unavailable: it is away.
        """
        await self._check_ready()
        await self._scan()
        names = [f"journal {path.stem}" for path in self._journals.glob("*.db")]
        followers = [found for name in names if (found := self._base.find(name)) is not None]
        wait_s = self._settings.activation_s
        try:
            answers = await asyncio.gather(
                *(self._base.ask(follower, CatchUp(), wait_s) for follower in followers)
            )
        except (AskFailed, TimeoutError) as error:
            raise Unavailable(str(error)) from error
        for answer in answers:
            if isinstance(answer, Away):
                raise Unavailable(answer.reason)

    def _moved(self, position: Position) -> None:
        self._positions[position.name] = position
        if position.fed:
            self._feed.look()
        self._tell_passed(position)
        self._ctx.report({"journals": {p.name: p.lsn for p in self._positions.values()}})

    def _poisoned(self, poison: Poison) -> None:
        self._quarantined.add()
        log.error("record %d is quarantined: %s", poison.row.lsn, poison.reason)

    # ---- gateways -------------------------------------------------------------------------

    def _tell_passed(self, position: Position) -> None:
        gateway = self._gateways.get(position.name)
        if gateway is not None and position.uuid:
            with contextlib.suppress(LinkError):  # it will be told again
                gateway.tell("passed", _passed(position))

    def _retell(self, name: str, link: Link) -> None:
        position = self._positions.get(name)
        if position is not None and position.uuid:
            link.tell("passed", _passed(position))

    # ---- what others ask ------------------------------------------------------------------

    async def _activate(self, link: Link, body: Body) -> Body:
        """{"chargers": [id]} -> encoded list[KnownCharger]."""
        del link
        chargers = _field(body, "chargers", list)
        if not all(isinstance(charger, str) for charger in chargers):
            raise InvalidInput("chargers", "must be texts")
        self._activations.add(len(chargers))
        return msgspec.msgpack.encode(await self._activation.ask(chargers))

    async def _limits(self, link: Link, body: Body) -> Body:
        """{"site"} -> encoded list[domain.site.RememberedLimit]."""
        del link
        site = _field(body, "site", str)
        await self._catch_up()
        return msgspec.msgpack.encode(await remembered(self._engine, site))

    async def _contract(self, link: Link, body: Body) -> Body:
        """{"question", "body"} -> what `ContractDesk.answer` says; needs no database."""
        del link
        return await self._contracts.answer(
            _field(body, "question", str), _field(body, "body", dict)
        )

    async def _known(self, chargers: Sequence[str]) -> list[KnownCharger]:
        follow_us = self._config.charger.follow_s * 1_000_000
        return await known(self._engine, chargers, self._ctx.clock.now_us() - follow_us)

    async def _subscribe(self, link: Link, body: Body) -> Body:
        """{"gateway", "revision"} -> encoded empty Changes, after all pieces by `changed`."""
        name, revision = _field(body, "gateway", str), _field(body, "revision", int)
        await self._check_ready()
        return await self._feed.subscribe(link, name, revision)

    async def _sync(self, link: Link, body: Body) -> Body:
        """{} -> {"revision"}."""
        del link, body
        await self._check_ready()
        pushing = asyncio.ensure_future(self._feed.push())
        (done, _), _ = await asyncio.gather(
            asyncio.wait([pushing], timeout=self._settings.sync_s), self._listeners.forget()
        )
        if done:
            return {"revision": pushing.result()}
        pushing.add_done_callback(lambda task: task.cancelled() or task.exception())
        return {"revision": await feed.revision(self._engine)}

    def _watch_live(self, link: Link, body: Body) -> Body:
        """{"kinds"} -> {}: from now on `live` is told with LiveChanges of these kinds."""
        kinds = _field(body, "kinds", list)
        self._watchers.watch(link, frozenset(str(kind) for kind in kinds))
        return {}

    def _listen(self, link: Link, body: Body) -> Body:
        """{} -> {}: from now on `forget` is asked whenever the store was changed."""
        del body
        self._listeners.listen(link)
        return {}

    def _lost(self, link: Link) -> None:
        self._listeners.lost(link)
        self._feed.lost(link)
        self._watchers.lost(link)

    async def _lease(self, link: Link, body: Body) -> Body:
        """{"gateway"} -> {"first", "last"}, both included."""
        del link
        name = _field(body, "gateway", str)
        await self._check_ready()
        first, last = await leases.lease(
            self._engine, name, self._settings.lease_numbers, self._ctx.clock.now_us
        )
        return {"first": first, "last": last}

    async def _lag(self, link: Link, body: Body) -> Body:
        """{} -> {journal: {"lsn", "last"}}."""
        del link, body
        last = await asyncio.to_thread(self._last_lsns)
        return {name: {"lsn": self._lsn_of(name), "last": end} for name, end in last.items()}

    async def _metrics(self, link: Link, body: Body) -> Body:
        """{} -> Prometheus text."""
        del link, body
        last = await asyncio.to_thread(self._last_lsns)
        self._lags = {
            (READER, name): float(max(0, end - self._lsn_of(name))) for name, end in last.items()
        }
        return self._telemetry.render()

    def _watch(self) -> None:
        telemetry = self._telemetry
        telemetry.watch("csms_projection_lag_records", lambda: self._lags)
        telemetry.watch("csms_records_revision", lambda: {(): float(self._mirror.revision)})
        telemetry.watch(
            "csms_store_away",
            lambda: {(): float(bool(self._feed.away or not self._ready.is_set()))},
        )
        telemetry.watch_links("server", self._server.stats)
        for name, client in self._gateways.items():
            telemetry.watch_links(name, client.stats)

    def _lsn_of(self, journal: str) -> int:
        return self._positions[journal].lsn if journal in self._positions else 0

    async def _check_ready(self) -> None:
        """Return when the store is there; raise Unavailable when it was not at the last try."""
        await self._tried.wait()
        if not self._ready.is_set():
            raise Unavailable(self._away)

    def _last_lsns(self) -> dict[str, int]:
        """Return the ends of all journals; runs in a thread."""
        found = {}
        for path in sorted(self._journals.glob("*.db")):
            reader = JournalReader(path)
            try:
                found[path.stem] = reader.last_lsn()
            except Unavailable as error:
                log.warning("no lag of %s: %s", path.stem, error)
            finally:
                reader.close()
        return found


def _passed(position: Position) -> Body:
    return {"reader": READER, "uuid": position.uuid, "lsn": position.lsn}


def _field(body: Body, name: str, kind: type[T]) -> T:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, kind):
        raise InvalidInput(name, f"must be given, as {kind.__name__}")
    return value


async def run(ctx: ProcessContext) -> None:
    """Entry of the process; see the module."""
    os.nice(ctx.settings.config.ledger.nice)
    await LedgerProcess(ctx).serve()
