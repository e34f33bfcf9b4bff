"""The installation's secret: 32 random bytes in a file that only its owner can read.

Made at the first start. It scatters transaction numbers, so that nobody can guess one.
"""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from domain.errors import ConfigError

SECRET_BYTES = 32


def installation_secret(path: Path) -> bytes:
    """Return the secret at `path`; make it when there is none.

    Raises:
        ConfigError: others may read the file, or it is cut short.
    """
    if not path.exists():
        _make(path)
    return _read(path)


def _make(path: Path) -> None:
    """Write a new secret whole or not at all: a start may be killed at any moment."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another start was faster
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def _read(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError([f"{path}: others may read the secret (mode {mode:o}); chmod 600 it"])
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise ConfigError([f"{path}: must have {SECRET_BYTES} bytes; remove it to get a new one"])
    return secret
