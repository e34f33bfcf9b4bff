"""One fault at a time on a whole node, with chargers connected."""

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


async def test_a_new_main_takes_over_after_a_killed_one() -> None:
    """At the second time nobody ends the old tree: its supervisor hangs, its gateways listen."""
    async with running_node() as node:
        fleet = Fleet(CHARGERS, node.url, 2, BRISK)
        fleet.start()
        try:
            await fleet.served(20)
            dead = [node.kill("main"), node.pid("supervisor")]
            node.start()
            await node.up(dead)
            await fleet.progress(100, 20)

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


async def test_chargers_are_answered_while_a_process_hangs() -> None:
    async with running_node() as node:
        fleet = Fleet(CHARGERS, node.url, 5, Pace(0.01, 0.1, answer_s=2.0))
        fleet.start()
        try:
            await fleet.served(20)
            for name in ("warehouse", "ledger"):
                node.kill(name, signal.SIGSTOP)
                silent_s = await longest_silence(fleet, 3.0)
                node.kill(name, signal.SIGCONT)
                assert silent_s < 2.0
            assert fleet.books.closes.total() == 0

            began = time.monotonic()
            hung = node.kill(GATEWAYS[0], signal.SIGSTOP)
            await node.up([hung], 20)
            await fleet.served(20)
            print(f"\nall served again {time.monotonic() - began:.1f} s after a gateway hung")
            await fleet.progress(100, 20)
            await fleet.finish(30)
        finally:
            await fleet.stop()
        assert await node.terminate() == ExitCode.DRAINED
        await assert_nothing_lost_or_doubled(node, fleet)


async def longest_silence(fleet: Fleet, seconds: float) -> float:
    """Return the longest time in which nobody of the fleet was answered."""
    end = time.monotonic() + seconds
    longest_s = 0.0
    while time.monotonic() < end:
        began = time.monotonic()
        await fleet.progress(1, 20)
        longest_s = max(longest_s, time.monotonic() - began)
    return longest_s
