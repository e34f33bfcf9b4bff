"""Runs jobs: claims chargers, commands them, notes how each ended. Keeps nothing of its own.

Whatever dies, a charger is commanded once: a claim with the command's id is committed before the
command leaves, and a gateway writes a command into its journal before it sends it. After a restart
the commands that were on their way are looked up. One that has an end there is done. One that no
journal knows when its deadline has passed was never sent, and its charger waits again. One that was
taken on and has no end is `unknown`, and is not sent again.
"""

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from actors.jobs.machine import OFFLINE, UNKNOWN, Bucket, Decision, JobState, Plan, Tally, decide
from csms.api.backplane import Backplane
from csms.operations.settings import OperationsSettings
from domain.commands import Command
from domain.errors import Unavailable
from domain.live import LiveChange, LiveKind
from storage.relational import jobs as store
from storage.relational.engine import chunks, reading
from storage.relational.tables import commands
from supervisor.clock import Clock
from supervisor.links import LinkError

LOG = logging.getLogger(__name__)
LOOK_UP_US = 1_000_000
"""Between two look-ups of what nobody waits for here."""
GRACE_S = 2.0
"""The gateway ends a command at its deadline; its word is waited for a little longer."""


class JobRunner:
    """Runs all jobs of a node.

    Args:
        engine: the relational store.
        backplane: the gateways and the ledger.
        settings: limits.
        clock: time.
        tell: hears of every job that has changed.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        backplane: Backplane,
        settings: OperationsSettings,
        clock: Clock,
        tell: Callable[[LiveChange], None],
    ) -> None:
        self._engine = engine
        self._backplane = backplane
        self._settings = settings
        self._clock = clock
        self._tell = tell
        self._buckets: dict[str, Bucket] = {}
        self._open: dict[str, asyncio.Task[None]] = {}
        """Command -> who waits for its end here."""
        self._results: list[store.Result] = []
        self._looked_us: dict[str, int] = {}
        self._wake = asyncio.Event()

    def look(self) -> None:
        """Look for jobs now."""
        self._wake.set()

    async def run(self) -> None:
        """Run jobs, for ever; a store that is away is waited for."""
        while True:
            busy = False
            self._wake.clear()
            try:
                busy = await self.step()
            except (Unavailable, LinkError) as error:
                LOG.warning("jobs wait: %s", error)
            except Exception:
                LOG.exception("jobs wait")
            settings = self._settings
            pause_ms = settings.job_tick_ms if busy else settings.job_idle_ms
            try:
                async with asyncio.timeout(pause_ms / 1_000):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Wait for nobody any more; what is on its way is looked up at the next start."""
        for task in self._open.values():
            task.cancel()
        await asyncio.gather(*self._open.values(), return_exceptions=True)
        await self._flush()

    async def step(self) -> bool:
        """Do what is to be done now; return whether there is a job to look at again soon."""
        await self._flush()
        running = await store.running(self._engine)
        for job in running:
            await self._step(job)
        for gone in self._buckets.keys() - {job["id"] for job in running}:
            del self._buckets[gone]
            self._looked_us.pop(gone, None)
        return bool(running)

    async def _step(self, job: dict[str, Any]) -> None:
        now_us = self._clock.now_us()
        await self._look_up(job, now_us)
        rows = await store.tally(self._engine, job["id"], job["canary"])
        bucket = self._buckets.setdefault(job["id"], Bucket(job["rate_per_s"], now_us))
        decision = decide(plan_of(job), tally_of(rows), bucket.allowance(now_us))
        if decision.state:
            await self._change(job, decision, now_us)
            return
        if decision.canary_passed:
            await self._change(job, decision, now_us)
        if decision.send:
            bucket.take(await self._send(job, decision.send, now_us))

    async def _change(self, job: dict[str, Any], decision: Decision, now_us: int) -> None:
        changed = await store.set_state(
            self._engine,
            job["id"],
            decision.state or job["state"],
            decision.reason,
            now_us,
            of=(JobState.RUNNING,),
            canary_passed=decision.canary_passed,
        )
        if changed:
            self._say(job, decision.state or job["state"])

    async def _send(self, job: dict[str, Any], count: int, now_us: int) -> int:
        deadline_us = now_us + int(job["deadline_s"] * 1e6)
        ids = [str(uuid.uuid4()) for _ in range(count)]
        pairs = await store.claim(self._engine, job["id"], ids, deadline_us)
        if not pairs:
            return 0
        presence = await self._backplane.presence([charger for charger, _ in pairs])
        for charger, name in pairs:
            connection = presence.chargers.get(charger)
            if connection is None and presence.complete:
                self._results.append(
                    store.Result(job["id"], charger, name, OFFLINE, self._clock.now_us())
                )
            elif connection is not None:
                command = Command(
                    id=name,
                    charger=charger,
                    action=job["action"],
                    payload=job["payload"],
                    deadline_us=deadline_us,
                    priority=job["priority"],
                    issued_by=job["issued_by"],
                    queued_us=self._clock.now_us(),
                )
                task = asyncio.ensure_future(
                    self._command(job["id"], str(connection["gateway"]), command)
                )
                self._open[name] = task
                task.add_done_callback(partial(self._ended, name))
        return len(pairs)

    def _ended(self, command: str, _task: "asyncio.Task[None]") -> None:
        self._open.pop(command, None)

    async def _command(self, job: str, gateway: str, command: Command) -> None:
        """Send one and note its end; one whose end is not heard is looked up later."""
        left_s = max(0.0, (command.deadline_us - self._clock.now_us()) / 1e6) + GRACE_S
        try:
            result = await self._backplane.command(gateway, command, wait=True, deadline_s=left_s)
        except LinkError as error:
            LOG.info("the end of command %s is looked up: %s", command.id, error)
            return
        now_us = self._clock.now_us()
        if result is None:
            self._results.append(store.Result(job, command.charger, command.id, OFFLINE, now_us))
            return
        response = "" if result.response is None else msgspec.json.encode(result.response).decode()
        why = " ".join(part for part in (result.error_code, result.error_text) if part)
        self._results.append(
            store.Result(
                job,
                command.charger,
                command.id,
                result.outcome,
                result.finished_us or now_us,
                result.sent_us,
                response,
                why,
            )
        )

    async def _flush(self) -> None:
        results, self._results = self._results, []
        if not results:
            return
        try:
            await store.finish(self._engine, results)
        except Unavailable:
            self._results = results + self._results
            raise
        for job in {one.job for one in results}:
            self._tell(
                LiveChange(
                    LiveKind.JOB, job, "", "", "", self._clock.now_us(), {"id": job, "state": ""}
                )
            )

    async def _look_up(self, job: dict[str, Any], now_us: int) -> None:
        """Find the ends of commands that nobody waits for here."""
        ending = {one.command for one in self._results}
        lost = [
            row
            for row in await store.sending(self._engine, job["id"])
            if row[1] not in self._open and row[1] not in ending
        ]
        if not lost or now_us - self._looked_us.get(job["id"], 0) < LOOK_UP_US:
            return
        self._looked_us[job["id"]] = now_us
        # A command that is not in the store may still be in a journal that was not read.
        is_whole = await self._backplane.caught_up(lost[0][0])
        known = await self._known([command for _, command, _ in lost])
        late_us = now_us - int(self._settings.job_unknown_s * 1e6)
        never_sent: list[tuple[str, str]] = []
        for charger, command, deadline_us in lost:
            row = known.get(command)
            if row is not None and row["outcome"]:
                error = " ".join(part for part in (row["error_code"], row["error_text"]) if part)
                self._results.append(
                    store.Result(
                        job["id"],
                        charger,
                        command,
                        row["outcome"],
                        row["finished_us"],
                        row["sent_us"],
                        row["response"],
                        error,
                    )
                )
            elif deadline_us < late_us and is_whole:
                if row is None:
                    never_sent.append((charger, command))
                else:
                    self._results.append(
                        store.Result(job["id"], charger, command, UNKNOWN, now_us, row["sent_us"])
                    )
        if never_sent:
            await store.release(self._engine, job["id"], never_sent)
        await self._flush()

    async def _known(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        async with reading(self._engine) as connection:
            for part in chunks(names):
                rows = await connection.execute(select(commands).where(commands.c.id.in_(part)))
                found |= {row.id: dict(row._mapping) for row in rows}  # noqa: SLF001 public
        return found

    def _say(self, job: dict[str, Any], state: str) -> None:
        data = {"id": job["id"], "state": state}
        self._tell(
            LiveChange(LiveKind.JOB, job["id"], "", job["tenant"], "", self._clock.now_us(), data)
        )


def plan_of(job: dict[str, Any]) -> Plan:
    """Return what the machine needs of a job's row."""
    return Plan(**{name: job[name] for name in Plan.__struct_fields__})


def tally_of(rows: Sequence[tuple[str, str, bool, int]]) -> Tally:
    """Return how far a job is; see `storage.relational.jobs.tally`."""
    states: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    canaries: Counter[str] = Counter()
    canary_outcomes: Counter[str] = Counter()
    for state, outcome, is_canary, count in rows:
        states[state] += count
        if is_canary:
            canaries[state] += count
        if outcome:
            outcomes[outcome] += count
            if is_canary:
                canary_outcomes[outcome] += count
    return Tally(
        states[store.WAITING],
        states[store.SENDING],
        outcomes,
        canaries[store.WAITING] + canaries[store.SENDING],
        canaries[store.SENDING],
        Tally(0, 0, canary_outcomes).failures,
    )
