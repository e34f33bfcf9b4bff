"""A whole node as its operator runs it: `python -m csms serve` in a folder of its own."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.processes import Meter, total_pss
from supervisor.child import State, TreeStatus
from supervisor.links import LinkClient, LinkError, LinkSettings
from supervisor.status import read_status
from supervisor.sweep import Mark, holders, sweep

ROOT = Path(__file__).parents[1]
UP_S_MAX = 180.0
"""Seven gateways on a busy machine take a while."""
STOP_S_MAX = 60.0
CAUGHT_UP_S_MAX = 240.0
SQL_S_MAX = 60.0
PROBE_S = 0.02
READERS = ("ledger", "warehouse")
ENVIRONMENT = {"CSMS_SUPERVISOR__RESTARTS_MAX": "1000"}
"""Benchmarks kill on purpose: the supervisor must not give up over that."""


class NodeFailed(RuntimeError):
    """The node did not do what it should; the text has its last words."""


class Node:
    """One data directory and the main process on it. Use `running_node()`."""

    def __init__(self, gateways: int = 1, environment: Mapping[str, str] | None = None) -> None:
        self._environment = {**os.environ, **ENVIRONMENT, **(environment or {})}
        # A short path: unix sockets have 107 bytes.
        self.data = Path(tempfile.mkdtemp(prefix="csms-bench-"))
        self._output = (self.data / "output").open("wb")
        command = [sys.executable, "-m", "csms", "serve", "--data", str(self.data)]
        command += ["--listen", "127.0.0.1:0", "--api", "127.0.0.1:0"]
        command += ["--gateways", str(gateways), "--accept-unknown", "127.0.0.0/8"]
        self._main = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )

    @property
    def run_dir(self) -> Path:
        return self.data / "run"

    @property
    def port(self) -> int:
        """Where chargers connect."""
        for line in (self.data / "output").read_text().splitlines():
            if line.startswith("chargers "):
                return int(line.partition("//")[2].partition("/")[0].rpartition(":")[2])
        raise NodeFailed("the node has not said where chargers connect")

    def status(self) -> TreeStatus | None:
        return read_status(self.run_dir)

    def pids(self) -> dict[str, int]:
        """The processes of the tree by name, main and supervisor too. KeyError: one is missing."""
        status = self.status()
        if status is None:
            raise NodeFailed("there is no table of children")
        pids = {row.name: row.pid for row in status.children if row.pid}
        return {"main": self._main.pid, "supervisor": status.supervisor_pid} | pids

    def wait_until_up(self) -> None:
        """Wait until every process runs and the node has said where. NodeFailed."""
        end = time.monotonic() + UP_S_MAX
        while True:
            if self._main.poll() is not None or time.monotonic() > end:
                raise NodeFailed(f"the node is not up: {self.last_words()}")
            status = self.status()
            rows = status.children if status else ()
            if rows and all(row.state is State.RUNNING for row in rows):
                with contextlib.suppress(NodeFailed):
                    self.port  # noqa: B018 - raises until it is said
                    return
            time.sleep(0.02)

    def last_words(self) -> str:
        return (self.data / "output").read_text()[-2_000:]

    def gateways(self) -> tuple[str, ...]:
        """Names of the gateway processes."""
        return tuple(sorted(name for name in self.pids() if name.startswith("gw")))

    def sql(self, statement: str) -> list[dict[str, Any]]:
        """Run an analyst's statement, as `csms sql` does. subprocess.CalledProcessError."""
        command = [sys.executable, "-m", "csms", "sql", "--data", str(self.data), statement]
        done = subprocess.run(
            [*command, "--format", "json"],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            check=True,
            timeout=SQL_S_MAX,
        )
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows

    def meter(self) -> Meter:
        return Meter(self.pids())

    def pss(self) -> int:
        """Bytes that all processes of the node take together."""
        return total_pss(self._processes())

    def lag(self) -> Mapping[str, int]:
        """Journal entries that each reader has before it."""
        return asyncio.run(self._lag())

    async def _lag(self) -> Mapping[str, int]:
        lags = {}
        for reader in READERS:
            async with LinkClient(self.run_dir / f"{reader}.sock", {}, LinkSettings()) as client:
                await client.connected(10)
                answer = await client.ask("lag", {}, 30)
            assert isinstance(answer, dict)
            lags[reader] = sum(row["last"] - row["lsn"] for row in answer.values())
        return lags

    def catch_up(self) -> float:
        """Wait until both readers have all; return how long that took. NodeFailed."""
        begun = time.monotonic()
        while any((lag := self.lag()).values()):
            if time.monotonic() - begun > CAUGHT_UP_S_MAX:
                raise NodeFailed(f"ledger and warehouse do not catch up: {lag}")
            time.sleep(0.1)
        return time.monotonic() - begun

    @contextlib.contextmanager
    def watched(self, name: str) -> Iterator[list[float]]:
        """Ask a process over its link all the time; the list gets the longest silence, at the end.

        Silence is the time between two answers, restarts in between included.
        """
        longest: list[float] = []
        done = threading.Event()
        thread = threading.Thread(target=lambda: longest.append(asyncio.run(probe())))

        async def probe() -> float:
            async with LinkClient(self.run_dir / f"{name}.sock", {}, LinkSettings()) as client:
                heard_s, silence_s = time.monotonic(), 0.0
                while not done.is_set():
                    with contextlib.suppress(LinkError):
                        await client.connected(1)
                        await client.ask("presence", {"chargers": []}, 60)
                        now_s = time.monotonic()
                        silence_s, heard_s = max(silence_s, now_s - heard_s), now_s
                    await asyncio.sleep(PROBE_S)
                return max(silence_s, time.monotonic() - heard_s)

        thread.start()
        try:
            yield longest
        finally:
            done.set()
            thread.join()

    def _processes(self) -> list[int]:
        """All living processes of this folder's tree, also those whose parent died."""
        try:
            lock = (self.run_dir / "node.lock").stat()
        except FileNotFoundError:
            return []
        return holders(Mark(None, lock.st_dev, lock.st_ino))

    def close(self) -> None:
        """Drain; what does not end in time is killed. The folder is removed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._main.send_signal(signal.SIGTERM)
            self._main.wait(STOP_S_MAX)
        self._main.kill()
        self._main.wait()
        sweep(self._processes)
        self._output.close()
        shutil.rmtree(self.data, ignore_errors=True)


@contextlib.contextmanager
def running_node(gateways: int = 1, environment: Mapping[str, str] | None = None) -> Iterator[Node]:
    """A node that is up; drained and removed afterwards."""
    node = Node(gateways, environment)
    try:
        node.wait_until_up()
        yield node
    finally:
        node.close()
