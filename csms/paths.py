"""Where things are inside a data directory."""

from dataclasses import dataclass
from pathlib import Path

SOCKET_PATH_BYTES_MAX = 107
"""Linux keeps 108 bytes for the path of a unix socket, one of them for the end (unix(7))."""

LONGEST_SOCKET_NAME = "warehouse.sock"
"""The longest name of a process of a node; gateways are gw0 to gw63."""


@dataclass(frozen=True)
class DataPaths:
    """The files and folders of one installation. `root` and `run` are absolute."""

    root: Path
    run: Path

    @property
    def database(self) -> Path:
        """The relational store, when it is SQLite."""
        return self.root / "csms.db"

    @property
    def config(self) -> Path:
        """The configuration that is read when none is named."""
        return self.root / "csms.toml"

    @property
    def journal(self) -> Path:
        """One journal file per gateway."""
        return self.root / "journal"

    @property
    def chdb(self) -> Path:
        """The embedded ClickHouse. One process owns it."""
        return self.root / "chdb"

    @property
    def warehouse(self) -> Path:
        """What the warehouse remembers of its own: positions and planned blocks."""
        return self.root / "warehouse"

    @property
    def log(self) -> Path:
        """Log files, one per process."""
        return self.root / "log"

    @property
    def secret(self) -> Path:
        """The installation's secret, mode 0600."""
        return self.root / "secret"

    @property
    def files(self) -> Path:
        """Firmware for chargers and logs from them, mode 0700."""
        return self.root / "files"

    @property
    def pki(self) -> Path:
        """The built-in certificate authority and our own certificates, mode 0700."""
        return self.root / "pki"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder that must exist before a node starts."""
        return (self.root, self.run, self.journal, self.chdb, self.warehouse, self.log)

    def socket(self, process: str) -> Path:
        """The unix socket of the process named `process`."""
        return self.run / f"{process}.sock"
