"""One fault at a time on a whole node, with chargers connected."""

import asyncio
import signal
import time

import pytest

from supervisor.boot import ExitCode
from tests.chaos.audit import audit
from tests.chaos.charger import Fleet, Pace
from tests.chaos.node import GATEWAYS, Node, running_node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CHARGERS = 12
BRISK = Pace(pause_min_s=0.01, pause_max_s=0.1)


async def assert_nothing_lost_or_doubled(node: Node, fleet: Fleet) -> None:
    """The node must be stopped."""
    report = await audit(node.data, fleet.books)
    assert (report.lost, report.doubled, fleet.books.errors) == ([], [], []), str(report)
    assert report.checked["samples"] > 0


async def test_sigterm_lets_chargers_go_and_keeps_what_was_acknowledged() -> None:
    async with running_node() as node:
        fleet = Fleet(CHARGERS, node.url, 1, BRISK)
        fleet.start()
        try:
            await fleet.served(20)
            await fleet.progress(200, 20)

            assert await node.terminate() == ExitCode.DRAINED
        finally:
            await fleet.stop()

        assert fleet.books.closes["1012"] == CHARGERS
        assert node.processes() == []
        await assert_nothing_lost_or_doubled(node, fleet)


async def test_a_killed_main_is_started_again_and_chargers_go_on() -> None:
    async with running_node() as node:
        fleet = Fleet(CHARGERS, node.url, 2, BRISK)
        fleet.start()
        try:
            await fleet.served(20)
            await fleet.progress(100, 20)

            dead = [node.kill("main"), node.pid("supervisor")]
            node.start()
            await node.up(dead)
            await fleet.progress(100, 20)
            await fleet.finish(30)
        finally:
            await fleet.stop()
        assert await node.terminate() == ExitCode.DRAINED
        await assert_nothing_lost_or_doubled(node, fleet)


async def test_a_new_main_sweeps_the_living_tree_of_a_killed_one() -> None:
    """A stopped supervisor cannot end its tree when main dies: everything still listens."""
    async with running_node() as node:
        fleet = Fleet(CHARGERS, node.url, 3, BRISK)
        fleet.start()
        try:
            await fleet.served(20)
            before = set(node.processes())
            node.kill("supervisor", signal.SIGSTOP)
            node.kill("main")
            await fleet.progress(50, 20)  # the old gateways still answer

            node.start()
            await node.up()
            assert before.isdisjoint(node.processes())
            await fleet.progress(100, 20)
            await fleet.finish(30)
        finally:
            await fleet.stop()
        assert await node.terminate() == ExitCode.DRAINED
        await assert_nothing_lost_or_doubled(node, fleet)


async def test_a_second_node_on_the_same_folder_is_refused_and_harms_nobody() -> None:
    async with running_node() as node:
        fleet = Fleet(CHARGERS, node.url, 4, BRISK)
        fleet.start()
        try:
            await fleet.served(20)
            first = node.main
            node.start()
            code = await asyncio.to_thread(node.main.wait, 20)
            node.mains = [node.main, first]

            assert code == ExitCode.ALREADY_RUNNING
            assert fleet.books.closes.total() == 0
            await fleet.progress(50, 20)
        finally:
            await fleet.stop()
        assert await node.terminate() == ExitCode.DRAINED
        await assert_nothing_lost_or_doubled(node, fleet)


async def test_chargers_are_answered_while_the_warehouse_hangs() -> None:
    async with running_node() as node:
        fleet = Fleet(CHARGERS, node.url, 5, BRISK)
        fleet.start()
        try:
            await fleet.served(20)
            node.kill("warehouse", signal.SIGSTOP)
            slowest = await slowest_answer(fleet, 4.0)
            node.kill("warehouse", signal.SIGCONT)

            assert slowest < 2.0
            assert fleet.books.closes.total() == 0
            await fleet.finish(30)
        finally:
            await fleet.stop()
        assert await node.terminate() == ExitCode.DRAINED
        await assert_nothing_lost_or_doubled(node, fleet)


async def test_chargers_are_answered_while_the_ledger_hangs() -> None:
    async with running_node() as node:
        fleet = Fleet(CHARGERS, node.url, 6, BRISK)
        fleet.start()
        try:
            await fleet.served(20)
            node.kill("ledger", signal.SIGSTOP)
            slowest = await slowest_answer(fleet, 4.0)
            node.kill("ledger", signal.SIGCONT)

            assert slowest < 2.0
            assert fleet.books.closes.total() == 0
            await fleet.finish(30)
        finally:
            await fleet.stop()
        assert await node.terminate() == ExitCode.DRAINED
        await assert_nothing_lost_or_doubled(node, fleet)


async def slowest_answer(fleet: Fleet, seconds: float) -> float:
    """Return the longest time without any answer to the whole fleet."""
    end = time.monotonic() + seconds
    longest = 0.0
    while time.monotonic() < end:
        began = time.monotonic()
        await fleet.progress(1, 20)
        longest = max(longest, time.monotonic() - began)
    return longest


async def test_a_hung_gateway_is_replaced_and_its_chargers_go_on() -> None:
    async with running_node() as node:
        fleet = Fleet(CHARGERS, node.url, 7, Pace(0.01, 0.1, answer_s=2.0))
        fleet.start()
        try:
            await fleet.served(20)
            hung = node.kill(GATEWAYS[0], signal.SIGSTOP)
            began = time.monotonic()
            await node.up([hung], 15)
            print(f"\nhung gateway replaced after {time.monotonic() - began:.1f} s")
            await fleet.served(20)
            await fleet.progress(100, 20)
            await fleet.finish(30)
        finally:
            await fleet.stop()
        assert await node.terminate() == ExitCode.DRAINED
        await assert_nothing_lost_or_doubled(node, fleet)
