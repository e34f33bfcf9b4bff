"""Site actors and chargers that are connected to different gateways, over real links."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
from websockets.asyncio.client import ClientConnection

from actors.site.control import ControlSettings
from domain.errors import Unavailable
from domain.known import KnownCharger, OpenTransaction
from domain.records import ChargerRecord, SiteRecord
from domain.site import Circuit, EvsePlace, Site
from supervisor.links import LinkClient, LinkServer
from tests.csms.gateway.harness import Harness, boot, call, gateway_running

FUSE_A = 40.0
HASTY = ControlSettings(gather_s=0.05, retry_s=0.1, raise_interval_s=0.5)


def record(amperes: float = FUSE_A, site: str = "depot") -> SiteRecord:
    places = tuple(EvsePlace(f"{name}/1", name, 1, "main", fallback_a=0) for name in ("A", "B"))
    model = Site(site, (Circuit("main", limit_a=amperes),), places)
    return SiteRecord(site, model=msgspec.json.encode(model).decode(), revision=1)


CHARGERS = tuple(
    ChargerRecord(name, site="depot", security_profile=0, networks=("127.0.0.0/8",))
    for name in ("A", "B")
)


class Car:
    """A charger with a car: starts a transaction, obeys limits."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.limits: list[dict] = []
        self.answer = "Accepted"
        self.knows: tuple[str, ...] = ("TxProfile", "TxDefaultProfile", "ChargePointMaxProfile")
        """Profiles of other purposes are not implemented."""

    async def start(self) -> int:
        await boot(self.socket)
        started = {
            "connectorId": 1,
            "idTag": "T",
            "meterStart": 0,
            "timestamp": "2026-11-23T00:00:00Z",
        }
        await self.socket.send(json.dumps([2, "start", "StartTransaction", started]))
        while True:
            frame = json.loads(await asyncio.wait_for(self.socket.recv(), 5))
            if frame[0] == 3:
                self.transaction = frame[2]["transactionId"]
                return self.transaction
            await self._obey(frame)

    async def stop(self) -> None:
        stopped = {
            "transactionId": self.transaction,
            "meterStop": 5,
            "timestamp": "2026-11-23T00:01:00Z",
        }
        await self.socket.send(json.dumps([2, "stop", "StopTransaction", stopped]))

    async def live(self) -> None:
        async for text in self.socket:
            frame = json.loads(text)
            if frame[0] == 2:
                await self._obey(frame)

    async def _obey(self, frame: list) -> None:
        _, uid, action, payload = frame
        assert action == "SetChargingProfile"
        if payload["csChargingProfiles"]["chargingProfilePurpose"] not in self.knows:
            await self.socket.send(json.dumps([4, uid, "NotSupported", "", {}]))
            return
        self.limits.append(payload)
        await self.socket.send(json.dumps([3, uid, {"status": self.answer}]))

    @property
    def limit_a(self) -> float | None:
        """Of the session."""
        return self.rate("TxProfile")

    def rate(self, purpose: str) -> float | None:
        """The newest limit of a purpose."""
        rates = self.rates(purpose)
        return rates[-1] if rates else None

    def rates(self, purpose: str) -> list[float]:
        """All limits of a purpose."""
        profiles = [limit["csChargingProfiles"] for limit in self.limits]
        return [
            profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
            for profile in profiles
            if profile["chargingProfilePurpose"] == purpose
        ]


@contextlib.asynccontextmanager
async def charging(
    harness: Harness, name: str, knows: tuple[str, ...] | None = None
) -> AsyncIterator[Car]:
    async with harness.charger(name) as socket:
        car = Car(socket)
        if knows is not None:
            car.knows = knows
        await car.start()
        living = asyncio.create_task(car.live())
        try:
            yield car
        finally:
            living.cancel()


@contextlib.asynccontextmanager
async def two_gateways(folder: Path) -> AsyncIterator[tuple[Harness, Harness]]:
    """gw0 and gw1, each with a link to the other as in a node."""
    to = {name: LinkClient(folder / f"{name}.sock", {}) for name in ("gw0", "gw1")}
    async with (
        gateway_running(
            folder, name="gw0", chargers=CHARGERS, peers={"gw1": to["gw1"]}, site_control=HASTY
        ) as zero,
        gateway_running(
            folder, name="gw1", chargers=CHARGERS, peers={"gw0": to["gw0"]}, site_control=HASTY
        ) as one,
    ):
        servers = [
            LinkServer(
                folder / f"{name}.sock",
                {
                    "site": lambda _link, body, sites=harness.gateway.sites: sites.heard(body),
                    "limit": lambda _link, body, sites=harness.gateway.sites: sites.limit(body),
                },
            )
            for name, harness in (("gw0", zero), ("gw1", one))
        ]
        for server in servers:
            await server.start()
        for client in to.values():
            await client.start()
            await client.connected(5)
        try:
            yield zero, one
        finally:
            for client in to.values():
                await client.close()
            for server in servers:
                await server.close()


async def test_a_car_gets_its_limit_as_a_profile_of_its_transaction(tmp_path: Path) -> None:
    async with gateway_running(tmp_path, chargers=CHARGERS) as harness:
        harness.gateway.sites.apply(record())
        async with charging(harness, "A") as car:
            await harness.until(lambda: car.limit_a == 32.0)
            standing, session = car.limits[0], car.limits[-1]
            assert standing["csChargingProfiles"]["chargingProfilePurpose"] == "TxDefaultProfile"
            assert session["csChargingProfiles"]["transactionId"] == car.transaction


async def test_two_cars_at_two_gateways_share_one_fuse(tmp_path: Path) -> None:
    async with two_gateways(tmp_path) as (zero, one):
        for harness in (zero, one):
            harness.gateway.sites.apply(record())
        owners = {harness.gateway.sites.owner("depot") for harness in (zero, one)}
        assert len(owners) == 1
        async with charging(zero, "A") as a, charging(one, "B") as b:
            await zero.until(lambda: (a.limit_a, b.limit_a) == (20.0, 20.0), seconds=20)
            await a.stop()
            await zero.until(lambda: b.limit_a == 32.0, seconds=15)


async def test_the_other_gateway_takes_a_site_over_with_its_limits(tmp_path: Path) -> None:
    async with two_gateways(tmp_path) as (zero, one):
        for harness in (zero, one):
            harness.gateway.sites.apply(record())
        owner = zero if zero.gateway.sites.owner("depot") == "gw0" else one
        other = one if owner is zero else zero
        async with charging(other, "A") as car:
            # Its answer has come back, too: else the next owner tells it once more.
            shown = owner.gateway.sites.shown
            await owner.until(
                lambda: "depot" in shown and shown["depot"].held["A/1"].limit_a == 32.0
            )
            before = len(car.limits)
            # As if its process had gone: nobody can tell it anything.
            [link] = other.gateway.sites._parts.peers.values()
            await link.close()
            other.gateway.sites.beat()
            await other.until(lambda: "depot" in other.gateway.sites.shown)
            assert other.gateway.sites.shown["depot"].allocation.limits["A/1"].limit_a == 32.0
            assert len(car.limits) == before  # it has what it should


async def test_a_lower_fuse_reaches_the_car(tmp_path: Path) -> None:
    async with gateway_running(tmp_path, chargers=CHARGERS) as harness:
        harness.gateway.sites.apply(record())
        async with charging(harness, "A") as car:
            await harness.until(lambda: car.limit_a == 32.0)
            harness.gateway.sites.apply(record(16.0))
            await harness.until(lambda: car.limit_a == 16.0)


async def test_a_session_of_before_is_learned_when_the_ledger_is_back(tmp_path: Path) -> None:
    asked: list[list[str]] = []
    running = OpenTransaction(7, 1, "T", 0, 1_000, "raw")

    async def away_at_first(chargers: list[str]) -> bytes:
        asked.append(chargers)
        if len(asked) < 3:
            raise Unavailable("away")
        return msgspec.msgpack.encode([KnownCharger(name, (running,)) for name in chargers])

    async with gateway_running(tmp_path, chargers=CHARGERS, ask_ledger=away_at_first) as harness:
        harness.gateway.sites.apply(record())
        async with harness.charger("A") as socket:
            car = Car(socket)
            await boot(socket)
            living = asyncio.create_task(car.live())
            await harness.until(lambda: car.limit_a == 32.0)
            assert car.limits[-1]["csChargingProfiles"]["transactionId"] == 7
            car.transaction = 7
            await car.stop()
            shown = harness.gateway.sites.shown
            await harness.until(lambda: shown["depot"].held["A/1"].session == "")
            living.cancel()
    assert asked == [["A"]] * 3


async def test_a_charger_without_a_site_is_told_nothing(tmp_path: Path) -> None:
    async with gateway_running(tmp_path) as harness:
        harness.gateway.sites.apply(record())
        async with harness.charger("C") as socket:
            await boot(socket)
            status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
            assert await call(socket, "StatusNotification", status) == [3, "1", {}]
            assert harness.gateway.sites.shown == {}


async def test_a_charger_that_takes_only_standing_limits_is_told_those(tmp_path: Path) -> None:
    async with gateway_running(tmp_path, chargers=CHARGERS, site_control=HASTY) as harness:
        harness.gateway.sites.apply(record())
        async with charging(harness, "A", knows=("TxDefaultProfile",)) as car:
            await harness.until(lambda: car.rate("TxDefaultProfile") == 32.0)
            held = harness.gateway.sites.shown["depot"].held["A/1"]
            assert held.way == "standing"


async def test_a_charger_that_takes_only_one_limit_for_all_of_it_is_told_that(
    tmp_path: Path,
) -> None:
    async with gateway_running(tmp_path, chargers=CHARGERS, site_control=HASTY) as harness:
        harness.gateway.sites.apply(record())
        async with charging(harness, "A", knows=("ChargePointMaxProfile",)) as car:
            await harness.until(lambda: car.rate("ChargePointMaxProfile") == 32.0)
            assert car.limits[-1]["connectorId"] == 0


async def test_a_charger_that_takes_no_limit_is_set_aside(tmp_path: Path) -> None:
    async with gateway_running(tmp_path, chargers=CHARGERS, site_control=HASTY) as harness:
        harness.gateway.sites.apply(record())
        async with charging(harness, "A", knows=()), charging(harness, "B") as other:
            shown = harness.gateway.sites.shown
            await harness.until(
                lambda: "depot" in shown and shown["depot"].held["A/1"].because == "rejects"
            )
            # Its installed fallback is 0 A here, so nothing is taken from the other.
            await harness.until(lambda: other.limit_a == 32.0, seconds=15)
