"""Writes what was done into the audit log, before whoever did it is told that it is done."""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Mapping, MutableMapping
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from csms.api.auth import Principal
from csms.api.rules import Book
from csms.api.settings import ApiSettings
from domain.errors import CsmsError
from storage.relational.audit import AuditRow, append
from supervisor.clock import Clock

AUDIT = logging.getLogger("csms.audit")
ROWS_MAX = 500
"""In one transaction; whatever comes meanwhile is in the next one."""
MS_PER_S = 1_000
REFUSED_FROM = 400
FAILED_FROM = 500


class AuditTrail:
    """Groups rows that come at the same time into one transaction.

    Args:
        engine: the relational store.
        settings: `audit_wait_s`, `audit_rows_max`.
        clock: time.
    """

    def __init__(self, engine: AsyncEngine, settings: ApiSettings, clock: Clock) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._book = Book()
        self._waiting: deque[tuple[AuditRow, asyncio.Future[None]]] = deque()
        self._writer: asyncio.Task[None] | None = None

    def row(
        self,
        scope: MutableMapping[str, Any],
        principal: Principal,
        status: int,
        request: str,
        detail: Mapping[str, Any],
    ) -> AuditRow:
        """Return the row of a request."""
        rule, names = self._book.of(scope)
        now_us = self._clock.now_us()
        outcome = "done" if status < REFUSED_FROM else "refused"
        return AuditRow(
            id=f"{now_us:016x}{secrets.token_hex(6)}",
            at_us=now_us,
            tenant=principal.tenant,
            actor_kind=principal.kind,
            actor=principal.id,
            actor_name=principal.name,
            remote=(scope.get("client") or ("",))[0],
            action=f"{scope['method']} {rule.path if rule else scope['path'][:200]}",
            object="/".join(str(name)[:200] for name in names.values()),
            detail=msgspec.json.encode(detail).decode() if detail else "",
            status=status,
            outcome="failed" if status >= FAILED_FROM else outcome,
            request=request,
        )

    async def record(self, row: AuditRow) -> None:
        """Write a row; return when it is in the store, or after `audit_wait_s`.

        While the store is away rows wait, `audit_rows_max` at most; beyond that they are in the
        log of this process only, where every row is.
        """
        done = self.record_later(row)
        if done is not None:
            await asyncio.wait({done}, timeout=self._settings.audit_wait_s)

    def record_later(self, row: AuditRow) -> asyncio.Future[None] | None:
        """Write a row without waiting for it; return what is done when it is in the store.

        None: `audit_rows_max` rows wait already, so it is in the log of this process only.
        """
        fields = msgspec.structs.asdict(row)
        AUDIT.info("%s %s", row.action, row.object, extra={"fields": fields})
        if len(self._waiting) >= self._settings.audit_rows_max:
            AUDIT.error("the audit log cannot take a row: see the line before")
            return None
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return done

    async def _write(self) -> None:
        many = False
        while self._waiting:
            if many:
                # Rows come faster than they are written: each of a few would cost a commit.
                await asyncio.sleep(self._settings.audit_gather_ms / MS_PER_S)
            some = list(islice(self._waiting, ROWS_MAX))
            many = len(some) > 1
            try:
                await append(self._engine, [row for row, _ in some])
            except CsmsError:
                await asyncio.sleep(self._settings.audit_wait_s)
                continue
            for _, done in some:
                self._waiting.popleft()
                if not done.done():
                    done.set_result(None)
