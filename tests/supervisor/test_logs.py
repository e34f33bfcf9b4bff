import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from supervisor.logs import (
    FileSink,
    JsonFormatter,
    LineHandler,
    LogSettings,
    install,
    line_handler,
    stderr_sink,
    thespian_log_defs,
)
from tests.supervisor.tree.harness import ROOT


def record(text: str = "hello", *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("a.logger", logging.INFO, "f.py", 1, text, args, None)
    made.created = 1_767_225_600.5
    for key, value in extra.items():
        setattr(made, key, value)
    return made


def line(made: logging.LogRecord, bytes_max: int = 4096) -> str:
    return JsonFormatter("gateway-0", bytes_max).format(made)


def failure() -> logging.LogRecord:
    def deep(level: int) -> None:
        if level == 0:
            raise ValueError("the reason")
        deep(level - 1)

    try:
        deep(200)
    except ValueError:
        return record(exc_info=sys.exc_info())
    raise AssertionError


class Sink:
    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.full = False

    def __call__(self, data: bytes) -> bool:
        if not self.full:
            self.lines.append(data)
        return not self.full

    def texts(self) -> list[str]:
        return [json.loads(data)["text"] for data in self.lines]


class TestLines:
    def test_a_record_is_one_object(self) -> None:
        assert json.loads(line(record("%s chargers", 3, fields={"site": "a"}))) == {
            "at": "2026-01-01T00:00:00.500000Z",
            "level": "INFO",
            "process": "gateway-0",
            "pid": os.getpid(),
            "logger": "a.logger",
            "text": "3 chargers",
            "fields": {"site": "a"},
        }

    def test_no_text_can_forge_a_line_or_move_a_cursor(self) -> None:
        nasty = 'a\nb\r\x1b[2J\x00\u2028\x85"}'
        written = line(record(nasty))
        assert written.isascii()
        assert written.isprintable()
        assert json.loads(written)["text"] == nasty

    def test_a_wrong_format_keeps_the_line(self) -> None:
        assert json.loads(line(record("%d chargers", "many")))["text"] == (
            "'%d chargers' % ('many',)"
        )

    def test_a_traceback_is_kept(self) -> None:
        assert "ValueError: the reason" in json.loads(line(failure(), 100_000))["error"]

    @pytest.mark.parametrize(
        "made",
        [
            record("x" * 10_000),
            record("\x00" * 10_000),
            record(fields={"a": "y" * 10_000}),
            record("x" * 10_000, exc_text="z" * 10_000, fields={"a": "y" * 10_000}),
            record("x", name="n" * 10_000),
        ],
    )
    def test_a_line_has_a_limit(self, made: logging.LogRecord) -> None:
        written = line(made, 1024)
        assert len(written) < 1024
        json.loads(written)

    def test_a_long_traceback_keeps_its_end(self) -> None:
        made = failure()
        made.exc_text, made.exc_info = "frame\n" * 1_000 + "ValueError: the reason", None
        assert json.loads(line(made, 1024))["error"].endswith("ValueError: the reason")


class TestHandler:
    def test_what_the_sink_does_not_take_is_dropped_and_confessed(self) -> None:
        sink = Sink()
        handler = LineHandler(sink, JsonFormatter("a", 4096))
        handler.handle(record("one"))
        sink.full = True
        handler.handle(record("two"))
        handler.handle(record("three"))
        assert handler.dropped == 2
        sink.full = False
        handler.handle(record("four"))
        assert sink.texts() == ["one", "log lines were dropped", "four"]
        assert json.loads(sink.lines[1])["fields"] == {"lines": 2}
        assert handler.dropped == 0

    def test_it_never_raises(self) -> None:
        def broken(_data: bytes) -> bool:
            raise RuntimeError("no")

        handler = LineHandler(broken, JsonFormatter("a", 4096))
        handler.handle(record())
        assert handler.dropped == 1


class TestStderr:
    def test_a_full_pipe_is_not_waited_for(self) -> None:
        reader, writer = os.pipe()
        sink = stderr_sink(writer)
        taken = 0
        while sink(b"x" * 4096):
            taken += 1
        assert taken == 16  # 64 KiB
        os.read(reader, 65_536)
        assert sink(b"again\n")
        # Whoever else writes there still waits, as it expects to.
        assert os.get_blocking(writer)
        os.close(reader)
        os.close(writer)

    def test_a_full_socket_is_not_waited_for(self) -> None:
        near, far = socket.socketpair()
        sink = stderr_sink(near.fileno())
        assert sink(b"first\n")
        assert far.recv(100) == b"first\n"
        while sink(b"x" * 4096):
            pass
        assert os.get_blocking(near.fileno())
        near.close()
        far.close()

    def test_a_closed_one_drops_lines(self) -> None:
        assert not stderr_sink(2**20)(b"line\n")

    def test_a_file_is_written_in_order_with_others(self, tmp_path: Path) -> None:
        with (tmp_path / "out").open("wb", buffering=0) as out:
            sink = stderr_sink(out.fileno())
            out.write(b"one\n")
            sink(b"two\n")
            out.write(b"three\n")
        assert (tmp_path / "out").read_bytes() == b"one\ntwo\nthree\n"


class TestFile:
    def test_lines_are_appended(self, tmp_path: Path) -> None:
        path = tmp_path / "log" / "a.log"
        for text in (b"one\n", b"two\n"):
            assert FileSink(path, 10_000, 2)(text)
        assert path.read_bytes() == b"one\ntwo\n"

    def test_a_grown_file_is_renamed_and_the_oldest_deleted(self, tmp_path: Path) -> None:
        sink = FileSink(tmp_path / "a.log", bytes_max=10, files_max=3)
        for number in range(5):
            assert sink(b"line %d..\n" % number)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
            "a.log": b"line 4..\n",
            "a.log.1": b"line 3..\n",
            "a.log.2": b"line 2..\n",
        }

    def test_a_single_file_starts_afresh(self, tmp_path: Path) -> None:
        sink = FileSink(tmp_path / "a.log", bytes_max=10, files_max=1)
        for number in range(3):
            assert sink(b"line %d..\n" % number)
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"line 2..\n"]

    def test_a_file_that_cannot_be_renamed_drops_lines(self, tmp_path: Path) -> None:
        sink = FileSink(tmp_path / "a.log", bytes_max=10, files_max=2)
        assert sink(b"line 0..\n")
        (tmp_path / "a.log.1").mkdir()
        assert not sink(b"line 1..\n")

    def test_a_full_disk_drops_lines(self) -> None:
        sink = FileSink(Path("/dev/full"), 10_000, 2)
        assert not sink(b"line\n")

    def test_each_process_has_its_own(self, tmp_path: Path) -> None:
        settings = LogSettings(directory=tmp_path)
        line_handler("gateway-0", settings).handle(record("mine"))
        assert json.loads((tmp_path / "gateway-0.log").read_text())["text"] == "mine"


def test_thespian_logs_in_the_same_form(tmp_path: Path) -> None:
    from logging.config import DictConfigurator

    defs = thespian_log_defs(LogSettings(directory=tmp_path))
    handler = DictConfigurator(defs).configure_handler(dict(defs["handlers"]["lines"]))
    handler.handle(record("from the admin"))
    assert json.loads((tmp_path / "thespian.log").read_text())["process"] == "thespian"


def test_loggers_old_and_new_write_here_after_thespian_took_the_root(tmp_path: Path) -> None:
    # In a process of its own: pytest owns the root logger of this one.
    script = f"""
import logging
from pathlib import Path
from supervisor.logs import LogSettings, install
old = logging.getLogger("old")
logging.getLogger().addHandler(logging.StreamHandler())
class Forwarder(logging.Logger):
    def addHandler(self, handler):
        raise NotImplementedError
logging.root = Forwarder("root")
logging.Logger.root = logging.root
logging.Logger.manager = logging.Manager(logging.root)
install("a", LogSettings(directory=Path({str(tmp_path)!r})))
old.warning("by the old")
logging.getLogger("new").warning("by the new")
logging.warning("by the root")
old.debug("too low")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = (tmp_path / "a.log").read_text().splitlines()
    assert [json.loads(written)["text"] for written in lines] == [
        "by the old",
        "by the new",
        "by the root",
    ]
    assert callable(install)
