"""A real node in its own process, and what the tests want to know of it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

from supervisor.child import State, TreeStatus
from supervisor.status import read_status
from supervisor.sweep import Mark, holders, members, sweep

ROOT = Path(__file__).parents[3]
ENTRIES = "tests.supervisor.tree.entries"
PATIENCE_S = 20.0
Found = TypeVar("Found")


def row(name: str, function: str, **limits: Any) -> dict[str, Any]:
    return {"name": name, "entry": f"{ENTRIES}:{function}", **limits}


def until(look: Callable[[], Found | None], what: str = "") -> Found:
    """What `look` finds, as soon as it finds something true."""
    end = time.monotonic() + PATIENCE_S
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"waited in vain: {what or look}"
        time.sleep(0.02)


class NodeUnderTest:
    def __init__(
        self,
        directory: Path,
        *children: dict[str, Any],
        settings: dict[str, Any] | None = None,
        listen: bool = False,
    ) -> None:
        self.run_dir = directory / "run"
        self.directory = directory
        supervisor = {"ping_s": 0.1} | (settings or {}).pop("supervisor", {})
        self._plan = {
            "run_dir": str(self.run_dir),
            "children": list(children),
            "settings": {"supervisor": supervisor} | (settings or {}),
            "listen": listen,
        }
        self.mains: list[subprocess.Popen[bytes]] = []

    @property
    def main(self) -> subprocess.Popen[bytes]:
        return self.mains[-1]

    def start(self, stderr: int | IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        directory = self.directory
        directory.mkdir(exist_ok=True)
        with (directory / "stderr").open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.supervisor.tree.main", json.dumps(self._plan)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors if stderr is None else stderr,
            )
        self.mains.append(process)
        return process

    def status(self) -> TreeStatus | None:
        return read_status(self.run_dir)

    def running(self, *, supervisor_not: int = 0) -> TreeStatus:
        """Wait until all children run (under another supervisor than that one)."""

        def look() -> TreeStatus | None:
            assert self.main.poll() is None, f"main ended: {self.errors()}"
            status = self.status()
            if status is None or status.supervisor_pid == supervisor_not:
                return None
            # node.json is written last: main knows the tree, too.
            if (self.node_json().get("tree") or {}).get("supervisor", {}).get(
                "pid"
            ) != status.supervisor_pid:
                return None
            return status if all(c.state is State.RUNNING for c in status.children) else None

        return until(look, "all children running")

    def child(self, name: str, *, restarts: int) -> Any:
        """Wait until this child runs after so many restarts."""

        def look() -> Any:
            status = self.status()
            found = status.child(name) if status else None
            fits = found and found.restarts >= restarts and found.state is State.RUNNING
            return found if fits else None

        return until(look, f"{name} running after {restarts} restarts")

    def node_json(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.run_dir / "node.json").read_text()))
        except FileNotFoundError:
            return {}

    def session(self) -> int:
        return int(self.node_json()["tree"]["session"])

    def tree_pids(self) -> list[int]:
        return members(self.session())

    def notes(self) -> list[str]:
        path = self.run_dir / "notes"
        return path.read_text().splitlines() if path.exists() else []

    def port(self) -> int:
        return int((self.directory / "port").read_text())

    def errors(self) -> str:
        return (self.directory / "stderr").read_text()

    def terminate(self) -> int:
        self.main.send_signal(signal.SIGTERM)
        return self.main.wait(PATIENCE_S)

    def marked(self) -> list[int]:
        """All living processes that ever came from a main of this run_dir."""
        try:
            lock = (self.run_dir / "node.lock").stat()
        except FileNotFoundError:
            return []
        return holders(Mark(None, lock.st_dev, lock.st_ino))

    def close(self) -> None:
        for main in self.mains:
            if main.poll() is None:
                main.kill()
            main.wait()
            for pipe in (main.stderr, main.stdout):
                if pipe:
                    pipe.close()
        sweep(self.marked)
