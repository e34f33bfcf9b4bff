"""Looks at the rules of alerts again and again; writes what changes and what is to be told."""

import asyncio
import logging
import uuid
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from actors.alerts.machine import decide
from csms.api.backplane import Backplane
from csms.operations.settings import OperationsSettings
from csms.operations.sights import KINDS, Look
from domain.alerts import Change, Rule
from domain.errors import Unavailable
from domain.live import LiveChange, LiveKind
from storage.relational import alerts as store
from supervisor.clock import Clock
from supervisor.links import LinkError

LOG = logging.getLogger(__name__)


class AlertWatch:
    """The rules of a node.

    Args:
        engine: the relational store; it has all that is remembered.
        backplane: the ledger and the warehouse.
        settings: limits.
        clock: time.
        tell: hears of every alert that has changed.
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

    async def run(self) -> None:
        """Look, for ever; what is away is waited for."""
        while True:
            try:
                await self.step()
            except (Unavailable, LinkError) as error:
                LOG.warning("alerts wait: %s", error)
            except Exception:
                LOG.exception("alerts wait")
            await asyncio.sleep(self._settings.alert_every_s)

    async def step(self) -> None:
        """Look at every rule once; one that cannot be looked at leaves its alerts as they are."""
        now_us = self._clock.now_us()
        opened = await store.active(self._engine)
        silences = await store.silences(self._engine, now_us)
        for rule, params, site in await store.rules(self._engine):
            kind = KINDS.get(rule.kind)
            mine = opened.pop(rule.id, {})
            if kind is None:
                continue
            look = Look(
                self._engine,
                self._backplane,
                rule.tenant,
                site,
                {**kind.params, **(params or {})},
                now_us,
                self._settings.alert_subjects_max,
            )
            try:
                sightings = await kind.look(look)
            except LinkError as error:
                LOG.info("rule %s is not looked at: %s", rule.id, error)
                continue
            of_tenant = silences.get(rule.tenant, [])
            await self._apply(
                rule, decide(rule, sightings, mine, of_tenant, now_us, _new_id), now_us
            )
        for name, left in opened.items():
            # Their rule is gone or switched off.
            tenant = next(iter(left.values())).tenant
            gone = Rule(name, tenant)
            await self._apply(gone, decide(gone, (), left, (), now_us, _new_id), now_us)

    async def _apply(self, rule: Rule, changes: list[Change], now_us: int) -> None:
        if not changes:
            return
        await store.apply(self._engine, rule, changes, now_us)
        for change in changes:
            alert = change.alert
            data = {"id": alert.id, "state": alert.state, "severity": alert.severity}
            self._tell(
                LiveChange(
                    LiveKind.ALERT, alert.id, alert.charger, alert.tenant, alert.site, now_us, data
                )
            )


def _new_id() -> str:
    return str(uuid.uuid4())
