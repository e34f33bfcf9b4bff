"""JSON lines, written by each process itself, never waited for.

Thespian replaces `logging.root` in every actor by a forwarder that manages 300 records a second
and blocks the caller. `install()` puts the process's own root back, with one handler that writes
whole lines and drops (and counts) what cannot be written at once: a reader of stderr that stands
still, or a full disk, must not stop a loop that serves chargers.

A line: `{"at": "2026-01-01T00:00:00.000000Z", "level": "INFO", "process": "gateway-0", "pid": 7,
"logger": "csms.gateway", "text": "...", "error": "traceback", "fields": {...}}`; `error` and
`fields` (from `extra={"fields": {...}}`) only when there are any. Everything that is not printable
ASCII is escaped, so no message can forge a line or move a terminal's cursor.
"""

import contextlib
import json
import logging
import os
import socket
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

# Taken when main imports this module, before Thespian exchanges them.
_ROOT = logging.root
_MANAGER = logging.Logger.manager

DELETE = b"\x7f"
"""The one character of ASCII that JSON allows and that does not print."""

Sink = Callable[[bytes], bool]
"""Writes one line without waiting; False when it could not."""


class LogSettings(BaseModel):
    """Where log lines go and how much of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Records below are not written."
    )
    directory: Path | None = Field(
        default=None,
        description="A file `<process>.log` there for each process; None: all to stderr.",
    )
    line_bytes_max: int = Field(
        default=4096,
        ge=1024,
        description="Longer lines lose the end of the text and the beginning of the traceback. "
        "4,096 is what a pipe takes in one piece, so lines of several processes do not mix.",
    )
    file_bytes_max: int = Field(
        default=50_000_000, ge=10_000, description="A longer file is renamed to `<process>.log.1`."
    )
    files_max: int = Field(
        default=5, ge=1, description="Files kept for each process; the oldest is deleted."
    )


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON.

    Args:
        process: the name of the process, for every line.
        line_bytes_max: see LogSettings.
    """

    def __init__(self, process: str, line_bytes_max: int) -> None:
        super().__init__()
        self._process = process
        self._bytes_max = line_bytes_max
        self._second = (0, "")
        """The last one that a line was of, and how it is written."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        fields: dict[str, Any] = {
            "at": self._instant(record.created),
            "level": record.levelname,
            "process": self._process,
            "pid": os.getpid(),
            "logger": record.name[-100:],
            "text": _text_of(record),
        }
        error = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        if error:
            fields["error"] = error
        if extra := getattr(record, "fields", None):
            fields["fields"] = extra
        line = _encode(fields)
        while len(line) >= self._bytes_max:
            _halve_longest(fields)
            line = _encode(fields)
        return line

    def _instant(self, created: float) -> str:
        second = int(created)
        known, text = self._second
        if known != second:
            text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = (second, text)
        return f"{text}.{int((created - second) * 1e6):06d}Z"


class LineHandler(logging.Handler):
    """Writes lines into a sink, counts those that it does not take, and says so later.

    Args:
        sink: where to.
        formatter: how.
    """

    def __init__(self, sink: Sink, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._sink = sink
        self.dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises, never waits."""
        try:
            if self.dropped and self._write(self._confession(record)):
                self.dropped = 0
            if not self._write(record):
                self.dropped += 1
        except Exception:  # noqa: BLE001 - a log line is never worth a crash
            self.dropped += 1

    def _write(self, record: logging.LogRecord) -> bool:
        return self._sink(self.format(record).encode() + b"\n")

    def _confession(self, record: logging.LogRecord) -> logging.LogRecord:
        return logging.makeLogRecord(
            {
                "name": __name__,
                "levelno": logging.WARNING,
                "levelname": "WARNING",
                "msg": "log lines were dropped",
                "fields": {"lines": self.dropped},
                "created": record.created,
            }
        )


def install(process: str, settings: LogSettings) -> None:
    """From now on everything that this process logs is written by itself.

    Loggers made before the fork and loggers made later both end here; handlers that were inherited
    are taken off (not closed: the parent goes on using them).
    """
    logging.root = _ROOT
    logging.Logger.root = _ROOT
    logging.Logger.manager = _MANAGER
    for inherited in list(_ROOT.handlers):
        _ROOT.removeHandler(inherited)
    _ROOT.addHandler(line_handler(process, settings))
    _ROOT.setLevel(settings.level)
    # No line says them, and to find them out is a quarter of what a line costs.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def line_handler(process: str, settings: LogSettings) -> LineHandler:
    """The handler that `install` uses. OSError when the directory cannot be written to."""
    sink = (
        stderr_sink()
        if settings.directory is None
        else FileSink(
            settings.directory / f"{process}.log", settings.file_bytes_max, settings.files_max
        )
    )
    return LineHandler(sink, JsonFormatter(process, settings.line_bytes_max))


def thespian_log_defs(settings: LogSettings) -> dict[str, Any]:
    """`logDefs` for ActorSystem: what its admin says before and besides us, in the same form."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"lines": {"()": lambda: line_handler("thespian", settings)}},
        "root": {"level": "WARNING", "handlers": ["lines"]},
    }


def stderr_sink(fd: int = 2) -> Sink:
    """A sink into what `fd` is: a file, a terminal, a pipe or a socket (journald).

    A pipe or terminal is opened a second time, because only then can it be made non-blocking
    without changing it for everybody who shares it.
    """
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return lambda _line: False  # closed: a daemon without stderr
    if stat.S_ISSOCK(mode):
        return lambda line: _delivered(lambda: _send_at_once(fd, line), len(line))
    if not stat.S_ISREG(mode):
        with contextlib.suppress(OSError):  # not ours to open: it was another user's terminal
            fd = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    return lambda line: _delivered(lambda: os.write(fd, line), len(line))


class FileSink:
    """Lines at the end of a file that is renamed when it has grown.

    Args:
        path: of the file; its directory is made when missing.
        bytes_max: of one file.
        files_max: how many are kept, the current one included.
    """

    def __init__(self, path: Path, bytes_max: int, files_max: int) -> None:
        self._path, self._bytes_max, self._files_max = path, bytes_max, files_max
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()

    def __call__(self, line: bytes) -> bool:
        """Append; False when the disk does not take it."""
        if self._bytes + len(line) > self._bytes_max and self._bytes:
            try:
                self._rotate()
            except OSError:
                return False
        self._bytes += len(line)
        return _delivered(lambda: os.write(self._fd, line), len(line))

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._fd = os.open(self._path, flags, 0o640)
        self._bytes = os.fstat(self._fd).st_size

    def _rotate(self) -> None:
        for number in range(self._files_max - 1, 0, -1):
            newer = self._path if number == 1 else self._numbered(number - 1)
            with contextlib.suppress(FileNotFoundError):
                newer.replace(self._numbered(number))
        if self._files_max == 1:
            self._path.unlink(missing_ok=True)
        os.close(self._fd)
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _delivered(write: Callable[[], int], length: int) -> bool:
    try:
        return write() == length
    except OSError:
        return False


def _send_at_once(fd: int, line: bytes) -> int:
    peer = socket.socket(fileno=fd)
    try:
        return peer.send(line, socket.MSG_DONTWAIT)
    finally:
        peer.detach()  # the descriptor stays open


def _encode(fields: dict[str, Any]) -> str:
    with contextlib.suppress(TypeError, ValueError, RecursionError):
        line = msgspec.json.encode(fields)
        if line.isascii() and DELETE not in line:
            return line.decode()
    return json.dumps(fields, ensure_ascii=True, default=str)


def _text_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a wrong format string must not lose the line
        return f"{record.msg!r} % {record.args!r}"


def _halve_longest(fields: dict[str, Any]) -> None:
    """Shorten what can be shortened: the text keeps its head, the traceback its tail."""
    text, error = fields["text"], fields.get("error", "")
    if "fields" in fields and len(_encode(fields["fields"])) > max(len(text), len(error)):
        fields["fields"] = "too long"
    elif len(error) > len(text):
        fields["error"] = error[-(len(error) // 2) :]
    else:
        fields["text"] = text[: len(text) // 2]
