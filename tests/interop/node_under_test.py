"""A whole node, started by its command line in a process of its own, and asked as users do."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

START_S = 180.0
"""Seven Python processes and an embedded ClickHouse: 10 s alone, minutes on a machine that starts
other nodes at the same time."""
STOP_S = 90.0
SETTLE_S = 60.0
"""How long the stores behind the journal may take; they need about one second."""
TAIL_LINES = 40

T = TypeVar("T")


class NodeUnderTest:
    """`csms serve` on free ports of the loopback. Start it, ask it, stop it once."""

    def __init__(
        self, folder: Path, *options: str, environ: Mapping[str, str] | None = None
    ) -> None:
        self.data = folder / "data"
        self.chargers = ""
        """What comes before the identity in a charger's URL, without a slash at the end."""
        self.api = ""
        self.key = ""
        self._output = folder / "serve.txt"
        self._options = options
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return once every part says that it is ready."""
        command = [
            sys.executable, "-m", "csms", "serve", "--data", str(self.data),
            "--listen", "127.0.0.1:0", "--api", "127.0.0.1:0", *self._options,
        ]  # fmt: skip
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=output, env=self._environ, start_new_session=True
            )
        try:
            said = self._until("the addresses", START_S, self._addresses)
            self.chargers, self.api = said
            self._until("readiness", START_S, self._ready)
            self.key = self.run("key", "create", "--role", "admin").strip()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> int:
        """Send SIGTERM; return the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End every process of the node that is left; each is in the session of the first one."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_S)

    def _addresses(self) -> tuple[str, str] | None:
        assert self._process is not None
        said = self._output.read_text(errors="replace")
        if self._process.poll() is not None:
            raise AssertionError(f"the node ended with {self._process.returncode}:\n{said}")
        chargers = re.search(r"^chargers +(ws://\S+)/\{id\}", said, re.MULTILINE)
        api = re.search(r"^api +(http://[^/\s]+)", said, re.MULTILINE)
        return (chargers[1], api[1]) if chargers and api else None

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.api}/ready", timeout=5) as answer:
                return bool(json.load(answer)["status"] == "ready")
        except OSError:
            return False

    def run(self, *arguments: str) -> str:
        """Run a `csms` command on the node's data; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "csms", *arguments, "--data", str(self.data)],
            capture_output=True, text=True, timeout=START_S, env=self._environ, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"csms {' '.join(arguments)}: {done.stderr}{done.stdout}"
        return done.stdout

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Ask ClickHouse by `csms sql`."""
        rows: list[dict[str, Any]] = json.loads(self.run("sql", "--format", "json", query))
        return rows

    def ask(
        self, method: str, path: str, body: object = None, timeout_s: float = 100.0
    ) -> tuple[int, Any]:
        """Ask the REST interface as an administrator; return status and JSON."""
        request = urllib.request.Request(
            f"{self.api}/api/v1{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def get(self, path: str) -> Any:
        """Return what is at `path`, which must be there."""
        status, body = self.ask("GET", path)
        assert status == 200, f"GET {path}: {status} {body}"
        return body

    def items(self, path: str) -> list[dict[str, Any]]:
        """Return the first page of a list."""
        items: list[dict[str, Any]] = self.get(path)["items"]
        return items

    def settled(self, what: str, look: Callable[[], T | None]) -> T:
        """Return the first answer of `look` that is true: stores follow the journal."""
        return self._until(what, SETTLE_S, look)

    def _until(self, what: str, limit_s: float, look: Callable[[], T | None]) -> T:
        end = time.monotonic() + limit_s
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {limit_s:g} s\n{self.logs()}")
            time.sleep(0.1)

    def errors(self) -> list[str]:
        """Return the log lines of level ERROR and above."""
        return [
            f"{name}: {line}"
            for name, line in self._lines()
            if '"level": "ERROR"' in line or '"level": "CRITICAL"' in line
        ]

    def logs(self) -> str:
        """Return the ends of all logs, for a failed test."""
        parts = [f"--- serve\n{self._output.read_text(errors='replace')}"]
        for path in sorted((self.data / "log").glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()
            parts.append("\n".join([f"--- {path.name}", *lines[-TAIL_LINES:]]))
        return "\n".join(parts)

    def _lines(self) -> Iterator[tuple[str, str]]:
        for path in sorted((self.data / "log").glob("*.log")):
            for line in path.read_text(errors="replace").splitlines():
                yield path.name, line
