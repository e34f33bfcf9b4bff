"""A charger's local authorization list brought to what is wanted, and proved by its version.

Before the first message the store is told that the charger's list is not known: whatever is lost
after that, the next update is a full one.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from csms.api.device import Device
from csms.api.problems import Problem
from domain.commands import CommandResult, Outcome
from domain.errors import InvalidInput
from protocol.local_lists import (
    Kept,
    Known,
    Limits,
    ListEntry,
    ListWords,
    Update,
    content_hash,
    contents,
    plan,
)
from protocol.variables import DeviceCall
from storage.relational import local_lists
from storage.relational.local_lists import ListState

ITEMS_MAX = 50
"""Tokens in one message to a charger that has not told its limit."""
NOT_SUPPORTED = -1
"""listVersion of a charger of 1.6 that has no list (section 5.10)."""


class Verdict(StrEnum):
    """How an update ended."""

    IN_STEP = "in_step"
    """The charger tells the version that was sent."""
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """An answer was lost, or the charger tells another version: the next update is a full one."""


class Synced(NamedTuple):
    """How an update ended, and what was sent."""

    verdict: Verdict
    detail: str
    update: str
    version: int
    entries: int
    left_out: int
    """Tokens that the charger's version of OCPP cannot write."""
    commands: tuple[str, ...]


def words_of(device: Device) -> ListWords:
    """Return how a charger's lists are written.

    Raises:
        Problem: 409, its version has none.
    """
    words = device.version.list_words
    if words is None:
        raise Problem(409, "not_supported", "this version of OCPP has no local list")
    return words


async def told_version(device: Device) -> int:
    """Ask a charger for the version of its list (0: it has none).

    Raises:
        Problem: 409, it did not say, or cannot have a list.
    """
    _, result = await device.send(DeviceCall("GetLocalListVersion", {}, ()))
    response = result.response if result is not None else None
    version = (response or {}).get(words_of(device).version_told)
    if not isinstance(version, int):
        raise Problem(409, "no_answer", "the charger did not tell the version of its list")
    if version <= NOT_SUPPORTED:
        raise Problem(409, "not_supported", "the charger says that it has no local list")
    return version


async def limits_of(device: Device) -> Limits:
    """Return the limits that a charger has reported."""
    words = words_of(device)
    items = await device.number(*words.items)
    size = await device.number(*words.bytes) if words.bytes else 0
    entries = await device.number(*words.entries, is_max=words.entries_in_max)
    return Limits(items or ITEMS_MAX, size, entries)


def known_of(state: ListState | None, subprotocol: str) -> Known:
    """Return what a charger is known to have, when it is written as its version writes it now."""
    if state is None or state.subprotocol != subprotocol:
        return Known(0, {})
    return Known(state.version, msgspec.json.decode(state.entries, type=dict[str, Kept]))


async def synchronise(
    device: Device,
    wanted: Sequence[ListEntry],
    *,
    state: ListState | None,
    new: ListState,
    full: bool,
    now_us: int,
) -> Synced:
    """Bring the list of a charger to `wanted`.

    Args:
        device: the charger.
        wanted: the tokens.
        state: what the store has of it.
        new: what it is to have: charger, filter and who asked.
        full: send everything.
        now_us: for the store.

    Raises:
        InvalidInput: more tokens than the charger holds; nothing was sent.
        Problem: 409, it did not tell its version; nothing was sent.
        Unavailable: the store is away.
    """
    words, subprotocol = words_of(device), device.version.subprotocol
    target = contents(words, wanted)
    limits = await limits_of(device)
    if limits.entries and len(target) > limits.entries:
        rule = f"are {len(target)}, and the charger holds {limits.entries} at most"
        raise InvalidInput("tokens", rule)
    at = await told_version(device)
    new = msgspec.structs.replace(new, subprotocol=subprotocol, sent_us=now_us)
    todo = plan(words, wanted, known_of(state, subprotocol), at, limits, full=full)
    if todo.update is not Update.NONE:
        await local_lists.keep(device.engine, new)
    commands, failed = await _sent(device, todo.payloads)
    if failed is not None and _status(failed) == "versionmismatch":
        # Somebody else changed the list, or the charger lost it.
        at = await told_version(device)
        todo = plan(words, wanted, Known(0, {}), at, limits, full=True)
        more, failed = await _sent(device, todo.payloads)
        commands += more
    verdict, detail = Verdict.IN_STEP, ""
    if failed is not None:
        no = {Outcome.REJECTED, Outcome.REFUSED, Outcome.ERROR}
        has_refused = failed.response is not None or failed.outcome in no
        verdict = Verdict.REFUSED if has_refused else Verdict.UNKNOWN
        detail = f"{failed.outcome} {_status(failed) or failed.error_code}".strip()
    elif todo.update is not Update.NONE:
        at = await told_version(device)
        if at != todo.version:
            verdict, detail = Verdict.UNKNOWN, f"the charger tells version {at}"
    if verdict is Verdict.IN_STEP:
        await local_lists.keep(device.engine, _settled(new, todo.version, target))
    left_out = len(wanted) - len(target)
    return Synced(
        verdict, detail, str(todo.update), todo.version, len(target), left_out, tuple(commands)
    )


def _settled(new: ListState, version: int, target: Mapping[str, Kept]) -> ListState:
    return msgspec.structs.replace(
        new,
        version=version,
        content_hash=content_hash(target),
        entries=msgspec.json.encode(target).decode(),
    )


async def _sent(
    device: Device, payloads: Sequence[dict[str, object]]
) -> tuple[list[str], CommandResult | None]:
    """Send each until one is not taken; return the ids, and that one's result."""
    commands = []
    for payload in payloads:
        command, result = await device.send(DeviceCall("SendLocalList", payload, ()))
        commands.append(command)
        if result is None:
            return commands, CommandResult(command, Outcome.LOST)
        if result.outcome != Outcome.ACCEPTED or _status(result) != "accepted":
            return commands, result
    return commands, None


def _status(result: CommandResult) -> str:
    return str((result.response or {}).get("status", "")).strip().casefold()
