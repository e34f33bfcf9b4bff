"""T2: passwords of a charger guessed from many addresses, while the charger itself comes and goes.

The long one is the size that the threat is stated in: `pytest -m long tests/csms/gateway`.
"""

import asyncio
import itertools
import os
import time
from collections import Counter

import pytest

from csms.gateway.settings import GatewaySettings
from domain.events import ConnectionRefused
from tests.csms.gateway.harness import KEY, Harness, boot, chosen, gateway_running, keyed
from tests.csms.gateway.test_threats import basic

PASSWORD = "correct horse battery"
AT_ONCE = 32
BURST = 2
WAITS_MAX = 10
"""1, 2, 4 ... seconds: more waits than that do not pass in any of these tests."""
SETTINGS = GatewaySettings(
    failures_burst=BURST, refusal_delay_ms=0, handshakes_max=256, handshakes_per_address_max=64
)
_guesses = itertools.count()


async def guess(node: Harness, address: str, name: str) -> int:
    """Try a password nobody tried before; return the HTTP status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port, local_addr=(address, 0))
    try:
        writer.write(
            f"GET /ocpp/{name} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"
            f"Authorization: {basic(name, f'{next(_guesses):040x}')}\r\n\r\n".encode()
        )
        line = await reader.readline()
        return int(line.split()[1]) if line else 0
    finally:
        writer.close()


async def flood(node: Harness, addresses: int, attempts: int) -> Counter[int]:
    """Guess from so many addresses at once; return how often each status came."""
    statuses: Counter[int] = Counter()
    todo = iter(range(attempts))

    async def attacker() -> None:
        for number in todo:
            one = number % addresses
            name = ("CP1", "CP2", "NOBODY")[number // addresses % 3]
            statuses[await guess(node, f"127.1.{one // 250}.{one % 250 + 1}", name)] += 1

    await asyncio.gather(*(attacker() for _ in range(AT_ONCE)))
    return statuses


async def come_and_go(node: Harness, stop: asyncio.Event) -> list[float]:
    """Connect as the charger again and again; return how many seconds each time took."""
    took = []
    while not stop.is_set():
        began = time.monotonic()
        async with node.charger("CP1", KEY) as socket:
            assert (await boot(socket))[0] == 3
        took.append(time.monotonic() - began)
        await asyncio.sleep(0.02)
    return took


def hashing_s(node: Harness) -> float:
    """CPU seconds of the threads that hash passwords."""
    clocks = [
        time.pthread_getcpuclockid(each.ident)
        for each in node.gateway.gate.passwords._threads._threads
    ]
    return sum(map(time.clock_gettime, clocks))


async def attacked(
    tmp_path, addresses: int, attempts: int
) -> tuple[Counter[int], list[float], float]:
    """Return statuses, how long the charger took each time, and the hashing's share of all cores."""
    chargers = (keyed("CP1"), chosen("CP2", PASSWORD))
    async with gateway_running(
        tmp_path, accept_unknown=(), chargers=chargers, settings=SETTINGS
    ) as node:
        stop = asyncio.Event()
        charger = asyncio.create_task(come_and_go(node, stop))
        began = time.monotonic()
        statuses = await flood(node, addresses, attempts)
        cores = len(os.sched_getaffinity(0))
        share = hashing_s(node) / (time.monotonic() - began) / cores
        stop.set()
        took = await charger
        # Nobody is shut out by what others did: the same password, never tried from there before.
        async with node.charger("CP2", PASSWORD) as socket:
            assert (await boot(socket))[0] == 3
        assert not node.gateway.lines.keys() - {"CP1", "CP2"}
        kept = node.events(ConnectionRefused)
        assert {event.reason for event in kept} <= {
            "wrong_password", "unknown_charger", "too_many_attempts"
        }  # fmt: skip
    return statuses, took, share


def check(statuses: Counter[int], took: list[float], addresses: int, attempts: int) -> None:
    assert sum(statuses.values()) == attempts
    assert set(statuses) <= {401, 429}
    # Of each pair of address and identity so many passwords were looked at, and one for each wait
    # that passed meanwhile: 1, 2, 4 ... seconds.
    pairs = addresses * 3
    assert statuses[401] <= pairs * (BURST + WAITS_MAX)
    assert statuses[429] >= attempts - pairs * (BURST + WAITS_MAX)
    assert len(took) >= 3


async def test_hundreds_of_guesses_get_few_answers_and_the_charger_comes_in(tmp_path) -> None:
    statuses, took, _ = await attacked(tmp_path, addresses=3, attempts=600)
    check(statuses, took, 3, 600)


@pytest.mark.long
@pytest.mark.timeout(1_800)
async def test_fifty_thousand_guesses_from_two_hundred_addresses_get_few_answers(
    tmp_path,
) -> None:
    statuses, took, share = await attacked(tmp_path, addresses=200, attempts=50_000)
    check(statuses, took, 200, 50_000)
    took.sort()
    p99_s = took[int(len(took) * 0.99)]
    print(f"\n{dict(statuses)}; {len(took)} connects, p99 {p99_s:.3f} s, worst {took[-1]:.3f} s")
    print(f"hashing passwords: {share:.1%} of all cores")
    assert p99_s < 2.0, "the threat's own bound: the charger is let in within 2 s"
    assert share < 0.3, "the threat's own bound: less than 30 % of the CPU goes into hashing"
