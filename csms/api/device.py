"""Calls about a charger's variables, one after the other, and what it answered."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from csms.api.auth import Principal
from csms.api.calls import GRACE_S, issuer
from csms.api.problems import Problem
from csms.api.services import Services
from domain.commands import Command, CommandResult, Outcome
from domain.events import Variable, VariablesReported
from domain.records import ChargerRecord
from protocol.reading import Reading
from protocol.variables import DeviceCall, get_calls, report_call, set_calls
from protocol.version import Version
from protocol.versions import VERSIONS
from storage.relational import reads
from supervisor.links import DeadlinePassed, LinkDown

ITEMS_MAX = 50
"""Variables in one message to a charger that has not told its ItemsPerMessage."""
CALL_S = 30.0
NOT_ASKED = "not_sent"


class Device:
    """One charger's variables, over its connection of now."""

    def __init__(
        self,
        services: Services,
        principal: Principal,
        record: ChargerRecord,
        version: Version,
        connection: Mapping[str, Any],
    ) -> None:
        self.version = version
        self._services = services
        self._principal = principal
        self._record = record
        self._connection = connection

    @classmethod
    async def of(cls, services: Services, principal: Principal, record: ChargerRecord) -> "Device":
        """Return the device of a connected charger.

        Raises:
            Problem: 409, it is not connected; 503, nobody knows.
        """
        presence = await services.backplane.presence([record.id])
        connection = presence.chargers.get(record.id)
        version = VERSIONS.get(connection["subprotocol"]) if connection is not None else None
        if connection is None or version is None:
            if not presence.complete:
                raise Problem(503, "presence_unknown", "a gateway does not say who is connected")
            raise Problem(409, "charger_offline", f"charger {record.id!r} is not connected")
        return cls(services, principal, record, version, connection)

    @property
    def engine(self) -> AsyncEngine:
        """Return the relational store."""
        return self._services.engine

    @property
    def now_us(self) -> int:
        """Return the time by our clock."""
        return self._services.clock.now_us()

    async def set(self, wanted: Sequence[Variable]) -> list[Variable]:
        """Set variables within the charger's limits; return each with its `status`.

        Statuses are the charger's own words; `timed_out`, `lost`, `error`, `refused` when there
        is no answer, and `not_sent` for those after such a one.
        """
        items = await self._limit("ItemsPerMessage", "SetVariables") or ITEMS_MAX
        size = await self._limit("BytesPerMessage", "SetVariables")
        return await self._run(set_calls(self.version, wanted, items, size))

    async def get(self, asked: Sequence[Variable]) -> list[Variable]:
        """Ask for values; return each with its `status`."""
        items = await self._limit("ItemsPerMessage", "GetVariables") or ITEMS_MAX
        return await self._run(get_calls(self.version, asked, items))

    async def report(self, request: int) -> tuple[str, CommandResult | None]:
        """Ask for everything; return the command's id and its result."""
        return await self.send(report_call(self.version, request))

    async def _run(self, calls: Sequence[DeviceCall]) -> list[Variable]:
        found: list[Variable] = []
        failed = ""
        for call in calls:
            if failed:
                found += [_with(each, NOT_ASKED) for each in call.variables]
                continue
            _, result = await self.send(call)
            told = self._learned(call, result)
            if told is None:
                failed = str(result.outcome) if result is not None else str(Outcome.LOST)
                found += [_with(each, failed) for each in call.variables]
            else:
                found += told
        return found

    def _learned(self, call: DeviceCall, result: CommandResult | None) -> list[Variable] | None:
        if result is None or result.response is None:
            return None
        row = self.version.outbound[call.action]
        assert row.learn is not None
        reading = Reading(self._services.clock.now_us(), self._record.time_zone)
        fact = row.learn(call.payload, result.response, reading)
        return list(fact.variables) if isinstance(fact, VariablesReported) else None

    async def send(self, call: DeviceCall) -> tuple[str, CommandResult | None]:
        """Send one call; return the command's id and its result, None: it may have been sent."""
        services = self._services
        now_us = services.clock.now_us()
        command = Command(
            id=str(uuid.uuid4()),
            charger=self._record.id,
            action=call.action,
            payload=call.payload,
            deadline_us=now_us + int(CALL_S * 1e6),
            priority=self.version.outbound[call.action].priority,
            issued_by=issuer(self._principal),
            queued_us=now_us,
        )
        sent = services.recent.add(
            command, self._record.tenant, self._record.site, self._connection["subprotocol"]
        )
        try:
            result = await services.backplane.command(
                self._connection["gateway"], command, wait=True, deadline_s=CALL_S + GRACE_S
            )
        except (DeadlinePassed, LinkDown):
            return command.id, None
        sent.result = result
        return command.id, result

    async def _limit(self, name: str, action: str) -> int:
        """Return a limit that the charger has reported in its DeviceDataCtrlr; 0: none."""
        return await self.number("DeviceDataCtrlr", f"{name}/{action}")

    async def number(self, component: str, variable: str, *, is_max: bool = False) -> int:
        """Return a whole number that the charger has reported, or its maximum; 0: none."""
        filters = {"charger": self._record.id, "component": component, "variable": variable}
        page = await reads.page(self._services.engine, "variables", filters, limit=1)
        if not page.items:
            return 0
        if is_max:
            return int(page.items[0]["limit_max"] or 0)
        text = page.items[0]["value"]
        return int(text) if text.isascii() and text.isdigit() else 0


def _with(variable: Variable, status: str) -> Variable:
    values = {name: getattr(variable, name) for name in variable.__struct_fields__}
    return Variable(**values | {"status": status})
