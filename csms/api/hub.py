"""What changes, to everybody who watches: windows a few times a second, a ring to resume from.

All changes of a window are one, numbered, and each object is in it once. Who watches the same
things gets the same bytes, so that many open pages cost little more than one; an index by charger
and by site finds the others'. Nobody is waited for: who does not read hears that a snapshot has to
be taken, instead of everything that he has missed.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from csms.api.settings import ApiSettings
from domain.live import LiveChange, LiveChanges, LiveKind

KINDS = frozenset(kind.value for kind in LiveKind)
QUIET = KINDS - {LiveKind.MESSAGE}
"""What is watched when nothing is said: all but what speaks with every message."""

_json = msgspec.json.Encoder()


@dataclass(frozen=True)
class Filter:
    """What somebody watches. Empty sets: everything of that sort.

    `tenant`: None: of all. `allowed`: sites that he may see; None: all of the tenant.
    """

    kinds: frozenset[str]
    chargers: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    tenant: str | None = None
    allowed: frozenset[str] | None = None

    def takes(self, change: LiveChange) -> bool:
        """Return whether a change is for him."""
        return (
            change.kind in self.kinds
            and (self.tenant is None or change.tenant == self.tenant)
            and (self.allowed is None or change.site in self.allowed)
            and (not self.chargers or change.charger in self.chargers)
            and (not self.sites or change.site in self.sites)
        )


@dataclass(eq=False)
class Watcher:
    """One open stream."""

    filter: Filter
    frames_max: int
    frames: deque[bytes] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    dropped: int = 0

    def push(self, frame: bytes, snapshot: bytes) -> None:
        """Queue a frame; when too many wait already, a snapshot instead of them all."""
        if len(self.frames) >= self.frames_max:
            self.frames.clear()
            self.dropped += 1
            frame = snapshot
        self.frames.append(frame)
        self.wake.set()


@dataclass(frozen=True)
class _Window:
    number: int
    changes: tuple[LiveChange, ...]


class Hub:
    """The watchers, the window that fills, and the ring of those before.

    Args:
        settings: the limits.
        epoch: unlike that of any hub before: ids of another one are not ours.
        wanted: called when other kinds are wanted from the processes that tell them.
    """

    def __init__(
        self,
        settings: ApiSettings,
        epoch: str,
        wanted: Callable[[frozenset[str]], None] = lambda _kinds: None,
    ) -> None:
        self._settings = settings
        self._epoch = epoch
        self._wanted = wanted
        self._number = 0
        self._pending: dict[tuple[str, str], LiveChange] = {}
        self._gap = False
        self._ring: deque[_Window] = deque()
        self._ring_changes = 0
        self._forgotten = 0
        """The last window that is no longer in the ring."""
        self._since: dict[str, int] = {}
        """Kind -> the first window that has all of it."""
        self._watchers: set[Watcher] = set()
        self._idle_s = 0.0
        self.closed = asyncio.Event()

    @property
    def kinds(self) -> frozenset[str]:
        """What is wanted from those who tell."""
        return frozenset(self._since)

    @property
    def watching(self) -> int:
        """How many streams are open."""
        return len(self._watchers)

    @property
    def dropped(self) -> int:
        """How often an open stream has lost frames for a snapshot."""
        return sum(watcher.dropped for watcher in self._watchers)

    # what comes in

    def heard(self, told: LiveChanges) -> None:
        """Take over changes of another process."""
        if told.gap:
            self._gap = True
        pending = self._pending
        for change in told.changes:
            key = (change.kind, change.key)
            if key not in pending and len(pending) >= self._settings.live_ring_changes:
                self._gap = True
                return
            pending[key] = change

    def gap(self) -> None:
        """Something may be missing: everybody has to look anew."""
        self._gap = True

    # who watches

    def open(self, wanted: Filter, last_id: str = "") -> Watcher | None:
        """Return a new stream; None: there are too many.

        It begins with what has come since `last_id`, or with a snapshot when that is not known
        any more.
        """
        if len(self._watchers) >= self._settings.live_streams_max:
            return None
        watcher = Watcher(wanted, self._settings.live_frames_max)
        after = self._after(last_id, wanted)
        self._want(wanted.kinds)
        if last_id and after is None:
            watcher.push(self._snapshot("unknown_id"), b"")
        elif after is None:
            watcher.push(_frame(self._id(), "open", {}), b"")
        else:
            newest: dict[tuple[str, str], LiveChange] = {}
            for window in self._ring:
                if window.number > after:
                    newest.update({(one.kind, one.key): one for one in window.changes})
            taken = [change for change in newest.values() if wanted.takes(change)]
            watcher.push(self._changes(taken), b"")
        self._watchers.add(watcher)
        return watcher

    def close(self, watcher: Watcher) -> None:
        """Forget a stream that has ended."""
        self._watchers.discard(watcher)

    def _after(self, last_id: str, wanted: Filter) -> int | None:
        epoch, _, number = last_id.rpartition("-")
        if epoch != self._epoch or not number.isdecimal():
            return None
        after = int(number)
        is_whole = self._forgotten <= after <= self._number and all(
            self._since.get(kind, self._number + 2) <= after + 1 for kind in wanted.kinds
        )
        return after if is_whole else None

    def _want(self, kinds: frozenset[str]) -> None:
        new = kinds - self._since.keys()
        if new:
            self._since |= dict.fromkeys(new, self._number + 1)
            self._wanted(self.kinds)

    # windows

    async def run(self) -> None:
        """Close a window `live_hz` times a second, for ever."""
        pause_s = 1 / self._settings.live_hz
        while True:
            await asyncio.sleep(pause_s)
            self.flush()
            self._idle_s = 0.0 if self._watchers else self._idle_s + pause_s
            if self._since and self._idle_s > self._settings.live_linger_s:
                # Nobody has watched for long: nobody has to tell us any more.
                self._since.clear()
                self._wanted(self.kinds)

    def flush(self) -> None:
        """Close the window and give everybody his part."""
        if self._gap:
            self._gap = False
            self._pending.clear()
            self._number += 1
            self._ring.clear()
            self._ring_changes, self._forgotten = 0, self._number
            snapshot = self._snapshot("gap")
            for watcher in self._watchers:
                watcher.push(snapshot, snapshot)
            return
        if not self._pending:
            return
        self._number += 1
        window = _Window(self._number, tuple(self._pending.values()))
        self._pending = {}
        self._ring.append(window)
        self._ring_changes += len(window.changes)
        while self._ring_changes > self._settings.live_ring_changes:
            oldest = self._ring.popleft()
            self._ring_changes -= len(oldest.changes)
            self._forgotten = oldest.number
        self._tell(window.changes)

    def _tell(self, changes: Sequence[LiveChange]) -> None:
        by_charger: defaultdict[str, list[LiveChange]] = defaultdict(list)
        by_site: defaultdict[str, list[LiveChange]] = defaultdict(list)
        for change in changes:
            by_charger[change.charger].append(change)
            by_site[change.site].append(change)
        made: dict[Filter, bytes] = {}
        snapshot = self._snapshot("slow")
        for watcher in self._watchers:
            wanted = watcher.filter
            frame = made.get(wanted)
            if frame is None:
                near: Iterable[LiveChange] = changes
                if wanted.chargers:
                    near = [one for name in wanted.chargers for one in by_charger.get(name, ())]
                elif wanted.sites:
                    near = [one for name in wanted.sites for one in by_site.get(name, ())]
                taken = [change for change in near if wanted.takes(change)]
                frame = made[wanted] = self._changes(taken) if taken else b""
            if frame:
                watcher.push(frame, snapshot)

    def _changes(self, changes: Sequence[LiveChange]) -> bytes:
        """Return a frame; a kind with too many changes is only counted."""
        by_kind: defaultdict[str, list[LiveChange]] = defaultdict(list)
        for change in changes:
            by_kind[change.kind].append(change)
        shown: list[dict[str, Any]] = []
        for kind, those in by_kind.items():
            if len(those) > self._settings.live_details_max:
                shown.append({"kind": kind, "many": len(those)})
            else:
                shown += [
                    {"kind": kind, "charger": c.charger, "site": c.site, "at_us": c.at_us, **c.data}
                    for c in those
                ]
        return _frame(self._id(), "changes", {"changes": shown})

    def _snapshot(self, reason: str) -> bytes:
        return _frame(self._id(), "snapshot", {"reason": reason})

    def _id(self) -> str:
        return f"{self._epoch}-{self._number}"


def _frame(identity: str, event: str, data: dict[str, Any]) -> bytes:
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        identity.encode(),
        event.encode(),
        _json.encode(data),
    )
