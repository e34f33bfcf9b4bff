"""A whole node as its operator runs it: `python -m csms serve` in a folder of its own."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Collection, Iterable
from pathlib import Path
from typing import Any

from supervisor.child import State, TreeStatus
from supervisor.links import LinkClient, LinkSettings
from supervisor.status import read_status
from supervisor.sweep import Mark, holders, sweep

ROOT = Path(__file__).parents[2]
PATIENCE_S = 45.0
GATEWAYS = ("gw0", "gw1")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Node:
    """One data directory and the main processes that were started on it, one after the other."""

    def __init__(self, **settings: dict[str, Any]) -> None:
        # Not pytest's folder: unix sockets must have short paths.
        self.data = Path(tempfile.mkdtemp(prefix="chaos-"))
        self.run_dir = self.data / "run"
        self.port, self.api_port = free_port(), free_port()
        sections: dict[str, dict[str, Any]] = {
            "listen": {
                "port": self.port,
                "gateways": len(GATEWAYS),
                "accept_unknown": ["127.0.0.0/8"],
            },
            "api": {"port": self.api_port},
            "supervisor": {"restarts_max": 100_000, "ping_s": 0.2},
            "charger": {"accept_unknown_tokens": True},
            "warehouse": {"batch_age_ms_max": 300},
        }
        for name, values in settings.items():
            sections.setdefault(name, {}).update(values)
        lines = []
        for name, values in sections.items():
            lines.append(f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        (self.data / "csms.toml").write_text("\n".join(lines))
        self.mains: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp/"

    @property
    def main(self) -> subprocess.Popen[bytes]:
        return self.mains[-1]

    def start(self) -> None:
        with (self.data / "output").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "csms", "serve", "--data", str(self.data)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.mains.append(process)

    def output(self) -> str:
        return (self.data / "output").read_text()

    def status(self) -> TreeStatus | None:
        return read_status(self.run_dir)

    def is_up(self, dead: Iterable[int] = ()) -> bool:
        """Whether every process runs, and none of them is one of `dead`."""
        return self._running(set(dead)) is not None

    def _running(self, gone: Collection[int]) -> TreeStatus | None:
        status, supervisor = self.status(), self.pid("supervisor")
        if status is None or self.tree().get("main", {}).get("pid") != self.main.pid:
            return None
        # What the supervisor of a dead tree wrote last lies there until the next main sweeps it.
        if supervisor in gone or status.supervisor_pid != supervisor:
            return None
        states = ((row.state, row.pid) for row in status.children)
        return status if all(s is State.RUNNING and pid not in gone for s, pid in states) else None

    async def up(self, dead: Iterable[int] = (), seconds: float = PATIENCE_S) -> TreeStatus:
        """Wait for it."""
        gone = tuple(dead)
        end = time.monotonic() + seconds
        while (status := self._running(gone)) is None:
            assert self.main.poll() is None, f"main ended: {self.main.returncode} {self.output()}"
            assert time.monotonic() < end, f"not up: {self.status()}"
            await asyncio.sleep(0.02)
        return status

    def wait_up(self) -> None:
        """`up()` for those without a loop."""
        asyncio.run(self.up())

    def csms(self, *words: str) -> str:
        """Return what a command prints."""
        done = subprocess.run(
            [sys.executable, "-m", "csms", *words, "--data", str(self.data)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def make_key(self, name: str = "") -> str:
        """Return an API key of an administrator."""
        return self.csms("key", "create", "--role", "admin", "--name", name)

    async def ask(self, process: str, method: str, body: Any) -> Any:
        """Ask a process over its link, as the others of the node do."""
        client = LinkClient(self.run_dir / f"{process}.sock", {}, LinkSettings())
        async with client:
            await client.connected(10.0)
            return await client.ask(method, body, 10.0)

    async def owners(self, charger: str) -> list[str]:
        """Return the gateways that say they have this charger."""
        answers = [await self.ask(name, "presence", {"chargers": [charger]}) for name in GATEWAYS]
        return [name for name, answer in zip(GATEWAYS, answers, strict=True) if charger in answer]

    def tree(self) -> dict[str, Any]:
        """What main says of its tree."""
        try:
            return dict(json.loads((self.run_dir / "node.json").read_text()))
        except FileNotFoundError:
            return {}

    def pid(self, name: str) -> int:
        """The process of a child, or of `main`, `supervisor`, `admin`; 0: it has none now."""
        if name == "main":
            return self.main.pid
        if name in ("supervisor", "admin"):
            return int(((self.tree().get("tree") or {}).get(name) or {}).get("pid", 0))
        status = self.status()
        return (status.child(name).pid or 0) if status else 0

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Send a signal; return the pid, 0 when there was nobody."""
        pid = self.pid(name)
        if not pid:
            return 0
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return 0
        if name == "main" and number == signal.SIGKILL:
            self.main.wait()
        return pid

    async def terminate(self, seconds: float = 60.0) -> int:
        """SIGTERM; return the exit code."""
        self.main.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.main.wait, seconds)

    def processes(self) -> list[int]:
        """All living processes that ever came from a main of this folder."""
        try:
            lock = (self.run_dir / "node.lock").stat()
        except FileNotFoundError:
            return []
        return holders(Mark(None, lock.st_dev, lock.st_ino))

    def kill_all(self) -> None:
        for main in self.mains:
            if main.poll() is None:
                main.kill()
            main.wait()
        sweep(self.processes)

    def close(self) -> None:
        self.kill_all()
        shutil.rmtree(self.data, ignore_errors=True)


@contextlib.asynccontextmanager
async def running_node(**settings: dict[str, Any]) -> AsyncIterator[Node]:
    """A node that is up."""
    node = Node(**settings)
    try:
        node.start()
        await node.up()
        yield node
    finally:
        node.close()
