"""Two gateways of a node, real links between them: at most one of them has a charger."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from csms.gateway.settings import GatewaySettings
from csms.gateway.takeover import Newcomer, Takeover
from supervisor.links import LinkClient, LinkServer
from tests.csms.gateway.harness import KEY, Harness, boot, gateway_running, keyed

SETTINGS = GatewaySettings(probe_s=2.0, handshakes_at_once=64)


class Two:
    """Both gateways, and what each asks the other by."""

    def __init__(self, gateways: tuple[Harness, Harness], clients: list[LinkClient]) -> None:
        self.here, self.there = gateways
        self.clients = clients

    @property
    def asked(self) -> int:
        """Frames that the first has sent to the second."""
        return self.clients[0].stats.frames_out


@contextlib.asynccontextmanager
async def two_gateways(folder: Path) -> AsyncIterator[Two]:
    async with contextlib.AsyncExitStack() as stack:
        here, there = [
            await stack.enter_async_context(
                gateway_running(folder, name=name, settings=SETTINGS, chargers=(keyed("KNOWN"),))
            )
            for name in ("gw0", "gw1")
        ]
        clients = []
        for each, other in ((here, there), (there, here)):
            gateway = other.gateway
            server = LinkServer(
                folder / f"{gateway.name}.sock",
                {
                    "claims": lambda _link, body, gateway=gateway: gateway.takeover.judge_all(body),
                    "claim": lambda _link, body, gateway=gateway: gateway.takeover.challenge(body),
                },
            )
            await stack.enter_async_context(server)
            client = LinkClient(server.path, {})
            await stack.enter_async_context(client)
            await client.connected(5.0)
            clients.append(client)
            each.gateway.takeover = Takeover(
                SETTINGS, [client], each.gateway.line, each.gateway.now_us
            )
        yield Two((here, there), clients)


async def test_who_comes_back_to_another_gateway_is_taken_from_the_first(tmp_path: Path) -> None:
    async with two_gateways(tmp_path) as two, two.there.charger("KNOWN", KEY) as old:
        await boot(old)
        async with two.here.charger("KNOWN", KEY) as new:
            await boot(new)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(old.recv(), 5)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008
            await two.there.until(lambda: two.there.gateway.line("KNOWN") is None)
            assert not two.here.gateway.line("KNOWN").fenced


async def test_one_from_elsewhere_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    async with two_gateways(tmp_path) as two, two.there.charger("C") as old:
        await boot(old)
        reading = asyncio.create_task(old.recv())  # so that its pongs go out
        async with two.here.charger("C", local_addr=("127.0.0.7", 0)) as new:
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(new.recv(), 5)
        assert (await two.here.refusal()).reason == "held_elsewhere"
        assert not two.there.gateway.line("C").fenced
        reading.cancel()


async def test_a_crowd_is_asked_for_in_one_question(tmp_path: Path) -> None:
    async with two_gateways(tmp_path) as two, two.there.charger("C7", local_addr=("127.0.0.7", 0)):
        await two.there.until(lambda: two.there.gateway.line("C7") is not None)
        takeover, asked = two.here.gateway.takeover, two.asked
        crowd = [Newcomer(f"C{n}", 1 << 60, "127.0.0.7") for n in range(1_000)]
        reasons = await asyncio.gather(*map(takeover.claim, crowd))
        assert set(reasons) == {""}
        assert two.asked - asked == 1
        assert two.there.gateway.line("C7") is None or two.there.gateway.line("C7").fenced


async def test_one_that_has_to_be_pinged_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    async with two_gateways(tmp_path) as two, two.there.charger("SLOW") as old:
        await boot(old)
        reading = asyncio.create_task(old.recv())
        takeover = two.here.gateway.takeover
        slow = asyncio.create_task(takeover.claim(Newcomer("SLOW", 1 << 60, "127.0.0.7")))
        quick = asyncio.create_task(takeover.claim(Newcomer("QUICK", 1 << 60, "127.0.0.7")))
        assert await asyncio.wait_for(quick, 5) == ""
        assert not slow.done()
        assert await asyncio.wait_for(slow, 5) == "held_elsewhere"
        reading.cancel()


async def test_of_two_that_come_at_the_same_time_the_newer_wins(tmp_path: Path) -> None:
    async with two_gateways(tmp_path) as two:
        for older, newer in ((two.here, two.there), (two.there, two.here)):
            reasons = await asyncio.gather(
                older.gateway.takeover.claim(Newcomer("C", 1, "127.0.0.1")),
                newer.gateway.takeover.claim(Newcomer("C", 2, "127.0.0.1")),
            )
            assert reasons[1] == ""
            assert reasons[0] in {"outrun", "held_elsewhere"}


async def test_a_gateway_that_is_gone_holds_nobody(tmp_path: Path) -> None:
    async with two_gateways(tmp_path) as two:
        await two.clients[0].close()
        assert await two.here.gateway.takeover.claim(Newcomer("C", 1, "127.0.0.1")) == ""
