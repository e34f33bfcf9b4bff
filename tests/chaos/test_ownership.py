"""However connections come, a charger has one owner, and only that one gets its commands."""

import asyncio
import json
import socket

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.chaos.charger import Fleet, Pace
from tests.chaos.node import GATEWAYS, Node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


async def dial(node: Node, charger: str, **more: object) -> ClientConnection:
    return await connect(
        node.url + charger, subprotocols=["ocpp1.6"], ping_interval=None, close_timeout=0.5, **more
    )


async def is_open(connection: ClientConnection) -> bool:
    """Ask over the connection: its own side may not know yet."""
    try:
        await connection.send(json.dumps([2, "h", "Heartbeat", {}]))
        async with asyncio.timeout(3):
            while True:
                if json.loads(await connection.recv())[1] == "h":
                    return True
    except Exception:
        return False


async def settled(node: Node, charger: str) -> list[str]:
    """Return the owners once they are the same for a while."""
    before: list[str] = []
    for _ in range(20):
        owners = await node.owners(charger)
        if owners == before and len(owners) == 1:
            return owners
        before = owners
        await asyncio.sleep(0.1)
    return before


async def test_two_connections_at_the_same_moment_leave_one_owner(shared_node: Node) -> None:
    for number in range(15):
        charger = f"TWIN{number}"
        pair = await asyncio.gather(
            *(dial(shared_node, charger) for _ in range(2)), return_exceptions=True
        )
        connections = [each for each in pair if isinstance(each, ClientConnection)]
        try:
            assert len(await settled(shared_node, charger)) == 1, charger
            answering = [await is_open(each) for each in connections]
            assert answering.count(True) == 1, charger
        finally:
            await asyncio.gather(*(each.close() for each in connections))
