"""What sites decide, written down: history for people, memory for the next owner.

A higher limit is sent only after the commit of the record that says so. Whoever owns the site after
a restart of the whole node then knows the most that may hold. Lower ones do not wait.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from actors.site.effects import Held, Shared
from domain.events import Event, LimitDecided
from domain.site import EvseLimit, EvsePlace

Places = Mapping[str, EvsePlace]
"""By id."""


class Keep(Protocol):
    """The gateway's journal."""

    def __call__(self, charger: str, events: tuple[Event, ...], done: Callable[[], None]) -> bool:
        """Write; `done` after the commit. False: the journal is away, nothing will be written."""


class SiteBook:
    """The decisions of the sites that are owned here."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._written: dict[tuple[str, str], LimitDecided] = {}
        """(site, place) -> what was said last, but for the instant."""
        self._open: dict[tuple[str, str], int] = {}
        """(site, charger) -> its records that are not committed yet."""
        self._waiting: dict[tuple[str, str], list[Callable[[], None]]] = {}

    def write(self, site: str, places: Places, shared: Shared) -> None:
        """Write down what has changed since the last time."""
        changed: dict[str, list[Event]] = {}
        for name, held in shared.held.items():
            place = places.get(name)
            if place is None:
                continue
            said = decided(site, place, held, shared.allocation.limits.get(name), 0)
            if self._written.get((site, name)) != said:
                self._written[site, name] = said
                changed.setdefault(place.charger, []).append(replace(said, at_us=shared.at_us))
        for charger, events in changed.items():
            key = site, charger
            if self._keep(charger, tuple(events), partial(self._committed, key)):
                self._open[key] = self._open.get(key, 0) + 1

    def after_commit(self, site: str, charger: str, send: Callable[[], None]) -> None:
        """Call `send` when all that is known of a charger is on disk; at once when it is."""
        key = site, charger
        if self._open.get(key):
            self._waiting.setdefault(key, []).append(send)
        else:
            send()

    def forget(self, site: str) -> None:
        """The site is owned elsewhere now; what waits is not sent."""
        self._written = {key: said for key, said in self._written.items() if key[0] != site}
        self._waiting = {key: sends for key, sends in self._waiting.items() if key[0] != site}

    def journal_failed(self) -> None:
        """No open record will ever be committed: all is written anew, what waits is not sent.

        The site's actor misses the answers to those orders and decides again.
        """
        self._written.clear()
        self._open.clear()
        self._waiting.clear()

    def _committed(self, key: tuple[str, str]) -> None:
        left = self._open.get(key, 0) - 1
        if left > 0:
            self._open[key] = left
            return
        self._open.pop(key, None)
        for send in self._waiting.pop(key, ()):
            send()


def decided(
    site: str, place: EvsePlace, held: Held, share: EvseLimit | None, at_us: int
) -> LimitDecided:
    """Return the fact of one EVSE."""
    binding = share.binding if share is not None else None
    return LimitDecided(
        site,
        place.id,
        place.evse,
        at_us,
        share.limit_a if share is not None else 0.0,
        share.limit_w if share is not None else 0.0,
        binding.kind if binding is not None else "",
        binding.circuit if binding is not None else "",
        binding.phase if binding is not None else "",
        binding.source if binding is not None else "",
        held.session,
        held.limit_a,
        held.ceiling_a,
        held.because,
        held.way,
        standing_a=held.standing_a,
        session_a=held.session_a,
        charger_a=held.charger_a,
    )
