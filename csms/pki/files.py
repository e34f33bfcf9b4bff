"""Keys and certificates on disk: whole or not at all, and keys for their owner only."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from domain.errors import ConfigError

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def write_private(path: Path, data: bytes) -> None:
    """Write a file (mode 0600) whole or not at all, and durably: a start may be killed."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def write_key(path: Path, key: PrivateKey) -> None:
    """Write a private key, PKCS#8 PEM, mode 0600."""
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def read_key(path: Path) -> PrivateKey:
    """Return a private key.

    Raises:
        ConfigError: it cannot be read, is of another kind, or others may read it.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError([f"{path}: others may read this key; chmod 600 it"])
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError([f"{path}: is no private key: {error}"]) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ConfigError([f"{path}: must be an RSA or an elliptic curve key"])
    return key


def pem(*certificates: x509.Certificate) -> bytes:
    """Return certificates as PEM, one after the other."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let nobody else of this machine write in `folder` meanwhile: ledger and command line do."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
