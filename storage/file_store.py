"""Files in one folder, under names of our own. Whatever is in them is never opened or unpacked.

Blocking: call it in a thread. A file is there whole or not at all: it is written beside, forced to
disk, then renamed.
"""

import hashlib
import os
import re
import secrets
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from domain.errors import InvalidInput, NotFound

NAME: Final = re.compile(r"[0-9a-f]{32}")
UNFINISHED: Final = ".part"


class Written(NamedTuple):
    """What has come. `sha256`: hexadecimal."""

    size: int
    sha256: str


class FileStore:
    """The folder.

    Args:
        folder: made when it is missing, for its owner only.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @staticmethod
    def new_id() -> str:
        """Return a name that nobody can guess."""
        return secrets.token_hex(16)

    def path(self, file: str) -> Path:
        """Return where a file is.

        Raises:
            NotFound: it is not there, or the name is none of ours.
        """
        path = self._path(file)
        if not path.is_file():
            raise NotFound("file", file)
        return path

    def writer(self, file: str, bytes_max: int) -> "Writer":
        """Return a writer for a new file of `bytes_max` bytes at most."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Writer(self._path(file), bytes_max)

    def remove(self, file: str) -> None:
        """Remove a file, if it is there."""
        self._path(file).unlink(missing_ok=True)

    def _path(self, file: str) -> Path:
        if not NAME.fullmatch(file):
            raise NotFound("file", file)
        return self._folder / file


class Writer:
    """Writes one file; what is not finished leaves nothing behind."""

    def __init__(self, path: Path, bytes_max: int) -> None:
        self._path = path
        self._part = path.with_suffix(f".{secrets.token_hex(4)}{UNFINISHED}")
        self._max = bytes_max
        self._hash = hashlib.sha256()
        self._size = 0
        self._file = os.fdopen(
            os.open(self._part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb"
        )

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Throw away what was not finished."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Append.

        Raises:
            InvalidInput: it is longer than it may be.
            OSError: the disk is full.
        """
        self._size += len(data)
        if self._size > self._max:
            raise InvalidInput("body", f"must have at most {self._max} bytes")
        self._hash.update(data)
        self._file.write(data)

    def finish(self) -> Written:
        """Force it to disk and give it its name."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.rename(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return Written(self._size, self._hash.hexdigest())
