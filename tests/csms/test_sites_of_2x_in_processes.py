"""A site whose chargers speak 1.6, 2.0.1 and 2.1 at two gateways shares one fuse among them all."""

import asyncio
import contextlib
import itertools
import json
import re

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from benchmarks.node import Node
from csms.simulator.instants import iso
from supervisor.clock import Clock
from tests.csms.test_sites_in_processes import FUSE_A, Charger, csms, depot, shares_of, until

STATION = {"vendorName": "V", "model": "M"}
ALL = ("TxProfile", "TxDefaultProfile", "ChargingStationMaxProfile")
WHOLE_ONLY = ("ChargingStationMaxProfile",)
HASTY = {
    "CSMS_SITES__WANTED_AFTER_S": "1",
    "CSMS_SITE_CONTROL__RAISE_INTERVAL_S": "0.5",
    "CSMS_SITE_CONTROL__RETRY_S": "0.1",
    "CSMS_SITE_CONTROL__REFUSALS_MAX": "1",
}


class Station(Charger):
    """One EVSE of 2.x: its TransactionEvents say what its car draws of what it may draw."""

    def __init__(
        self,
        port: int,
        name: str,
        subprotocol: str = "ocpp2.0.1",
        knows: tuple[str, ...] = ALL,
        car_a: tuple[float, float, float] = (32.0, 32.0, 32.0),
    ) -> None:
        super().__init__(port, name)
        self.subprotocol = subprotocol
        self.knows = knows
        self.car_a = car_a
        self.profiles: dict[str, dict] = {}
        """By purpose: what holds."""
        self._numbers = itertools.count()

    async def _serve(self, socket: ClientConnection) -> None:
        boot = {"reason": "PowerUp", "chargingStation": STATION}
        await socket.send(json.dumps([2, "boot", "BootNotification", boot]))
        async for text in socket:
            frame = json.loads(text)
            if frame[0] == 3:
                # One call after the other, as 2.x wants it; the next one a moment later.
                self.telling = asyncio.create_task(self._tell(socket))
            elif frame[0] == 2:
                await self._answer(socket, frame[1], frame[3])

    async def _tell(self, socket: ClientConnection) -> None:
        await asyncio.sleep(0.25)
        with contextlib.suppress(ConnectionClosed):
            await socket.send(self._event())

    def _event(self) -> str:
        seq = next(self._numbers)
        now = iso(Clock().now_us())
        values = [
            {
                "value": min(amperes, self.limit_a),
                "measurand": "Current.Import",
                "phase": phase,
                "unitOfMeasure": {"unit": "A"},
            }
            for amperes, phase in zip(self.car_a, ("L1", "L2", "L3"), strict=True)
        ]
        event = {
            "eventType": "Updated" if seq else "Started",
            "timestamp": now,
            "triggerReason": "MeterValuePeriodic" if seq else "Authorized",
            "seqNo": seq,
            "transactionInfo": {"transactionId": f"tx-{self.name}"},
            "meterValue": [{"timestamp": now, "sampledValue": values}],
            "evse": {"id": 1, "connectorId": 1},
            **({} if seq else {"idToken": {"idToken": self.name, "type": "ISO14443"}}),
        }
        return json.dumps([2, f"event-{seq}", "TransactionEvent", event])

    async def _answer(self, socket: ClientConnection, uid: str, payload: dict) -> None:
        profile = payload["chargingProfile"]
        purpose = profile["chargingProfilePurpose"]
        if purpose not in self.knows:
            await socket.send(json.dumps([4, uid, "NotSupported", "", {}]))
            return
        whole = purpose == "ChargingStationMaxProfile"
        fits = payload["evseId"] == (0 if whole else 1)
        if purpose == "TxProfile":
            fits = fits and profile["transactionId"] == f"tx-{self.name}"
        if fits:
            self.profiles[purpose] = profile
            own = self._rate(
                "TxProfile", self._rate("TxDefaultProfile", 0.0 if not whole else 32.0)
            )
            self.limit_a = min(own, self._rate("ChargingStationMaxProfile", 32.0))
        status = "Accepted" if fits else "Rejected"
        await socket.send(json.dumps([3, uid, {"status": status}]))

    def _rate(self, purpose: str, default: float) -> float:
        profile = self.profiles.get(purpose)
        if profile is None:
            return default
        [schedule] = profile["chargingSchedule"]
        [period] = schedule["chargingSchedulePeriod"]
        return float(period["limit"])


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_chargers_of_all_versions_share_one_fuse_by_what_their_cars_take() -> None:
    with depot(HASTY) as node:
        asyncio.run(asyncio.wait_for(_story(node), 90))


async def _story(node: Node) -> None:
    chargers = [
        Charger(node.port, "A"),
        modest := Station(node.port, "B", car_a=(7.0, 0.0, 0.0)),
        Station(node.port, "C", "ocpp2.1"),
        whole := Station(node.port, "D", knows=WHOLE_ONLY),
    ]
    lives = [asyncio.create_task(charger.live()) for charger in chargers]
    watched: list[float] = []

    async def watch() -> None:
        while True:
            # B's car has one phase, but may be another car tomorrow: it counts like the rest.
            watched.append(sum(charger.limit_a for charger in chargers))
            await asyncio.sleep(0.005)

    lives.append(asyncio.create_task(watch()))
    try:
        # B's car takes 7 A and is offered 2 A more; the others share what is left.
        await until(
            lambda: modest.limit_a == 9.0 and sum(c.limit_a for c in chargers) == FUSE_A, 30
        )
        others = [charger.limit_a for charger in chargers if charger is not modest]
        assert others == [13.0] * 3
        # Each by the purpose that it takes, for the EVSE or for the whole station.
        assert set(modest.profiles) == {"TxProfile", "TxDefaultProfile"}
        assert set(whole.profiles) == {"ChargingStationMaxProfile"}
        held = (await shares_of(node))["held"]
        assert [held[f"{name}/1"]["way"] for name in "ABCD"] == ["session"] * 3 + ["charger"]
        assert held["B/1"]["phases"] == 1
        assert held["B/1"]["session"] == "tx-B"
        assert max(watched) <= FUSE_A
        await _why(node)
    finally:
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)


async def _why(node: Node) -> None:
    """Operators see by REST and in ClickHouse who set which limit, and what keeps it from more."""
    address = re.findall(r"http://[\d.:]+", (node.data / "output").read_text())[0]
    data = ("--data", str(node.data))
    key = await asyncio.to_thread(csms, "key", "create", "--role", "viewer", *data)
    headers = {"Authorization": f"Bearer {key.strip()}"}
    async with (
        aiohttp.ClientSession(address, headers=headers) as session,
        session.get("/api/v1/sites/depot/limits") as response,
    ):
        shown = await response.json()
    evses = {row["place"]: row for row in shown["evses"]}
    told = [(row["limit_a"], row["share"]["limit_a"], row["set_by"]) for row in evses.values()]
    assert told == [(13.0, 13.0, "site"), (9.0, 9.0, "site"), *[(13.0, 13.0, "site")] * 2]
    binding = {place: row["share"]["binding"] for place, row in evses.items()}
    assert binding["B/1"]["kind"] == "car"
    for place in ("A/1", "C/1", "D/1"):
        assert (binding[place]["kind"], binding[place]["circuit"]) == ("circuit", "main")
        assert binding[place]["phase"] == "L1"
    assert shown["headroom_a"]["main"] == [0.0, 9.0, 9.0]
    newest = "argMax((told_a, binding, circuit, phase, set_by, way), ts)"
    statement = f"SELECT place, {newest} AS told FROM evse_limits GROUP BY place ORDER BY place"
    wanted = [[13.0, "circuit", "main", "L1", "site", way] for way in ("session", "charger")]
    async with asyncio.timeout(30):
        while True:
            rows = await asyncio.to_thread(node.sql, statement)
            told = {row["place"]: list(row["told"]) for row in rows}
            if told.get("A/1") == wanted[0] and told.get("D/1") == wanted[1]:
                break
            await asyncio.sleep(0.2)
    assert told["B/1"][:2] == [9.0, "car"]
