"""A journal and a loop's worth of callbacks, for tests in one thread."""

import queue
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from domain.errors import JournalFailed
from storage.journal import Done, JournalSettings, JournalWriter

PATIENCE_S = 20.0


class Kit:
    """Owns a writer; `deliver` puts groups into a queue that the test empties itself."""

    def __init__(self, path: Path, **settings: object) -> None:
        self.path = path
        self.groups: queue.Queue[Sequence[Done]] = queue.Queue()
        self.group_sizes: list[int] = []
        self.failures: list[JournalFailed] = []
        self.writer = JournalWriter(
            path,
            JournalSettings.model_validate(settings),
            self.groups.put,
            self.failures.append,
            now_us=lambda: 1_767_225_600_000_000,
        )

    def run_callbacks(self, until: Callable[[], bool]) -> None:
        """Run what the writer delivers until the condition holds."""
        end_s = time.monotonic() + PATIENCE_S
        while not until():
            group = self.groups.get(timeout=max(0.0, end_s - time.monotonic()))
            self.group_sizes.append(len(group))
            for done in group:
                done()

    def append_and_wait(self, *blobs: bytes) -> None:
        acknowledged: list[bytes] = []
        for blob in blobs:
            self.writer.append(blob, lambda blob=blob: acknowledged.append(blob))
        self.run_callbacks(lambda: len(acknowledged) == len(blobs))
        assert acknowledged == list(blobs)


def wait_until(condition: Callable[[], bool], why: str) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, why
        time.sleep(0.002)
