"""Sites: who owns each, and the way between chargers, their site's actor, and back.

The owner of a site is found by rendezvous hashing over the gateways that are up, so nobody has to
agree on anything: when a gateway goes, each of its sites has a new owner, and the gateways tell it
their chargers again. The new one first listens (`ControlSettings.gather_s`).

    charger's line --Member--> tell --+-- here: the actor's mailbox
                                      +-- link `site` to the owner
    site's actor --set_limit--------+-- here: SetChargingProfile through the charger's actor
                                      +-- link `limit` to the charger's gateway
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol

import msgspec
from thespian.actors import ActorAddress, ActorExitRequest

from actors.site.control import ControlSettings
from actors.site.effects import Doubted, Scope, SetLimit, Shared, Trusted, Wake
from actors.site.messages import (
    CapacitySet,
    ChargerCame,
    ChargerWent,
    CurrentMeasured,
    GuideSet,
    LimitAnswered,
    LimitsRemembered,
    LoadMeasured,
    MainMeasured,
    Message,
    SessionBegan,
    SessionEnded,
    SiteSet,
    Tick,
    WishSet,
)
from actors.site.settings import SiteSettings
from actors.site.shell import SiteActor
from actors.site.tree import SiteModelWrong, compile_tree
from csms.gateway.member import Member
from csms.gateway.site_book import Keep, SiteBook
from domain.commands import Command, CommandResult, Outcome, Priority
from domain.errors import Unavailable
from domain.records import SiteRecord
from domain.site import CapacityLimit, EvsePlace, RememberedLimit, Site
from protocol.limits_on_chargers import ChargerLimit
from protocol.version import Version
from supervisor.asyncio_base import AsyncioBase
from supervisor.links import LinkError

log = logging.getLogger(__name__)

SET_CHARGING_PROFILE = "SetChargingProfile"
ISSUER = "site"
MEMORY_US = 10_000_000
"""For so long what is written down already is not written over by an owner that has not read it."""
NUMBERS = 1_000_000
"""Orders of one actor, at most: one a microsecond would be that many a second."""
INTRODUCE = "introduce"
"""Instead of a message: tell me of your chargers again, my actor has forgotten them."""
_KINDS: Mapping[str, type] = {
    cls.__name__: cls
    for cls in (
        ChargerCame,
        ChargerWent,
        SessionBegan,
        SessionEnded,
        CurrentMeasured,
        LimitAnswered,
        LoadMeasured,
        MainMeasured,
        WishSet,
        GuideSet,
    )
}
NOT_TAKEN = frozenset({"NotImplemented", "NotSupported", "SecurityError"})
"""Error codes of a charger that has done nothing: it goes on with what it had."""
_encode = msgspec.msgpack.Encoder().encode


class Peer(Protocol):
    """The link to another gateway (supervisor.links.LinkClient)."""

    @property
    def is_up(self) -> bool:
        """Whether it can be told something."""

    def tell(self, method: str, body: Any = None) -> None:  # noqa: ANN401 - as LinkClient
        """Tell it; raises LinkError when it is down."""


class Charger(Protocol):
    """As much of a line as a limit needs."""

    charger: str
    version: Version
    member: Member | None


class SiteParts(msgspec.Struct):
    """What the sites of a gateway are built from."""

    name: str
    base: AsyncioBase
    loop: asyncio.AbstractEventLoop
    now_us: Callable[[], int]
    peers: Mapping[str, Peer]
    find: Callable[[str], Charger | None]
    command: Callable[[Command], Awaitable[CommandResult | None]]
    new_id: Callable[[], str]
    keep: Keep = lambda _charger, _events, _done: False
    """The journal; the default writes nothing."""
    remember: Callable[[str], Awaitable[bytes]] | None = None
    """Asks the ledger what may hold at a site's EVSEs: encoded list[RememberedLimit]."""
    settings: SiteSettings = SiteSettings()
    control: ControlSettings = ControlSettings()


class Sites:
    """The sites of one gateway: those that it owns, and its chargers of any site."""

    def __init__(self, parts: SiteParts) -> None:
        self._parts = parts
        self._records: dict[str, tuple[SiteSet, CapacitySet]] = {}
        self._members: dict[str, dict[str, Member]] = {}
        self._owned: dict[str, ActorAddress] = {}
        self._where: dict[tuple[str, str], str] = {}
        """(site, charger) -> the gateway that told of it."""
        self._owners: dict[str, str] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._book = SiteBook(parts.keep)
        self._places: dict[str, dict[str, EvsePlace]] = {}
        self._remembering: dict[str, asyncio.Task[None]] = {}
        """Of sites whose memory is still waited for; until then nothing is written over it."""
        self._newest: dict[str, dict[str, int]] = {}
        """site -> place -> its newest order: one that was overtaken is not sent any more."""
        self._last_number = 0
        self.shown: dict[str, Shared] = {}
        """The newest of each site that is owned here."""

    # records and owners

    def apply(self, record: SiteRecord) -> None:
        """Take a record over, new or changed."""
        site = record.id
        if record.deleted or not record.model:
            self._records.pop(site, None)
            self._places.pop(site, None)
            self._disown(site)
            return
        try:
            model = SiteSet(msgspec.json.decode(record.model, type=Site))
            compile_tree(model.site)
            schedule = msgspec.json.decode(record.schedule, type=tuple[CapacityLimit, ...])
        except (msgspec.DecodeError, SiteModelWrong) as error:
            # The registry takes no such record; what was known before stays.
            log.error("site %s cannot be used: %s", site, error)  # noqa: TRY400
            return
        is_new = site not in self._records
        self._records[site] = model, CapacitySet(schedule)
        self._places[site] = {place.id: place for place in model.site.places}
        if site in self._owned:
            self._configure(site)
        if is_new:
            self._introduce(site)

    def has(self, site: str) -> bool:
        """Return whether a site's power is shared out."""
        return site in self._records

    def root(self, site: str) -> str:
        """Return the circuit that all current of a site flows through; empty: no such site."""
        record = self._records.get(site)
        circuits = record[0].site.circuits if record is not None else ()
        return next((circuit.id for circuit in circuits if not circuit.parent), "")

    def alive(self) -> list[str]:
        """Return the names of the gateways that may own a site."""
        parts = self._parts
        return [parts.name, *(name for name, peer in parts.peers.items() if peer.is_up)]

    def owner(self, site: str) -> str:
        """Return the gateway that owns a site now."""
        return max(self.alive(), key=lambda name: _score(site, name))

    def beat(self) -> None:
        """See whether owners have changed. Called several times a second."""
        for site in self._records:
            owner = self.owner(site)
            before = self._owners.get(site)
            if owner == before:
                continue
            self._owners[site] = owner
            if before == self._parts.name:
                self._disown(site)
            self._introduce(site)

    def met(self, gateway: str) -> None:
        """Another gateway's link is up: it may be a new process, which knows nothing.

        A gateway that dies is back within a tenth of a second: its link may never be seen down.
        """
        self.beat()
        for site, owner in self._owners.items():
            if owner == gateway:
                self._introduce(site)

    def _introduce(self, site: str) -> None:
        for member in self._members.get(site, {}).values():
            if member.introduced:
                member.introduce()

    def stop(self) -> None:
        """End all timers; the actors end with their base."""
        for timer in self._timers.values():
            timer.cancel()
        for task in (*self._tasks, *self._remembering.values()):
            task.cancel()

    # chargers

    def join(self, charger: str, site: str) -> Member:
        """Return the member for a charger's new connection."""
        member = Member(charger, site, self.tell)
        self._members.setdefault(site, {})[charger] = member
        return member

    def leave(self, member: Member) -> None:
        """A charger's connection has gone."""
        members = self._members.get(member.site, {})
        newest = members.get(member.charger, member)
        if newest is member:
            members.pop(member.charger, None)
        if newest is member or not newest.introduced:
            member.leave()

    def move(self, member: Member, site: str) -> None:
        """A charger belongs to another site now."""
        if site == member.site:
            return
        self.leave(member)
        member.site = site
        self._members.setdefault(site, {})[member.charger] = member
        if member.introduced:
            member.introduce()

    def tell(self, site: str, message: Message) -> None:
        """Tell a site's actor, wherever it is. Lost when its owner goes just now."""
        if site not in self._records:
            return
        owner = self._owners.get(site)
        if owner is None:
            owner = self._owners[site] = self.owner(site)
        if owner == self._parts.name:
            self._hear(site, self._parts.name, message)
            return
        body: dict[str, object] = {
            "site": site,
            "gateway": self._parts.name,
            "kind": type(message).__name__,
            "blob": _encode(message),
        }
        self._tell_peer(owner, "site", body)

    def _tell_peer(self, name: str, method: str, body: dict[str, object]) -> None:
        peer = self._parts.peers.get(name)
        if peer is None or not peer.is_up:
            return  # `beat` finds a new owner and tells it everything
        try:
            peer.tell(method, body)
        except Exception:  # a link that is full or just gone
            log.warning("%s could not be told of a site", name, exc_info=True)

    # the owner

    def heard(self, body: object) -> None:
        """Take a message of another gateway's charger (link method `site`)."""
        assert isinstance(body, dict)
        site, name = str(body["site"]), str(body["kind"])
        if name == INTRODUCE:
            self._introduce(site)
        elif name in _KINDS and site in self._records:
            gateway = str(body["gateway"])
            if not gateway and self.owner(site) != self._parts.name:
                return  # of the api, which tells all gateways
            message: Any = msgspec.msgpack.decode(body["blob"], type=_KINDS[name])
            self._hear(site, gateway, message)

    def _hear(self, site: str, gateway: str, message: Message) -> None:
        if isinstance(message, ChargerCame):
            self._where[site, message.charger] = gateway
        elif isinstance(message, ChargerWent):
            if self._where.get((site, message.charger), gateway) != gateway:
                return  # it is connected elsewhere meanwhile
            self._where.pop((site, message.charger), None)
        address = self._owned.get(site)
        if address is None:
            address = self._own(site)
        self._parts.base.tell(address, message)

    def _own(self, site: str) -> ActorAddress:
        parts = self._parts
        now_us = parts.now_us()
        address = parts.base.create(
            SiteActor,
            name=f"site/{site}/{now_us}",
            init={
                "site": site,
                "settings": parts.settings,
                "control": parts.control,
                "house": self,
                "now_us": parts.now_us,
                "first_number": self._first_number,
            },
        )
        self._owned[site] = address
        self._configure(site)
        if parts.remember is not None:
            self._remembering[site] = parts.loop.create_task(self._remember(site, address))
        else:
            parts.base.tell(address, LimitsRemembered(()))
        log.info("site %s is shared out here", site)
        return address

    def _first_number(self) -> int:
        """Return a number that no order of an earlier actor has, here or in a process before."""
        self._last_number = max(self._last_number + NUMBERS, self._parts.now_us())
        return self._last_number

    async def _remember(self, site: str, address: ActorAddress) -> None:
        """Tell the actor what was written down before it began, as soon as the ledger says so."""
        parts = self._parts
        assert parts.remember is not None
        wait_s, patience_us = 0.2, parts.now_us() + MEMORY_US
        while self._owned.get(site) is address:
            try:
                blob = await parts.remember(site)
            except (Unavailable, LinkError) as error:
                log.info("what held at site %s is not known yet: %s", site, error)
                if parts.now_us() > patience_us:
                    self._write_from_now_on(site)
                await asyncio.sleep(wait_s)
                wait_s = min(30.0, wait_s * 2)
                continue
            limits = msgspec.msgpack.decode(blob, type=tuple[RememberedLimit, ...])
            if self._owned.get(site) is address:
                self._parts.base.tell(address, LimitsRemembered(limits))
            break
        if self._remembering.get(site) is asyncio.current_task():
            self._write_from_now_on(site)

    def _write_from_now_on(self, site: str) -> None:
        if self._remembering.pop(site, None) is not None and site in self.shown:
            self._book.write(site, self._places.get(site, {}), self.shown[site])

    def _configure(self, site: str) -> None:
        for message in self._records[site]:
            self._parts.base.tell(self._owned[site], message)

    def _disown(self, site: str) -> None:
        address = self._owned.pop(site, None)
        if address is not None:
            self._parts.base.tell(address, ActorExitRequest())
        timer = self._timers.pop(site, None)
        if timer is not None:
            timer.cancel()
        self.shown.pop(site, None)
        self._book.forget(site)
        self._newest.pop(site, None)
        remembering = self._remembering.pop(site, None)
        if remembering is not None:
            remembering.cancel()
        for key in [key for key in self._where if key[0] == site]:
            del self._where[key]

    def journal_failed(self) -> None:
        """What was to be written down was not, and what waited for it is not sent."""
        self._book.journal_failed()

    # effects of the machine (actors.site.shell.House)

    def set_limit(self, site: str, effect: SetLimit) -> None:
        """Bring a limit to the gateway that has the charger; a higher one when it is on disk.

        The actor gives up on an order whose commit takes too long, and may send a lower one, which
        waits for no commit: the higher one must not come after it.
        """
        self._newest.setdefault(site, {})[effect.place] = effect.number
        if effect.raises:
            self._book.after_commit(site, effect.charger, lambda: self._bring(site, effect))
        else:
            self._bring(site, effect)

    def _bring(self, site: str, effect: SetLimit) -> None:
        if self._newest.get(site, {}).get(effect.place) != effect.number:
            return
        if self._parts.now_us() > effect.until_us:
            self._answer(site, self._parts.name, LimitAnswered(effect.number, Outcome.EXPIRED))
            return
        gateway = self._where.get((site, effect.charger))
        if gateway == self._parts.name:
            self._start(self._set_here(site, self._parts.name, effect))
        elif gateway is None:
            self._answer(site, self._parts.name, LimitAnswered(effect.number, Outcome.REFUSED))
        else:
            body: dict[str, object] = {
                "site": site,
                "gateway": self._parts.name,
                "blob": _encode(effect),
            }
            self._tell_peer(gateway, "limit", body)

    def shared(self, site: str, effect: Shared) -> None:
        """Keep it for whoever asks, and write down what has changed."""
        self.shown[site] = effect
        if site not in self._remembering:
            self._book.write(site, self._places.get(site, {}), effect)

    def doubted(self, site: str, effect: Doubted) -> None:
        """Say that an EVSE does not do as it is told."""
        log.warning(
            "site %s: %s %s its limits; %.1f A are set aside for it",
            site,
            effect.place,
            effect.because,
            effect.set_aside_a,
        )

    def trusted(self, site: str, effect: Trusted) -> None:
        """Say that it does again."""
        log.info("site %s: %s keeps its limits again", site, effect.place)

    def wake(self, site: str, effect: Wake) -> None:
        """Arrange for a Tick."""
        timer = self._timers.get(site)
        if timer is not None:
            timer.cancel()
        delay_s = max(0.0, (effect.at_us - self._parts.now_us()) / 1e6)
        self._timers[site] = self._parts.loop.call_later(delay_s, self._tick, site)

    def _tick(self, site: str) -> None:
        address = self._owned.get(site)
        if address is not None:
            self._parts.base.tell(address, Tick())

    def failed(self, site: str, error: BaseException) -> None:
        """The actor crashed; a fresh one is told everything again."""
        log.error("the actor of site %s failed", site, exc_info=error)
        self._parts.loop.call_soon(self._again, site)

    def _again(self, site: str) -> None:
        if site not in self._owned:
            return
        self._newest.pop(site, None)  # those that wait for a commit are of nobody
        self._configure(site)
        self._introduce(site)
        body: dict[str, object] = {
            "site": site,
            "gateway": self._parts.name,
            "kind": INTRODUCE,
            "blob": b"",
        }
        for name in self._parts.peers:
            self._tell_peer(name, "site", body)

    def shares(self, body: object) -> dict[str, bytes]:
        """Return how a site is shared out, as JSON; empty when it is owned elsewhere."""
        assert isinstance(body, dict)
        shown = self.shown.get(str(body["site"]))
        return {"json": msgspec.json.encode(shown) if shown is not None else b""}

    def wants(self, body: object) -> dict[str, bytes]:
        """Return what a site's cars want and its loads, for the plan; empty: owned elsewhere."""
        assert isinstance(body, dict)
        shown = self.shown.get(str(body["site"]))
        if shown is None:
            return {"demands": b"", "loads": b"", "reserved": b""}
        shared = {demand.place for demand in shown.demands}
        reserved = {
            place: held.ceiling_a for place, held in shown.held.items() if place not in shared
        }
        return {
            "demands": _encode(shown.demands),
            "loads": _encode(shown.loads),
            "reserved": _encode(reserved),
        }

    # limits on their way to a charger of here

    def limit(self, body: object) -> None:
        """Take an order of another gateway's site (link method `limit`)."""
        assert isinstance(body, dict)
        site, gateway = str(body["site"]), str(body["gateway"])
        effect = msgspec.msgpack.decode(body["blob"], type=SetLimit)
        if self._owners.get(site) != gateway:
            return  # of an owner of before; the one of now decides
        self._start(self._set_here(site, gateway, effect))

    async def _set_here(self, site: str, gateway: str, order: SetLimit) -> None:
        outcome = await self._send(order)
        self._answer(site, gateway, LimitAnswered(order.number, outcome))

    async def _send(self, order: SetLimit) -> str:
        parts = self._parts
        line = parts.find(order.charger)
        if line is None or line.version.write_limit is None:
            return Outcome.REFUSED
        session = order.session if order.scope is Scope.SESSION else ""
        whole = order.scope is Scope.CHARGER
        limit = ChargerLimit(order.evse, session, order.limit_a, order.limit_w, whole=whole)
        now_us = parts.now_us()
        command = Command(
            parts.new_id(),
            order.charger,
            SET_CHARGING_PROFILE,
            line.version.write_limit(limit),
            order.until_us,
            Priority.SAFETY,
            ISSUER,
            now_us,
        )
        member, outcome = line.member, str(Outcome.LOST)
        if member is not None:
            member.sending(order.evse, order.scope, order.limit_a)
        try:
            outcome = _outcome(await parts.command(command))
        finally:
            if member is not None:
                member.ended(order.evse, order.scope, order.limit_a, session, outcome)
        return outcome

    def _answer(self, site: str, gateway: str, answer: LimitAnswered) -> None:
        if gateway == self._parts.name:
            address = self._owned.get(site)
            if address is not None:
                self._parts.base.tell(address, answer)
            return
        body: dict[str, object] = {
            "site": site,
            "gateway": self._parts.name,
            "kind": type(answer).__name__,
            "blob": _encode(answer),
        }
        self._tell_peer(gateway, "site", body)

    def _start(self, work: "asyncio._CoroutineLike[None]") -> None:
        task: asyncio.Task[None] = self._parts.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(partial(_ended, self._tasks))


def _outcome(result: CommandResult | None) -> str:
    if result is None:
        return Outcome.REFUSED
    if result.outcome == Outcome.ERROR and result.error_code in NOT_TAKEN:
        return Outcome.REJECTED
    return result.outcome


def _ended(tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
    tasks.discard(task)
    if not task.cancelled() and task.exception() is not None:
        log.error("a limit was not brought to its charger", exc_info=task.exception())


def _score(site: str, gateway: str) -> bytes:
    return hashlib.blake2b(f"{site}\0{gateway}".encode(), digest_size=8).digest()
