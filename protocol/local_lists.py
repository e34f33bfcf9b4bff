"""Local authorization lists of any version: what to send so that a charger has the wanted one.

2.x: D01, D02; 1.6: sections 5.10 and 5.15. Every message raises the version of the list by one,
the first of a full update replaces it, all others change it. What one version calls the parts of a
message is in its `ListWords`.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

ENVELOPE_BYTES: Final = 120
"""What surrounds the list in a message: type, id, action, version, kind of update."""
_json = msgspec.json.Encoder(order="sorted").encode

Place: TypeAlias = tuple[str, str]
"""Component (1.6: empty) and variable or key."""


class ListEntry(NamedTuple):
    """A token as a charger is to know it."""

    token: str
    kind: str = ""
    """Type of 2.x; empty: any."""
    status: str = "Accepted"
    expires_us: int = 0
    """0: never."""
    parent: str = ""


@dataclass(frozen=True, slots=True)
class ListWords:
    """How a version writes a list, and where its chargers tell their limits."""

    version_sent: str
    version_told: str
    """In the answer to GetLocalListVersion."""
    takes: Callable[[ListEntry], bool]
    """Whether a token can be written at all."""
    kind: Callable[[ListEntry], str]
    """The type with which it is written; 1.6 has none."""
    write: Callable[[ListEntry], dict[str, Any]]
    remove: Callable[[str, str], dict[str, Any]]
    """Token and type -> the entry that removes it."""
    items: Place
    bytes: Place | None
    entries: Place
    entries_in_max: bool
    """The most entries are the maximum of the variable `entries`, not its value."""


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry of the list that a charger has."""

    token: str
    kind: str
    digest: str


class Known(NamedTuple):
    """What a charger has, as far as we know. Version 0: not known."""

    version: int
    entries: Mapping[str, Kept]


class Limits(NamedTuple):
    """What a charger takes. 0: no limit is known; `items` is 1 or more."""

    items: int
    bytes: int = 0
    entries: int = 0


class Update(StrEnum):
    """How the list is brought to a charger."""

    NONE = "none"
    DIFFERENTIAL = "Differential"
    FULL = "Full"


class Plan(NamedTuple):
    """The payloads of SendLocalList, in order, and the version after the last one."""

    update: Update
    payloads: tuple[dict[str, Any], ...]
    version: int


def contents(words: ListWords, wanted: Iterable[ListEntry]) -> dict[str, Kept]:
    """Return the list that a charger would have, by type and token without regard to case."""
    found = {}
    for each in wanted:
        if words.takes(each):
            kind = words.kind(each)
            digest = hashlib.sha256(_json(words.write(each))).hexdigest()[:16]
            found[_key(each.token, kind)] = Kept(each.token, kind, digest)
    return found


def content_hash(entries: Mapping[str, Kept]) -> str:
    """Return a hash of what a list says, whatever the order."""
    return hashlib.sha256(_json({key: each.digest for key, each in entries.items()})).hexdigest()


def plan(
    words: ListWords,
    wanted: Sequence[ListEntry],
    known: Known,
    at_charger: int,
    limits: Limits,
    *,
    full: bool = False,
) -> Plan:
    """Return what brings a charger to `wanted`.

    Differential when the charger has the version that we know it to have and the changes are fewer
    than the entries, else Full. Removals go first, so that the list is never longer than needed.

    Args:
        words: of the charger's version.
        wanted: the whole list; what the version cannot write is left out.
        known: what it has.
        at_charger: the version that it told, 0 or more.
        limits: of the charger.
        full: send everything, whatever is known.
    """
    by_key = {_key(each.token, words.kind(each)): each for each in wanted if words.takes(each)}
    target = contents(words, by_key.values())
    if not full and known.version > 0 and known.version == at_charger:
        gone = [
            words.remove(old.token, old.kind)
            for key, old in known.entries.items()
            if key not in target
        ]
        new = [
            words.write(by_key[key])
            for key, each in target.items()
            if key not in known.entries or known.entries[key].digest != each.digest
        ]
        if not gone and not new:
            return Plan(Update.NONE, (), at_charger)
        if len(gone) + len(new) < max(len(target), 1):
            return _written(words, Update.DIFFERENTIAL, [*gone, *new], at_charger, limits)
    base = max(at_charger, known.version, 0)
    rows = [words.write(each) for each in by_key.values()]
    return _written(words, Update.FULL, rows, base, limits)


def _written(
    words: ListWords, update: Update, rows: Sequence[dict[str, Any]], base: int, limits: Limits
) -> Plan:
    payloads: list[dict[str, Any]] = []
    for part in _parts(rows, limits):
        kind = update if not payloads else Update.DIFFERENTIAL
        payload: dict[str, Any] = {
            words.version_sent: base + len(payloads) + 1,
            "updateType": str(kind),
        }
        if part:
            payload["localAuthorizationList"] = part
        payloads.append(payload)
    return Plan(update, tuple(payloads), base + len(payloads))


def _parts(rows: Sequence[dict[str, Any]], limits: Limits) -> Iterable[list[dict[str, Any]]]:
    """Yield at least one part: an empty full update clears the list."""
    part: list[dict[str, Any]] = []
    size = 0
    room = (limits.bytes or math.inf) - ENVELOPE_BYTES
    for row in rows:
        more = len(_json(row)) + 1
        if part and (len(part) >= limits.items or size + more > room):
            yield part
            part, size = [], 0
        part.append(row)
        size += more
    yield part


def _key(token: str, kind: str) -> str:
    return f"{kind}/{token.casefold()}"
