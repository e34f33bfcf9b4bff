"""A charger's key and profile, changed over OCPP as one operation each.

What the gateways take is changed first, then the charger, then the record is settled by what the
charger said. An answer that is lost leaves both keys (or both profiles) valid: the charger's next
connection says which one it has (`domain.security_upgrade`), or a timer ends the new key.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import msgspec

from csms.security import steps
from csms.security.settings import SecuritySettings
from csms.security.steps import Network, Step, Verdict
from domain import security_upgrade
from domain.commands import Command, CommandResult, Priority
from domain.errors import CsmsError, InvalidInput, Unavailable
from domain.records import ChargerRecord, Credential
from storage.relational.registry import Registry

log = logging.getLogger("csms.audit")


class NotConnected(CsmsError):
    """The charger is not connected: nothing was changed."""


class Busy(CsmsError):
    """An operation of this kind has no end yet."""


@dataclass(frozen=True)
class Parts:
    """What the operations ask of their process.

    `sync`: lets the gateways know of a write; False: they may not know yet.
    `place`: a charger -> (gateway, subprotocol), None when it is not connected.
    `command`: (gateway, command) -> how it ended, None when it is not there. Raises CsmsError or
    TimeoutError when that is not known.
    """

    registry: Registry
    settings: SecuritySettings
    now_us: Callable[[], int]
    new_id: Callable[[], str]
    sync: Callable[[], Awaitable[bool]]
    place: Callable[[str], Awaitable[tuple[str, str] | None]]
    command: Callable[[str, Command], Awaitable[CommandResult | None]]


class Ended(NamedTuple):
    """How an operation ended. `until_us`: how long both keys are valid; 0: one is."""

    verdict: Verdict
    detail: str = ""
    until_us: int = 0
    commands: tuple[str, ...] = ()
    """Ids: GET /commands/{id} has each."""


class ChargerSecurity:
    """The operations. `by` is who asked for one; it is in the commands and in the audit log."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def rotate_key(self, charger: str, by: str) -> Ended:
        """Give a charger a new key that nobody but it and we will have (A01).

        Raises:
            NotConnected, Busy: nothing was changed.
            Unavailable: the gateways could not be told; nothing was sent to the charger.
        """
        parts, now_us = self._parts, self._parts.now_us()
        record = await parts.registry.get_charger(charger)
        if record.candidate is not None and now_us < record.candidate_until_us:
            raise Busy("it is not known yet whether the charger has its last new key")
        gateway, subprotocol = await self._connected(record)
        until_us = now_us + parts.settings.key_unknown_s * 1_000_000
        key, offered = await parts.registry.offer_key(record.id, until_us)
        candidate = offered.candidate
        assert candidate is not None
        if not await parts.sync():
            # A charger with a key that no gateway takes would be locked out.
            await self._settle(record.id, candidate, taken=False)
            raise Unavailable("the gateways could not be told of the new key")
        ended = await self._send(gateway, record.id, steps.new_key(subprotocol, key), by)
        if ended.verdict is Verdict.UNKNOWN:
            ended = ended._replace(until_us=until_us)
            log.warning("nobody knows which key charger %r has: %s", record.id, ended.detail)
        else:
            await self._settle(record.id, candidate, taken=ended.verdict is Verdict.TAKEN)
            await parts.sync()
        _audit("key", record.id, by, ended)
        return ended

    async def withdraw_key(self, charger: str, by: str) -> ChargerRecord:
        """End the validity of a new key of which nobody knows whether the charger has it."""
        record = await self._parts.registry.raise_security(
            charger, partial(security_upgrade.key_answered, taken=False)
        )
        await self._parts.sync()
        _audit("key withdrawn", record.id, by, Ended(Verdict.REFUSED))
        return record

    async def _settle(self, charger: str, candidate: Credential, *, taken: bool) -> None:
        """Keep one of both keys, unless somebody has changed them meanwhile."""

        def settled(record: ChargerRecord) -> ChargerRecord:
            if record.candidate != candidate:
                return record
            return security_upgrade.key_answered(record, taken=taken)

        await self._parts.registry.raise_security(charger, settled)

    async def raise_profile(
        self, charger: str, profile: int, by: str, network: Network | None = None
    ) -> Ended:
        """Let a charger come with a higher profile, and tell it to (A05).

        It keeps its own profile until it has come with the new one. A refusal takes that back.

        Raises:
            InvalidInput: the profile is not higher, or 2.x without a network.
            NotConnected: nothing was changed.
            Unavailable: the gateways could not be told; nothing was sent.
        """
        parts = self._parts
        record = await parts.registry.get_charger(charger)
        security_upgrade.ask_profile(record, profile)
        if profile in {1, 2} and record.credential is None:
            raise InvalidInput("profile", f"{profile} needs a password, and the charger has none")
        gateway, subprotocol = await self._connected(record)
        todo = steps.higher_profile(subprotocol, profile, network)
        await parts.registry.raise_security(
            record.id, partial(security_upgrade.ask_profile, profile=profile)
        )
        if not await parts.sync():
            await self._keep_profile(record.id, profile)
            raise Unavailable("the gateways could not be told of the new profile")
        sent: tuple[str, ...] = ()
        ended = Ended(Verdict.UNKNOWN)
        for step in todo:
            ended = await self._send(gateway, record.id, step, by)
            sent += ended.commands
            if ended.verdict is not Verdict.TAKEN:
                break
        if ended.verdict is Verdict.REFUSED:
            await self._keep_profile(record.id, profile)
        ended = ended._replace(commands=sent)
        _audit(f"profile {profile}", record.id, by, ended)
        return ended

    async def _keep_profile(self, charger: str, profile: int) -> None:
        def kept(record: ChargerRecord) -> ChargerRecord:
            if record.pending_profile != profile:
                return record
            return msgspec.structs.replace(record, pending_profile=0)

        await self._parts.registry.raise_security(charger, kept)
        await self._parts.sync()

    async def onboard(self, charger: str, by: str) -> Ended:
        """Replace the key that a Pending charger came with, then accept it (A00.FR.806).

        1.6 section 4.2.1 and OCPP-J 1.6 section 6.2: a Pending charger takes commands. Without a
        new key it stays Pending.

        Raises:
            InvalidInput: it is not Pending.
            NotConnected, Busy, Unavailable: as `rotate_key`.
        """
        parts = self._parts
        record = await parts.registry.get_charger(charger)
        if record.registration != "Pending":
            raise InvalidInput("registration", f"is {record.registration}, not Pending")
        ended = await self.rotate_key(charger, by)
        if ended.verdict is not Verdict.TAKEN:
            return ended
        await parts.registry.update_charger(record.id, {"registration": "Accepted"})
        await parts.sync()
        place = await parts.place(record.id)
        if place is not None:
            # It boots again by itself, too (retry interval): no answer to this one matters.
            again = await self._send(place[0], record.id, steps.boot_again(place[1]), by)
            ended = ended._replace(commands=ended.commands + again.commands)
        _audit("onboarded", record.id, by, ended)
        return ended

    async def step(self, charger: str, by: str, build: Callable[[str], Step]) -> CommandResult:
        """Send one step, built for the charger's version, and return how it ended.

        Raises:
            NotConnected: nothing was sent.
            Unavailable: how it ended is not known.
        """
        record = await self._parts.registry.get_charger(charger)
        gateway, subprotocol = await self._connected(record)
        command = self._command(record.id, build(subprotocol), by)
        try:
            result = await self._parts.command(gateway, command)
        except (CsmsError, TimeoutError) as error:
            raise Unavailable(f"how {command.action} ended is not known: {error}") from error
        if result is None:
            raise NotConnected(f"charger {charger!r} is not connected")
        _audit(command.action, record.id, by, Ended(steps.verdict(result), result.outcome))
        return result

    async def _connected(self, record: ChargerRecord) -> tuple[str, str]:
        place = await self._parts.place(record.id)
        if place is None:
            raise NotConnected(f"charger {record.id!r} is not connected")
        return place

    def _command(self, charger: str, step: Step, by: str) -> Command:
        now_us = self._parts.now_us()
        return Command(
            id=self._parts.new_id(),
            charger=charger,
            action=step.action,
            payload=step.payload,
            deadline_us=now_us + round(self._parts.settings.call_s * 1e6),
            priority=Priority.OPERATOR,
            issued_by=by,
            queued_us=now_us,
        )

    async def _send(self, gateway: str, charger: str, step: Step, by: str) -> Ended:
        command = self._command(charger, step, by)
        ids = (command.id,)
        try:
            result = await self._parts.command(gateway, command)
        except (CsmsError, TimeoutError) as error:
            return Ended(Verdict.UNKNOWN, f"{step.action}: {error}", commands=ids)
        if result is None:
            return Ended(Verdict.REFUSED, "the charger was not connected any more", commands=ids)
        said = steps.status(result.response or {}) or result.error_code or result.error_text
        detail = f"{step.action}: {result.outcome} {said}".strip()
        return Ended(steps.verdict(result), detail, commands=ids)


def _audit(what: str, charger: str, by: str, ended: Ended) -> None:
    """Write who changed what; never a key."""
    fields = {
        "what": what,
        "charger": charger,
        "by": by,
        "verdict": str(ended.verdict),
        "detail": ended.detail,
    }
    log.info(
        "security of charger %r: %s %s", charger, what, ended.verdict, extra={"fields": fields}
    )
