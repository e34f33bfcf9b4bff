"""The same load against central systems of other packages, in the same run.

The one of the Python package `ocpp`, as in its own example: `websockets.serve`, one task a
charger, handlers by decorator, payloads checked against the schemas (its default). The one of the
npm package `ocpp-rpc` (`benchmarks/peers/rpc.js`), strict, so payloads are checked as well; it is
left out where Node.js or the package is missing (`make tools` installs them).

Both keep nothing; ours has committed before it answers and has its ledger and warehouse beside it.
Windows go by turns, so that all see the same machine.

    python -m benchmarks.macro.peer     is that central system: it says its port and serves until
                                        its standard input ends
"""

import asyncio
import logging
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import Action, RegistrationStatus

from benchmarks.effort import Effort
from benchmarks.generator import Generator
from benchmarks.goals import Figures
from benchmarks.macro.gateway import CLOSED_CHARGERS, closed_window
from benchmarks.node import running_node
from benchmarks.processes import cpu_s
from supervisor.clock import Clock

ROOT = Path(__file__).parents[2]
NODE_MODULES = ROOT / "tests" / "interop" / "node" / "node_modules"


def measure(effort: Effort) -> tuple[Figures, dict[str, Any]]:
    """Return the medians of both, and all windows."""
    ours: list[dict[str, float]] = []
    windows: dict[str, list[dict[str, float]]] = {}
    with ExitStack() as stack:
        node = stack.enter_context(running_node())
        to_us = stack.enter_context(Generator(node.port))
        peers = {}
        for name, command in commands().items():
            pid, port = stack.enter_context(peer(command))
            peers[name] = (pid, stack.enter_context(Generator(port)))
            windows[name] = []
        for generator in (to_us, *(generator for _, generator in peers.values())):
            generator.do("grow", to=CLOSED_CHARGERS)
            generator.do("closed", seconds=effort.warm_up_s)
        for _ in range(effort.windows):
            ours.append(closed_window(node, to_us, effort))
            node.catch_up()  # what is ours to do afterwards must not run in their window
            for name, (pid, generator) in peers.items():
                windows[name].append(peer_window(pid, generator, effort))
    keys = ("cpu_us", "per_s")
    figures = {key: statistics.median(w[key] for w in ours) for key in keys}
    for name, theirs in windows.items():
        figures |= {f"{name}_{key}": statistics.median(w[key] for w in theirs) for key in keys}
    figures["ratio"] = figures["peer_cpu_us"] / figures["cpu_us"]
    return figures, {"ours": ours, **windows}


def commands() -> dict[str, list[str]]:
    """How to start each peer that is installed, by the name of its figures."""
    found = {"peer": [sys.executable, "-m", "benchmarks.macro.peer"]}
    node = shutil.which("node")
    if node is not None and (NODE_MODULES / "ocpp-rpc").is_dir():
        found["rpc"] = [node, str(ROOT / "benchmarks" / "peers" / "rpc.js")]
    else:
        print("peer: no ocpp-rpc here; `make tools` installs it", flush=True)
    return found


def peer_window(pid: int, generator: Generator, effort: Effort) -> dict[str, float]:
    spent = cpu_s(pid)
    window = generator.do("closed", seconds=effort.window_s)
    answered = window["answered"]
    return {
        "cpu_us": (cpu_s(pid) - spent) / answered * 1e6,
        "per_s": window["per_s"],
        "generator_cpu_us": window["cpu_s"] / answered * 1e6,
        "p50_ms": window["p50_ms"],
        "p99_ms": window["p99_ms"],
        "errors": window["errors"],
    }


@contextmanager
def peer(command: list[str]) -> Iterator[tuple[int, int]]:
    """Another central system, running; its pid and port."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "NODE_PATH": str(NODE_MODULES)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


class Served(ChargePoint):  # type: ignore[misc]  # ocpp has no types
    """What their example does, for the messages of the generator."""

    @on(Action.boot_notification)  # type: ignore[untyped-decorator]
    def on_boot(self, **_: object) -> call_result.BootNotification:
        now = datetime.fromtimestamp(Clock().now_us() / 1e6, UTC)
        return call_result.BootNotification(now.isoformat(), 300, RegistrationStatus.accepted)

    @on(Action.meter_values)  # type: ignore[untyped-decorator]
    def on_meter_values(
        self, connector_id: int, meter_value: list[object], **_: object
    ) -> call_result.MeterValues:
        del connector_id, meter_value
        return call_result.MeterValues()


async def _on_connect(connection: websockets.ServerConnection) -> None:
    assert connection.request is not None
    identity = connection.request.path.rpartition("/")[2]
    with suppress(websockets.ConnectionClosed):
        await Served(identity, connection).start()


async def _serve() -> None:
    logging.disable(logging.INFO)
    async with websockets.serve(
        _on_connect,
        "127.0.0.1",
        0,
        subprotocols=[websockets.Subprotocol("ocpp1.6")],
        ping_interval=None,  # the generator does not answer pings, and waits between its windows
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(_serve())
