"""A private PostgreSQL for benchmarks and tests: own directory, free port, removed after."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

PACKAGE = "postgresql"
"""The apt package that brings initdb and postgres."""


class Cluster:
    """Starts, stops, starts again. `url` names its first database."""

    def __init__(self) -> None:
        self.bin = binaries()
        self.root = Path(tempfile.mkdtemp(prefix="csms-pg-"))
        self.port = _free_port()
        self._data = self.root / "data"
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self.root, "postgres", "postgres")
        self._run(
            "initdb", "-D", str(self._data), "-U", "csms", "-A", "trust", "-E", "UTF8", "--locale=C"
        )
        self.start()
        self.create("csms")

    @property
    def url(self) -> str:
        return f"postgresql://csms@127.0.0.1:{self.port}/csms"

    @property
    def running(self) -> bool:
        return (self._data / "postmaster.pid").exists()

    def start(self) -> None:
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
            f" -c fsync=on -c max_connections=60 -c shared_buffers=32MB"
        )
        self._run(
            "pg_ctl", "-D", str(self._data), "-w", "-t", "30", "-l", str(self.root / "log"),
            "-o", options, "start",
        )  # fmt: skip

    def stop(self) -> None:
        """Stop at once: every connection breaks, as in a crash."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")

    def create(self, name: str) -> str:
        """Create a database and return its URL."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "csms", name)
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def fresh(self) -> str:
        return self.create(f"t{uuid.uuid4().hex[:12]}")

    def remove(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):  # a test has stopped it
            self.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        prefix = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run(
            [*prefix, str(self.bin / program), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.root,
            timeout=60,
        )


def binaries() -> Path:
    """Return the folder of the newest installed server."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4])
    )
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    raise RuntimeError(f"no PostgreSQL server here: install it with `apt-get install {PACKAGE}`")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
