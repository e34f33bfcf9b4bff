"""The copy of the records on disk, for gateways that start while the database is away."""

import os
from pathlib import Path

import msgspec

from domain.records import ActiveTransaction, Changes, ChargerRecord, TokenRecord

OWNER_ONLY = 0o600


class Mirror:
    """All records in memory, kept by the change feed. Encodes to one complete Changes."""

    def __init__(self) -> None:
        self.revision = 0
        self.records_changed = False
        """A charger or token has changed since `encode`."""
        self.changed = False
        """Anything has changed since `encode`."""
        self._chargers: dict[str, ChargerRecord] = {}
        self._tokens: dict[str, TokenRecord] = {}
        self._transactions: dict[tuple[str, int], ActiveTransaction] = {}

    def apply(self, changes: Changes) -> None:
        """Take over a piece of the feed."""
        if changes.complete:
            self._chargers.clear()
            self._tokens.clear()
            self._transactions.clear()
        for charger in changes.chargers:
            if charger.deleted:
                self._chargers.pop(charger.id, None)
            else:
                self._chargers[charger.id] = charger
        for token in changes.tokens:
            if token.deleted:
                self._tokens.pop(token.id.casefold(), None)
            else:
                self._tokens[token.id.casefold()] = token
        for running in changes.transactions:
            key = (running.charger, running.transaction)
            if running.active:
                self._transactions[key] = running
            else:
                self._transactions.pop(key, None)
        self.revision = changes.revision
        self.changed = True
        if changes.complete or changes.chargers or changes.tokens:
            self.records_changed = True

    def place(self, charger: str) -> tuple[str, str]:
        """Return the tenant and the site of a charger; empty texts: it has no record."""
        record = self._chargers.get(charger)
        return ("", "") if record is None else (record.tenant, record.site)

    def encode(self) -> bytes:
        """Return a complete Changes as MessagePack, and note that nothing has changed since."""
        self.changed = self.records_changed = False
        return msgspec.msgpack.encode(
            Changes(
                revision=self.revision,
                chargers=tuple(self._chargers.values()),
                tokens=tuple(self._tokens.values()),
                transactions=tuple(self._transactions.values()),
                complete=True,
            )
        )


def write_snapshot(path: Path, blob: bytes) -> None:
    """Replace the file at once, or not at all; only the owner may read it: it holds hashes.

    Raises:
        OSError: it cannot be written.
    """
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(blob)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
