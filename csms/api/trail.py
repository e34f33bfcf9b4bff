"""Writes what was done into the audit log, before whoever did it is told that it is done."""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from csms.api.auth import Principal
from csms.api.pace import Pace
from csms.api.rules import Book
from csms.api.settings import ApiSettings
from domain.errors import CsmsError
from domain.text import clean
from storage.relational.audit import AuditRow, append
from supervisor.clock import Clock

AUDIT = logging.getLogger("csms.audit")
ROWS_MAX: Final = 500
"""In one transaction; whatever comes meanwhile is in the next one."""
PATH_LENGTH_MAX: Final = 200
REFUSED_FROM: Final = 400
FAILED_FROM: Final = 500


@dataclass(slots=True)
class _Group:
    """Rows of one transaction."""

    told: asyncio.Future[None]
    """Done when they are in the store, or when nobody shall wait any longer."""
    rows: list[AuditRow] = field(default_factory=list)


class AuditTrail:
    """Groups rows that come at the same time into one transaction.

    Args:
        engine: the relational store.
        settings: `audit_wait_s`, `audit_gather_ms`, `audit_rows_max`.
        clock: time.
    """

    def __init__(self, engine: AsyncEngine, settings: ApiSettings, clock: Clock) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._book = Book()
        self._groups: deque[_Group] = deque()
        """Rows are added to the last one; the first one is written."""
        self._count = 0
        self._pace = Pace(clock, settings.audit_gather_ms)
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
            action=f"{scope['method']} {rule.path if rule else _of_path(scope['path'])}",
            object="/".join(_of_path(name) for name in names.values()),
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
        told = self.record_later(row)
        if told is not None:
            await asyncio.shield(told)

    def record_later(self, row: AuditRow) -> asyncio.Future[None] | None:
        """Write a row without waiting for it; return what `record` waits for.

        None: `audit_rows_max` rows wait already, so it is in the log of this process only.
        """
        fields = msgspec.structs.asdict(row)
        AUDIT.info("%s %s", row.action, row.object, extra={"fields": fields})
        if self._count >= self._settings.audit_rows_max:
            AUDIT.error("the audit log cannot take a row: see the line before")
            return None
        self._count += 1
        self._pace.note()
        if self._writer is None or self._writer.done():
            self._begin()
            self._writer = asyncio.create_task(self._write())
        group = self._groups[-1]
        if len(group.rows) >= ROWS_MAX:
            group = self._begin()
        group.rows.append(row)
        return group.told

    def _begin(self) -> _Group:
        loop = asyncio.get_running_loop()
        group = _Group(loop.create_future())
        loop.call_later(self._settings.audit_wait_s, _tell, group)
        self._groups.append(group)
        return group

    async def _write(self) -> None:
        while self._groups:
            if len(self._groups) == 1:
                wait_s = self._pace.wait_s()
                if wait_s:
                    await asyncio.sleep(wait_s)
                # From here on rows are those of the next transaction.
                self._begin()
            group = self._groups[0]
            try:
                await self._append(group.rows)
            except CsmsError:
                await asyncio.sleep(self._settings.audit_wait_s)
                continue
            self._groups.popleft()
            self._count -= len(group.rows)
            _tell(group)
            if len(self._groups) == 1 and not self._groups[0].rows:
                self._groups.clear()

    async def _append(self, rows: list[AuditRow]) -> None:
        """Write rows. One that the store will never take is in the log alone: others go on."""
        try:
            await append(self._engine, rows)
        except (DBAPIError, ValueError):
            if len(rows) == 1:
                AUDIT.exception("the audit log does not take a row: %s", rows[0].request)
                return
            for row in rows:
                await self._append([row])


def _tell(group: _Group) -> None:
    if not group.told.done():
        group.told.set_result(None)


def _of_path(text: str) -> str:
    """Return text of a path as every store takes it."""
    return clean(text, PATH_LENGTH_MAX)
