"""However connections come, a charger has one owner, and only that one gets its commands.

A folder has one owner, too.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from supervisor.boot import ExitCode
from tests.chaos.node import Node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
Ask = Callable[[str], Awaitable[tuple[int, str]]]


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


async def test_commands_go_to_the_owner_only(shared_node: Node) -> None:
    async with api(shared_node) as ask:
        for number in range(4):
            charger = f"HEIR{number}"
            first = await dial(shared_node, charger)
            await boot(first)
            # It has proved nothing (profile 0): only a dead connection of it gives way.
            first.transport.pause_reading()
            second = await dial(shared_node, charger)
            await boot(second)
            first.transport.resume_reading()
            try:
                calls = await asyncio.gather(
                    answer_one_call(second), ask(charger), return_exceptions=True
                )
                assert calls == ["TriggerMessage", (200, "accepted")]
                assert not await is_open(first)
            finally:
                await asyncio.gather(first.close(), second.close())


async def test_commands_still_arrive_after_a_gateway_was_killed(shared_node: Node) -> None:
    async with api(shared_node) as ask:
        charger = "PHOENIX"
        socket = await dial(shared_node, charger)
        await boot(socket)
        [owner] = await settled(shared_node, charger)
        dead = shared_node.kill(owner)
        with pytest.raises(ConnectionClosed):
            await socket.recv()

        socket = await dial(shared_node, charger)
        await boot(socket)
        try:
            calls = await asyncio.gather(answer_one_call(socket), ask(charger))
            assert calls == ["TriggerMessage", (200, "accepted")]
        finally:
            await socket.close()
        await shared_node.up([dead])


async def test_an_idle_connection_is_pinged_and_kept(shared_node: Node) -> None:
    idle = await dial(shared_node, "IDLE")
    await boot(idle)
    try:
        await asyncio.sleep(5)
        assert await is_open(idle)
    finally:
        await idle.close()


async def test_a_half_open_connection_is_given_up(shared_node: Node) -> None:
    """The peer is gone without a word: no FIN ever comes, and no pong."""
    silent = await dial(shared_node, "MUTE")
    await boot(silent)
    silent.transport.pause_reading()
    try:
        async with asyncio.timeout(15):
            while await shared_node.owners("MUTE"):
                await asyncio.sleep(0.1)
    finally:
        silent.transport.abort()


async def test_a_newcomer_from_elsewhere_takes_over_from_a_half_open_connection(
    shared_node: Node,
) -> None:
    silent = await dial(shared_node, "MOVER")
    await boot(silent)
    silent.transport.pause_reading()
    newcomer = await dial(shared_node, "MOVER", local_addr=("127.0.0.2", 0))
    try:
        await boot(newcomer)
        assert await is_open(newcomer)
        assert len(await settled(shared_node, "MOVER")) == 1
    finally:
        silent.transport.abort()
        await newcomer.close()


async def test_a_living_connection_is_not_taken_over_from_elsewhere(shared_node: Node) -> None:
    first = await dial(shared_node, "KEEPER")
    await boot(first)
    try:
        newcomer = await dial(shared_node, "KEEPER", local_addr=("127.0.0.2", 0))
        with pytest.raises(ConnectionClosed) as closed:
            await newcomer.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert await is_open(first)
    finally:
        await first.close()


async def test_a_second_node_on_the_same_folder_is_refused_and_harms_nobody(
    shared_node: Node,
) -> None:
    witness = await dial(shared_node, "WITNESS")
    await boot(witness)
    first = shared_node.main
    shared_node.start()
    second = shared_node.main
    shared_node.mains = [second, first]

    assert await asyncio.to_thread(second.wait, 30) == ExitCode.ALREADY_RUNNING
    assert await is_open(witness)
    await witness.close()


async def boot(connection: ClientConnection) -> None:
    payload = {"chargePointVendor": "V", "chargePointModel": "M"}
    await connection.send(json.dumps([2, "boot", "BootNotification", payload]))
    async with asyncio.timeout(10):
        while json.loads(await connection.recv())[1] != "boot":
            pass


async def answer_one_call(connection: ClientConnection) -> str:
    """Accept the next CALL of the server; return its action."""
    async with asyncio.timeout(20):
        while True:
            frame = json.loads(await connection.recv())
            if frame[0] == 2:
                await connection.send(json.dumps([3, frame[1], {"status": "Accepted"}]))
                return str(frame[2])


@contextlib.asynccontextmanager
async def api(node: Node) -> AsyncIterator[Ask]:
    """Return what sends a call to a charger and returns HTTP status and outcome."""
    key = await asyncio.to_thread(node.make_key)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{node.api_port}", headers=headers) as http:

        async def ask(charger: str) -> tuple[int, str]:
            call = {"action": "TriggerMessage", "payload": {"requestedMessage": "Heartbeat"}}
            async with asyncio.timeout(10):
                while (await http.get(f"/api/v1/chargers/{charger}")).status != 200:
                    await asyncio.sleep(0.05)  # it is enrolled as soon as the ledger has read so
            path = f"/api/v1/chargers/{charger}/calls?wait=15"
            async with http.post(path, json=call) as response:
                body = await response.json()
                return response.status, str(body.get("outcome", body))

        yield ask
