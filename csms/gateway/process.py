"""The gateway as a process of the node: builds the parts, serves, drains.

Start: records first (from the ledger, or from the copy on disk when the ledger is away too long),
then the journal, then the sockets. Until both are there handshakes are answered 503.

Drain: accept no more, close connections at a set rate (1012), commit what is queued, end.
"""

import asyncio
import contextlib
import logging
import resource
import secrets
import sqlite3
import sys
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from csms.gateway.activation import Activation
from csms.gateway.connection import Connection
from csms.gateway.directory import Directory
from csms.gateway.doors import Door, Doors
from csms.gateway.gateway import Gateway, Parts, decode_command
from csms.gateway.line import ChargerLine
from csms.gateway.listeners import LISTENERS, Listener
from csms.gateway.metrics import GatewayMetrics
from csms.gateway.models import Models
from csms.gateway.no_journal import NoJournal
from csms.gateway.numbering import Numbering
from csms.gateway.orders import is_as_checked, order
from csms.gateway.questions import Questions
from csms.gateway.sites import SiteParts, Sites
from csms.gateway.takeover import Takeover
from csms.gateway.tls import Contexts
from csms.gateway.tls_transport import TlsTransport
from csms.quirks.catalogue import load_catalogue
from csms.settings import ProcessSettings
from domain.errors import CsmsError, JournalFailed, Unavailable
from domain.records import Changes
from protocol.limits import SessionLimits
from protocol.versions import VERSIONS
from storage.journal import JournalWriter, deliver_in
from supervisor.asyncio_base import AsyncioBase
from supervisor.garbage import settle
from supervisor.links import Link, LinkClient, LinkServer
from supervisor.process import ProcessContext
from supervisor.telemetry import Telemetry

log = logging.getLogger(__name__)

_changes = msgspec.msgpack.Decoder(Changes)
_result = msgspec.msgpack.Encoder()
BEAT_SLICES = 10
BEAT_S = 1.0
DRAIN_WAIT_S = 5.0
SPARE_DESCRIPTORS = 512
"""Descriptors that are not sockets of chargers: journal, links, logs, the reserve for accept()."""


class GatewayProcess:
    """One gateway process. `serve()` returns when it has drained."""

    def __init__(self, ctx: ProcessContext) -> None:
        settings = ctx.settings
        assert isinstance(settings, ProcessSettings)
        config = settings.config
        self._ctx = ctx
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._base = AsyncioBase()
        self._ledger = LinkClient(
            ctx.run_dir / "ledger.sock",
            {"changed": self._changed, "passed": self._passed},
            config.links,
            on_link=self._subscribe,
        )
        self._peers = [
            LinkClient(
                ctx.run_dir / f"{name}.sock", {}, config.links, on_link=partial(self._met, name)
            )
            for name in settings.gateways
            if name != ctx.name
        ]
        self._server = LinkServer(
            ctx.run_dir / f"{ctx.name}.sock",
            {
                "changed": self._changed,
                "passed": self._passed,
                "claim": lambda _link, body: self._gateway.takeover.challenge(body),
                "claims": lambda _link, body: self._gateway.takeover.judge_all(body),
                "command": self._command,
                "presence": self._presence,
                "refusing": self._refusing,
                "metrics": self._metrics,
                "disconnect": self._disconnect,
                "site": lambda _link, body: self._gateway.sites.heard(body),
                "limit": lambda _link, body: self._gateway.sites.limit(body),
                "shares": lambda _link, body: self._gateway.sites.shares(body),
                "wants": lambda _link, body: self._gateway.sites.wants(body),
                "reload_certificates": self._reload_certificates,
            },
            config.links,
        )
        self._numbering = Numbering(
            config.paths.journal / f"{ctx.name}.numbers",
            settings.secret,
            config.gateway.number_permutation_rounds,
            secrets.randbelow,
            lambda: self._ledger.ask("lease", {"gateway": ctx.name}, 5.0),
        )
        self._directory = Directory(self._numbering.numbers)
        self._has_records = asyncio.Event()
        self._journal_path = config.paths.journal / f"{ctx.name}.db"
        self._meters = GatewayMetrics(Telemetry())
        self._reopening: asyncio.Task[None] | None = None
        self._broken: JournalFailed | None = None
        self._contexts: Contexts | None = None
        self._told: dict[str, tuple[str, int]] = {}
        """How far each reader of the journal said it is: (uuid, lsn)."""
        self._watch_links()
        self._gateway = self._build(NoJournal())

    def _watch_links(self) -> None:
        telemetry = self._meters.telemetry
        telemetry.watch_links("server", self._server.stats)
        for client in (self._ledger, *self._peers):
            telemetry.watch_links(client.path.stem, client.stats)

    def _open_journal(self) -> JournalWriter:
        return JournalWriter(
            self._journal_path,
            self._config.journal,
            deliver_in(self._loop),
            self._journal_failed,
            passed=self._told,
            on_commit=self._meters.committed,
            soon=self._loop.call_soon,
        )

    def _build(self, journal: JournalWriter | NoJournal) -> Gateway:
        config = self._config
        gateway = Gateway(
            Parts(
                name=self._ctx.name,
                loop=self._loop,
                clock=self._ctx.clock,
                settings=config.gateway,
                charger_settings=config.charger.model_copy(
                    update={"certificates_signed": config.pki.authority != "none"}
                ),
                session_limits=SessionLimits(
                    frame_bytes_max=config.gateway.message_bytes_max,
                    unanswered_calls_max=config.gateway.session_calls_max,
                    recent_calls_max=config.gateway.recent_calls_max,
                ),
                reading_limits=config.reading,
                accept_unknown=config.listen.accept_unknown,
                versions=VERSIONS,
                base=self._base,
                journal=journal,
                directory=self._directory,
                meters=self._meters,
                models=Models(
                    load_catalogue(config.gateway.quirks_file), config.gateway.models_kept_max
                ),
            )
        )
        gateway.activation = Activation(
            self._loop,
            self._activate,
            gateway.activated,
            config.gateway.activation_batch_max,
            config.gateway.activation_pause_ms / 1e3,
            gateway.still_asks,
            config.gateway.activation_retry_s,
        )
        gateway.questions = Questions(
            lambda question: self._ledger.ask("contract", question, config.contracts.question_s),
            config.contracts.question_s,
            config.contracts.questions_max,
        )
        gateway.takeover = Takeover(config.gateway, self._peers, gateway.line, gateway.now_us)
        gateway.sites = Sites(
            SiteParts(
                name=self._ctx.name,
                base=self._base,
                loop=self._loop,
                now_us=gateway.now_us,
                peers={peer.path.stem: peer for peer in self._peers},
                keep=gateway.keep_then,
                remember=lambda site: self._ledger.ask("limits", {"site": site}, 5.0),
                settings=config.sites,
                control=config.site_control,
                find=gateway.line,
                command=lambda command: gateway.command(command, wait=True),
                new_id=lambda: str(uuid.uuid4()),
            )
        )
        self._meters.watch(gateway)
        return gateway

    async def serve(self) -> None:
        """Start, serve until draining, drain."""
        raise_descriptor_limit(self._config.gateway.connections_max + SPARE_DESCRIPTORS)
        gateway, config = self._gateway, self._config
        await self._server.start()
        await self._ledger.start()
        for peer in self._peers:
            await peer.start()
        self._numbering.start()
        await self._wait_for_records()
        await self._start_journal()
        settle()
        doors = self._listen()
        # A connection is looked at every `slices` seconds: often enough for its ping.
        slices = max(1, min(BEAT_SLICES, int(config.gateway.ping_s / BEAT_S)))
        turn = 0
        looked_s = self._loop.time()
        while not self._ctx.draining.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ctx.draining.wait(), BEAT_S)
            if self._broken is not None:
                raise self._broken
            turn = (turn + 1) % slices
            gateway.beat(slices, turn)
            gateway.sites.beat()
            self._report()
            if self._loop.time() - looked_s >= config.tls.watch_s:
                looked_s = self._loop.time()
                await self._refresh_certificates()
        await self._drain(doors)

    def _listen(self) -> Doors:
        """Accept from every listening socket that main has opened."""
        limits = self._config.gateway
        if self._config.listen.encrypted:
            self._contexts = Contexts(self._config.tls, self._config.paths.pki)
            self._gateway.trust = self._contexts.trust
        doors = Doors(
            [
                Door(self._ctx.sockets[listener.socket], self._accepting(listener))
                for listener in LISTENERS
                if listener.socket in self._ctx.sockets
            ],
            limits.accepts_at_once,
            limits.turned_away_max,
            limits.doors_shut_ms / 1e3,
            lambda: self._gateway.anteroom.is_full,
            self._gateway.gate.has_room,
        )
        self._gateway.turned_away = doors.turned_away
        doors.open()
        return doors

    def _accepting(self, listener: Listener) -> Callable[[], asyncio.Protocol]:
        """Return what makes the protocol of a new connection."""
        gateway, contexts = self._gateway, self._contexts
        if not listener.encrypted:
            return lambda: Connection(gateway, listener)
        assert contexts is not None
        wait = gateway.anteroom.wait
        return lambda: TlsTransport(Connection(gateway, listener), contexts.of(listener), wait)

    async def _refresh_certificates(self) -> bool:
        """Look whether a file of TLS has changed; what is new counts for new connections."""
        contexts = self._contexts
        if contexts is None or not await self._loop.run_in_executor(None, contexts.refresh):
            return False
        self._gateway.trust = contexts.trust
        return True

    async def _reload_certificates(self, link: Link, body: object) -> dict[str, object]:
        del link, body
        changed = await self._refresh_certificates()
        failures = 0 if self._contexts is None else self._contexts.failures
        return {"changed": changed, "failures": failures}

    async def _drain(self, doors: Doors) -> None:
        gateway = self._gateway
        gateway.refusing = "draining"
        doors.close()
        await gateway.close_all(1012, "service restart", self._config.gateway.close_per_s)
        deadline = self._loop.time() + DRAIN_WAIT_S
        while gateway.ending and self._loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await asyncio.sleep(0)  # let the actors of the last connections say what was lost
        await asyncio.sleep(0.05)
        if self._reopening is not None:
            self._reopening.cancel()
        with contextlib.suppress(JournalFailed):
            await self._loop.run_in_executor(None, gateway.journal.close)
        gateway.sites.stop()
        gateway.stop()
        self._numbering.stop()
        self._base.shutdown()
        for client in (self._ledger, *self._peers):
            await client.close()
        await self._server.close()

    def _report(self) -> None:
        gateway, stats = self._gateway, self._base.stats
        self._ctx.report(
            {
                "connections": len(gateway.connections),
                "chargers": len(gateway.lines),
                "actors": stats.actors,
                "refusing": gateway.refusing,
                "revision": self._directory.revision,
            }
        )

    # records

    async def _wait_for_records(self) -> None:
        try:
            await asyncio.wait_for(self._has_records.wait(), self._config.gateway.registry_wait_s)
        except TimeoutError:
            copy = self._config.paths.root / "registry.snapshot"
            if self._load_copy(copy):
                log.warning("the ledger is away: records are taken from %s", copy.name)
            else:
                log.warning("the ledger is away and there is no copy of its records")

    def _load_copy(self, path: Path) -> bool:
        try:
            changes = _changes.decode(path.read_bytes())
        except (OSError, msgspec.DecodeError):
            return False
        self._apply(changes)
        return True

    def _apply(self, changes: Changes) -> None:
        self._directory.apply(changes)
        for site in changes.sites:
            self._gateway.sites.apply(site)

    async def _met(self, name: str, link: Link) -> None:
        """Another gateway is there, perhaps one that was just started again."""
        del link
        self._loop.call_soon(self._gateway.sites.met, name)

    async def _subscribe(self, link: Link) -> None:
        body = {"gateway": self._ctx.name, "revision": self._directory.revision}
        answer = await link.ask("subscribe", body, 30.0)
        assert isinstance(answer, bytes)
        self._apply(_changes.decode(answer))
        self._has_records.set()

    def _changed(self, link: Link, body: object) -> dict[str, int]:
        del link
        assert isinstance(body, bytes)
        changes = _changes.decode(body)
        self._apply(changes)
        for charger in changes.chargers:
            line = self._gateway.line(charger.id)
            if line is None:
                continue
            if charger.deleted:
                line.fence(1008, "no longer known")
            elif charger.security_profile > line.record.security_profile:
                line.fence(1008, "has to sign in by its new security profile")
            else:
                if charger.treat_as != line.record.treat_as:
                    line.model = self._gateway.models.of_record(charger)
                line.record = charger
                self._belong(line)
        return {"revision": self._directory.revision}

    def _belong(self, line: ChargerLine) -> None:
        """Let a charger join or change its site."""
        sites, site = self._gateway.sites, line.record.site
        if line.member is not None:
            sites.move(line.member, site)
        elif site:
            line.member = sites.join(line.charger, site)
            self._gateway.activation.ask(line)  # which sessions run is what the ledger knows

    # journal

    def _passed(self, link: Link, body: object) -> None:
        del link
        assert isinstance(body, dict)
        reader, uuid, lsn = str(body["reader"]), str(body["uuid"]), int(body["lsn"])
        self._told[reader] = (uuid, lsn)
        journal = self._gateway.journal
        if uuid == journal.uuid:
            journal.passed(reader, lsn)

    async def _start_journal(self) -> None:
        try:
            self._gateway.journal = await self._loop.run_in_executor(None, self._open_journal)
            self._gateway.refusing = ""
        except (CsmsError, OSError) as error:
            self._wait_for_journal(str(error))

    def _journal_failed(self, error: JournalFailed) -> None:
        """Nothing can be kept: say so to every charger, so that it keeps its queue.

        A full disk may be cleared, so the journal is tried again. After an I/O error, a failed
        fsync above all, the kernel may have dropped what was written: the process ends.
        """
        if self._reopening is None:
            if getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
                self._broken = error
            self._wait_for_journal(str(error))

    def _wait_for_journal(self, why: str) -> None:
        log.error("the journal failed: %s", why)
        self._gateway.refusing = "journal_failed"
        self._gateway.journal_failed()
        self._gateway.close_all_now(1013, "try again later")
        self._reopening = self._loop.create_task(self._reopen())

    async def _reopen(self) -> None:
        """Try until it can be opened: that takes room for more than a few records."""
        gateway = self._gateway
        while True:
            await asyncio.sleep(self._config.gateway.journal_retry_s)
            with contextlib.suppress(JournalFailed, Unavailable, OSError):
                await self._loop.run_in_executor(None, gateway.journal.close)
            gateway.journal = NoJournal()
            try:
                journal = await self._loop.run_in_executor(None, self._open_journal)
            except (CsmsError, OSError) as error:
                log.warning("the journal cannot be opened: %s", error)
                continue
            gateway.journal = journal
            self._reopening = None
            gateway.refusing = ""
            log.warning("the journal works again")
            return

    # what others ask

    async def _activate(self, chargers: list[str]) -> bytes:
        deadline_s = self._config.gateway.activation_s
        answer = await self._ledger.ask("activate", {"chargers": chargers}, deadline_s)
        assert isinstance(answer, bytes)
        return answer

    async def _command(self, link: Link, body: object) -> dict[str, object]:
        del link
        command, wait, checked = decode_command(body)
        if not is_as_checked(self._gateway, command, *checked):
            return {"here": False, "result": b""}
        result = await order(self._gateway, command, wait=wait)
        if result is None:
            return {"here": False, "result": b""}
        return {"here": True, "result": _result.encode(result)}

    def _presence(self, link: Link, body: object) -> dict[str, dict[str, object]]:
        del link
        assert isinstance(body, dict)
        return self._gateway.presence(body.get("chargers"))

    def _refusing(self, link: Link, body: object) -> dict[str, str]:
        """Say why nobody is let in now; an empty reason: chargers are let in."""
        del link, body
        return {"reason": self._gateway.refusing}

    def _disconnect(self, link: Link, body: object) -> dict[str, bool]:
        del link
        assert isinstance(body, dict)
        line = self._gateway.line(str(body["charger"]))
        if line is not None:
            line.connection.close(1001, "closed by the operator")
        return {"here": line is not None}

    def _metrics(self, link: Link, body: object) -> str:
        del link, body
        return self._meters.telemetry.render()


def raise_descriptor_limit(wanted: int) -> None:
    """Allow this process so many open files, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def run(ctx: ProcessContext) -> None:
    """Serve chargers until the node drains."""
    # It has a line for each handshake that is refused: thousands a second when all are.
    logging.getLogger("websockets.server").setLevel(logging.WARNING)
    process = GatewayProcess(ctx)
    sys.setswitchinterval(ctx.settings.config.gateway.switch_ms / 1e3)
    await process.serve()
